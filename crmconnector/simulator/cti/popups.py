"""The question on a phone's screen whether it shall obey a request from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from crmconnector.simulator.pace import Pace


@dataclass
class Popups:
    """Questions in the order they came; one that nobody answers is denied after some seconds."""

    pace: Pace
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)

    def ask(self, seconds: float, allowed: Callable[[], object] | None = None) -> asyncio.Future[bool]:
        """`allowed` is done as soon as the owner says yes."""
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append(asked)
        timer = self.pace.later(seconds, _settle, asked, False)

        def settled(done: asyncio.Future[bool]) -> None:
            timer.cancel()
            if allowed is not None and not done.cancelled() and done.result():
                allowed()

        asked.add_done_callback(settled)
        return asked

    def decide(self, allow: bool) -> bool:
        """The owner presses OK or Deny on the oldest question. False: none is on the screen."""
        while self.waiting:
            asked = self.waiting.pop(0)
            if not asked.done():
                asked.set_result(allow)
                return True
        return False

    def forget(self) -> None:
        while self.decide(False):
            pass


def _settle(asked: asyncio.Future[bool], answer: bool) -> None:
    if not asked.done():
        asked.set_result(answer)

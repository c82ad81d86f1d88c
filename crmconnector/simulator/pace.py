"""The office's clock: every wait of the simulator goes through here, so that `--speed` shortens all of them alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Pace:
    """Timers in seconds of the story; `speed` 10 makes a minute last six seconds."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than zero")
        self.speed = speed
        self._timers: set[asyncio.TimerHandle] = set()

    def now(self) -> float:
        """Story seconds since some fixed moment; only differences mean anything."""
        return asyncio.get_running_loop().time() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def later(self, seconds: float, deed: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        """Run a deed after some seconds unless the handle is cancelled or the office stops."""

        def run() -> None:
            self._timers.discard(handle)
            deed(*arguments)

        handle = asyncio.get_running_loop().call_later(seconds / self.speed, run)
        self._timers = {timer for timer in self._timers if not timer.cancelled()}
        self._timers.add(handle)
        return handle

    def cancel_all(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

"""The office in a thread of its own, for tests and tools that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from crmconnector.simulator.office import Office
from crmconnector.simulator.story import FIRST_DAY, Story
from crmconnector.simulator.story_loader import load_story

Result = TypeVar("Result")
DEED_SECONDS = 10.0


class RunningOffice:
    """Control over an office in another thread; the methods are those of control.Control, without await."""

    def __init__(self, office: Office, loop: asyncio.AbstractEventLoop) -> None:
        self._office, self._loop = office, loop
        self.story = office.story
        self.ami_username, self.ami_secret = office.ami_username, office.ami_secret
        self.ami_port = office.ami.port
        self.control_port: int = office.control_door.port

    def phone_port(self, extension: str) -> int:
        return self._office.door(extension).port

    def phone_url(self, extension: str) -> str:
        return f"http://127.0.0.1:{self.phone_port(extension)}"

    def incoming(self, number: str, name: str = "", **how: Any) -> str:
        """See Control.incoming: did or target, gives_up_after, talk_seconds, colleagues. Answers the call's id."""
        return self._do(self._office.control.incoming(number, name, **how))

    def remote_hangup(self, call: str | None = None) -> bool:
        return self._do(self._office.control.remote_hangup(call))

    def user(self, phone: str, deed: str) -> bool:
        return self._do(self._office.control.user(phone, deed))

    def dial(self, phone: str, number: str) -> bool:
        return self._do(self._office.control.dial(phone, number))

    def far_end(self, number: str, outcome: str = "answer", after_seconds: float = 1.0, **how: float) -> None:
        self._do(self._office.control.far_end(number, outcome, after_seconds, **how))

    def fault(self, phone: str, kind: str, count: int | None = 1, **how: Any) -> None:
        """See Control.fault: seconds, function."""
        self._do(self._office.control.fault(phone, kind, count, **how))

    def clear_faults(self, phone: str) -> None:
        self._do(self._office.control.clear_faults(phone))

    def profile(self, phone: str, **flags: Any) -> None:
        self._do(self._office.control.profile(phone, **flags))

    def popup(self, phone: str, allow: bool) -> bool:
        return self._do(self._office.control.popup(phone, allow))

    def snapshot(self) -> dict[str, Any]:
        return self._do(self._office.control.snapshot())

    def journal(self, phone: str | None = None) -> list[dict[str, Any]]:
        return self._do(self._office.control.journal(phone))

    def tripwires(self) -> list[dict[str, Any]]:
        return self._do(self._office.control.tripwires())

    def drop_link(self) -> int:
        return self._do(self._office.control.drop_link())

    def silence(self, on: bool = True) -> None:
        self._do(self._office.control.silence(on))

    def next_scene(self) -> None:
        self._do(self._office.control.next_scene())

    def scene(self, name: str) -> None:
        self._do(self._office.control.scene(name))

    def _do(self, deed: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(deed, self._loop).result(DEED_SECONDS)


@contextmanager
def running_office(story: Story | None = None, **how: Any) -> Iterator[RunningOffice]:
    """An office on free ports for the length of a `with`; `how` as in Office. Default: the first day, unplayed."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulated-office", daemon=True)
    thread.start()
    office = Office(story or load_story(FIRST_DAY), **how)
    try:
        asyncio.run_coroutine_threadsafe(office.start(), loop).result(DEED_SECONDS)
        try:
            yield RunningOffice(office, loop)
        finally:
            asyncio.run_coroutine_threadsafe(office.stop(), loop).result(DEED_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEED_SECONDS)
        loop.close()

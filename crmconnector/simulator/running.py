"""The simulator in a thread of its own, for tests and tools that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from crmconnector.simulator.cti.pipeline import CtiDoor
from crmconnector.simulator.office import Office
from crmconnector.simulator.phone_control import PhoneControl
from crmconnector.simulator.story import FIRST_DAY, Story
from crmconnector.simulator.story_loader import load_story

Result = TypeVar("Result")
DEED_SECONDS = 30.0


class Startable(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Doors(Protocol):
    control: Any

    def door(self, extension: str) -> CtiDoor: ...


class RunningPhones:
    """Control over phones in another thread; the methods are those of PhoneControl, without await."""

    def __init__(self, house: Doors, loop: asyncio.AbstractEventLoop) -> None:
        self._house, self._loop = house, loop

    @property
    def _control(self) -> PhoneControl:
        control: PhoneControl = self._house.control
        return control

    def phone_port(self, extension: str) -> int:
        return self._house.door(extension).port

    def phone_tls_port(self, extension: str) -> int:
        return self._house.door(extension).tls_port

    def phone_url(self, extension: str) -> str:
        return self._house.door(extension).url

    def user(self, phone: str, deed: str) -> bool:
        """answer, reject, hangup, hold, cancel, or a key."""
        return self._do(self._control.user(phone, deed))

    def dial(self, phone: str, number: str) -> bool:
        return self._do(self._control.dial(phone, number))

    def popup(self, phone: str, allow: bool) -> bool:
        return self._do(self._control.popup(phone, allow))

    def reboot(self, phone: str) -> None:
        self._do(self._control.reboot(phone))

    def profile(self, phone: str, **flags: Any) -> None:
        self._do(self._control.profile(phone, **flags))

    def web_mode(self, phone: str, mode: str) -> None:
        self._do(self._control.web_mode(phone, mode))

    def certificate(self, phone: str) -> dict[str, str]:
        return self._do(self._control.certificate(phone))

    def change_passcode(self, phone: str, passcode: str, level: str = "user") -> None:
        self._do(self._control.change_passcode(phone, passcode, level))

    def program_key(self, phone: str, number: int, action: str) -> None:
        self._do(self._control.program_key(phone, number, action))

    def action_urls(self, phone: str, templates: dict[str, str], **manner: Any) -> list[str]:
        """See PhoneControl.action_urls: order, delay_seconds, duplicate_percent."""
        return self._do(self._control.action_urls(phone, templates, **manner))

    def notifications(self, phone: str) -> list[dict[str, Any]]:
        return self._do(self._control.notifications(phone))

    def referral(self, number: str, outcome: str) -> None:
        self._do(self._control.referral(number, outcome))

    def fault(self, phone: str, kind: str, count: int | None = 1, **how: Any) -> None:
        """See PhoneControl.fault: seconds, function, chance, word."""
        self._do(self._control.fault(phone, kind, count, **how))

    def clear_faults(self, phone: str) -> None:
        self._do(self._control.clear_faults(phone))

    def advance(self, seconds: float) -> float:
        return self._do(self._control.advance(seconds))

    def journal(self, phone: str | None = None) -> list[dict[str, Any]]:
        return self._do(self._control.journal(phone))

    def tripwires(self) -> list[dict[str, Any]]:
        return self._do(self._control.tripwires())

    def forget(self) -> None:
        self._do(self._control.forget())

    def search_log(self, text: str) -> list[str]:
        return self._do(self._control.search_log(text))

    def _do(self, deed: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(deed, self._loop).result(DEED_SECONDS)


class RunningOffice(RunningPhones):
    """Control over an office in another thread; the methods are those of control.Control, without await."""

    def __init__(self, office: Office, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(office, loop)
        self._office = office
        self.story = office.story
        self.ami_username, self.ami_secret = office.ami_username, office.ami_secret
        self.ami_port = office.ami.port
        self.control_port: int = office.control_door.port

    def incoming(self, number: str, name: str = "", **how: Any) -> str:
        """See Control.incoming: did or target, gives_up_after, talk_seconds, colleagues. Answers the call's id."""
        return self._do(self._office.control.incoming(number, name, **how))

    def remote_hangup(self, call: str | None = None) -> bool:
        return self._do(self._office.control.remote_hangup(call))

    def far_end(self, number: str, outcome: str = "answer", after_seconds: float = 1.0, **how: float) -> None:
        self._do(self._office.control.far_end(number, outcome, after_seconds, **how))

    def snapshot(self) -> dict[str, Any]:
        return self._do(self._office.control.snapshot())

    def drop_link(self) -> int:
        return self._do(self._office.control.drop_link())

    def silence(self, on: bool = True) -> None:
        self._do(self._office.control.silence(on))

    def next_scene(self) -> None:
        self._do(self._office.control.next_scene())

    def scene(self, name: str) -> None:
        self._do(self._office.control.scene(name))


@contextmanager
def started(house: Startable, name: str) -> Iterator[asyncio.AbstractEventLoop]:
    """The house runs in a loop of its own for the length of a `with`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(house.start(), loop).result(DEED_SECONDS)
        try:
            yield loop
        finally:
            asyncio.run_coroutine_threadsafe(house.stop(), loop).result(DEED_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEED_SECONDS)
        loop.close()


@contextmanager
def running_office(story: Story | None = None, **how: Any) -> Iterator[RunningOffice]:
    """An office on free ports for the length of a `with`; `how` as in Office. Default: the first day, unplayed."""
    office = Office(story or load_story(FIRST_DAY), **how)
    with started(office, "simulated-office") as loop:
        yield RunningOffice(office, loop)

"""A farm of simulated phones in a thread, for tests without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from crmconnector.simulator.farm import Passcodes, PhoneFarm
from crmconnector.simulator.running import RunningPhones, started
from tests.support.canary import PASSCODE


class RunningFarm(RunningPhones):
    """Control over a farm in another thread; the methods are those of farm.FarmControl, without await."""

    def __init__(self, farm: PhoneFarm, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(farm, loop)
        self.farm = farm
        self.extensions = [*farm.phones]
        self.control_port = farm.control_door.port

    @property
    def first(self) -> str:
        """The extension of the first phone; most tests have only that."""
        return self.extensions[0]

    def passcode(self, phone: str, level: str = "user") -> str:
        story = self.farm.phone(phone).story
        return story.user_passcode if level == "user" else story.admin_passcode or ""

    def ask(self, function: str, phone: str = "", *, timeout: float = 10.0, **parameters: str) -> httpx.Response:
        """One CTI request with the user passcode, to the first phone unless another is named."""
        phone = phone or self.first
        query = {"passcode": self.passcode(phone), **parameters}
        # A client of a phone that trusts whatever it shows; how the product does that is the driver's own test.
        return httpx.get(f"{self.phone_url(phone)}/cgi-bin/{function}", params=query, timeout=timeout, verify=False)

    def answer(self, function: str, phone: str = "", **parameters: Any) -> Any:
        """The JSON of an answer."""
        return self.ask(function, phone, **parameters).json()

    def keys(self, keys: str, phone: str = "") -> Any:
        return self.answer("api-send_key", phone, keys=keys)

    def incoming(self, phone: str, number: str, name: str = "") -> int | None:
        """The line that rings; None = busy."""
        return self._do(self.farm.control.incoming(phone, number, name))

    def remote_answer(self, phone: str, line: int | None = None) -> bool:
        return self._do(self.farm.control.remote_answer(phone, line))

    def remote_busy(self, phone: str, line: int | None = None) -> bool:
        return self._do(self.farm.control.remote_busy(phone, line))

    def remote_hangup(self, phone: str, line: int | None = None) -> bool:
        return self._do(self.farm.control.remote_hangup(phone, line))

    def far_end(self, number: str, outcome: str = "answer", after_seconds: float = 1.0, **how: float) -> None:
        self._do(self.farm.control.far_end(number, outcome, after_seconds, **how))

    def snapshot(self) -> dict[str, Any]:
        return self._do(self.farm.control.snapshot())

    def look(self, phone: str) -> dict[str, Any]:
        """One phone: status, lines that are in use, screen, dnd, locked, volume, ports, requests …"""
        return self._do(self.farm.control.look(phone))

    def states(self, phone: str) -> dict[int, str]:
        """line -> state, of the lines that are in use."""
        return {row["line"]: row["state"] for row in self.look(phone)["lines"]}

    def trip_kinds(self) -> list[str]:
        return [trip["kind"] for trip in self.tripwires()]


@contextmanager
def running_farm(count: int = 1, **how: Any) -> Iterator[RunningFarm]:
    """Phones on free ports for the length of a `with`; `how` as in PhoneFarm (profiles, https, pace, seed …)."""
    farm = PhoneFarm(count, **{"passcodes": Passcodes(user=PASSCODE), **how})
    with started(farm, "phone-farm") as loop:
        yield RunningFarm(farm, loop)

"""Many phones in one process and no PBX: each with its own door, calls that follow a script, and one control plane.

In a loop of your own: `farm = PhoneFarm(200, seed=1); await farm.start(); …; await farm.stop()`.
From a test without a loop: tests/support/phone_farm.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crmconnector.simulator.control_port import ControlPort
from crmconnector.simulator.cti.action_urls import ActionUrls
from crmconnector.simulator.cti.pipeline import CtiDoor
from crmconnector.simulator.httpd import HttpDoor
from crmconnector.simulator.journal import Journal
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.phone_control import PhoneControl
from crmconnector.simulator.phone_line import PhoneLine
from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.story import StoryPhone
from crmconnector.simulator.switch import Script, ScriptedSwitch
from crmconnector.simulator.switchboard import NoSuch

FIRST_EXTENSION = 1001
JOURNAL_LIMIT = 10_000
USER_PASSCODE, ADMIN_PASSCODE = "fleet-user-pass", "fleet-admin-pass"
MODELS = {"grp-old": "GRP2612", "grp260x": "GRP2601", "wp826": "WP826", "gxp21xx": "GXP2170", "dect": "DP752"}
USUAL_MODEL = "GRP2614"


@dataclass(frozen=True)
class Passcodes:
    """Of every phone of a farm; a single one is changed with change_passcode."""

    user: str = field(default=USER_PASSCODE, repr=False)
    admin: str = field(default=ADMIN_PASSCODE, repr=False)


class PhoneFarm:
    """`count` phones; their extensions count from 1001, their makes go round `profiles`.

    seed           of everything that is drawn: faults with a chance, delays of notifications
    https          every phone speaks HTTPS only, each with a certificate of its own (a single one: control.web_mode)
    pace           the clock; VirtualPace() for one that only `advance` moves
    first_port     0 = any free ones; else the first phone's port, the others count on from it
    control_port   None = no port, only `control`; 0 = any free one
    journal_limit  how many requests are remembered: None all, 0 none
    """

    def __init__(
        self,
        count: int,
        *,
        seed: int = 1,
        profiles: Sequence[str] = ("grp261x-guide",),
        https: bool = False,
        pace: Pace | None = None,
        passcodes: Passcodes | None = None,
        first_port: int = 0,
        control_port: int | None = None,
        journal_limit: int | None = JOURNAL_LIMIT,
    ) -> None:
        self.seed, self.pace = seed, pace or Pace()
        self.journal = Journal(journal_limit)
        self.switch = ScriptedSwitch(self.pace)
        self.notifiers: dict[str, ActionUrls] = {}
        self.control = FarmControl(self)
        self.control_door = HttpDoor(ControlPort(self.control).handle, control_port or 0)
        self._has_control_port = control_port is not None
        self.phones: dict[str, Phone] = {}
        self._doors: dict[str, CtiDoor] = {}
        for place in range(count):
            make = profiles[place % len(profiles)]
            self._plant(
                farm_phone(place, make, passcodes or Passcodes()), https, first_port + place if first_port else 0
            )

    async def start(self) -> None:
        """Open every port. Raises OSError when one is taken; nothing stays open then."""
        try:
            for door in self._doors.values():
                await door.open()
            if self._has_control_port:
                await self.control_door.open()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        self.pace.cancel_all()
        for notifier in self.notifiers.values():
            await notifier.stop()
        await self.control_door.close()
        for door in self._doors.values():
            await door.close()

    @property
    def ports(self) -> dict[str, int | dict[str, int]]:
        """{"control": … (0 without), "phones": {extension: port}}; the HTTPS port of a phone that has no HTTP."""
        phones = {extension: door.port or door.tls_port for extension, door in self._doors.items()}
        return {"control": self.control_door.port, "phones": phones}

    @property
    def referrals(self) -> dict[str, str]:
        return self.switch.referrals

    def phone(self, extension: str) -> Phone:
        if extension not in self.phones:
            raise NoSuch(f"No phone has the extension {extension!r}.")
        return self.phones[extension]

    def door(self, extension: str) -> CtiDoor:
        self.phone(extension)
        return self._doors[extension]

    def _plant(self, story: StoryPhone, https: bool, port: int) -> None:
        phone = Phone(story, PROFILES[story.profile], self.pace, self.switch, story.name)
        self.phones[phone.extension] = phone
        mode = "https" if https else "http"
        self._doors[phone.extension] = CtiDoor(
            phone, self.journal, 0 if https else port, tls_port=port if https else 0, web_mode=mode, seed=self.seed
        )


class FarmControl(PhoneControl):
    """The verbs of a farm: those of its phones, and what the far ends of their calls do.

    `line` counts from 1; without it, it is the first line where the deed makes sense.
    """

    def __init__(self, farm: PhoneFarm) -> None:
        super().__init__(farm)
        self._farm = farm

    async def incoming(self, phone: str, number: str, name: str = "") -> int | None:
        """Somebody calls a phone. Answers the line that rings; None = the phone says busy, or is away."""
        line = self._farm.switch.incoming(self._farm.phone(phone), number, name)
        return line.number if line is not None else None

    async def remote_answer(self, phone: str, line: int | None = None) -> bool:
        """The party that this phone dialled answers now."""
        one = self._line(phone, line, "calling", "ringback")
        return one is not None and self._farm.switch.remote_answer(one)

    async def remote_busy(self, phone: str, line: int | None = None) -> bool:
        """The party that this phone dialled is busy."""
        one = self._line(phone, line, "calling", "ringback")
        return one is not None and self._farm.switch.remote_refuse(one)

    async def remote_hangup(self, phone: str, line: int | None = None) -> bool:
        """The party at the far end goes."""
        one = self._line(phone, line, "connected", "onhold", "ringing", "calling", "ringback")
        return one is not None and self._farm.switch.remote_hangup(one)

    async def far_end(
        self, number: str, outcome: str = "answer", after_seconds: float = 1.0, talk_seconds: float | None = None
    ) -> None:
        """What happens when this number is dialled: answer, busy, no_answer or not_found."""
        self._farm.switch.scripts[number] = Script(outcome, after_seconds, talk_seconds)

    async def snapshot(self) -> dict[str, Any]:
        """The farm now: phones with their lines, calls that are up, transfers that worked, how many tripwires."""
        return {
            "phones": self._rows(),
            "calls": [*self._farm.switch.calls],
            "joined": self._farm.switch.joined,
            "now": self._farm.pace.now(),
            "tripwires": len(self._farm.journal.trips),
        }

    async def look(self, phone: str) -> dict[str, Any]:
        """One phone's row of the snapshot."""
        return self._row(self._farm.phone(phone))

    def _line(self, extension: str, number: int | None, *words: str) -> PhoneLine | None:
        phone = self._farm.phone(extension)
        if number is None:
            return next((line for word in words if (line := phone.first(word)) is not None), None)
        if not 1 <= number <= len(phone.lines):
            raise ValueError(f"The phone has the lines 1 to {len(phone.lines)}.")
        return phone.lines[number - 1]


def farm_phone(place: int, make: str, passcodes: Passcodes) -> StoryPhone:
    """The `place`-th phone of a farm, counted from 0. Raises ValueError for a make that is not known."""
    if make not in PROFILES:
        raise ValueError(f"There is no make {make!r}; known are: {', '.join(PROFILES)}.")
    extension = str(FIRST_EXTENSION + place)
    return StoryPhone(
        name=f"Desk {extension}",
        mac=f"C074AD{place + 1:06X}",
        model=MODELS.get(make, USUAL_MODEL),
        extension=extension,
        sip_account=extension,
        port_offset=place,
        user_passcode=passcodes.user,
        profile=make,
        admin_passcode=passcodes.admin,
    )

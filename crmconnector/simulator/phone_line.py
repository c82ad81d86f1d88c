"""A line of a phone (a call appearance), what get_line_status says of it, and an account."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone
    from crmconnector.simulator.switch import NetworkLeg

FAILED_SECONDS = 3.0  # how long a phone shows a failed call
REMEMBERED_CHANGES = 64
RICH_WORDS = ("transfer", "transfered", "conference")  # the phone writes the second one so


class Shown(NamedTuple):
    """A line at one moment. `role` is "" or one of RICH_WORDS, told only by phones with rich states."""

    state: str = "idle"
    role: str = ""
    number: str = ""
    name: str = ""


@dataclass
class Account:
    """A SIP account of a phone; `number` counts from 1, make_call counts from 0."""

    number: int
    sip_server: str = ""
    sip_id: str = ""
    name: str = ""
    registered: bool = False


@dataclass(eq=False)
class PhoneLine:
    """A call appearance (`line: 1` of CTI).

    state  idle dialing calling ringback connected onhold ending failed ringing
    leg    the network's end, while a call is on the line
    """

    number: int
    phone: Phone = field(repr=False)
    state: str = "idle"
    remote_number: str = ""
    remote_name: str = ""
    leg: NetworkLeg | None = field(default=None, repr=False)
    role: str = ""
    account: int = 1
    muted: bool = False
    dtmf: str = ""  # the tones of this call, or of the last one
    rejecting: bool = False  # the owner is just saying no
    dialling: asyncio.TimerHandle | None = field(default=None, repr=False)  # until the INVITE goes out
    changes: deque[tuple[float, Shown]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_CHANGES), repr=False)

    @property
    def is_free(self) -> bool:
        return self.state == "idle" and self.leg is None

    @property
    def shown(self) -> Shown:
        return Shown(self.state, self.role, self.remote_number, self.remote_name)

    def show(self, word: str, remote_number: str = "", remote_name: str = "") -> None:
        """The one way a line changes its state: the phone hears of it."""
        before, self.state = self.state, word
        self.remote_number, self.remote_name = remote_number, remote_name
        if before == "idle":
            self.dtmf = ""
        self.phone.line_changed(self, before)

    def turn(self, word: str) -> None:
        """Another state of the same call."""
        self.show(word, self.remote_number, self.remote_name)

    def take_role(self, role: str) -> None:
        self.role = role
        self.remember()

    def ring_back(self) -> None:
        """The far end rings. Most phones go on saying `calling`."""
        if self.state == "calling" and self.phone.profile.says_ringback:
            self.turn("ringback")

    def end(self, why: str = "") -> None:
        """The call is over. `why`, for one that only rang: missed (or ""), or elsewhere, if another phone took it."""
        self.leg, self.role, self.muted = None, "", False
        self.phone.end_reason = "rejected" if self.rejecting else why
        if self.dialling is not None:
            self.dialling.cancel()
        seconds = self.phone.profile.ending_seconds
        if seconds and self.state in ("connected", "onhold", "calling", "ringback"):
            self.turn("ending")
            self.phone.pace.later(seconds, self._ended, "ending")
        else:
            self.show("idle")

    def fail(self) -> None:
        """Nobody took the call: the phone shows it for a while."""
        self.leg, self.role = None, ""
        self.turn("failed")
        self.phone.pace.later(FAILED_SECONDS, self._ended, "failed")

    def _ended(self, word: str) -> None:
        if self.state == word:
            self.show("idle")

    def remember(self) -> None:
        self.changes.append((self.phone.pace.now(), self.shown))

    def shown_at(self, moment: float) -> Shown:
        """What the line was then; as far back as it remembers."""
        known = Shown() if len(self.changes) < REMEMBERED_CHANGES else self.changes[0][1]
        for when, shown in self.changes:
            if when > moment:
                break
            known = shown
        return known

"""The GRP26xx as its owner and its CTI see it: lines, and what the buttons do to them. HTTP is in cti.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crmconnector.simulator.pace import Pace
from crmconnector.simulator.profiles import Profile
from crmconnector.simulator.story import StoryPhone

if TYPE_CHECKING:
    from crmconnector.simulator.calls import Leg

DIAL_SECONDS = 0.2  # from the command to the INVITE
FAILED_SECONDS = 3.0
DIALLABLE = re.compile(r"\+?[0-9*#]+")


@dataclass
class PhoneLine:
    """A call appearance (`line: 1` of CTI). `state` is the word get_line_status says."""

    number: int
    state: str = "idle"
    remote_number: str = ""
    remote_name: str = ""
    leg: Leg | None = None

    def show(self, word: str, remote_number: str = "", remote_name: str = "") -> None:
        self.state, self.remote_number, self.remote_name = word, remote_number, remote_name

    def clear(self) -> None:
        self.show("idle")
        self.leg = None

    def clear_failed(self) -> None:
        if self.state == "failed":
            self.clear()

    @property
    def is_free(self) -> bool:
        return self.state == "idle" and self.leg is None


@dataclass
class Phone:
    """One desk phone. `dial` places a call for a line once its INVITE goes out."""

    story: StoryPhone
    profile: Profile
    pace: Pace
    dial: Callable[[Phone, PhoneLine, str], None]
    owner: str = ""
    lines: list[PhoneLine] = field(default_factory=list)
    focus: PhoneLine | None = None

    def __post_init__(self) -> None:
        self.lines = [PhoneLine(number) for number in range(1, self.profile.line_count + 1)]

    def __repr__(self) -> str:
        return f"Phone({self.extension})"

    @property
    def extension(self) -> str:
        return self.story.extension

    @property
    def account(self) -> str:
        return self.story.sip_account

    @property
    def status(self) -> str:
        """What get_phone_status says."""
        if self.profile.rings_as_ringing and self._first("ringing"):
            return "ringing"
        return "available" if self.is_idle else "busy"

    @property
    def is_idle(self) -> bool:
        return all(line.is_free for line in self.lines)

    def free_line(self) -> PhoneLine | None:
        return next((line for line in self.lines if line.is_free), None)

    def accept(self) -> bool:
        line = self._first("ringing")
        if line is None or line.leg is None:
            return False
        self._hold_others(line)
        self.focus = line
        return line.leg.call.answer(line.leg)

    def reject(self) -> bool:
        line = self._first("ringing")
        return line is not None and line.leg is not None and line.leg.call.reject(line.leg)

    def end(self) -> bool:
        """End the call the owner is busy with; a ringing one is not ended but rejected."""
        line = self._in_focus("connected", "onhold", "calling", "dialing", "failed")
        return line is not None and self._hang_up(line)

    def cancel(self) -> bool:
        """Take back a call that is being dialled; otherwise reject one that rings."""
        line = self._first("dialing") or self._first("calling")
        return self._hang_up(line) if line is not None else self.reject()

    def hold(self) -> bool:
        """Toggle. Taking a call from hold puts the other on hold."""
        line = self._in_focus("connected", "onhold")
        if line is None:
            return False
        if line.state == "onhold":
            self._hold_others(line)
        self._set_held(line, line.state == "connected")
        self.focus = line
        return True

    def make_call(self, number: str, account: int = 0) -> bool:
        """Dial. True means only that the phone took the order: with a dead account it fails a moment later."""
        number = re.sub(r"[()\- ]", "", number)
        line = self.free_line()
        if not self.profile.click_to_dial or not self._can_dial(number) or line is None:
            return False
        if self._first("connected") is not None and not self.profile.make_call_holds:
            return False
        self._hold_others(line)
        self.focus = line
        line.show("dialing", number)
        usable = account == 0 and self.profile.registered
        self.pace.later(DIAL_SECONDS, self._invite if usable else self._fail, line)
        return True

    def _can_dial(self, number: str) -> bool:
        return DIALLABLE.fullmatch(number) is not None and (self.profile.dials_plus or "+" not in number)

    def _invite(self, line: PhoneLine) -> None:
        if line.state != "dialing":
            return  # the owner took it back
        line.show("calling", line.remote_number)
        self.dial(self, line, line.remote_number)

    def _fail(self, line: PhoneLine) -> None:
        if line.state != "dialing":
            return
        line.show("failed", line.remote_number)
        self.pace.later(FAILED_SECONDS, line.clear_failed)

    def _hang_up(self, line: PhoneLine) -> bool:
        if line.leg is None:
            line.clear()
            return True
        return line.leg.call.hang_up(line.leg)

    def _hold_others(self, line: PhoneLine) -> None:
        for other in self.lines:
            if other is not line and other.state == "connected":
                self._set_held(other, True)

    def _set_held(self, line: PhoneLine, held: bool) -> None:
        line.state = "onhold" if held else "connected"
        if line.leg is not None:
            line.leg.call.hold(line.leg, held)

    def _first(self, word: str) -> PhoneLine | None:
        return next((line for line in self.lines if line.state == word), None)

    def _in_focus(self, *words: str) -> PhoneLine | None:
        """The line the owner looks at, if it is in such a state; else the first that is, in the order of the words."""
        if self.focus is not None and self.focus.state in words:
            return self.focus
        return next((line for word in words if (line := self._first(word)) is not None), None)

"""What is on the phone's screen, and what its soft keys mean there.

idle        nothing
dial        off hook: a number is being entered (buffer) for a line
incall      a call is up, or about to be
transfer    a number is being entered (buffer) to which the held line is handed over
confpick    CONF was pressed: choose the held line to join
xferpick    the transfer key was pressed with two calls up: choose the held line to hand over
menu        the phone's own menu
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone
    from crmconnector.simulator.phone_line import PhoneLine

ENTRY = ("dial", "transfer")  # screens with a number being entered
EMPTY_HIDES = ("Send", "BlindTrnf", "AttTrnf", "Backspace")  # soft keys that need something entered
SOFT_KEYS: dict[str, tuple[str, ...]] = {
    "idle": ("History", "Redial"),
    "dial": ("Send", "Backspace", "Cancel"),
    "confpick": ("Cancel",),
    "xferpick": ("Cancel",),
    "menu": ("Exit",),
    # the incall screen by the state of the line in focus
    "ringing": ("Answer", "Reject"),
    "dialing": ("EndCall",),
    "calling": ("EndCall",),
    "ringback": ("EndCall",),
    "failed": ("EndCall",),
    "connected": ("EndCall", "Transfer", "ConfCall", "Hold"),
    "onhold": ("Resume", "EndCall"),
}


class Screen:
    """The screen of one phone. The timers of an entry screen live here; a number entered is sent by itself."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.name = "idle"
        self.buffer = ""
        self.line: PhoneLine | None = None  # dial: the line that is off hook; transfer: the line to hand over
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"{self.name}({self.buffer})" if self.name in ENTRY else self.name

    def open(self, name: str, line: PhoneLine | None = None, buffer: str = "") -> None:
        self._stop_timer()
        self._leave()
        self.name, self.line, self.buffer = name, line, buffer
        if buffer:
            self._wait_for_more()
        elif name == "dial":
            self._timer = self.phone.pace.later(self.phone.profile.offhook_timeout_seconds, self.cancel)

    def close(self) -> None:
        """Back to the call, if one is up, or to the idle screen. Lines stay as they are."""
        self.open("incall" if self.phone.is_in_use else "idle")

    def cancel(self) -> None:
        """Close; a line that was only off hook is on hook again."""
        line = self.line if self.name == "dial" else None
        self.close()
        if line is not None and line.leg is None and line.state == "dialing":
            line.end()

    def type(self, sign: str) -> None:
        self.buffer += sign
        self._wait_for_more()

    def backspace(self) -> None:
        self.buffer = self.buffer[:-1]
        self._wait_for_more()

    def settle(self) -> None:
        """A line has changed: a screen that was about it goes."""
        held, other = self.phone.first("onhold"), self.phone.in_focus("connected", "calling", "ringback")
        gone = (
            (self.name == "dial" and (self.line is None or self.line.state != "dialing"))
            or (self.name == "transfer" and (self.line is None or self.line.state != "onhold"))
            or (self.name in ("confpick", "xferpick") and (held is None or other is None))
            or (self.name in ("idle", "incall") and (self.name == "incall") != self.phone.is_in_use)
        )
        if gone:
            self.close()

    def labels(self) -> list[str]:
        """The soft keys from left to right. Hidden ones make the others move left, unless positions are fixed."""
        hidden = self._hidden()
        fixed = self.phone.profile.enforce_softkey_position
        labels = [("" if label in hidden else label) for label in self._layout() if fixed or label not in hidden]
        return labels[: self.phone.profile.soft_keys]

    def _layout(self) -> tuple[str, ...]:
        if self.phone.first("ringing") is not None and self.name in ("idle", "incall"):
            return SOFT_KEYS["ringing"]
        if self.name == "transfer":
            return self.phone.profile.transfer_soft_keys
        if self.name != "incall":
            return SOFT_KEYS[self.name]
        return SOFT_KEYS.get(self.phone.focus.state, ()) if self.phone.focus else ()

    def _hidden(self) -> set[str]:
        hidden = set(EMPTY_HIDES) if self.name in ENTRY and not self.buffer else set()
        if not self.phone.last_number:
            hidden.add("Redial")
        if self.phone.first("onhold") is None:
            hidden.add("ConfCall")
        if not self.phone.profile.xfer_enabled:
            hidden.add("Transfer")
        return hidden

    def _leave(self) -> None:
        if self.name == "transfer" and self.line is not None and self.line.role == "transfer":
            self.line.take_role("")

    def _wait_for_more(self) -> None:
        """Every digit starts the waiting anew; at its end what is there is sent, complete or not."""
        self._stop_timer()
        if self.buffer:
            self._timer = self.phone.pace.later(self.phone.profile.no_key_timeout_seconds, self.phone.send)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""The keys of the soft desk phone: what a pressed key does in each situation."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.pbx.softphone_sip import Line, Refused, SipPhone

DIGIT_NAMES = {**{digit: digit for digit in "0123456789*#"}, "STAR": "*", "POUND": "#"}


class KeyPad:
    """Digits collect in a buffer until SEND, or go out as tones while a call is connected."""

    def __init__(self, phone: SipPhone) -> None:
        self._phone = phone
        self._dialled = ""
        self._transferring: Line | None = None  # the line on hold whose party is to be passed on
        self._keys: dict[str, Callable[[], None]] = {
            "SEND": self._send,
            "OK": self._send,
            "HOLD": self.toggle_hold,
            "XFER": self._transfer,
            "CONF": self._conference,
            "OFFHOOK": self._off_hook,
            "ONHOOK": self._on_hook,
        }

    def press(self, keys: list[str]) -> None:
        """Press keys in order. An unknown key refuses all of them, before the first is pressed."""
        for key in keys:
            if key not in self._keys and key not in DIGIT_NAMES and not re.fullmatch(r"LINE[1-9]\d*", key):
                raise Refused(f"no such key: {key}")
        for key in keys:
            if key in DIGIT_NAMES:
                self._digit(DIGIT_NAMES[key])
            elif key.startswith("LINE"):
                self._line(int(key.removeprefix("LINE")))
            else:
                self._keys[key]()

    def toggle_hold(self) -> None:
        line = self._phone.line_in("connected", "onhold")
        if line.state == "connected":
            self._phone.hold(line)
        else:
            self._phone.resume(line)

    def _digit(self, digit: str) -> None:
        talking = self._phone.live_lines("connected")
        if talking:
            self._phone.send_digits(talking[0], digit)
        else:
            self._dialled += digit

    def _send(self) -> None:
        number, self._dialled = self._dialled, ""
        if not number:
            raise Refused("nothing was dialled")
        if self._transferring is None:
            self._phone.call(number)
        else:
            line, self._transferring = self._transferring, None
            self._phone.transfer_blind(line, number)

    def _transfer(self) -> None:
        talking = self._phone.line_in("connected")
        held = self._phone.live_lines("onhold")
        if held:  # two calls: put their far parties together
            self._phone.transfer_attended(held[0], talking)
            return
        self._phone.hold(talking)
        self._transferring, self._dialled = talking, ""

    def _conference(self) -> None:
        """With one call on hold and one up: all three. The phone itself mixes."""
        talking = self._phone.line_in("connected")
        self._phone.join(self._phone.line_in("onhold"), talking)

    def _line(self, number: int) -> None:
        if number > len(self._phone.lines):
            raise Refused(f"no line {number}")
        line = self._phone.lines[number - 1]
        if line.state == "ringing":
            self._phone.answer(line)
        elif line.state == "onhold":
            self._phone.resume(line)
        elif line.state == "idle":
            for talking in self._phone.live_lines("connected"):
                self._phone.hold(talking)
            self._dialled = ""

    def _off_hook(self) -> None:
        if self._phone.live_lines("ringing"):
            self._phone.answer()
        self._dialled = ""

    def _on_hook(self) -> None:
        self._dialled, self._transferring = "", None
        if self._phone.live_lines("connected", "calling"):
            self._phone.hang_up()
        elif self._phone.live_lines("ringing"):
            self._phone.reject()

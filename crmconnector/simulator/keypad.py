"""The keys of a phone: which there are, when they can do something, and what they do on which screen.

Keys that come over CTI wait in a queue and are pressed one by one after the answer was given. What a key does is
decided when its turn comes; by then the screen may be another one.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmconnector.simulator import transfers

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone

LOUDEST = 7
NUMBERED = re.compile(r"(LINE|SOFT|MPK)([1-9][0-9]?)")


def always(_phone: Phone) -> bool:
    return True


@dataclass(frozen=True)
class Key:
    """`can`: whether it could do anything now; a phone may refuse a key that cannot."""

    press: Callable[[Phone], None]
    can: Callable[[Phone], bool] = always


class Keypad:
    """The queue of keys of one phone."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.queue: deque[str] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def order(self, keys: str) -> bool:
        """Keys of a send_key request, separated by colons. False: `unknown`, and nothing (or not all) is pressed."""
        names = keys.split(":")
        known = next((place for place, name in enumerate(names) if key_of(self.phone, name) is None), len(names))
        if known < len(names):
            if self.phone.profile.partial_exec:
                self._enqueue(names[:known])
            return False
        first = key_of(self.phone, names[0])
        waits = bool(self.queue) or self.phone.locked
        if not waits and first is not None and not first.can(self.phone):
            return self.phone.profile.precond_mode == "ignore"
        self._enqueue(names)
        return True

    def press(self, name: str) -> bool:
        """One key now. A locked keypad takes UNLOCK only."""
        key = key_of(self.phone, name)
        if key is None or not self.phone.is_up or (self.phone.locked and name != "UNLOCK") or not key.can(self.phone):
            return False
        key.press(self.phone)
        return True

    def forget(self) -> None:
        self.queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enqueue(self, names: list[str]) -> None:
        self.queue.extend(names)
        if self._timer is None and self.queue:
            self._wait()

    def _wait(self) -> None:
        self._timer = self.phone.pace.later(self.phone.profile.key_delay_seconds, self._next)

    def _next(self) -> None:
        self._timer = None
        if not self.queue:
            return
        self.press(self.queue.popleft())
        if self.queue and self._timer is None:
            self._wait()


def key_of(phone: Phone, name: str) -> Key | None:
    """The key of this name on this phone; None if it has none."""
    numbered = NUMBERED.fullmatch(name)
    if numbered is not None:
        kind, number = numbered[1], int(numbered[2])
        press, most = {
            "LINE": (press_line, phone.profile.line_count),
            "SOFT": (press_soft, phone.profile.soft_keys),
            "MPK": (press_mpk, phone.profile.mpk_keys),
        }[kind]
        return Key(lambda one: press(one, number)) if number <= most else None
    if name == "DND" and not phone.profile.dnd_key:
        return None
    return KEYS.get(name)


def press_digit(phone: Phone, sign: str) -> None:
    """A number, on the screens where one is entered; in a call a tone that the far end hears."""
    screen = phone.screen
    if screen.name in ("dial", "transfer"):
        if sign == "#" and phone.profile.pound_is_send and screen.buffer:
            phone.send()
        else:
            screen.type(sign)
    elif screen.name == "idle" and phone.off_hook():
        screen.type(sign)
    elif screen.name == "incall":
        _tone(phone, sign)


def _tone(phone: Phone, sign: str) -> None:
    line = phone.in_focus("connected") or phone.in_focus("calling", "ringback")
    if line is None or line.leg is None:
        return
    line.dtmf += sign
    phone.trip("digits_in_call")
    phone.switch.digit(line, sign)


def press_line(phone: Phone, number: int) -> None:
    line = phone.lines[number - 1]
    if line.state == "onhold" and phone.screen.name == "xferpick" and phone.focus is not None:
        transfers.complete(phone, line, phone.focus)
    elif line.state == "onhold" and phone.screen.name == "confpick":
        transfers.merge(phone, line)
    elif line.state == "ringing":
        phone.accept(line)
    elif line.state == "onhold":
        phone.screen.cancel()
        phone.resume(line)
    elif line.is_free:
        phone.off_hook(line)


def press_hold(phone: Phone) -> None:
    """On the transfer screen it takes the customer back."""
    if phone.screen.name == "transfer" and phone.screen.line is not None:
        origin = phone.screen.line
        phone.screen.close()
        phone.resume(origin)
    else:
        phone.hold()


def press_mute(phone: Phone) -> None:
    """In a call the microphone; on an idle phone what the phone is set to, and that is do not disturb by default."""
    line = phone.in_focus("connected")
    if line is not None:
        line.muted = not line.muted
        phone.emit("mute" if line.muted else "unMute", line)
    elif phone.is_idle and phone.profile.mute_idle == "dnd":
        phone.trip("mute_idle")
        phone.set_dnd(not phone.dnd)
    elif phone.is_idle and phone.profile.mute_idle == "idle_mute":
        phone.idle_muted = not phone.idle_muted
        phone.emit("mute" if phone.idle_muted else "unMute")


def press_audio(phone: Phone, path: str) -> None:
    """SPEAKER and HEADSET: answer, dial tone, or, in a call, move the sound there; a second time hangs up."""
    if phone.first("ringing") is not None:
        phone.audio = path
        phone.accept()
    elif phone.screen.name in ("idle", "menu") and not phone.is_in_use:
        phone.audio = path
        phone.off_hook()
    elif phone.audio != path:
        phone.audio = path
    else:
        phone.end()


def press_off_hook(phone: Phone) -> None:
    phone.audio = "handset"
    if phone.first("ringing") is not None:
        phone.accept()
    elif not phone.is_in_use:
        phone.off_hook()


def press_on_hook(phone: Phone) -> None:
    """Rejects what rings; otherwise ends the call in focus, and that may be a customer on hold."""
    _leave_menu(phone)
    if not phone.reject():
        phone.end()


def press_soft(phone: Phone, number: int) -> None:
    labels = phone.screen.labels()
    label = labels[number - 1] if number <= len(labels) else ""
    if label in SOFT_DEEDS:
        SOFT_DEEDS[label](phone)


def press_mpk(phone: Phone, number: int) -> None:
    action, _, value = phone.mpk_actions.get(number, "").partition(":")
    if action == "dial":
        phone.start_call(value)
    elif action == "dnd":
        phone.set_dnd(not phone.dnd)
    elif action == "transfer" and transfers.can_transfer(phone):
        transfers.press_transfer(phone)
        if phone.screen.name == "transfer":
            phone.screen.buffer = value
            transfers.send_blind(phone)


def _louder(phone: Phone, by: int) -> None:
    phone.volume = min(LOUDEST, max(0, phone.volume + by))


def _ok(phone: Phone) -> None:
    if phone.screen.name == "idle":
        phone.screen.open("menu")


def _leave_menu(phone: Phone) -> None:
    if phone.screen.name == "menu":
        phone.screen.close()


def _lock(phone: Phone, locked: bool) -> None:
    phone.locked = locked


def _voicemail(phone: Phone) -> None:
    phone.start_call(phone.profile.voicemail_number)


def _nothing(_phone: Phone) -> None:
    """A key that only matters on screens that are not pretended."""


def _digit_key(sign: str) -> Key:
    return Key(lambda phone: press_digit(phone, sign))


KEYS: dict[str, Key] = {
    **{sign: _digit_key(sign) for sign in "0123456789*#"},
    "STAR": _digit_key("*"),
    "POUND": _digit_key("#"),
    "SEND": Key(lambda phone: _ignore(phone.send())),
    "XFER": Key(transfers.press_transfer, transfers.can_transfer),
    "HOLD": Key(press_hold, lambda phone: phone.in_focus("connected", "onhold") is not None),
    "CONF": Key(transfers.press_conference, transfers.can_confer),
    "MUTE": Key(press_mute),
    "SPEAKER": Key(lambda phone: press_audio(phone, "speaker")),
    "HEADSET": Key(lambda phone: press_audio(phone, "headset")),
    "OFFHOOK": Key(press_off_hook),
    "ONHOOK": Key(press_on_hook),
    "VUP": Key(lambda phone: _louder(phone, 1)),
    "VDOWN": Key(lambda phone: _louder(phone, -1)),
    "OK": Key(_ok),
    "LEFT": Key(_leave_menu),
    "RIGHT": Key(_nothing),
    "UP": Key(_nothing),
    "DOWN": Key(_nothing),
    "VM": Key(_voicemail, lambda phone: bool(phone.profile.voicemail_number) and phone.free_line() is not None),
    "LOCK": Key(lambda phone: _lock(phone, True)),
    "UNLOCK": Key(lambda phone: _lock(phone, False)),
    "DND": Key(lambda phone: phone.set_dnd(not phone.dnd)),
}


def _ignore(_done: bool) -> None:
    """A key tells nobody whether it worked."""


SOFT_DEEDS: dict[str, Callable[[Phone], object]] = {
    "Answer": lambda phone: phone.accept(),
    "Reject": lambda phone: phone.reject(),
    "EndCall": lambda phone: phone.end(),
    "Hold": lambda phone: phone.hold(),
    "Resume": lambda phone: phone.hold(),
    "Transfer": transfers.press_transfer,
    "ConfCall": transfers.press_conference,
    "Send": lambda phone: phone.send(),
    "Redial": lambda phone: phone.start_call(phone.last_number),
    "Backspace": lambda phone: phone.screen.backspace(),
    "Cancel": lambda phone: cancel_screen(phone),
    "BlindTrnf": transfers.send_blind,
    "AttTrnf": transfers.start_attended,
    "Exit": _leave_menu,
}


def cancel_screen(phone: Phone) -> None:
    """Cancel takes the customer back from the transfer screen, and leaves any other."""
    if phone.screen.name == "transfer":
        press_hold(phone)
    else:
        phone.screen.cancel()

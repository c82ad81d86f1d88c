"""The GRP26xx as its owner and its CTI see it: lines, a screen, and what the deeds do. HTTP is in cti/

A phone speaks to the network through a `Switch`, to whoever wants its events through `listeners`, and to the guards of
a test through `trip`. Every wait goes through `pace`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crmconnector.simulator import phone_power
from crmconnector.simulator.keypad import Keypad
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.phone_events import OFF_HOOK, events_of
from crmconnector.simulator.phone_line import Account, PhoneLine, Shown
from crmconnector.simulator.profiles import Profile
from crmconnector.simulator.screens import Screen
from crmconnector.simulator.story import StoryPhone
from crmconnector.simulator.switch import Switch
from crmconnector.simulator.transfers import send_transfer

__all__ = ["Account", "Phone", "PhoneLine"]

DIAL_SECONDS = 0.2  # from the command to the INVITE
DIALLABLE = re.compile(r"\+?[0-9*#]+")
FOCUSED = ("connected", "onhold", "ringback", "calling", "dialing", "failed")
MIDDLE_VOLUME = 4
Listener = Callable[["Phone", str, PhoneLine | None], None]
Moment = Callable[[], None]


class Phone:
    """One desk phone.

    listeners          are given (phone, event, line) with the event names of the action URLs
    trip               is given mute_idle, digits_in_call, reboot_in_call or RESET when such a thing happens
    on_reboot, on_boot the phone goes away, and is there again after profile.reboot_seconds
    on_reset           it has become a phone out of the box (and goes away like for a reboot, on_reboot comes next)
    says_instead       line number -> word that get_line_status tells in place of its state
    frozen             line number -> what get_line_status goes on telling, whatever the line does
    """

    def __init__(self, story: StoryPhone, profile: Profile, pace: Pace, switch: Switch, owner: str = "") -> None:
        self.story, self._profile, self.pace, self.switch, self.owner = story, profile, pace, switch, owner
        self.listeners: list[Listener] = []
        self.trip: Callable[[str], None] = lambda _kind: None
        self.on_reboot: Moment = lambda: None
        self.on_boot: Moment = lambda: None
        self.on_reset: Moment = lambda: None
        self.lines = [PhoneLine(number, self) for number in range(1, profile.line_count + 1)]
        self.accounts = [Account(1, "pbx.example", story.sip_account, story.name, registered=True)]
        self.accounts += [Account(number) for number in range(2, profile.account_count + 1)]
        self.focus: PhoneLine | None = None
        self.screen: Screen = Screen(self)
        self.keypad: Keypad = Keypad(self)
        self.mpk_actions: dict[int, str] = {}  # key -> "dial:NUMBER", "transfer:NUMBER" or "dnd"
        self.is_up = True
        self.dnd: bool = False
        self.locked: bool = False
        self.idle_muted: bool = False
        self.volume = MIDDLE_VOLUME  # 0 to 7
        self.audio = "speaker"  # handset, speaker or headset: what the owner speaks with
        self.last_number: str = ""
        self.says_instead: dict[int, str] = {}
        self.frozen: dict[int, Shown] = {}
        self.end_reason = ""  # why a line is ending; set by the line
        self._was_idle, self._was_off_hook = True, False

    def __repr__(self) -> str:
        return f"Phone({self.extension})"

    @property
    def extension(self) -> str:
        return self.story.extension

    @property
    def account(self) -> str:
        return self.story.sip_account

    @property
    def profile(self) -> Profile:
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        before, self._profile = self._profile.registered, profile
        if self.is_up and before != profile.registered:
            self.emit("registered" if profile.registered else "unregistered")

    @property
    def registered(self) -> bool:
        """Calls for the phone's own extension reach it."""
        return self.is_up and self.is_registered(self.accounts[0])

    def is_registered(self, account: Account) -> bool:
        return self.profile.registered and account.registered

    @property
    def status(self) -> str:
        """What get_phone_status says."""
        if self.profile.rings_as_ringing and self.first("ringing"):
            return "ringing"
        return "available" if self.is_idle else "busy"

    @property
    def is_idle(self) -> bool:
        return all(line.is_free for line in self.lines)

    @property
    def is_in_use(self) -> bool:
        """A call is up, on its way, or has just failed: the screen is about it."""
        return any(line.state in FOCUSED for line in self.lines)

    def free_line(self) -> PhoneLine | None:
        return next((line for line in self.lines if line.is_free), None)

    def line_for_call(self) -> PhoneLine | None:
        """The line a call from outside may take; None = the phone answers 486 Busy."""
        return self.free_line() if self.is_up and not self.dnd else None

    def first(self, word: str) -> PhoneLine | None:
        return next((line for line in self.lines if line.state == word), None)

    def in_focus(self, *words: str) -> PhoneLine | None:
        """The line the owner looks at, if it is in such a state; else the first that is, in the order of the words."""
        if self.focus is not None and self.focus.state in words:
            return self.focus
        return next((line for word in words if (line := self.first(word)) is not None), None)

    def told_lines(self) -> list[tuple[PhoneLine, Shown]]:
        """The lines as get_line_status tells them: perhaps late, perhaps wrong."""
        lag = self.profile.status_lag_seconds
        return [
            (line, self._told(line, line.shown_at(self.pace.now() - lag) if lag else line.shown)) for line in self.lines
        ]

    def _told(self, line: PhoneLine, shown: Shown) -> Shown:
        shown = self.frozen.get(line.number, shown)
        fits = (shown.role == "conference") == (shown.state == "connected")
        if shown.role and fits and self.profile.rich_states:
            shown = shown._replace(state=shown.role)
        return shown._replace(state=self.says_instead.get(line.number, shown.state))

    # What the owner, a key or CTI does. Each answers False when it makes no sense now.

    def accept(self, line: PhoneLine | None = None) -> bool:
        line = line or self.first("ringing")
        if line is None or line.leg is None:
            return False
        self.hold_others(line)
        self.focus = line
        return self.switch.answer(line)

    def reject(self) -> bool:
        line = self.first("ringing")
        if line is None or line.leg is None:
            return False
        line.rejecting = True
        done = self.switch.reject(line)
        line.rejecting = False
        return done

    def end(self) -> bool:
        """End the call the owner is busy with (or his conference); a ringing one is not ended but rejected."""
        line = self.in_focus(*FOCUSED)
        if line is None:
            return False
        partners = [one for one in self.lines if line.role == "conference" == one.role]
        done = [self.hang_up(one) for one in partners or [line]]  # every one, even after a failure
        return all(done)

    def cancel(self) -> bool:
        """Take back a call that is being dialled; otherwise reject one that rings."""
        line = self.first("dialing") or self.first("calling") or self.first("ringback")
        return self.hang_up(line) if line is not None else self.reject()

    def hold(self) -> bool:
        """Toggle. Taking a call from hold puts the other on hold."""
        line = self.in_focus("connected", "onhold")
        if line is None:
            return False
        if line.state == "onhold":
            return self.resume(line)
        for one in [other for other in self.lines if line.role == "conference" == other.role] or [line]:
            self.set_held(one, True)
        self.focus = line
        return True

    def resume(self, line: PhoneLine) -> bool:
        if line.role == "transfered":
            return False  # it waits for the network's word
        self.hold_others(line)
        self.set_held(line, False)
        self.focus = line
        return True

    def make_call(self, number: str, account: int = 0, handset: str = "") -> bool:
        """Dial by CTI. True means only that the phone took the order: with a dead account it fails a moment later.

        `account` counts from 0. `handset` is the DECT handset that shall dial.
        """
        if not self.profile.click_to_dial or (self.profile.needs_handset and not handset.isdecimal()):
            return False
        return self.start_call(number, account)

    def start_call(self, number: str, account: int = 0, line: PhoneLine | None = None) -> bool:
        """Dial on a line that is off hook, or on the first that is free; then the screen shows the call."""
        number = re.sub(r"[()\- ]", "", number)
        busy = self.first("connected") is not None and not self.profile.make_call_holds
        target = line or self.free_line()
        if not self.is_up or busy or target is None or not self._can_dial(number):
            return False
        if line is None:
            self.screen.cancel()
        self._start(target, number, account)
        return True

    def _start(self, line: PhoneLine, number: str, account: int) -> None:
        self.hold_others(line)
        exists = 0 <= account < len(self.accounts)
        self.focus, self.last_number, line.account = line, number, account + 1 if exists else 1
        line.show("dialing", number)
        usable = exists and self.is_registered(self.accounts[account])
        deed = self._invite if usable else line.fail
        line.dialling = self.pace.later(DIAL_SECONDS, deed, *((line, number) if usable else ()))

    def off_hook(self, line: PhoneLine | None = None) -> bool:
        """The dial tone, on the first free line or this one."""
        line = line or self.free_line()
        if line is None or not line.is_free:
            return False
        self.hold_others(line)
        if self.screen.name == "dial":
            self.screen.cancel()
        self.focus = line
        line.show("dialing")
        self.screen.open("dial", line)
        return True

    def send(self) -> bool:
        """The number on the screen is sent, by SEND or because no more digits came."""
        screen = self.screen
        if screen.name not in ("dial", "transfer") or not screen.buffer:
            return False
        if screen.name == "transfer":
            return send_transfer(self)
        line, number = screen.line, screen.buffer
        screen.close()
        started = self.start_call(number, line=line)
        if not started and line is not None:
            line.end()
        return started

    def hang_up(self, line: PhoneLine) -> bool:
        if line.leg is None:
            line.end()
            return True
        return self.switch.hang_up(line)

    def hold_others(self, line: PhoneLine) -> None:
        for other in self.lines:
            if other is not line and other.state == "connected":
                self.set_held(other, True)

    def set_held(self, line: PhoneLine, held: bool) -> None:
        word = "onhold" if held else "connected"
        if line.state != word:
            line.turn(word)
            if line.leg is not None:
                self.switch.hold(line, held)

    def set_dnd(self, on: bool) -> None:
        if self.dnd != on:
            self.dnd = on
            self.emit("openDnd" if on else "closedDnd")

    def press(self, key: str) -> bool:
        """One key by hand, at once. False: there is no such key, or it can do nothing now."""
        return self.keypad.press(key)

    def reboot(self) -> None:
        phone_power.reboot(self)

    def reset(self) -> None:
        phone_power.reset(self)

    def freeze_line(self, number: int) -> None:
        """get_line_status goes on telling what it tells of this line now, until it is taken out of `frozen`."""
        self.frozen[number] = self.lines[number - 1].shown

    # What happens to the phone.

    def emit(self, event: str, line: PhoneLine | None = None) -> None:
        for listener in [*self.listeners]:
            listener(self, event, line)

    def line_changed(self, line: PhoneLine, before: str) -> None:
        """Called by a line after each change of its state."""
        line.remember()
        why, self.end_reason = self.end_reason, ""
        self._settle_conference()
        if self.focus is None or self.focus.state not in FOCUSED:
            self.focus = self.in_focus(*FOCUSED)
        self.screen.settle()
        self._tell_beginnings()
        for event in events_of(before, line.state, why):
            self.emit(event, line)
        self._tell_ends()

    def _settle_conference(self) -> None:
        members = [line for line in self.lines if line.role == "conference"]
        if len(members) == 1:
            members[0].take_role("")

    def _tell_beginnings(self) -> None:
        if self._was_idle and not self.is_idle:
            self._was_idle = False
            self.emit("idleToBusy")
        if not self._was_off_hook and self._is_off_hook:
            self._was_off_hook = True
            self.emit("offHook", self.focus)

    def _tell_ends(self) -> None:
        if self._was_off_hook and not self._is_off_hook:
            self._was_off_hook = False
            self.emit("onHook")
        if not self._was_idle and self.is_idle:
            self._was_idle = True
            self.emit("busyToIdle")

    @property
    def _is_off_hook(self) -> bool:
        return any(line.state in OFF_HOOK for line in self.lines)

    def _can_dial(self, number: str) -> bool:
        return DIALLABLE.fullmatch(number) is not None and (self.profile.dials_plus or "+" not in number)

    def _invite(self, line: PhoneLine, number: str) -> None:
        line.turn("calling")
        self.switch.dial(self, line, number)

"""The control plane of phones, whatever network they hang on: what a test, or a person at the control port, may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Protocol

from crmconnector.simulator.cti.action_urls import ActionUrls, Manner
from crmconnector.simulator.cti.faults import Fault
from crmconnector.simulator.cti.pipeline import CtiDoor
from crmconnector.simulator.journal import Journal
from crmconnector.simulator.keypad import key_of
from crmconnector.simulator.pace import Pace, VirtualPace
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.phone_line import PhoneLine
from crmconnector.simulator.profiles import Profile
from crmconnector.simulator.switch import REFERRALS

USER_DEEDS = {
    "answer": Phone.accept,
    "reject": Phone.reject,
    "hangup": Phone.end,
    "hold": Phone.hold,
    "cancel": Phone.cancel,
}
Rows = list[dict[str, Any]]


class House(Protocol):
    """Where the phones stand: an office with a PBX, or a farm. `phone` and `door` raise NoSuch."""

    pace: Pace
    journal: Journal
    seed: int
    notifiers: dict[str, ActionUrls]

    @property
    def phones(self) -> Mapping[str, Phone]: ...

    @property
    def referrals(self) -> dict[str, str]: ...

    def phone(self, extension: str) -> Phone: ...

    def door(self, extension: str) -> CtiDoor: ...


class PhoneControl:
    """Every method is a verb of the control port too; all values are plain JSON. Errors are NoSuch or ValueError.

    A phone is named by its extension.
    """

    def __init__(self, house: House) -> None:
        self._house = house

    # The owner of the phone.

    async def user(self, phone: str, deed: str) -> bool:
        """Something done by hand: answer, reject, hangup, hold, cancel, or a key (HOLD, XFER, LINE2, 5 …)."""
        one = self._house.phone(phone)
        if deed in USER_DEEDS:
            return USER_DEEDS[deed](one)
        if key_of(one, deed) is None:
            raise ValueError(f"A user cannot {deed!r}; known are: {', '.join(USER_DEEDS)}, and the keys of the phone.")
        return one.press(deed)

    async def dial(self, phone: str, number: str) -> bool:
        """The owner dials by hand."""
        return self._house.phone(phone).start_call(number)

    async def popup(self, phone: str, allow: bool) -> bool:
        """The owner decides the oldest question on the phone's screen."""
        return self._house.door(phone).decide_popup(allow)

    async def reboot(self, phone: str) -> None:
        """Somebody pulls the plug."""
        self._house.phone(phone).reboot()

    # Who looks after the phone.

    async def profile(self, phone: str, **flags: Any) -> None:
        """Change flags of a phone's make (profiles.py); the number of lines stays."""
        known = {field.name for field in fields(Profile)} - {"line_count"}
        for flag in flags:
            if flag not in known:
                raise ValueError(f"There is no flag {flag!r}; known are: {', '.join(sorted(known))}.")
        one = self._house.phone(phone)
        one.profile = replace(one.profile, **flags)

    async def web_mode(self, phone: str, mode: str) -> None:
        """http, https, both or off. With HTTPS the phone makes a certificate of its own."""
        await self._house.door(phone).set_web_mode(mode)

    async def certificate(self, phone: str) -> dict[str, str]:
        """What the phone shows now: {"pem": …, "fingerprint": SHA-256 in hex}; {} without HTTPS."""
        tls = self._house.door(phone).tls
        return {"pem": tls.paper.certificate, "fingerprint": tls.paper.fingerprint} if tls else {}

    async def change_passcode(self, phone: str, passcode: str, level: str = "user") -> None:
        one = self._house.phone(phone)
        if level == "user":
            one.story = replace(one.story, user_passcode=passcode)
        elif level == "admin":
            one.story = replace(one.story, admin_passcode=passcode)
        else:
            raise ValueError("The level is user or admin.")

    async def program_key(self, phone: str, number: int, action: str) -> None:
        """What a multi-purpose key does: dial:NUMBER, transfer:NUMBER or dnd. profile.mpk_keys: how many."""
        self._house.phone(phone).mpk_actions[number] = action

    async def action_urls(
        self,
        phone: str,
        templates: dict[str, str],
        order: str = "in",
        delay_seconds: float = 0.0,
        duplicate_percent: float = 0.0,
    ) -> list[str]:
        """Templates by slot ("" empties it), and how the notifications arrive. Answers the slots that are filled."""
        manner = Manner(order, delay_seconds, duplicate_percent)
        one = self._house.phone(phone)
        notifier = self._house.notifiers.setdefault(phone, ActionUrls(one, f"{self._house.seed}-{phone}"))
        notifier.manner = manner
        return notifier.set(templates)

    async def notifications(self, phone: str) -> Rows:
        """What the phone has sent: slot and the status it got (null: none)."""
        notifier = self._house.notifiers.get(self._house.phone(phone).extension)
        return [sent._asdict() for sent in notifier.sent] if notifier else []

    # The network and the air between.

    async def referral(self, number: str, outcome: str) -> None:
        """How a blind transfer to this number goes: accepted, refused, busy or silent."""
        if outcome not in REFERRALS:
            raise ValueError(f"The outcome is one of {', '.join(REFERRALS)}.")
        self._house.referrals[number] = outcome

    async def fault(
        self,
        phone: str,
        kind: str,
        count: int | None = 1,
        seconds: float | None = None,
        function: str | None = None,
        chance: float = 1.0,
        word: str = "",
    ) -> None:
        """Spoil the next `count` requests to a phone (None: until cleared); the kinds are in cti/faults.py."""
        await self._house.door(phone).add_fault(Fault(kind, count, seconds, function, chance, word))

    async def clear_faults(self, phone: str) -> None:
        await self._house.door(phone).clear_faults()

    async def advance(self, seconds: float) -> float:
        """Let virtual time pass; answers what the clock says then."""
        if not isinstance(self._house.pace, VirtualPace):
            raise ValueError("This clock runs by itself; only a virtual one can be advanced.")
        await self._house.pace.advance(seconds)
        return self._house.pace.now()

    # What happened.

    async def journal(self, phone: str | None = None) -> Rows:
        return self._house.journal.rows(phone)

    async def tripwires(self) -> Rows:
        return [*self._house.journal.trips]

    async def forget(self) -> None:
        """Empty the journal and the list of tripwires."""
        self._house.journal.entries.clear()
        self._house.journal.trips.clear()

    async def search_log(self, text: str) -> list[str]:
        """Extensions of the phones whose passcode stands in a captured log; each trips a wire."""
        stories = [phone.story for phone in self._house.phones.values()]
        secrets = [(one.extension, one.user_passcode) for one in stories]
        secrets += [(one.extension, one.admin_passcode or "") for one in stories]
        return self._house.journal.search(text, secrets)

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {extension: self._row(phone) for extension, phone in self._house.phones.items()}

    def _row(self, phone: Phone) -> dict[str, Any]:
        door = self._house.door(phone.extension)
        return {
            "status": phone.status,
            "registered": phone.profile.registered,
            "lines": [_line_row(line) for line in phone.lines if not line.is_free],
            "is_up": phone.is_up,
            "screen": phone.screen.name,
            "dnd": phone.dnd,
            "locked": phone.locked,
            "volume": phone.volume,
            "port": door.port,
            "tls_port": door.tls_port,
            "requests": door.requests,
            "popups": len(door.popups.waiting),
        }


def _line_row(line: PhoneLine) -> dict[str, Any]:
    return {
        "line": line.number,
        "state": line.state,
        "number": line.remote_number,
        "name": line.remote_name,
        "call": line.leg.call.id if line.leg else None,
    }

"""Who may use the CTI of a phone: the switch and the list of addresses, the lockout, the passcode, the level."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from crmconnector.simulator.phone import Phone

WORDS = {"passcode": ("passcode",), "password": ("password",), "both": ("passcode", "password")}


class Refusal(NamedTuple):
    """`step` of the pipeline that says no; `mode`: how (DENY_MODES, or locked, wrong_count, unknown).

    `number`: the seconds of a lock, or the tries that are left.
    """

    step: str
    mode: str
    number: int = 0


@dataclass
class Gate:
    """The steps from "allowed at all" to the level, and the count of wrong passcodes."""

    phone: Phone
    trip: Callable[[str], None]
    wrong_tries: int = 0
    locked_until: float = 0.0

    def refuses(self, client: str, name: str, values: dict[str, str]) -> Refusal | None:
        """None = let it in."""
        profile = self.phone.profile
        if not profile.action_uri or not ({"any", client} & set(profile.allowed_ips)):
            return Refusal("not allowed", profile.deny_mode)
        wait = self.locked_until - self.phone.pace.now()
        if wait > 0:
            return Refusal("locked out", "locked", max(1, round(wait)))
        level = self._level(name, values)
        if level is None:
            return self._wrong_passcode()
        self.wrong_tries = 0
        return self._level_refuses(level, name, values)

    def forget(self) -> None:
        """After a restart nobody is locked out."""
        self.wrong_tries, self.locked_until = 0, 0.0

    def _level(self, name: str, values: dict[str, str]) -> str | None:
        """admin, user, or None for a wrong passcode; how long it takes tells nothing about the right one."""
        spelling = WORDS[self.phone.profile.make_call_auth if name == "api-make_call" else "passcode"]
        given = sha256(next((values[key] for key in spelling if key in values), "").encode()).digest()
        found = None
        for level, right in (("user", self.phone.story.user_passcode), ("admin", self.phone.story.admin_passcode)):
            if hmac.compare_digest(given, sha256((right or "").encode()).digest()) and right:
                found = level
        return found

    def _wrong_passcode(self) -> Refusal:
        profile = self.phone.profile
        self.wrong_tries += 1
        left = profile.attempt_limit - self.wrong_tries
        if left <= 0:
            self.locked_until = self.phone.pace.now() + profile.lockout_seconds
            self.wrong_tries = 0
            self.trip("locked_out")
        counts = profile.badpass_mode == "error_wrong_count"
        return Refusal("passcode", "wrong_count" if counts else profile.badpass_mode, max(left, 0))

    def _level_refuses(self, level: str, name: str, values: dict[str, str]) -> Refusal | None:
        if level == "admin":
            return None
        if not self.phone.profile.user_level:
            return Refusal("level", self.phone.profile.deny_mode)
        if name == "api-sys_operation" and values.get("request") == "RESET":
            self.trip("RESET")
            return Refusal("level", "unknown")
        return None

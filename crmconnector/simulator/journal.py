"""What happened at the phones' doors, for tests to read; passcodes never get in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

SECRET_KEYS = {"passcode", "password", "login", "username", "sid"}
HIDDEN = "***"

# What must never happen; some are noticed by the phone, some by its door, one by a test that reads logs.
TRIPWIRES = {
    "RESET": "somebody asked for a factory reset",
    "reboot_in_call": "a restart was asked for while a call was up",
    "mute_idle": "the mute key was sent while no call was up: with usual settings that is do-not-disturb",
    "digits_in_call": "digits were sent into a call: the customer hears them",
    "locked_out": "more wrong passcodes than the phone bears",
    "two_requests_at_once": "a second request came while the first was still waiting for its answer",
    "redirect_followed": "a redirect was followed; a passcode went along",
    "secret_in_log": "a passcode was found in a text that is kept",
}


def redact(query: str) -> str:
    """The query with every secret hidden; the rest as it came, so that encoding faults can be seen.

    The key is decoded before the look: `pass%63ode` is a passcode too.
    """
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        f"{key}={HIDDEN}" if unquote_plus(key).strip().lower() in SECRET_KEYS else key + sign + value
        for key, sign, value in pairs
    )


def spellings(secret: str) -> set[str]:
    """A secret as it may stand in a log: plain and as the parts of a URL."""
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)} - {""}


@dataclass(frozen=True)
class Entry:
    """One CTI request. `step` is where the pipeline decided; `effect` is what it did to the phone, "" = nothing."""

    at: float
    extension: str
    client: str
    method: str
    path: str
    query: str
    step: str
    effect: str
    status: int | None  # None = no answer was sent


@dataclass
class Journal:
    """`limit` bounds what is remembered (None: all; 0: no requests at all). Tripwires are always remembered."""

    limit: int | None = None
    entries: deque[Entry] = field(init=False)
    trips: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entries = deque(maxlen=self.limit)

    @property
    def is_kept(self) -> bool:
        return self.limit != 0

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)

    def trip(self, kind: str, extension: str) -> None:
        """Something happened that must never happen."""
        self.trips.append({"at": time.time(), "kind": kind, "extension": extension})

    def rows(self, extension: str | None = None) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries if extension in (None, entry.extension)]

    def search(self, text: str, secrets: Iterable[tuple[str, str]]) -> list[str]:
        """Look for the secrets of phones, (extension, secret), in a captured log. Answers whose were found, and trips.

        Never the secret itself: the answer may go into a test's failure text.
        """
        found = {extension for extension, secret in secrets if any(one in text for one in spellings(secret))}
        for extension in sorted(found):
            self.trip("secret_in_log", extension)
        return sorted(found)

"""What happened at the phones' doors, for tests to read; passcodes never get in."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote_plus

SECRET_KEYS = {"passcode", "password", "login", "username", "sid"}
HIDDEN = "***"


def redact(query: str) -> str:
    """The query with every secret hidden; the rest as it came, so that encoding faults can be seen.

    The key is decoded before the look: `pass%63ode` is a passcode too.
    """
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        f"{key}={HIDDEN}" if unquote_plus(key).strip().lower() in SECRET_KEYS else key + sign + value
        for key, sign, value in pairs
    )


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
    entries: list[Entry] = field(default_factory=list)
    trips: list[dict[str, Any]] = field(default_factory=list)

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)

    def trip(self, kind: str, extension: str) -> None:
        """Something happened that must never happen."""
        self.trips.append({"at": time.time(), "kind": kind, "extension": extension})

    def rows(self, extension: str | None = None) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries if extension in (None, entry.extension)]

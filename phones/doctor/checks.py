"""What a doctor's run consists of: checks, what they say, and what is known of the phone before it is asked.

A sentence is kept as its English text and the values in it, so that a page can say it in the reader's language long
after the worker that found it is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

LONGEST_VALUE: Final = 160  # what a phone or a PBX said of itself is cut to this


class Verdict(StrEnum):
    """`CANNOT_TELL` is an honest end: the cause cannot be told apart from another, or what is needed is missing."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence: `text` with %(names)s, which is also the key of its translation, and the values."""

    text: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % self.values


def say(text: str, **values: object) -> Said:
    """A sentence with its values; those that came from outside are cut and cleared of control characters."""
    return Said(text, {name: one if isinstance(one, int) else _harmless(str(one)) for name, one in values.items()})


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `evidence`: what was seen; `cure`: what to do; `places`: where, on the phone and here.

    `ran` is False when it was not tried; then the evidence says what it needs. `reason_code` is the driver's, if an
    error of the phone was behind it.
    """

    name: str
    verdict: Verdict
    title: str
    evidence: tuple[Said, ...] = ()
    cure: tuple[Said, ...] = ()
    places: tuple[Said, ...] = ()
    milliseconds: int | None = None
    ran: bool = True
    reason_code: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "title": self.title,
            "evidence": [_sentence_json(one) for one in self.evidence],
            "cure": [_sentence_json(one) for one in self.cure],
            "places": [_sentence_json(one) for one in self.places],
            "milliseconds": self.milliseconds,
            "ran": self.ran,
            "reason_code": self.reason_code,
        }


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """One of the phone's SIP accounts as our rows have it. `registered` None: the PBX never told."""

    position: int
    extension: str
    endpoint: str
    pbx_name: str
    registered: bool | None = None
    user_agent: str = ""
    contact_address: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The phone as our rows know it. `address_problem`: why its address may not be connected to, "" = it may.

    `firmware_source`: "typed" by a person or told by the "pbx". `scheme`: as in Phone.Scheme. `countries`: where its
    PBXes stand, for numbers that must never be dialled to try something. `pinned_sha256`: fingerprint of the pinned
    certificate, "" when that cannot be read, None when none is pinned.
    """

    name: str
    address: str
    port: int
    scheme: str
    address_problem: str = ""
    networks: str = ""
    mac: str = ""
    model: str = ""
    firmware: str = ""
    firmware_source: str = "typed"
    passcode_entered: bool = True
    passcode_refused_at: datetime | None = None
    accounts: tuple[AccountSeen, ...] = ()
    countries: tuple[str, ...] = ()
    pinned_sha256: str | None = None

    @property
    def encrypted(self) -> bool:
        return self.scheme != "http"


def _harmless(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_VALUE]


def _sentence_json(said: Said) -> dict[str, Any]:
    return {"text": said.text, "values": dict(said.values)}

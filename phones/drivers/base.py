"""What every phone driver offers, and the shapes it speaks in. Plain values; no vendor, no HTTP, no Django."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from crmconnector.common.clock import PHONE_CONNECT_SECONDS, PHONE_REQUEST_SECONDS


@dataclass(frozen=True, slots=True)
class PhoneAddress:
    """Where a phone listens. `host` is a literal IP address; it is checked when the socket opens."""

    scheme: Literal["http", "https"]
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """Trust exactly this certificate (PEM text), whoever signed it: phones come with certificates of their own."""

    pem: str


@dataclass(frozen=True, slots=True)
class AnyCertificate:
    """Encrypt, but trust whoever answers. Somebody in the network may read the passcode: an explicit choice."""


Trust = PinnedCertificate | AnyCertificate


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large one request may become. `total_seconds` holds from the first packet to the last byte."""

    connect_seconds: float = PHONE_CONNECT_SECONDS
    total_seconds: float = PHONE_REQUEST_SECONDS
    reply_bytes: int = 64 * 1024


class Verb(StrEnum):
    """What a driver may be able to do; the names of its methods."""

    MAKE_CALL = "make_call"
    ACCEPT_CALL = "accept_call"
    LINE_STATUS = "line_status"
    PHONE_STATUS = "phone_status"


class LineWord(StrEnum):
    """State of one line. A word we do not know means that the line is in use, never that it is free."""

    IDLE = "idle"
    RINGING = "ringing"
    DIALING = "dialing"  # the user, or we, are entering a number
    CALLING = "calling"  # the call is on its way to the other side
    CONNECTED = "connected"
    ON_HOLD = "on_hold"
    FAILED = "failed"  # the last call failed; the line clears itself after some seconds
    BUSY_UNKNOWN = "busy_unknown"


@dataclass(frozen=True, slots=True)
class LineState:
    """One line (call appearance) of a phone; `line` counts from 1. `raw` is what the phone said, unchecked."""

    line: int
    state: LineWord
    remote_number: str = field(default="", repr=False)
    remote_name: str = field(default="", repr=False)
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


class PhoneWord(StrEnum):
    """State of the phone as a whole."""

    AVAILABLE = "available"
    RINGING = "ringing"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class PhoneState:
    """The phone as a whole; `raw` as in LineState."""

    state: PhoneWord
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


class PhoneDriver(Protocol):
    """One phone. Every method sends at most one request, once, and raises only `errors.PhoneError`.

    The caller sees to it that a phone gets one request at a time. Returning means "the phone said that it took the
    command", which is a hint; what really happened is told by the lines or by the PBX's events.
    """

    vendor: str

    def capabilities(self) -> frozenset[Verb]:
        """What this phone can be asked to do. No request is sent."""
        ...

    def make_call(self, number: str, account: int | None = None) -> None:
        """Dial. `number`: digits, * and #, at most 32, one + in front allowed; `account`: counted from 1."""
        ...

    def accept_call(self) -> None:
        """Answer the call that rings."""
        ...

    def line_status(self) -> tuple[LineState, ...]:
        """All lines, in the phone's order; never empty."""
        ...

    def phone_status(self) -> PhoneState:
        """Whether the phone is free."""
        ...

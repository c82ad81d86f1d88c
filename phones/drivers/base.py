"""What every phone driver offers, and the shapes it speaks in. Plain values; no vendor, no HTTP, no Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from crmconnector.common.clock import PHONE_CONNECT_SECONDS, PHONE_REQUEST_SECONDS
from crmconnector.common.secrets import Secret


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
    """What one may want of a desk phone. Those that a driver does by itself are the names of its methods."""

    MAKE_CALL = "make_call"
    ACCEPT_CALL = "accept_call"
    REJECT_CALL = "reject_call"
    END_CALL = "end_call"
    HOLD_CALL = "hold_call"
    RESUME_CALL = "resume_call"
    CANCEL_CALL = "cancel_call"
    SEND_KEYS = "send_keys"
    LOCK_KEYPAD = "lock_keypad"
    UNLOCK_KEYPAD = "unlock_keypad"
    REBOOT = "reboot"
    RESET = "reset"
    LINE_STATUS = "line_status"
    PHONE_STATUS = "phone_status"
    ACCOUNTS = "accounts"
    BLIND_TRANSFER = "blind_transfer"
    ATTENDED_TRANSFER = "attended_transfer"
    CONFERENCE = "conference"
    DTMF = "dtmf"
    MUTE = "mute"
    DO_NOT_DISTURB = "do_not_disturb"


class Support(StrEnum):
    """How a phone does a verb."""

    NATIVE = "native"  # one command that says what it means
    TOGGLE = "toggle"  # one command that does it, and done again undoes it: look before and after
    SEQUENCE = "sequence"  # keys, one after another, each from an observed state
    VIA_PBX = "via_pbx"  # the phone cannot be asked; the PBX can
    NONE = "none"


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


@dataclass(frozen=True, slots=True)
class AccountState:
    """One SIP account as the phone itself sees it; `account` counts from 1."""

    account: int
    registered: bool
    sip_id: str = ""
    sip_server: str = ""
    name: str = field(default="", repr=False)
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


class MuteKey(StrEnum):
    """What the mute key does while no call is up: a setting of the phone that cannot be asked for."""

    UNKNOWN = "unknown"
    DO_NOT_DISTURB = "dnd"
    IDLE_MUTE = "idle_mute"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What must be known of a phone before keys are sent: its model as printed ("GRP2614"; "" = unknown), what its mute
    key does, and how many multi-purpose keys somebody has counted on it."""

    model: str = ""
    mute_key: MuteKey = MuteKey.UNKNOWN
    mpk_keys: int = 0


Lines = tuple[LineState, ...]


class PhoneDriver(Protocol):
    """One phone. Every method sends at most one request, once, and raises only `errors.PhoneError`.

    The caller sees to it that a phone gets one request at a time. Returning means "the phone said that it took the
    command", which is a hint; what really happened is told by the lines or by the PBX's events.

    `lines`: what `line_status` said a moment ago. A deed that would do something else in that state than its name
    says is refused with `NothingSent`, before any packet.
    """

    vendor: str

    def capabilities(self) -> Mapping[Verb, Support]:
        """How this phone does each verb; every Verb is in it. No request is sent."""
        ...

    def make_call(self, number: str, account: int | None = None, dial_plan: str | None = None) -> None:
        """Dial. `number`: digits, * and #, at most 32, one + in front allowed; `account`: counted from 1;
        `dial_plan`: the phone's own name of a dial plan ("dialing")."""
        ...

    def accept_call(self) -> None:
        """Answer the call that rings."""
        ...

    def reject_call(self, *, lines: Lines) -> None:
        """Refuse the one call that rings."""
        ...

    def end_call(self, *, lines: Lines, beside_held: bool = False) -> None:
        """Hang up the one call there is; refused with several, because the phone ends the one it looks at.

        `beside_held`: the one that is up or being dialled, while others are on hold."""
        ...

    def hold_call(self, *, lines: Lines) -> None:
        """Put the one connected call on hold; refused when none is connected, because the command is a toggle."""
        ...

    def resume_call(self, *, lines: Lines) -> None:
        """Take the one held call back; refused while another is connected."""
        ...

    def cancel_call(self, *, lines: Lines) -> None:
        """Take back the call that is being dialled; refused while anything rings, because it would reject that."""
        ...

    def send_keys(self, keys: Sequence[str], *, lines: Lines, plan: KeyPlan) -> None:
        """Press keys in this order, at most 64, by the names of the vendor's table. "Success" means queued."""
        ...

    def lock_keypad(self, *, lines: Lines) -> None:
        """Lock the keys; refused unless every line is idle."""
        ...

    def unlock_keypad(self) -> None:
        """Unlock the keys."""
        ...

    def reboot(self, *, lines: Lines) -> None:
        """Restart the phone; refused unless every line is idle. It may go before it has answered."""
        ...

    def reset(self, *, admin_passcode: Secret, lines: Lines) -> None:
        """Set it back to factory settings, with no way back; refused unless every line is idle."""
        ...

    def line_status(self) -> Lines:
        """All lines, in the phone's order; never empty."""
        ...

    def phone_status(self) -> PhoneState:
        """Whether the phone is free."""
        ...

    def accounts(self) -> tuple[AccountState, ...]:
        """The SIP accounts on the phone and whether it believes them registered."""
        ...

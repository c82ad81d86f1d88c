"""AMI messages as typed facts.

`parse` turns the headers of one AMI event into a frozen dataclass, or None when the event is of no use to us. It never
raises: a message is untrusted text (caller names come from the public network), headers may be missing, repeated or empty.

What is done to values, once and here only:
- `<unknown>` and the empty text become None;
- names are C-escaped on the wire (`O\\'Neil`): they are unescaped once;
- control, bidirectional-override and surrogate characters are dropped (PostgreSQL refuses NUL, screens are fooled by the rest);
- names and numbers are cut at 80 characters; numbers otherwise stay as Asterisk wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Headers = Mapping[str, str | list[str]]

MAX_TEXT = 80
MAX_ID = 150  # Asterisk's own limit for a Uniqueid

DOWN, RING, RINGING, UP = 0, 4, 5, 6  # ChannelState: idle, calling us, being rung by us, answered


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What one event says about one channel; None where it says nothing."""

    uniqueid: str
    name: str | None = None
    linkedid: str | None = None
    state: int | None = None
    number: str | None = None
    caller_name: str | None = None
    connected_number: str | None = None
    connected_name: str | None = None
    exten: str | None = None
    restricted: bool | None = None


@dataclass(frozen=True, slots=True)
class NewChannel:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class NewState:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class NewCallerid:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class NewConnectedLine:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class DialBegin:
    """`source` is None when Asterisk itself dials (Originate)."""

    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    dial_string: str | None


@dataclass(frozen=True, slots=True)
class DialState:
    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    status: str | None


@dataclass(frozen=True, slots=True)
class DialEnd:
    """`status` is ANSWER, BUSY, CANCEL, NOANSWER, …; `forward` is set when the phone sent the call elsewhere (302)."""

    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    status: str | None
    forward: str | None


@dataclass(frozen=True, slots=True)
class BridgeEnter:
    at: float
    channel: ChannelFacts
    bridge: str
    kind: str | None
    technology: str | None
    swap: str | None  # Uniqueid of the channel whose place this one takes


@dataclass(frozen=True, slots=True)
class BridgeLeave:
    at: float
    channel: ChannelFacts
    bridge: str


@dataclass(frozen=True, slots=True)
class Hangup:
    at: float
    channel: ChannelFacts
    cause: int | None


@dataclass(frozen=True, slots=True)
class LocalBridge:
    """The two halves of a Local channel."""

    at: float
    one: ChannelFacts
    two: ChannelFacts


@dataclass(frozen=True, slots=True)
class Rename:
    at: float
    uniqueid: str
    name: str


@dataclass(frozen=True, slots=True)
class Hold:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class Unhold:
    at: float
    channel: ChannelFacts


@dataclass(frozen=True, slots=True)
class QueueCallerJoin:
    at: float
    channel: ChannelFacts
    queue: str


@dataclass(frozen=True, slots=True)
class QueueCallerLeave:
    at: float
    channel: ChannelFacts
    queue: str


@dataclass(frozen=True, slots=True)
class QueueCallerAbandon:
    at: float
    channel: ChannelFacts
    queue: str


@dataclass(frozen=True, slots=True)
class AgentCalled:
    """A queue rings a member for `channel`, the caller who waits."""

    at: float
    channel: ChannelFacts
    queue: str


@dataclass(frozen=True, slots=True)
class BlindTransfer:
    at: float
    transferer: ChannelFacts
    transferee: ChannelFacts | None
    succeeded: bool


@dataclass(frozen=True, slots=True)
class AttendedTransfer:
    """`target_rings`: the target had not answered yet (a blonde transfer). Asterisk leaves transferee and target out at times."""

    at: float
    first: ChannelFacts
    second: ChannelFacts
    transferee: ChannelFacts | None
    target: ChannelFacts | None
    target_rings: bool
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Pickup:
    at: float
    channel: ChannelFacts
    target: ChannelFacts


@dataclass(frozen=True, slots=True)
class OriginateResponse:
    at: float
    action_id: str | None
    succeeded: bool
    reason: int | None
    uniqueid: str | None


@dataclass(frozen=True, slots=True)
class FullyBooted:
    at: float


@dataclass(frozen=True, slots=True)
class Shutdown:
    at: float


@dataclass(frozen=True, slots=True)
class CoreShowChannel:
    """One line of the answer to CoreShowChannels: a channel that is alive now."""

    at: float
    channel: ChannelFacts
    bridge: str | None
    application: str | None


@dataclass(frozen=True, slots=True)
class CoreShowChannelsComplete:
    at: float
    items: int | None  # how many lines Asterisk says it sent


AmiEvent = (
    NewChannel
    | NewState
    | NewCallerid
    | NewConnectedLine
    | DialBegin
    | DialState
    | DialEnd
    | BridgeEnter
    | BridgeLeave
    | Hangup
    | LocalBridge
    | Rename
    | Hold
    | Unhold
    | QueueCallerJoin
    | QueueCallerLeave
    | QueueCallerAbandon
    | AgentCalled
    | BlindTransfer
    | AttendedTransfer
    | Pickup
    | OriginateResponse
    | FullyBooted
    | Shutdown
    | CoreShowChannel
    | CoreShowChannelsComplete
)


def parse(headers: Headers, at: float) -> AmiEvent | None:
    """The event in `headers`, stamped with its own Timestamp header (seconds) where it has one, else with `at`."""
    build = _BUILDERS.get(_text(headers, "Event") or "")
    if build is None:
        return None
    return build(headers, _seconds(headers, at))


# --- values -------------------------------------------------------------------------------------------------------------

_WITHHELD = frozenset({"anonymous", "private", "restricted", "withheld"})
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _text(headers: Headers, key: str, limit: int = MAX_ID) -> str | None:
    value: object = headers.get(key)
    if isinstance(value, list):  # a repeated header: the first one is the channel's own
        value = value[0] if value else None
    if not isinstance(value, str) or not value or value == "<unknown>":
        return None
    if not value.isprintable():
        value = _printable(value)
    return value.strip()[:limit] or None


def _printable(value: str) -> str:
    return "".join(c for c in value if not (c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" or c in _BIDI))


def _name(headers: Headers, key: str) -> str | None:
    value: object = headers.get(key)
    if isinstance(value, str) and "\\" in value:
        value = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)
        return _text({key: value}, key, MAX_TEXT)
    return _text(headers, key, MAX_TEXT)


def _whole(headers: Headers, key: str) -> int | None:
    value = _text(headers, key, 9)
    return int(value) if value is not None and value.isascii() and value.isdigit() else None


def _seconds(headers: Headers, at: float) -> float:
    value = _text(headers, "Timestamp", 20)
    if value is None or not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value, re.ASCII):
        return at
    return float(value)


def _restricted(headers: Headers, number: str | None) -> bool | None:
    """True when the caller withheld the number. Only NewCallerid carries the presentation; the word itself tells elsewhere."""
    if number is not None and number.lower() in _WITHHELD:
        return True
    presentation = _text(headers, "CID-CallingPres")
    return None if presentation is None else "prohib" in presentation.lower()


class _Keys:
    """The header names of one channel in an event with several: `DestUniqueid`, `DestChannel`, …"""

    __slots__ = ("channel", "connected_name", "connected_number", "exten", "linkedid", "name", "number", "state", "uniqueid")

    def __init__(self, prefix: str) -> None:
        self.uniqueid = prefix + "Uniqueid"
        self.channel = prefix + "Channel"
        self.linkedid = prefix + "Linkedid"
        self.state = prefix + "ChannelState"
        self.number = prefix + "CallerIDNum"
        self.name = prefix + "CallerIDName"
        self.connected_number = prefix + "ConnectedLineNum"
        self.connected_name = prefix + "ConnectedLineName"
        self.exten = prefix + "Exten"


_OWN = _Keys("")
_DEST = _Keys("Dest")


def _facts(headers: Headers, keys: _Keys = _OWN) -> ChannelFacts | None:
    uniqueid = _text(headers, keys.uniqueid)
    if uniqueid is None:
        return None
    number = _text(headers, keys.number, MAX_TEXT)
    return ChannelFacts(
        uniqueid=uniqueid,
        name=_text(headers, keys.channel),
        linkedid=_text(headers, keys.linkedid),
        state=_whole(headers, keys.state),
        number=number,
        caller_name=_name(headers, keys.name),
        connected_number=_text(headers, keys.connected_number, MAX_TEXT),
        connected_name=_name(headers, keys.connected_name),
        exten=_text(headers, keys.exten, MAX_TEXT),
        restricted=_restricted(headers, number),
    )


# --- one builder an event -----------------------------------------------------------------------------------------------

_Builder = Callable[[Headers, float], "AmiEvent | None"]


def _of_channel(make: Callable[[float, ChannelFacts], AmiEvent]) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel = _facts(headers)
        return None if channel is None else make(at, channel)

    return build


def _of_queue(make: Callable[[float, ChannelFacts, str], AmiEvent]) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel, queue = _facts(headers), _text(headers, "Queue", MAX_TEXT)
        return None if channel is None or queue is None else make(at, channel, queue)

    return build


def _dial_begin(headers: Headers, at: float) -> AmiEvent | None:
    dest = _facts(headers, _DEST)
    return None if dest is None else DialBegin(at, _facts(headers), dest, _text(headers, "DialString"))


def _dial_state(headers: Headers, at: float) -> AmiEvent | None:
    dest = _facts(headers, _DEST)
    return None if dest is None else DialState(at, _facts(headers), dest, _text(headers, "DialStatus"))


def _dial_end(headers: Headers, at: float) -> AmiEvent | None:
    dest = _facts(headers, _DEST)
    if dest is None:
        return None
    return DialEnd(at, _facts(headers), dest, _text(headers, "DialStatus"), _text(headers, "Forward"))


def _bridge_enter(headers: Headers, at: float) -> AmiEvent | None:
    channel, bridge = _facts(headers), _text(headers, "BridgeUniqueid")
    if channel is None or bridge is None:
        return None
    kind, technology = _text(headers, "BridgeType"), _text(headers, "BridgeTechnology")
    return BridgeEnter(at, channel, bridge, kind, technology, _text(headers, "SwapUniqueid"))


def _bridge_leave(headers: Headers, at: float) -> AmiEvent | None:
    channel, bridge = _facts(headers), _text(headers, "BridgeUniqueid")
    return None if channel is None or bridge is None else BridgeLeave(at, channel, bridge)


def _hangup(headers: Headers, at: float) -> AmiEvent | None:
    channel = _facts(headers)
    return None if channel is None else Hangup(at, channel, _whole(headers, "Cause"))


def _local_bridge(headers: Headers, at: float) -> AmiEvent | None:
    one, two = _facts(headers, _LOCAL_ONE), _facts(headers, _LOCAL_TWO)
    return None if one is None or two is None else LocalBridge(at, one, two)


def _rename(headers: Headers, at: float) -> AmiEvent | None:
    uniqueid, name = _text(headers, "Uniqueid"), _text(headers, "Newname")
    return None if uniqueid is None or name is None else Rename(at, uniqueid, name)


def _succeeded(headers: Headers) -> bool:
    return (_text(headers, "Result") or "").lower() == "success"


def _blind_transfer(headers: Headers, at: float) -> AmiEvent | None:
    transferer = _facts(headers, _TRANSFERER)
    if transferer is None:
        return None
    return BlindTransfer(at, transferer, _facts(headers, _TRANSFEREE), _succeeded(headers))


def _attended_transfer(headers: Headers, at: float) -> AmiEvent | None:
    first, second = _facts(headers, _FIRST), _facts(headers, _SECOND)
    if first is None or second is None:
        return None
    dest = _text(headers, "DestType")
    return AttendedTransfer(
        at,
        first,
        second,
        _facts(headers, _TRANSFEREE),
        _facts(headers, _TARGET),
        target_rings=dest == "App",
        succeeded=_succeeded(headers) and dest != "Fail",
    )


def _pickup(headers: Headers, at: float) -> AmiEvent | None:
    channel, target = _facts(headers), _facts(headers, _PICKED)
    return None if channel is None or target is None else Pickup(at, channel, target)


def _originate_response(headers: Headers, at: float) -> AmiEvent | None:
    succeeded = (_text(headers, "Response") or "").lower() == "success"
    action_id, uniqueid = _text(headers, "ActionID"), _text(headers, "Uniqueid")
    return OriginateResponse(at, action_id, succeeded, _whole(headers, "Reason"), uniqueid)


def _core_show_channel(headers: Headers, at: float) -> AmiEvent | None:
    channel = _facts(headers)
    if channel is None:
        return None
    return CoreShowChannel(at, channel, _text(headers, "BridgeId"), _text(headers, "Application"))


_LOCAL_ONE, _LOCAL_TWO = _Keys("LocalOne"), _Keys("LocalTwo")
_TRANSFERER, _TRANSFEREE, _TARGET = _Keys("Transferer"), _Keys("Transferee"), _Keys("TransferTarget")
_FIRST, _SECOND = _Keys("OrigTransferer"), _Keys("SecondTransferer")
_PICKED = _Keys("Target")

_BUILDERS: dict[str, _Builder] = {
    "Newchannel": _of_channel(NewChannel),
    "Newstate": _of_channel(NewState),
    "NewCallerid": _of_channel(NewCallerid),
    "NewConnectedLine": _of_channel(NewConnectedLine),
    "DialBegin": _dial_begin,
    "DialState": _dial_state,
    "DialEnd": _dial_end,
    "BridgeEnter": _bridge_enter,
    "BridgeLeave": _bridge_leave,
    "Hangup": _hangup,
    "LocalBridge": _local_bridge,
    "Rename": _rename,
    "Hold": _of_channel(Hold),
    "Unhold": _of_channel(Unhold),
    "QueueCallerJoin": _of_queue(QueueCallerJoin),
    "QueueCallerLeave": _of_queue(QueueCallerLeave),
    "QueueCallerAbandon": _of_queue(QueueCallerAbandon),
    "AgentCalled": _of_queue(AgentCalled),
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "Pickup": _pickup,
    "OriginateResponse": _originate_response,
    "FullyBooted": lambda _headers, at: FullyBooted(at),
    "Shutdown": lambda _headers, at: Shutdown(at),
    "CoreShowChannel": _core_show_channel,
    "CoreShowChannelsComplete": lambda headers, at: CoreShowChannelsComplete(at, _whole(headers, "ListItems")),
}

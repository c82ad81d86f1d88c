"""AMI messages as typed facts.

`parse` turns the headers of one AMI event into a frozen dataclass, or None when the event is of no use to us. It never
raises: a message is untrusted text (names come from the public network), headers may be missing, repeated or empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crmconnector.asterisk.ami_values import MAX_TEXT, Headers, Keys, facts, seconds, text, whole
from crmconnector.asterisk.ami_values import ChannelFacts as ChannelFacts

DOWN, RING, RINGING, UP = 0, 4, 5, 6  # ChannelState: idle, calling us, being rung by us, answered


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
class HangupRequest:
    """The party of this channel has hung up; Asterisk has not done anything about it yet."""

    at: float
    channel: ChannelFacts


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
    """`target_rings`: the target had not answered yet (a blonde transfer). Transferee and target may be left out.

    `bridge`: where the two are together now, if they are.
    """

    at: float
    first: ChannelFacts
    second: ChannelFacts
    transferee: ChannelFacts | None
    target: ChannelFacts | None
    target_rings: bool
    succeeded: bool
    bridge: str | None = None


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
    application_data: str | None


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
    | HangupRequest
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
    build = _BUILDERS.get(text(headers, "Event") or "")
    if build is None:
        return None
    return build(headers, seconds(headers, at))


# --- one builder an event ---

_Builder = Callable[[Headers, float], "AmiEvent | None"]


def _of_channel(make: Callable[[float, ChannelFacts], AmiEvent]) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel = facts(headers)
        return None if channel is None else make(at, channel)

    return build


def _of_queue(make: Callable[[float, ChannelFacts, str], AmiEvent]) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel, queue = facts(headers), text(headers, "Queue", MAX_TEXT)
        return None if channel is None or queue is None else make(at, channel, queue)

    return build


def _dial_begin(headers: Headers, at: float) -> AmiEvent | None:
    dest = facts(headers, _DEST)
    return None if dest is None else DialBegin(at, facts(headers), dest, text(headers, "DialString"))


def _dial_state(headers: Headers, at: float) -> AmiEvent | None:
    dest = facts(headers, _DEST)
    return None if dest is None else DialState(at, facts(headers), dest, text(headers, "DialStatus"))


def _dial_end(headers: Headers, at: float) -> AmiEvent | None:
    dest = facts(headers, _DEST)
    if dest is None:
        return None
    return DialEnd(at, facts(headers), dest, text(headers, "DialStatus"), text(headers, "Forward"))


def _bridge_enter(headers: Headers, at: float) -> AmiEvent | None:
    channel, bridge = facts(headers), text(headers, "BridgeUniqueid")
    if channel is None or bridge is None:
        return None
    kind, technology = text(headers, "BridgeType"), text(headers, "BridgeTechnology")
    return BridgeEnter(at, channel, bridge, kind, technology, text(headers, "SwapUniqueid"))


def _bridge_leave(headers: Headers, at: float) -> AmiEvent | None:
    channel, bridge = facts(headers), text(headers, "BridgeUniqueid")
    return None if channel is None or bridge is None else BridgeLeave(at, channel, bridge)


def _hangup(headers: Headers, at: float) -> AmiEvent | None:
    channel = facts(headers)
    return None if channel is None else Hangup(at, channel, whole(headers, "Cause"))


def _local_bridge(headers: Headers, at: float) -> AmiEvent | None:
    one, two = facts(headers, _LOCAL_ONE), facts(headers, _LOCAL_TWO)
    return None if one is None or two is None else LocalBridge(at, one, two)


def _rename(headers: Headers, at: float) -> AmiEvent | None:
    uniqueid, name = text(headers, "Uniqueid"), text(headers, "Newname")
    return None if uniqueid is None or name is None else Rename(at, uniqueid, name)


def _succeeded(headers: Headers) -> bool:
    return (text(headers, "Result") or "").lower() == "success"


def _blind_transfer(headers: Headers, at: float) -> AmiEvent | None:
    transferer = facts(headers, _TRANSFERER)
    if transferer is None:
        return None
    return BlindTransfer(at, transferer, facts(headers, _TRANSFEREE), _succeeded(headers))


def _attended_transfer(headers: Headers, at: float) -> AmiEvent | None:
    first, second = facts(headers, _FIRST), facts(headers, _SECOND)
    if first is None or second is None:
        return None
    dest, target = text(headers, "DestType"), facts(headers, _TARGET)
    return AttendedTransfer(
        at,
        first,
        second,
        facts(headers, _TRANSFEREE),
        target,
        target_rings=dest == "App" or (target is not None and target.state == RINGING),
        succeeded=_succeeded(headers) and dest != "Fail",
        bridge=text(headers, "DestBridgeUniqueid"),
    )


def _pickup(headers: Headers, at: float) -> AmiEvent | None:
    channel, target = facts(headers), facts(headers, _PICKED)
    return None if channel is None or target is None else Pickup(at, channel, target)


def _originate_response(headers: Headers, at: float) -> AmiEvent | None:
    succeeded = (text(headers, "Response") or "").lower() == "success"
    action_id, uniqueid = text(headers, "ActionID"), text(headers, "Uniqueid")
    return OriginateResponse(at, action_id, succeeded, whole(headers, "Reason"), uniqueid)


def _core_show_channel(headers: Headers, at: float) -> AmiEvent | None:
    channel = facts(headers)
    if channel is None:
        return None
    application, its_data = text(headers, "Application"), text(headers, "ApplicationData")
    return CoreShowChannel(at, channel, text(headers, "BridgeId"), application, its_data)


_DEST = Keys("Dest")
_LOCAL_ONE, _LOCAL_TWO = Keys("LocalOne"), Keys("LocalTwo")
_TRANSFERER, _TRANSFEREE, _TARGET = Keys("Transferer"), Keys("Transferee"), Keys("TransferTarget")
_FIRST, _SECOND = Keys("OrigTransferer"), Keys("SecondTransferer")
_PICKED = Keys("Target")

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
    "HangupRequest": _of_channel(HangupRequest),
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
    "CoreShowChannelsComplete": lambda headers, at: CoreShowChannelsComplete(at, whole(headers, "ListItems")),
}
FOLLOWED = frozenset(_BUILDERS)  # the names of all events that mean anything here

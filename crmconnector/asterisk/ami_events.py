"""AMI messages as typed facts.

`parse` turns the headers of one AMI event into a typed fact, or None when the event is of no use to us. It never
raises: a message is untrusted text (names come from the public network), headers may be missing, repeated or empty.
They are named tuples, for one is made of every event and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from crmconnector.asterisk.ami_values import MAX_CHANNEL, MAX_ID, MAX_TEXT, Headers, Keys, facts, seconds, text, whole
from crmconnector.asterisk.ami_values import ChannelFacts as ChannelFacts

MAX_PLACE = 20
DOWN, RING, RINGING, UP = 0, 4, 5, 6  # ChannelState: idle, calling us, being rung by us, answered


class NewChannel(NamedTuple):
    at: float
    channel: ChannelFacts


class NewState(NamedTuple):
    at: float
    channel: ChannelFacts


class NewCallerid(NamedTuple):
    at: float
    channel: ChannelFacts


class NewConnectedLine(NamedTuple):
    at: float
    channel: ChannelFacts


class DialBegin(NamedTuple):
    """`source` is None when Asterisk itself dials (Originate)."""

    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    dial_string: str | None


class DialState(NamedTuple):
    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    status: str | None


class DialEnd(NamedTuple):
    """`status` is ANSWER, BUSY, CANCEL, NOANSWER, …; `forward` is set when the phone sent the call elsewhere (302)."""

    at: float
    source: ChannelFacts | None
    dest: ChannelFacts
    status: str | None
    forward: str | None


class BridgeEnter(NamedTuple):
    at: float
    channel: ChannelFacts
    bridge: str
    kind: str | None
    technology: str | None
    swap: str | None  # Uniqueid of the channel whose place this one takes


class BridgeLeave(NamedTuple):
    at: float
    channel: ChannelFacts
    bridge: str


class Hangup(NamedTuple):
    at: float
    channel: ChannelFacts
    cause: int | None


class HangupRequest(NamedTuple):
    """The party of this channel has hung up; Asterisk has not done anything about it yet."""

    at: float
    channel: ChannelFacts


class LocalBridge(NamedTuple):
    """The two halves of a Local channel."""

    at: float
    one: ChannelFacts
    two: ChannelFacts


class Rename(NamedTuple):
    at: float
    uniqueid: str
    name: str


class Hold(NamedTuple):
    at: float
    channel: ChannelFacts


class Unhold(NamedTuple):
    at: float
    channel: ChannelFacts


class QueueCallerJoin(NamedTuple):
    at: float
    channel: ChannelFacts
    queue: str


class QueueCallerLeave(NamedTuple):
    at: float
    channel: ChannelFacts
    queue: str


class QueueCallerAbandon(NamedTuple):
    at: float
    channel: ChannelFacts
    queue: str


class AgentCalled(NamedTuple):
    """A queue rings a member for `channel`, the caller who waits."""

    at: float
    channel: ChannelFacts
    queue: str


class BlindTransfer(NamedTuple):
    at: float
    transferer: ChannelFacts
    transferee: ChannelFacts | None
    succeeded: bool
    to: str | None = None  # the extension that was asked for


class AttendedTransfer(NamedTuple):
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


class Pickup(NamedTuple):
    at: float
    channel: ChannelFacts
    target: ChannelFacts


class ParkedCall(NamedTuple):
    """`channel` waits in a parking lot, hearing music; whoever dials `place` talks with it again."""

    at: float
    channel: ChannelFacts
    place: str


class OriginateResponse(NamedTuple):
    at: float
    action_id: str | None
    succeeded: bool
    reason: int | None
    uniqueid: str | None


class FullyBooted(NamedTuple):
    at: float


class Shutdown(NamedTuple):
    at: float


class CoreShowChannel(NamedTuple):
    """One line of the answer to CoreShowChannels: a channel that is alive now."""

    at: float
    channel: ChannelFacts
    bridge: str | None
    application: str | None
    application_data: str | None


class CoreShowChannelsComplete(NamedTuple):
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
    | ParkedCall
    | OriginateResponse
    | FullyBooted
    | Shutdown
    | CoreShowChannel
    | CoreShowChannelsComplete
)


def parse(headers: Headers, at: float) -> AmiEvent | None:
    """The event in `headers`, stamped with its own Timestamp header (seconds) where it has one, else with `at`."""
    event = headers.get("Event")
    build = _BUILDERS.get(event if isinstance(event, str) else text(headers, "Event") or "")
    if build is None:
        return None
    return build(headers, seconds(headers, at) if "Timestamp" in headers else at)


# --- one builder an event ---

_Builder = Callable[[Headers, float], "AmiEvent | None"]


def _of_channel(make: Callable[[float, ChannelFacts], AmiEvent]) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel = facts(headers)
        return None if channel is None else make(at, channel)

    return build


def _named(make: Callable[[float, ChannelFacts, str], AmiEvent], key: str, keys: Keys, most: int) -> _Builder:
    def build(headers: Headers, at: float) -> AmiEvent | None:
        channel, what = facts(headers, keys), text(headers, key, most)
        return None if channel is None or what is None else make(at, channel, what)

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


def _hangup(headers: Headers, at: float) -> AmiEvent | None:
    channel = facts(headers)
    return None if channel is None else Hangup(at, channel, whole(headers, "Cause"))


def _local_bridge(headers: Headers, at: float) -> AmiEvent | None:
    one, two = facts(headers, _LOCAL_ONE), facts(headers, _LOCAL_TWO)
    return None if one is None or two is None else LocalBridge(at, one, two)


def _rename(headers: Headers, at: float) -> AmiEvent | None:
    uniqueid, name = text(headers, "Uniqueid"), text(headers, "Newname", MAX_CHANNEL)
    return None if uniqueid is None or name is None else Rename(at, uniqueid, name)


def _succeeded(headers: Headers) -> bool:
    return (text(headers, "Result") or "").lower() == "success"


def _blind_transfer(headers: Headers, at: float) -> AmiEvent | None:
    transferer = facts(headers, _TRANSFERER)
    if transferer is None:
        return None
    return BlindTransfer(at, transferer, facts(headers, _TRANSFEREE), _succeeded(headers), text(headers, "Extension"))


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


_OWN, _DEST = Keys(""), Keys("Dest")
_LOCAL_ONE, _LOCAL_TWO = Keys("LocalOne"), Keys("LocalTwo")
_TRANSFERER, _TRANSFEREE, _TARGET = Keys("Transferer"), Keys("Transferee"), Keys("TransferTarget")
_FIRST, _SECOND = Keys("OrigTransferer"), Keys("SecondTransferer")
_PICKED = Keys("Target")
_PARKED = Keys("Parkee")

_BUILDERS: dict[str, _Builder] = {
    "Newchannel": _of_channel(NewChannel),
    "Newstate": _of_channel(NewState),
    "NewCallerid": _of_channel(NewCallerid),
    "NewConnectedLine": _of_channel(NewConnectedLine),
    "DialBegin": _dial_begin,
    "DialState": _dial_state,
    "DialEnd": _dial_end,
    "BridgeEnter": _bridge_enter,
    "BridgeLeave": _named(BridgeLeave, "BridgeUniqueid", _OWN, MAX_ID),
    "Hangup": _hangup,
    "HangupRequest": _of_channel(HangupRequest),
    "LocalBridge": _local_bridge,
    "Rename": _rename,
    "Hold": _of_channel(Hold),
    "Unhold": _of_channel(Unhold),
    "QueueCallerJoin": _named(QueueCallerJoin, "Queue", _OWN, MAX_TEXT),
    "QueueCallerLeave": _named(QueueCallerLeave, "Queue", _OWN, MAX_TEXT),
    "QueueCallerAbandon": _named(QueueCallerAbandon, "Queue", _OWN, MAX_TEXT),
    "AgentCalled": _named(AgentCalled, "Queue", _OWN, MAX_TEXT),
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "Pickup": _pickup,
    "ParkedCall": _named(ParkedCall, "ParkingSpace", _PARKED, MAX_PLACE),
    "OriginateResponse": _originate_response,
    "FullyBooted": lambda _headers, at: FullyBooted(at),
    "Shutdown": lambda _headers, at: Shutdown(at),
    "CoreShowChannel": _core_show_channel,
    "CoreShowChannelsComplete": lambda headers, at: CoreShowChannelsComplete(at, whole(headers, "ListItems")),
}
FOLLOWED = frozenset(_BUILDERS)  # the names of all events that mean anything here

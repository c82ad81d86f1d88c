"""Channels, the bridges they are in, and who is really at the other end.

A Local channel is a pair of halves (`;1` and `;2`) glued together: what enters one comes out of the other. They carry
calls to queue members, through ring groups and click-to-call, and are never a party: all walks here go *through* them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from crmconnector.asterisk.ami_events import DOWN, UP
from crmconnector.calls.events import Party

if TYPE_CHECKING:
    from crmconnector.calls.story import Call, Leg

# Asterisk's own helpers: announcers, recorders, spies, placeholders of a masquerade, media sockets. Nobody talks there.
_HELPERS = (
    "Announcer/",
    "AsyncGoto/",
    "AudioSocket/",
    "Bridge/",
    "CBAnn/",
    "CBRec/",
    "ConfBridgeRecorder/",
    "Message/",
    "MulticastRTP/",
    "Parked/",
    "Recorder/",
    "Snoop/",
    "Surrogate/",
    "UnicastRTP/",
    "WebSocket/",
)
_SERIAL = re.compile(r"-[0-9a-fA-F]+\Z")
_UNIQUEID = re.compile(r"(?:.*-)?(\d{1,18})\.(\d{1,18})", re.ASCII)


class Channel:
    """One live channel. `real` means a party: neither a Local half nor one of Asterisk's helpers."""

    __slots__ = (
        "bridge",
        "call",
        "called",
        "caller_name",
        "connected_name",
        "connected_number",
        "dial_status",
        "dialer",
        "dialled",
        "ending",
        "endpoint",
        "epoch",
        "exten",
        "forwarded",
        "gave_up_at",
        "gone",
        "guessed",
        "held",
        "leg",
        "local",
        "name",
        "number",
        "own_number",
        "partner",
        "peer",
        "placed",
        "queue",
        "real",
        "restricted",
        "rooted",
        "seen_new",
        "state",
        "trunk",
        "uid",
    )

    def __init__(self, uid: str, call: Call, *, seen_new: bool) -> None:
        self.uid = uid
        self.call = call
        self.seen_new = seen_new  # False: we came in the middle, or found it by a resync
        self.name = ""
        self.endpoint = ""
        self.real = False
        self.local = False
        self.trunk = False
        self.state = DOWN
        self.number: str | None = None
        self.own_number: str | None = None  # of a phone that Asterisk dialled first: its caller id is the other party's
        self.caller_name: str | None = None
        self.restricted = False
        self.connected_number: str | None = None
        self.connected_name: str | None = None
        self.exten: str | None = None
        self.bridge: Bridge | None = None
        self.peer: Channel | None = None  # the other half of a Local channel
        self.dialer: Channel | None = None  # who dials this channel
        self.guessed = False  # `dialer` is a guess from a list of channels, good until an event names another
        self.called = False  # it called in by itself; stays true when its call becomes part of another
        self.dialled = False
        self.rooted = False  # dialled by Asterisk itself
        self.dial_status: str | None = None
        self.forwarded = False
        self.queue: str | None = None  # the queue in which this caller waits
        self.leg: Leg | None = None
        self.placed: Leg | None = None  # its own end, when it is a phone of ours that began the call
        self.partner: Channel | None = None  # whom it last talked with
        self.held = False
        self.epoch = 0
        self.ending = False  # its party has hung up, the channel is about to go
        self.gave_up_at: float | None = None  # when it left a queue unserved
        self.gone = False  # hung up: what it was is remembered, what it says now is not to be shown

    def rename(self, name: str) -> None:
        self.name = name
        if "<" in name:  # `<MASQ>`, `<ZOMBIE>`: on its way out, the endpoint stays what it was
            return
        self.local = name.startswith("Local/")
        self.real = not self.local and not name.startswith(_HELPERS) and "/" in name
        self.endpoint = endpoint_of(name)


class Bridge:
    """Channels that hear each other; in a holding bridge (parking, agents who wait) they only hear music."""

    __slots__ = ("basic", "holding", "members", "uid")

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.members: dict[Channel, None] = {}
        self.holding = False
        self.basic = False


def endpoint_of(name: str) -> str:
    """`PJSIP/204-0000001a` -> `PJSIP/204`; names with dashes of their own keep them."""
    return _SERIAL.sub("", name)


def age(uniqueid: str) -> tuple[int, int] | None:
    """`[system-]epoch.serial` as numbers to compare; None if it has another form."""
    found = _UNIQUEID.fullmatch(uniqueid)
    return (int(found[1]), int(found[2])) if found else None


def local_pair_name(name: str) -> str | None:
    """The name of the other half of a Local channel."""
    if name.endswith(";1"):
        return name[:-1] + "2"
    return name[:-1] + "1" if name.endswith(";2") else None


def enter(channel: Channel, bridge: Bridge) -> None:
    if channel.bridge is not None and channel.bridge is not bridge:
        channel.bridge.members.pop(channel, None)
    channel.bridge = bridge
    bridge.members[channel] = None


def leave(channel: Channel) -> None:
    if channel.bridge is not None:
        channel.bridge.members.pop(channel, None)
        channel.bridge = None


def hearing(bridge: Bridge) -> list[Channel]:
    """The real parties that hear each other through this bridge and the Local pairs that lead on from it."""
    if bridge.holding:
        return []
    parties: list[Channel] = []
    seen = {bridge.uid}
    open_bridges = [bridge]
    for current in open_bridges:
        for member in current.members:
            if member.real:
                if not member.ending:  # one who hung up before the bridge was made hears nobody
                    parties.append(member)
            elif member.local and member.peer is not None:
                onward = member.peer.bridge
                if onward is not None and onward.uid not in seen and not onward.holding:
                    seen.add(onward.uid)
                    open_bridges.append(onward)
    return parties


def party_behind(start: Channel) -> Channel | None:
    """The real party who dials through `start`: itself, or whoever is bridged with or dials the other Local half."""
    return _party(start, lambda half: half.dialer)


def party_ahead(start: Channel) -> Channel | None:
    """The real party that `start` leads to: itself, or whoever is bridged with or rung by the other Local half."""
    return _party(start, lambda half: next((one for one in half.call.channels if one.dialer is half), None))


def _party(start: Channel, onward: Callable[[Channel], Channel | None]) -> Channel | None:
    """Through Local halves to a real party; `onward` leads on from a half that is bridged with nobody."""
    seen: set[Channel] = set()
    current: Channel | None = start
    while current is not None and current not in seen:
        if current.real:
            return current
        seen.add(current)
        peer = current.peer
        if not current.local or peer is None:
            return None
        current = _bridge_mate(peer, seen) or onward(peer)
    return None


def _bridge_mate(channel: Channel, seen: set[Channel]) -> Channel | None:
    if channel.bridge is None or channel.bridge.holding:
        return None
    others = [member for member in channel.bridge.members if member is not channel and member not in seen]
    return next((member for member in others if member.real), others[0] if others else None)


def dial_root(channel: Channel) -> Channel:
    """Where the chain of dials to this channel begins: a real caller, or the half that Asterisk dialled itself."""
    seen: set[Channel] = set()
    current = channel
    while current not in seen:
        seen.add(current)
        up = current.dialer
        if up is None:
            return current
        if up.real or up.peer is None:
            return up
        current = up.peer
    return current


def queue_of(channel: Channel) -> str | None:
    """The queue in which the caller of this leg waits, if it rings for a queue."""
    seen: set[Channel] = set()
    current: Channel | None = channel
    while current is not None and current not in seen:
        seen.add(current)
        up = current.dialer
        if up is None:
            return None
        if up.queue is not None:
            return up.queue
        current = up.peer
    return None


def answered_through(channel: Channel) -> bool:
    """Has it answered, and every Local half on the way to its caller too (picked up, and confirmed where asked)?"""
    seen: set[Channel] = set()
    current: Channel | None = channel
    while current is not None and current not in seen:
        if current.state != UP and current.dial_status != "ANSWER":
            return False
        seen.add(current)
        up = current.dialer
        current = up.peer if up is not None else None
    return True


def party_of(channel: Channel) -> Party:
    if channel.own_number is not None:
        return Party(channel.endpoint, channel.own_number, None)
    return Party(channel.endpoint, channel.number, channel.caller_name, channel.restricted)


def party_on_display(channel: Channel, endpoint: str | None) -> Party:
    """What the phone's own connected line says; the last resort when the far end's number is not known."""
    return Party(endpoint, channel.connected_number, channel.connected_name)

"""The living picture of one PBX: its channels, bridges and calls, and how facts bring it up to date.

Everything is set, never toggled, and the dead are remembered for a while: so an event that comes twice, late or out of
order changes nothing that it should not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from crmconnector.asterisk import ami_events as ami
from crmconnector.calls import legs, placing, story
from crmconnector.calls.events import CallEvent, QueueLeft
from crmconnector.calls.graph import Bridge, Channel, enter, hearing, leave, local_pair_name
from crmconnector.calls.story import Call

# How many ended channels and calls are remembered, so that late or repeated events do not raise them from the dead.
_GRAVES = 20_000


class Picture:
    def __init__(self, trunks: Collection[str]) -> None:
        self._trunks = frozenset(trunks)
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.calls: dict[str, Call] = {}  # by every Linkedid the call has had
        self.epoch = 0  # counts resyncs: a channel of an older epoch was not heard of since the list was asked
        self._names: dict[str, Channel] = {}  # Local halves, to find the other one
        self._dead_channels: OrderedDict[str, None] = OrderedDict()
        self._dead_calls: OrderedDict[str, None] = OrderedDict()

    def set_trunks(self, trunks: Collection[str]) -> None:
        self._trunks = frozenset(trunks)
        for channel in self.channels.values():
            channel.trunk = channel.endpoint in self._trunks

    def touch(
        self, facts: ami.ChannelFacts | None, at: float, out: list[CallEvent], *, seen_new: bool = False
    ) -> Channel | None:
        """The live channel that these facts are about, brought up to date; None if it has hung up already."""
        if facts is None:
            return None
        channel = self.channels.get(facts.uniqueid)
        if channel is None:
            call = self._call_of(facts, at)
            if call is None:
                return None
            channel = Channel(facts.uniqueid, call, seen_new=seen_new)
            call.channels[channel] = None
            self.channels[facts.uniqueid] = channel
        elif facts.linkedid is not None and facts.linkedid not in channel.call.aliases:
            self._follow_linkedid(channel, facts.linkedid, at, out)
        channel.epoch = self.epoch
        if facts.name is not None and facts.name != channel.name:
            self.rename(channel, facts.name)
        if facts.state is not None and facts.state > channel.state:
            channel.state = facts.state
        if facts.number is not None:
            channel.number = facts.number
        if facts.caller_name is not None:
            channel.caller_name = facts.caller_name
        if facts.restricted is not None:
            channel.restricted = facts.restricted
        if facts.connected_number is not None:
            channel.connected_number = facts.connected_number
            channel.connected_name = facts.connected_name
        if facts.exten is not None:
            channel.exten = facts.exten
        return channel

    def _call_of(self, facts: ami.ChannelFacts, at: float) -> Call | None:
        """The call of a channel that is new to us; None if its end has been told: nothing rises from the dead.

        A channel that comes under the Linkedid of an ended call is another story, under its own name.
        """
        if facts.uniqueid in self._dead_channels:
            return None
        for key in (facts.linkedid or facts.uniqueid, facts.uniqueid):
            call = self.calls.get(key)
            if call is None and key not in self._dead_calls:
                call = self.calls[key] = Call(key, at)
            if call is not None:
                return call
        return None

    def rename(self, channel: Channel, name: str) -> None:
        if self._names.get(channel.name) is channel:
            del self._names[channel.name]
        channel.rename(name)
        channel.trunk = channel.endpoint in self._trunks
        if channel.real:
            channel.call.shown = True
        elif channel.local:
            self._names[name] = channel
            other = self._names.get(local_pair_name(name) or "")
            if other is not None and channel.peer is None:
                channel.peer, other.peer = other, channel

    def _follow_linkedid(self, channel: Channel, linkedid: str, at: float, out: list[CallEvent]) -> None:
        """Channels that meet get the older Linkedid: their calls are one now."""
        other = self.calls.get(linkedid)
        if other is not None:
            self.unite(channel.call, other, at, out)
        elif linkedid not in self._dead_calls:
            channel.call.aliases.add(linkedid)
            self.calls[linkedid] = channel.call

    def unite(self, one: Call, two: Call, at: float, out: list[CallEvent]) -> None:
        if one is two:
            return
        older, younger = story.elder(one, two)
        aliases = set(younger.aliases)
        story.merge(younger, older, at, out)
        for alias in aliases:
            self.calls[alias] = older
        legs.refresh_ringing(older, at, out)

    def bridge(self, uid: str) -> Bridge:
        bridge = self.bridges.get(uid)
        if bridge is None:
            bridge = self.bridges[uid] = Bridge(uid)
        return bridge

    def move(self, channel: Channel, bridge: Bridge | None) -> None:
        """Put a channel where it is now; a bridge that this empties is forgotten."""
        old = channel.bridge
        if bridge is None:
            leave(channel)
        else:
            enter(channel, bridge)
        if old is not None and not old.members:
            self.bridges.pop(old.uid, None)

    def leave_bridge(self, channel: Channel, at: float, out: list[CallEvent]) -> None:
        bridge = channel.bridge
        if bridge is None:
            return
        self.move(channel, None)
        if channel.real:
            legs.silence(channel, at)
        if len(bridge.members) > 1:
            legs.hear(hearing(bridge), at, out)

    def remove(
        self, channel: Channel, cause: int | None, at: float, out: list[CallEvent], *, unseen: bool = False
    ) -> None:
        call = channel.call
        if channel.leg is not None:
            legs.hung_up(channel.leg, cause, at, out, unseen=unseen)
        if channel.queue is not None:
            self.queue_left(channel, at, out, abandoned=not unseen and call.answered_at is None)
        self.leave_bridge(channel, at, out)
        story.caller_gone(call, channel, cause, at)
        placing.placer_left(channel, at, out, unseen=unseen)
        channel.gone = True
        del self.channels[channel.uid]
        if self._names.get(channel.name) is channel:
            del self._names[channel.name]
        self.bury(channel.uid)
        call.channels.pop(channel, None)
        if not call.channels:
            self._finish(call, at, out, unseen=unseen)

    def _finish(self, call: Call, at: float, out: list[CallEvent], *, unseen: bool) -> None:
        story.finish(call, at, out, unseen=unseen)
        for alias in call.aliases:
            if self.calls.get(alias) is call:
                del self.calls[alias]
            _bury(self._dead_calls, alias)

    def bury(self, uid: str) -> None:
        """This channel has hung up for good."""
        _bury(self._dead_channels, uid)

    def queue_left(self, channel: Channel, at: float, out: list[CallEvent], *, abandoned: bool) -> None:
        queue, channel.queue = channel.queue, None
        channel.call.abandoned = channel.call.abandoned or abandoned
        out.append(QueueLeft(channel.call.key, at, queue or "", abandoned))


def _bury(graves: OrderedDict[str, None], name: str) -> None:
    graves[name] = None
    if len(graves) > _GRAVES:
        graves.popitem(last=False)

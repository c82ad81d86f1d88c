"""AMI events in, call events out.

`CallTracker` follows one PBX: which channels live, who dials whom, who hears whom. It does no I/O, reads no clock and
never raises: every handler sets facts instead of toggling them, so duplicates, gaps and a start in mid-call are safe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from crmconnector.asterisk import ami_events as ami
from crmconnector.calls import census, legs, story, transfers
from crmconnector.calls.events import CallEvent, CallParked, LegHeld, LegResumed
from crmconnector.calls.graph import Bridge, Channel, hearing, leave
from crmconnector.calls.picture import Picture
from crmconnector.calls.snapshot import OpenCall, snapshot


class CallTracker:
    def __init__(self, *, trunks: Collection[str]) -> None:
        """`trunks`: endpoints that are lines to the outside, e.g. `PJSIP/provider`."""
        self._picture = Picture(trunks)
        self._asked = False  # begin_resync was called
        self._listing = False  # an answer to CoreShowChannels is coming in as events
        self._listed: dict[str, ami.CoreShowChannel] = {}
        self._handlers: dict[type, Callable[[Any, list[CallEvent]], None]] = _handlers(self)

    def feed(self, event: ami.AmiEvent) -> list[CallEvent]:
        """What this event tells about calls, in the order in which it should be handled."""
        out: list[CallEvent] = []
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, out)
        return out

    def set_trunks(self, trunks: Collection[str]) -> None:
        """The trunks changed in the settings. Calls that are going on keep their direction."""
        self._picture.set_trunks(trunks)

    def open_calls(self) -> list[OpenCall]:
        """The calls that are going on, oldest first."""
        calls = {id(call): call for call in self._picture.calls.values() if call.channels and call.started}
        return [snapshot(call) for call in sorted(calls.values(), key=lambda call: call.started_at)]

    # --- resync ---

    def begin_resync(self, at: float) -> None:
        """CoreShowChannels is being asked now, and events will be fed before its answer: they are newer than that.

        Without this call `resync` takes the list for the newest news.
        """
        del at
        self._picture.epoch += 1
        self._asked = True

    def resync(self, channels: Sequence[ami.CoreShowChannel], at: float, *, complete: bool = True) -> list[CallEvent]:
        """Make the picture agree with the list of live channels. `complete=False`: lines are missing, so end nothing.

        Unknown channels are taken in (a phone that still rings is told, one that talks is told as answered without
        ringing); known ones that are not listed have ended unseen. What events told since `begin_resync` stands.
        """
        if not self._asked:
            self._picture.epoch += 1
        self._asked = self._listing = False
        return self._agree(channels, at, complete)

    def _agree(self, channels: Sequence[ami.CoreShowChannel], at: float, complete: bool) -> list[CallEvent]:
        """Take the listed in before the missing end: a call that lost one channel and won another goes on."""
        out: list[CallEvent] = []
        listed = {line.channel.uniqueid: line for line in channels}
        changed = self._take_in(sorted(listed.values(), key=census.order), at, out)
        if complete:
            self._end_missing(listed, at, out)
        found = [channel for channel, _ in changed]
        census.find_callers(found, at, out)
        census.guess_dialers(found)
        for channel, line in changed:
            census.settle(channel, line, at, out)
        for bridge in {channel.bridge: None for channel, _ in changed}:
            if bridge is not None:
                legs.hear(hearing(bridge), at, out)
        return out

    def _take_in(
        self, lines: list[ami.CoreShowChannel], at: float, out: list[CallEvent]
    ) -> list[tuple[Channel, ami.CoreShowChannel]]:
        """The listed channels of which nothing newer was heard, put where the list says they are."""
        changed: list[tuple[Channel, ami.CoreShowChannel]] = []
        for line in lines:
            known = self._picture.channels.get(line.channel.uniqueid)
            if known is not None and known.epoch == self._picture.epoch:
                continue
            channel = self._picture.touch(line.channel, at, out)
            if channel is None:
                continue
            changed.append((channel, line))
            census.take_role(channel, line)
            bridge = self._picture.bridge(line.bridge) if line.bridge is not None else None
            if bridge is not None:
                bridge.holding = bridge.holding or census.holds(line)
            self._picture.move(channel, bridge)
        return changed

    def _end_missing(self, listed: Collection[str], at: float, out: list[CallEvent]) -> None:
        for uid, channel in list(self._picture.channels.items()):
            if uid not in listed and channel.epoch < self._picture.epoch:
                self._picture.remove(channel, None, at, out, unseen=True)

    # --- handlers: channels ---

    def _on_new_channel(self, event: ami.NewChannel, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out, seen_new=True)
        if channel is not None:
            census.begins_alone(channel)
            self._stir(channel, event.at, out)

    def _on_state(self, event: ami.NewState, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is not None:
            self._stir(channel, event.at, out)

    def _on_identity(self, event: ami.NewCallerid | ami.NewConnectedLine, out: list[CallEvent]) -> None:
        """Of a channel we do not know this may be the echo of one that hung up in a gap: it must not come to life."""
        if event.channel.uniqueid in self._picture.channels:
            channel = self._picture.touch(event.channel, event.at, out)
            if channel is not None:
                self._stir(channel, event.at, out)

    def _stir(self, channel: Channel, at: float, out: list[CallEvent]) -> None:
        """A channel's state or numbers changed: is it a caller who just came in, or a leg that rings now?"""
        if not channel.real:
            return
        if channel.leg is None:
            census.guess_role(channel, at, out)
        if channel.leg is not None:
            legs.progress(channel, at, out)
        elif channel is channel.call.caller_channel and channel.call.caller.number is None:
            story.learn_caller(channel.call)
            story.tell_changes(channel.call, at, out)

    def _on_rename(self, event: ami.Rename, out: list[CallEvent]) -> None:
        channel = self._picture.channels.get(event.uniqueid)
        if channel is not None:
            self._picture.rename(channel, event.name)
            legs.refresh_ringing(channel.call, event.at, out)

    def _on_hangup(self, event: ami.Hangup, out: list[CallEvent]) -> None:
        if event.channel.uniqueid not in self._picture.channels:
            self._picture.bury(event.channel.uniqueid)
            return
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is not None:
            self._picture.remove(channel, event.cause, event.at, out)

    def _on_hangup_request(self, event: ami.HangupRequest, out: list[CallEvent]) -> None:
        del out
        channel = self._picture.channels.get(event.channel.uniqueid)
        if channel is not None:
            channel.ending = True

    def _on_local_bridge(self, event: ami.LocalBridge, out: list[CallEvent]) -> None:
        one, two = self._picture.touch(event.one, event.at, out), self._picture.touch(event.two, event.at, out)
        if one is not None and two is not None and one is not two:
            one.peer, two.peer = two, one

    def _on_hold(self, event: ami.Hold | ami.Unhold, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        held = isinstance(event, ami.Hold)
        if channel is None or channel.held == held or not channel.real:
            return
        if not held:
            self._resumed(channel, event.at, out)
            return
        channel.held = True
        story.start(channel.call, event.at, out)
        out.append(LegHeld(channel.call.key, event.at, channel.uid, channel.endpoint))

    def _resumed(self, channel: Channel, at: float, out: list[CallEvent]) -> None:
        """Told by Unhold; not so of one that a redirect takes out of a consultation into a conference."""
        channel.held = False
        story.start(channel.call, at, out)
        out.append(LegResumed(channel.call.key, at, channel.uid, channel.endpoint))

    # --- handlers: dials ---

    def _on_dial_begin(self, event: ami.DialBegin, out: list[CallEvent]) -> None:
        source = self._picture.touch(event.source, event.at, out)
        dest = self._picture.touch(event.dest, event.at, out)
        if dest is None or dest is source:
            return
        if source is not None:
            if dest.dialer is not source:
                self._dial_edge(source, dest, event.at, out)
        elif event.source is None:
            census.rooted(dest, event)
        else:  # who dials has hung up already: nothing better will come
            dest.dialled, dest.seen_new = True, False
        dest.dial_status, dest.guessed = None, False  # what an earlier dial of it came to is history
        if dest.real:
            legs.dialled(dest, event.at, out)
            legs.progress(dest, event.at, out)

    def _dial_edge(self, source: Channel, dest: Channel, at: float, out: list[CallEvent]) -> None:
        moved = dest.dialer is not None
        if census.is_caller(dest):  # it called in by itself and is now dialled: it picks the call up
            census.picked_up(dest, source.call)
        dest.dialled = True
        dest.dialer = source
        self._picture.unite(source.call, dest.call, at, out)
        if moved:
            legs.refresh_ringing(dest.call, at, out)

    def _on_dial_state(self, event: ami.DialState, out: list[CallEvent]) -> None:
        self._picture.touch(event.source, event.at, out)
        dest = self._picture.touch(event.dest, event.at, out)
        if dest is None:
            return
        if event.status == "RINGING" and dest.state < ami.RINGING:
            dest.state = ami.RINGING
        self._stir(dest, event.at, out)

    def _on_dial_end(self, event: ami.DialEnd, out: list[CallEvent]) -> None:
        source = self._picture.touch(event.source, event.at, out)
        dest = self._picture.touch(event.dest, event.at, out)
        if dest is None or dest is source:
            return
        unsure = dest.dialer is None or (dest.guessed and dest.dialer is not source)
        if source is not None and unsure and not dest.rooted:  # its DialBegin was lost
            self._dial_edge(source, dest, event.at, out)
        dest.dialled = True
        dest.dial_status = dest.dial_status or event.status  # a queue tells a time-out first, and then a cancel too
        dest.forwarded = dest.forwarded or event.forward is not None
        self._stir(dest, event.at, out)
        if event.status == "CANCEL" and dest.leg is not None:
            legs.cancelled(dest.leg, event.at, out)

    def _on_pickup(self, event: ami.Pickup, out: list[CallEvent]) -> None:
        picker = self._picture.touch(event.channel, event.at, out)
        target = self._picture.touch(event.target, event.at, out)
        if picker is None or target is None or picker is target or not picker.real or picker.leg is not None:
            return
        census.picked_up(picker, target.call)
        picker.dialled = True
        picker.dialer = target.dialer
        self._picture.unite(target.call, picker.call, event.at, out)
        legs.dialled(picker, event.at, out)
        legs.progress(picker, event.at, out)

    # --- handlers: bridges ---

    def _on_bridge_enter(self, event: ami.BridgeEnter, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is None:
            return
        bridge = self._picture.bridge(event.bridge)
        bridge.holding = event.technology == "holding_bridge" or event.kind == "parking"
        bridge.basic = event.kind == "basic"
        swapped = self._picture.channels.get(event.swap) if event.swap is not None else None
        if swapped is not None and swapped.bridge is bridge and swapped is not channel:
            leave(swapped)
        self._picture.move(channel, bridge)
        if channel.held and not bridge.basic and not bridge.holding:
            self._resumed(channel, event.at, out)
        if channel.real and channel.leg is None:
            census.guess_role(channel, event.at, out)
        if len(bridge.members) > 1:
            if bridge.basic:
                self._unite_bridge(bridge, event.at, out, swapped=event.swap is not None)
            legs.hear(hearing(bridge), event.at, out)
        if channel.local:
            legs.refresh_ringing(channel.call, event.at, out)

    def _unite_bridge(self, bridge: Bridge, at: float, out: list[CallEvent], *, swapped: bool) -> None:
        """In a two-party bridge Asterisk gives all the oldest Linkedid, but tells it only with their next event."""
        members = list(bridge.members)
        for member in members[1:]:
            self._picture.unite(members[0].call, member.call, at, out)
        for member in members:
            if not swapped and census.took_over(member):  # who takes another's place in the bridge was put through
                census.picked_up(member, member.call)

    def _on_bridge_leave(self, event: ami.BridgeLeave, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is not None and channel.bridge is not None and channel.bridge.uid == event.bridge:
            self._picture.leave_bridge(channel, event.at, out)

    # --- handlers: queues ---

    def _on_queue_join(self, event: ami.QueueCallerJoin | ami.AgentCalled, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is None or channel.queue == event.queue:
            return
        census.enter_queue(channel, event.queue, event.at, out)

    def _on_queue_leave(self, event: ami.QueueCallerLeave, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is not None and channel.queue is not None:
            self._picture.queue_left(channel, event.at, out, abandoned=False)

    def _on_queue_abandon(self, event: ami.QueueCallerAbandon, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is None:
            return
        if channel.gave_up_at is None:
            channel.gave_up_at = event.at
        channel.call.abandoned = True
        if channel.queue is not None:
            self._picture.queue_left(channel, event.at, out, abandoned=True)

    # --- handlers: transfers ---

    def _on_blind_transfer(self, event: ami.BlindTransfer, out: list[CallEvent]) -> None:
        transferer = self._picture.touch(event.transferer, event.at, out)
        transferee = self._picture.touch(event.transferee, event.at, out)
        if transferer is not None and event.succeeded:
            story.start(transferer.call, event.at, out)
            transfers.note_blind(event, transferer, transfers.party(transferee), out)

    def _on_attended_transfer(self, event: ami.AttendedTransfer, out: list[CallEvent]) -> None:
        first = self._picture.touch(event.first, event.at, out)
        second = self._picture.touch(event.second, event.at, out)
        transferee = self._picture.touch(event.transferee, event.at, out)
        target = self._picture.touch(event.target, event.at, out)
        if first is None or second is None or not event.succeeded:
            return
        self._picture.unite(first.call, second.call, event.at, out)
        bridge = self._picture.bridges.get(event.bridge) if event.bridge is not None else None
        one = transfers.party(transferee) or first.partner
        other = transfers.party(target) or transfers.put_together(bridge, one, second)
        story.start(first.call, event.at, out)
        transfers.note_attended(event, first.call, first, second, one, other, out)
        legs.refresh_ringing(first.call, event.at, out)

    def _on_parked(self, event: ami.ParkedCall, out: list[CallEvent]) -> None:
        channel = self._picture.touch(event.channel, event.at, out)
        if channel is not None:
            story.start(channel.call, event.at, out)
            out.append(CallParked(channel.call.key, event.at, event.place))

    # --- handlers: the PBX itself ---

    def _on_fully_booted(self, event: ami.FullyBooted, out: list[CallEvent]) -> None:
        """The first event after a login. The list of channels may follow as events; what is told till then is newer."""
        del event, out
        self._start_list()

    def _start_list(self) -> None:
        self._picture.epoch += 1
        self._listing = True
        self._listed = {}

    def _on_shutdown(self, event: ami.Shutdown, out: list[CallEvent]) -> None:
        for channel in list(self._picture.channels.values()):
            self._picture.remove(channel, None, event.at, out, unseen=True)

    def _on_listed(self, event: ami.CoreShowChannel, out: list[CallEvent]) -> None:
        del out
        if not self._listing:
            self._start_list()
        self._listed[event.channel.uniqueid] = event

    def _on_list_complete(self, event: ami.CoreShowChannelsComplete, out: list[CallEvent]) -> None:
        if not self._listing:  # the same answer twice: the list is empty by now and must end nothing
            return
        self._listing = False
        complete = event.items is None or len(self._listed) >= event.items
        out.extend(self._agree(list(self._listed.values()), event.at, complete))


def _handlers(tracker: CallTracker) -> dict[type, Callable[[Any, list[CallEvent]], None]]:
    return {
        ami.NewChannel: tracker._on_new_channel,
        ami.NewState: tracker._on_state,
        ami.NewCallerid: tracker._on_identity,
        ami.NewConnectedLine: tracker._on_identity,
        ami.DialBegin: tracker._on_dial_begin,
        ami.DialState: tracker._on_dial_state,
        ami.DialEnd: tracker._on_dial_end,
        ami.BridgeEnter: tracker._on_bridge_enter,
        ami.BridgeLeave: tracker._on_bridge_leave,
        ami.Hangup: tracker._on_hangup,
        ami.HangupRequest: tracker._on_hangup_request,
        ami.LocalBridge: tracker._on_local_bridge,
        ami.Rename: tracker._on_rename,
        ami.Hold: tracker._on_hold,
        ami.Unhold: tracker._on_hold,
        ami.QueueCallerJoin: tracker._on_queue_join,
        ami.QueueCallerLeave: tracker._on_queue_leave,
        ami.QueueCallerAbandon: tracker._on_queue_abandon,
        ami.AgentCalled: tracker._on_queue_join,
        ami.BlindTransfer: tracker._on_blind_transfer,
        ami.AttendedTransfer: tracker._on_attended_transfer,
        ami.Pickup: tracker._on_pickup,
        ami.ParkedCall: tracker._on_parked,
        ami.FullyBooted: tracker._on_fully_booted,
        ami.Shutdown: tracker._on_shutdown,
        ami.CoreShowChannel: tracker._on_listed,
        ami.CoreShowChannelsComplete: tracker._on_list_complete,
    }

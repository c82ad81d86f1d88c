"""Who is what: which channel called in, which is being dialled, which was dialled by Asterisk itself.

Events say so when we hear all of them. After a reconnect, or when we come into the middle, the signs are: the state
(Ring is a caller, Ringing a phone that rings), the Uniqueid (equal to the Linkedid: the first of its call) and the
application it runs.
"""

from __future__ import annotations

import re

from crmconnector.asterisk.ami_events import DOWN, RING, RINGING, UP, CoreShowChannel, DialBegin
from crmconnector.calls import legs, placing, story
from crmconnector.calls.events import CallEvent, QueueEntered
from crmconnector.calls.graph import Channel, age
from crmconnector.calls.story import Call, Leg

_DIALLED_APPLICATIONS = frozenset({"AppDial", "AppDial2", "AppQueue"})
_HOLDING_APPLICATIONS = frozenset({"Park", "ParkAndAnnounce"})
# What our own dialplan does on a Local channel without calling anybody; see deploy/asterisk. Whatever its context is
# called there, the extension is ours.
_ERRANDS = ("Local/dnd@",)
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)


def order(line: CoreShowChannel) -> tuple[int, int]:
    """Oldest channel first: a caller before the phones that ring for him."""
    return age(line.channel.uniqueid) or (0, 0)


def holds(line: CoreShowChannel) -> bool:
    return line.application in _HOLDING_APPLICATIONS


def is_caller(channel: Channel) -> bool:
    call = channel.call
    return channel is call.caller_channel and channel.leg is None and not call.originated


def guess_role(channel: Channel, at: float, out: list[CallEvent]) -> None:
    """Give a real channel without a role one, as soon as there is a sign."""
    call = channel.call
    if not channel.real or channel.leg is not None or channel is call.caller_channel:
        return
    if channel.dialled:
        legs.dialled(channel, at, out)
    elif channel.state == RINGING:
        channel.dialled = True
        if channel.uid == call.key and not call.started:
            _rooted(channel)
        legs.dialled(channel, at, out)
    elif call.caller_channel is None and not call.originated and _may_have_called(channel):
        _called_in(channel, at, out)
    elif channel.bridge is not None and not channel.called:
        _quietly(channel, at, out)


def _may_have_called(channel: Channel) -> bool:
    return channel.state == RING or (channel.state == UP and channel.uid == channel.call.key)


def _called_in(channel: Channel, at: float, out: list[CallEvent]) -> None:
    call = channel.call
    call.caller_channel = channel
    channel.called = True
    if channel.trunk and not call.direction_settled:
        call.direction = "inbound"
        call.direction_settled = True
    if call.dialled is None and story.is_number(channel.exten):
        call.dialled = channel.exten
    story.start(call, at, out)
    story.learn_caller(call)
    story.tell_changes(call, at, out)
    placing.placed_by(channel, at, out)


def _quietly(channel: Channel, at: float, out: list[CallEvent]) -> None:
    """A leg that we found talking: its ringing is long past and must not open a card."""
    channel.dialled = True
    legs.dialled(channel, at, out)
    if channel.leg is not None and channel.leg.first:
        legs.announce(channel.leg, at, out)
    elif channel.leg is not None:
        legs.rang_before(channel.leg)


def rooted(channel: Channel, event: DialBegin) -> None:
    """Asterisk itself dials this channel: the start of a call that it originates."""
    channel.dialled = True
    if channel.dialer is not None or channel.rooted:
        return
    if channel.call.started:  # an application dials for a caller who is known already
        channel.seen_new = False  # and no better DialBegin will come: do not wait for one
        return
    _rooted(channel)
    if channel.real:
        channel.own_number = _number_in(event.dial_string) or _number_in(channel.endpoint)


def begins_alone(channel: Channel) -> None:
    """Nobody but Asterisk itself begins a call with a Local channel."""
    first = channel.uid == channel.call.key and not channel.call.started
    if first and channel.local and channel.name.endswith(";1"):
        _rooted(channel)


def _rooted(channel: Channel) -> None:
    channel.rooted = True
    channel.call.originated = True
    channel.call.shown = channel.call.shown or not channel.name.startswith(_ERRANDS)


def _number_in(address: str | None) -> str | None:
    """`1001`, `0612345678@trunk`, `trunk/sip:0612345678@host`, `PJSIP/1001`: the number in there, if there is one."""
    if address is None:
        return None
    user = address.rsplit("sip:", 1)[-1].split("@", 1)[0].rsplit("/", 1)[-1]
    return user if _NUMBER.fullmatch(user) else None


def took_over(channel: Channel) -> bool:
    """It called in by itself, reached nobody, and its call became part of an older one: a parked caller taken back."""
    nobody_yet = channel.partner is None and channel.leg is None
    return channel.real and channel.called and nobody_yet and channel is not channel.call.caller_channel


def picked_up(channel: Channel, call: Call) -> None:
    """This channel called in by itself and takes over `call`: from a phone that rings, or from where it is parked."""
    call.picked_up = call.picked_up or call.answered_at is None
    channel.dialled = True
    if channel.leg is None:
        channel.leg = Leg(channel)
        channel.leg.picked_up = True
        channel.call.legs[channel.uid] = channel.leg


def take_role(channel: Channel, line: CoreShowChannel) -> None:
    """Who was dialled, by the application it runs or by its place: only the first channel of a call can have called."""
    if line.application == "AppDial2" and channel.uid == channel.call.key and not channel.call.started:
        _rooted(channel)
    begins_alone(channel)
    if channel.leg is not None or not channel.real or is_caller(channel):
        return
    if line.application in _DIALLED_APPLICATIONS or (channel.uid != channel.call.key and channel.state != RING):
        channel.dialled = True


def find_callers(found: list[Channel], at: float, out: list[CallEvent]) -> None:
    """Whoever called in, before anything is told of the phones that ring for them."""
    for channel in found:
        if channel.real and not channel.dialled and _may_have_called(channel):
            guess_role(channel, at, out)


def guess_dialers(found: list[Channel]) -> None:
    """Who dials whom, as near as a list of channels tells: it names no dialler. `found` comes oldest first.

    A half `;2` dials for whoever dialled its half `;1`. With a caller there is one pair of halves for each phone, made
    just before its channel. Without one (Asterisk began the call) the pairs dial one another, each the next younger.
    """
    free = [channel for channel in found if channel.local and channel.name.endswith(";2") and channel.peer is not None]
    for channel in found:
        call = channel.call
        if channel.dialer is not None or channel.rooted or not _is_dialled(channel):
            continue
        if channel.real or call.originated:
            half = next((half for half in free if half.call is call and _younger(channel, half)), None)
            if half is not None:
                free.remove(half)
                channel.dialer = half
        channel.dialer = channel.dialer or _shown_by(channel)
        channel.guessed = True


def _is_dialled(channel: Channel) -> bool:
    return channel.dialled if channel.real else channel.local and channel.name.endswith(";1")


def _younger(one: Channel, two: Channel) -> bool:
    return (age(one.uid) or (0, 0)) > (age(two.uid) or (0, 0))


def _shown_by(channel: Channel) -> Channel | None:
    """The party of its call whose number this channel has on its display; else the caller, or what Asterisk dialled."""
    call = channel.call
    parties = [one for one in call.channels if one.real and one is not channel and one.state in (RING, UP)]
    named = [one for one in parties if one.number is not None and one.number == channel.connected_number]
    if len(named) == 1:
        return named[0]
    if call.caller_channel is None:
        root = next((one for one in call.channels if one.rooted), None)
        # Until the first phone has answered, everything is dialled behind the pair that Asterisk made.
        return root.peer if root is not None and root.peer is not None and root.state != UP else root
    return None if call.caller_channel is channel else call.caller_channel


def settle(channel: Channel, line: CoreShowChannel, at: float, out: list[CallEvent]) -> None:
    """After a resync: roles for all, the ringing told once, those who talk already only when they are heard."""
    if not channel.real:
        return
    left_over = channel.uid != channel.call.key and len(channel.call.channels) == 1  # nobody dials it any more
    if channel.leg is None and channel.dialled and (channel.state == UP or left_over):
        _quietly(channel, at, out)
    else:
        guess_role(channel, at, out)
    legs.progress(channel, at, out)
    if channel.state != DOWN:  # one that is only being made may still turn out to be dialled by Asterisk itself
        story.start(channel.call, at, out)
    story.tell_changes(channel.call, at, out)
    queue = _waits_in(line)
    if queue is not None and channel.queue is None:
        enter_queue(channel, queue, at, out)


def _waits_in(line: CoreShowChannel) -> str | None:
    """The queue in whose music this channel is: `Queue` runs, and nobody is bridged with it."""
    if line.application != "Queue" or line.bridge is not None or line.application_data is None:
        return None
    return line.application_data.split(",", 1)[0].strip() or None


def enter_queue(channel: Channel, queue: str, at: float, out: list[CallEvent]) -> None:
    channel.queue = queue
    guess_role(channel, at, out)
    story.start(channel.call, at, out)
    out.append(QueueEntered(channel.call.key, at, queue))

"""The legs of a call: when a phone's ringing, answer and end are told, and whom it should see at the other end."""

from __future__ import annotations

from dataclasses import replace

from crmconnector.asterisk.ami_events import RINGING, UP
from crmconnector.calls import placing
from crmconnector.calls.events import (
    CallAnswered,
    CallEvent,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegOutcome,
    LegPlaced,
    LegRinging,
    Party,
)
from crmconnector.calls.graph import (
    Channel,
    answered_through,
    dial_root,
    party_behind,
    party_of,
    party_on_display,
    queue_of,
)
from crmconnector.calls.story import (
    Call,
    Leg,
    is_number,
    learn_caller,
    leg_outcome,
    settle_direction,
    start,
    tell_changes,
)
from crmconnector.calls.transfers import settle_transfers


def dialled(channel: Channel, at: float, out: list[CallEvent]) -> None:
    """A real channel is being dialled: it is a leg from now on. Tells the call's start and what we learn about it."""
    call = channel.call
    leg = channel.leg
    if leg is None:
        leg = channel.leg = Leg(channel)
        call.legs[channel.uid] = leg
    leg.first = call.originated and _is_callers_own(channel)
    if leg.first and call.caller_channel is None:
        call.caller_channel = channel
    settle_direction(call, leg)
    if not leg.first and call.dialled is None:
        call.dialled = _dialled_number(channel)
    start(call, at, out)
    learn_caller(call)
    tell_changes(call, at, out)
    placing.tell_the_placer(call, at, out)


def _is_callers_own(channel: Channel) -> bool:
    """In a call that Asterisk started: is this leg dialled by the originate itself, not by what runs after its answer?

    Through a Local channel the first phone is dialled behind the `;2` half, the second by the `;1` half itself.
    """
    if channel.rooted:
        return True
    root = dial_root(channel)
    if root.real:
        return False
    dialer: Channel | None = channel.dialer
    if not root.rooted or dialer is None:
        return False
    return root.state != UP or not _dialled_by_half(channel, root)  # the second comes only after the first's answer


def _dialled_by_half(channel: Channel, root: Channel) -> bool:
    seen: set[Channel] = set()
    current: Channel | None = channel
    while current is not None and current not in seen:
        seen.add(current)
        up = current.dialer
        if up is root:
            return True
        current = up.peer if up is not None else None
    return False


def _dialled_number(channel: Channel) -> str | None:
    """Dial() gives the leg the dialled extension as its own number; else the extension that its dialler is in."""
    if channel.call.originated:
        return channel.number if is_number(channel.number) else None
    caller = channel.call.caller_channel
    if caller is not None and is_number(caller.exten):
        return caller.exten
    return None


def progress(channel: Channel, at: float, out: list[CallEvent]) -> None:
    """Tell that a leg rings, as soon as it does *and* we know who dials it.

    Ringing may come before DialBegin: then we wait for that. A leg that we met half-way gets no DialBegin any more.
    """
    leg = channel.leg
    if leg is None or leg.announced or leg.ended or channel.state not in (RINGING, UP):
        return
    if channel.dialer is None and not channel.rooted and channel.seen_new and channel.state == RINGING:
        return
    announce(leg, at, out)


def announce(leg: Leg, at: float, out: list[CallEvent]) -> None:
    channel, call = leg.channel, leg.call
    dialled(channel, at, out)
    leg.announced = True
    leg.queue = queue_of(channel)
    leg.rang_for = _far_while_ringing(leg)
    _see(leg, leg.rang_for)
    if leg.far.number is None:
        leg.far = party_on_display(channel, leg.far.endpoint)
    if leg.first:
        out.append(LegPlaced(call.key, at, channel.uid, channel.endpoint, leg.far, rung=True))
        return
    call.caller_settled = True
    out.append(LegRinging(call.key, at, channel.uid, channel.endpoint, leg.far, leg.queue, call.dialled, leg.picked_up))


def rang_before(leg: Leg) -> None:
    """Its ringing was before our time: for whom, as far as we can tell, and nothing is told of it."""
    leg.announced = True
    leg.rang_for = _far_while_ringing(leg)


def _far_while_ringing(leg: Leg) -> Channel | None:
    channel = leg.channel
    if channel.dialer is not None:
        found = party_behind(channel.dialer)
    else:
        found = None if leg.first else leg.call.caller_channel
    return None if found is channel or found is None or found.gone else found


def _see(leg: Leg, far: Channel | None) -> bool:
    """Point the leg at its far party; True if what the phone's user should see is now different.

    A known number is never replaced by an unknown one of the same party: transfers wipe connected lines to `<unknown>`.
    """
    if far is None:
        return False
    party = party_of(far)
    if leg.first and far.trunk and leg.call.dialled is not None and not leg.call.transfers:
        party = replace(party, number=leg.call.dialled)  # what was sent to the carrier may have another form
    if party.number is None and far is leg.far_channel:
        party = replace(party, number=leg.far.number)
    before = leg.far
    leg.far_channel = far
    leg.far = party
    return _identity(before) != _identity(party)


def _identity(party: Party) -> tuple[str | None, str | None]:
    return (party.endpoint, party.number)


def refresh_ringing(call: Call, at: float, out: list[CallEvent]) -> None:
    """The graph changed under ringing legs (a transfer of a call that still rings): they may ring for another now."""
    for leg in call.legs.values():
        if leg.announced and not leg.answered and not leg.ended:
            leg.rang_for = _far_while_ringing(leg)
            if _see(leg, leg.rang_for):
                out.append(LegChanged(call.key, at, leg.channel.uid, leg.channel.endpoint, leg.far))


def hear(parties: list[Channel], at: float, out: list[CallEvent]) -> None:
    """These real parties hear each other now."""
    if len(parties) < 2:
        return
    for channel in parties:
        other = next(party for party in parties if party is not channel)
        if channel.partner is None or channel.partner not in parties:
            channel.partner = other
        own = channel.leg or channel.placed
        if own is not None:
            _connect(own, parties, other, at, out)
    for channel in parties:
        call = channel.call
        if call.answered_at is None:
            _answer(call, parties, at, out)
        if channel is call.caller_channel:
            call.talked_with.update((party.endpoint, None) for party in parties if party is not channel)
        if call.transfers:
            settle_transfers(call, parties)
        call.talk_ended_at = None


def _connect(leg: Leg, parties: list[Channel], other: Channel, at: float, out: list[CallEvent]) -> None:
    if leg.ended:
        return
    if not leg.announced:
        announce(leg, at, out)
    call, channel = leg.call, leg.channel
    far = leg.far_channel if leg.far_channel in parties or _own_consultation(leg, other) else other
    changed = _see(leg, far)
    if not leg.answered:
        leg.answered = True
        out.append(LegAnswered(call.key, at, channel.uid, channel.endpoint, leg.far))
    elif changed:
        out.append(LegChanged(call.key, at, channel.uid, channel.endpoint, leg.far))


def _own_consultation(leg: Leg, other: Channel) -> bool:
    """Does this party ask a third before handing over (a transfer by feature code)? Its card stays with the first."""
    if other.leg is None or other.leg.rang_for is not leg.channel:
        return False
    if leg.first and (leg.far_channel is None or leg.far_channel.gone):  # whom it called is no third
        return False
    return all(note.one is not leg.channel for note in leg.call.transfers)


def _answer(call: Call, parties: list[Channel], at: float, out: list[CallEvent]) -> None:
    """The first audio of this call. Who answered: a leg of it, else (conference, start in mid-call) whoever is in."""
    others = [party for party in parties if party is not call.caller_channel and not (party.leg and party.leg.first)]
    own = [party for party in others if party.call is call and party.leg is not None]
    if not (own or others):
        return
    winner = (own or others)[0]
    start(call, at, out)
    call.answered_at = at
    call.answered_by = winner.endpoint
    out.append(CallAnswered(call.key, at, winner.uid, winner.endpoint))


def silence(channel: Channel, at: float) -> None:
    """This channel left a bridge: if its call was talking, that may be over; `hear` says so if it is not."""
    call = channel.call
    if channel.partner is not None and call.answered_at is not None and call.talk_ended_at is None:
        call.talk_ended_at = at


def cancelled(leg: Leg, at: float, out: list[CallEvent]) -> None:
    """Dial() gave this leg up. If another leg took the call say so at once: the phone's card must close now.

    If nobody is known to have taken it, its hang-up, some milliseconds away, tells why.
    """
    winner = taker(leg)
    if winner is not None and leg.channel.state != UP:
        end(leg, "elsewhere", winner.channel.endpoint, at, out)


def taker(leg: Leg) -> Leg | None:
    """The other leg of the same dial that has taken the call."""
    root = dial_root(leg.channel)
    rivals = [
        rival
        for rival in leg.call.legs.values()
        if rival is not leg
        and rival.channel is not root  # the caller's own phone in a call that Asterisk started
        and rival.channel.state == UP
        and dial_root(rival.channel) is root
    ]
    for rival in rivals:
        if rival.answered or rival.picked_up:  # who picks a call up is through at once, the halves between follow
            return rival
    return next((rival for rival in rivals if answered_through(rival.channel)), None)


def hung_up(leg: Leg, cause: int | None, at: float, out: list[CallEvent], *, unseen: bool) -> None:
    """The leg's channel is gone. `unseen`: it went while we were not connected, so nothing tells why."""
    if leg.ended:
        return
    winner = None if leg.answered else taker(leg)
    outcome = leg_outcome(leg, cause, taken=winner is not None or _replaced(leg, cause))
    if unseen and outcome not in ("answered", "elsewhere"):
        outcome = "unseen"
    answered_by = winner.channel.endpoint if winner is not None and outcome == "elsewhere" else None
    end(leg, outcome, answered_by, at, out)


def _replaced(leg: Leg, cause: int | None) -> bool:
    """A ringing phone hung up though nobody ended its dial and who dials is still there: another took its place.

    That is how INVITE with Replaces looks; the event that names the taker comes after it.
    """
    channel = leg.channel
    dialer = channel.dialer
    known = dialer is not None and not dialer.gone and not dialer.ending and not channel.guessed
    return known and leg.announced and channel.dial_status is None and cause in (0, 16) and not leg.first


def end(leg: Leg, outcome: LegOutcome, answered_by: str | None, at: float, out: list[CallEvent]) -> None:
    if leg.ended:
        return
    leg.ended = True
    call, channel = leg.call, leg.channel
    call.legs.pop(channel.uid, None)
    if not channel.forwarded:  # the phone sent the call elsewhere: that leg says nothing about how the call ended
        (call.first_outcomes if leg.first else call.outcomes).add(outcome)
    start(call, at, out)
    out.append(LegEnded(call.key, at, channel.uid, channel.endpoint, outcome, answered_by, leg.announced))

"""The phone that began a call: its own end, which nobody dials.

It is kept apart from the dialled legs: these say how the call goes, it only takes part. In a call that Asterisk started
the phone that it rang first is a dialled leg and the own end in one.
"""

from __future__ import annotations

from crmconnector.asterisk.ami_events import UP
from crmconnector.calls.events import (
    CallDisposition,
    CallEvent,
    LegChanged,
    LegEnded,
    LegOutcome,
    LegPlaced,
    Party,
)
from crmconnector.calls.graph import Channel
from crmconnector.calls.story import Call, Leg, disposition_of


def placed_by(channel: Channel, at: float, out: list[CallEvent]) -> None:
    """A phone of ours called in."""
    if channel.trunk or channel.placed is not None:
        return
    own = channel.placed = Leg(channel)
    own.first = own.announced = True
    own.far = Party(None, channel.call.dialled, None)
    out.append(LegPlaced(own.call.key, at, channel.uid, channel.endpoint, own.far))


def own_end(call: Call) -> Leg | None:
    """Of the phone that began the call."""
    channel = call.caller_channel
    if channel is None:
        return None
    return channel.placed if channel.leg is None else channel.leg if channel.leg.first else None


def tell_the_placer(call: Call, at: float, out: list[CallEvent]) -> None:
    """What it wants may be known later than that it calls: in a call that Asterisk started, by the second dial."""
    own = own_end(call)
    if own is None or call.dialled is None or not own.announced or own.answered or own.ended:
        return
    if own.far.number != call.dialled:
        own.far = Party(None, call.dialled, None)
        out.append(LegChanged(call.key, at, own.channel.uid, own.channel.endpoint, own.far))


def placer_left(channel: Channel, at: float, out: list[CallEvent], *, unseen: bool) -> None:
    """The phone that began a call by itself has hung up; one that Asterisk rang first ends as every dialled leg."""
    own = channel.placed
    if own is None or own.ended or channel.leg is not None:
        return
    own.ended = True
    outcome = _outcome_for_placer(own, unseen=unseen)
    out.append(LegEnded(own.call.key, at, channel.uid, channel.endpoint, outcome, None))


def _outcome_for_placer(own: Leg, *, unseen: bool) -> LegOutcome:
    if own.answered:
        return "answered"
    if unseen:
        return "unseen"
    if own.call.answered_at is not None or (own.channel.state == UP and not own.call.outcomes):
        return "answered_unconnected"  # a consultation that became part of another call; a menu, voicemail
    return _PLACERS_OUTCOME.get(disposition_of(own.call), "cancelled")


_PLACERS_OUTCOME: dict[CallDisposition, LegOutcome] = {
    "busy": "busy",
    "rejected": "rejected",
    "no_answer": "no_answer",
    "failed": "failed",
}

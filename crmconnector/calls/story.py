"""A call as a person would tell it: how it starts, what is learned about it, how two become one, how it ends."""

from __future__ import annotations

from crmconnector.asterisk.ami_events import UP
from crmconnector.calls.events import (
    CallChanged,
    CallDisposition,
    CallEnded,
    CallEvent,
    CallMerged,
    CallStarted,
    Direction,
    LegOutcome,
    Party,
    Transfer,
    TransferKind,
)
from crmconnector.calls.graph import Channel, age, party_of

NOBODY = Party(None, None, None)
# Extensions that Asterisk uses when nothing was dialled.
_NOT_DIALLED = frozenset({"s", "h", "i", "t", "failed"})
# Q.850: unallocated, no route, out of order, no circuit, network trouble, … : the call could not be placed.
_FAILED_CAUSES = frozenset({1, 2, 3, 6, 20, 22, 27, 28, 29, 34, 38, 41, 42, 44, 50, 58, 65, 69, 79, 88, 96})
_LEAVES_WITHIN_SECONDS = 1.0  # a caller who hangs up in a queue is gone in some milliseconds
# What one leg's end means for the whole call, the weightiest first: a caller who gave up decided it himself.
_WEIGHT: tuple[tuple[LegOutcome, CallDisposition], ...] = (
    ("cancelled", "cancelled"),
    ("no_answer", "no_answer"),
    ("answered_unconnected", "no_answer"),
    ("elsewhere", "no_answer"),
    ("rejected", "rejected"),
    ("busy", "busy"),
    ("failed", "failed"),
)


class Leg:
    """A dialled real channel: a phone, or a line to the outside."""

    __slots__ = (
        "announced",
        "answered",
        "call",
        "channel",
        "ended",
        "far",
        "far_channel",
        "first",
        "picked_up",
        "queue",
        "rang_for",
    )

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.call = channel.call
        self.far = NOBODY
        self.far_channel: Channel | None = None
        self.rang_for: Channel | None = None  # who was at the other end when it began to ring, or was put there since
        self.first = False  # the caller's own phone: Asterisk rang it first, or it dialled by itself
        self.announced = False
        self.answered = False
        self.ended = False
        self.picked_up = False
        self.queue: str | None = None


class TransferNote:
    """A transfer whose outcome is not known yet. `one` waits to hear `other` (None: whoever answers)."""

    __slots__ = ("at", "by", "kind", "one", "other", "result", "token")

    def __init__(
        self, kind: TransferKind, by: str, at: float, token: str, one: Channel | None, other: Channel | None
    ) -> None:
        self.kind: TransferKind = kind
        self.by = by
        self.at = at
        self.token = token
        self.one = one
        self.other = other
        self.result: tuple[str, str] | None = None

    def told(self) -> Transfer:
        return Transfer(self.kind, self.by, self.result, self.result is not None, self.at)


class Call:
    __slots__ = (
        "abandoned",
        "aliases",
        "answered_at",
        "answered_by",
        "caller",
        "caller_cause",
        "caller_channel",
        "caller_settled",
        "caller_was_up",
        "channels",
        "dialled",
        "direction",
        "direction_settled",
        "first_outcomes",
        "key",
        "legs",
        "originated",
        "outcomes",
        "picked_up",
        "shown",
        "started",
        "started_at",
        "talk_ended_at",
        "talked_with",
        "told",
        "transfers",
    )

    def __init__(self, key: str, at: float) -> None:
        self.key = key
        self.started_at = at
        self.started = False  # CallStarted was told
        self.shown = False  # worth telling: it had a party, or Asterisk was asked to dial
        self.aliases = {key}
        self.direction: Direction = "internal"
        self.direction_settled = False
        self.originated = False
        self.caller = NOBODY
        self.caller_channel: Channel | None = None
        self.caller_settled = False
        self.caller_cause: int | None = None
        self.caller_was_up = False
        self.dialled: str | None = None
        self.told: tuple[Direction, Party, str | None] | None = None
        self.channels: dict[Channel, None] = {}
        self.legs: dict[str, Leg] = {}
        self.outcomes: set[LegOutcome] = set()
        self.first_outcomes: set[LegOutcome] = set()
        self.abandoned = False
        self.answered_at: float | None = None
        self.answered_by: str | None = None
        self.talk_ended_at: float | None = None
        self.talked_with: dict[str, None] = {}
        self.transfers: list[TransferNote] = []
        self.picked_up = False

    def talk_seconds(self, at: float) -> float | None:
        if self.answered_at is None:
            return None
        return max(0.0, (at if self.talk_ended_at is None else self.talk_ended_at) - self.answered_at)


def is_number(exten: str | None) -> bool:
    return exten is not None and exten not in _NOT_DIALLED


def start(call: Call, at: float, out: list[CallEvent]) -> None:
    """Tell, once, that the call began. That was when its first channel appeared, not when we are sure of it."""
    if call.started:
        return
    call.started = True
    learn_caller(call)
    call.told = (call.direction, call.caller, call.dialled)
    out.append(
        CallStarted(call.key, min(call.started_at, at), call.direction, call.originated, call.caller, call.dialled)
    )


def learn_caller(call: Call) -> None:
    """Take the caller's party from the channel until the first ring: the dial plan rewrites it up to then.

    Later only what was unknown is filled in: a transfer wipes caller ids and must not wipe ours.
    """
    if call.caller_channel is None or (call.caller_settled and call.caller.number is not None):
        return
    call.caller = party_of(call.caller_channel)


def tell_changes(call: Call, at: float, out: list[CallEvent]) -> None:
    if not call.started:
        return
    now = (call.direction, call.caller, call.dialled)
    if now != call.told:
        call.told = now
        out.append(CallChanged(call.key, at, call.direction, call.caller, call.dialled))


def settle_direction(call: Call, leg: Leg) -> None:
    """Outbound if the first party that a phone dials is on a trunk. A later transfer or forward does not change it."""
    if call.direction_settled:
        return
    if leg.channel.trunk:
        call.direction = "outbound"
    call.direction_settled = call.direction == "outbound" or not leg.first


def merge(loser: Call, winner: Call, at: float, out: list[CallEvent]) -> None:
    """All of `loser` becomes part of `winner`; the caller has made sure that they differ."""
    if loser.started:
        start(winner, at, out)
        out.append(CallMerged(loser.key, at, winner.key, tuple(loser.talked_with)))
    for channel in loser.channels:
        channel.call = winner
        winner.channels[channel] = None
        if channel.placed is not None:
            channel.placed.call = winner
    for leg in loser.legs.values():
        leg.call = winner
    winner.legs.update(loser.legs)
    winner.aliases |= loser.aliases
    winner.shown = winner.shown or loser.shown
    winner.transfers.extend(loser.transfers)
    loser.channels = {}
    loser.legs = {}


def elder(one: Call, two: Call) -> tuple[Call, Call]:
    """(older, younger). Asterisk too gives channels that meet the Linkedid of the older one."""
    if one.started != two.started:
        return (one, two) if one.started else (two, one)
    age_one, age_two = age(one.key), age(two.key)
    if age_one is not None and age_two is not None and age_one != age_two:
        return (one, two) if age_one < age_two else (two, one)
    return (one, two) if one.started_at <= two.started_at else (two, one)


def finish(call: Call, at: float, out: list[CallEvent], *, unseen: bool = False) -> None:
    if not call.started:
        if not call.shown:
            return
        start(call, at, out)
    disposition: CallDisposition = "unseen" if unseen else disposition_of(call)
    out.append(
        CallEnded(
            call.key,
            at,
            disposition,
            call.answered_by,
            call.talk_seconds(at),
            transfers_of(call),
            tuple(call.talked_with),
            call.picked_up,
        )
    )


def transfers_of(call: Call) -> tuple[Transfer, ...]:
    return tuple(note.told() for note in call.transfers)


def disposition_of(call: Call) -> CallDisposition:
    """How it ended. The hang-up cause alone does not tell: for a caller who gave up it is 0, 16 or 127, by version."""
    if call.answered_at is not None:
        return "answered"
    if call.abandoned:
        return "abandoned"
    outcomes = call.outcomes or call.first_outcomes
    for outcome, disposition in _WEIGHT:
        if outcome in outcomes:
            return disposition
    return _disposition_without_legs(call)


def _disposition_without_legs(call: Call) -> CallDisposition:
    if call.caller_was_up:  # a menu, a queue without members, voicemail: nobody talked with the caller
        return "no_answer"
    if call.originated or call.caller_cause in _FAILED_CAUSES:
        return "failed"
    if call.caller_cause == 17:
        return "busy"
    return "failed" if call.caller_cause == 21 else "cancelled"  # refused by the dial plan: nobody was asked


def leg_outcome(leg: Leg, cause: int | None, *, taken: bool) -> LegOutcome:
    """Why a leg ended. `taken`: another leg of the same dial took the call.

    DialStatus decides; the cause refines it (a 603 of the phone is status NOANSWER with cause 21) or stands in for it.
    A desk phone that rang was not busy: its reject key answers 486 on most makes. A carrier may ring first and then say
    that the far end is busy.
    """
    status = leg.channel.dial_status
    if leg.answered:
        return "answered"
    if leg.channel.state == UP or status == "ANSWER":
        return "answered_unconnected"
    if cause == 26 or (taken and status in (None, "CANCEL", "NOANSWER")):
        return "elsewhere"
    if cause == 21 or (_says_busy(status, cause) and leg.announced and not leg.channel.trunk):
        return "rejected"
    if status is None:
        return _outcome_by_cause(leg, cause)
    return _OUTCOME_BY_STATUS.get(status, "failed")


def _says_busy(status: str | None, cause: int | None) -> bool:
    return status == "BUSY" or (status is None and cause == 17)


_OUTCOME_BY_STATUS: dict[str, LegOutcome] = {
    "BUSY": "busy",
    "CANCEL": "cancelled",
    "ABORT": "cancelled",
    "NOANSWER": "no_answer",
}


def _outcome_by_cause(leg: Leg, cause: int | None) -> LegOutcome:
    if cause == 17:
        return "busy"
    if cause in (18, 19, 102):
        return "no_answer"
    if cause in _FAILED_CAUSES or not leg.announced:
        return "failed"
    # Asterisk 16 tells no end of a dial of its own; nobody else could have given it up, so its time ran out.
    return "no_answer" if leg.first else "cancelled"


def caller_gone(call: Call, channel: Channel, cause: int | None, at: float) -> None:
    """Asterisk says "abandoned" also when the queue itself gives the caller up: then the call goes on for a while."""
    stayed = channel.gave_up_at is not None and at - channel.gave_up_at > _LEAVES_WITHIN_SECONDS
    if stayed and not channel.ending:
        call.abandoned = False
    if channel is call.caller_channel:
        call.caller_cause = cause
        call.caller_was_up = channel.state == UP and not channel.dialled

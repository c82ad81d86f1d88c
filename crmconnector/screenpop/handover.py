"""Who sent a call to whom, read from the parts that people had in it. Pure.

Asterisk tells a transfer at its end; the card must say it while the second phone still rings. So it is read from the
times: who talked, and left, before the other's phone was in the call.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

AT_ONCE_SECONDS = 0.5  # the first phone's end and the second one's ringing may be told in either order


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part of a call: a leg. Times are epoch seconds. `ended_at` None: still there."""

    user_id: int | None
    name: str
    rang_at: float
    answered_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Handover:
    """`kind` is blind, attended, blonde (put through while it rang), or "" when the times do not tell."""

    user_id: int | None
    name: str
    kind: str
    seconds: float | None  # how long the sender talked with the caller
    talks: bool = False  # of a receiver: has answered


def sender(own: Sequence[Part], others: Iterable[Part]) -> Handover | None:
    """Who talked with the caller, then left the call to this person; the last of them."""
    if not own:
        return None
    mine = max(own, key=lambda part: part.rang_at)
    before = [
        other
        for other in others
        if other.answered_at is not None
        and other.ended_at is not None
        and other.answered_at < mine.rang_at
        and (mine.ended_at is None or other.ended_at <= mine.ended_at)
    ]
    if not before:
        return None
    last = max(before, key=lambda part: part.ended_at or 0.0)
    talked = (last.ended_at or 0.0) - (last.answered_at or 0.0)
    return Handover(last.user_id, last.name, _kind(last, mine), max(0.0, talked))


def receiver(own: Sequence[Part], others: Iterable[Part]) -> Handover | None:
    """To whom this person, who talked and has left, gave the call: they talk now, or their phone rings."""
    ended = [part for part in own if part.answered_at is not None and part.ended_at is not None]
    if not ended or any(part.ended_at is None for part in own):
        return None
    mine = max(ended, key=lambda part: part.ended_at or 0.0)
    left = mine.ended_at or 0.0
    after = [
        other
        for other in others
        if other.rang_at > (mine.answered_at or 0.0)
        and (other.ended_at is None or (other.answered_at is not None and other.ended_at > left))
    ]
    if not after:
        return None
    first = min(after, key=lambda part: (part.answered_at is None, part.rang_at))
    return Handover(first.user_id, first.name, _kind(mine, first), None, talks=first.answered_at is not None)


def _kind(from_part: Part, to_part: Part) -> str:
    left = from_part.ended_at or 0.0
    if to_part.rang_at >= left - AT_ONCE_SECONDS:
        return "blind"
    if to_part.answered_at is not None and to_part.answered_at <= left:
        return "attended"
    return "blonde"

"""Which command does a call event prove, or disprove?

A phone's "success" is a hint; what the PBX saw is the proof. One table: for each kind of command the function that
knows its events. What no event tells is read from rows, channels and lines afterwards: see aftermath.py.

Never proved by an event: tones, mute, do not disturb and named keys, for Asterisk tells nobody of them. By the PBX its
own reply to the action is the proof; by the phone there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeGuard
from uuid import UUID

from crmconnector.calls.events import (
    CallEnded,
    CallEvent,
    CallMerged,
    CallTransferred,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegHeld,
    LegOutcome,
    LegPlaced,
    LegResumed,
    LegRinging,
    QueueEntered,
)

CLOCK_SLACK_SECONDS: Final = 2.0  # the PBX stamps some events with its own clock
LONGEST_EXTENSION: Final = 6  # digits; longer ones are compared by their ends, for prefixes are put before them
END_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Proof:
    """It happened. `at` is epoch seconds, `evidence` a sentence for people, without numbers or names.

    `leg`: the Uniqueid of the leg that shows it; of a new call or a consultation the user's own end.
    """

    leg: str
    at: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Disproof:
    """It did not happen and will not any more."""

    leg: str
    at: float
    evidence: str


Verdict = Proof | Disproof


@dataclass(frozen=True, slots=True)
class Meant:
    """What a command means in the words of events. Empty where it does not matter or is not known.

    `leg`: Uniqueid of the user's own end, `endpoint` its phone ("PJSIP/204"), `customer` the endpoint at the far end of
    it. `other_leg`: the user's end of a consultation. `numbers`: whom, in the forms in which it may be dialled.
    `targets`: the endpoints at which that number is, of an outside number the trunks. `calls`: keys of the calls that
    the legs belong to. `since`: epoch seconds before which nothing counts.
    """

    command: UUID
    kind: str
    since: float
    leg: str = ""
    endpoint: str = ""
    other_leg: str = ""
    customer: str = ""
    numbers: tuple[str, ...] = field(default=(), repr=False)
    targets: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    by_pbx: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """How the legs stand after the batch: Uniqueid -> ringing, dialling, talking, held or ended."""

    states: Mapping[str, str] = field(default_factory=dict)

    def state(self, leg: str) -> str:
        return self.states.get(leg, "")


Knows = Callable[[Meant, CallEvent, Picture], Verdict | None]


def settle(meant: Collection[Meant], batch: Iterable[CallEvent], picture: Picture) -> dict[UUID, Verdict]:
    """What a batch of events says of these commands. A proof outweighs a disproof, the earliest of each is kept, so
    neither order nor repetition within the batch changes the end. A new leg proves one command: the newest it fits.
    """
    events = list(batch)
    merged = {event.call: event.into for event in events if isinstance(event, CallMerged)}
    wanted = [_with_merged(one, merged) for one in meant]
    found: dict[UUID, Verdict] = {}
    owners: dict[str, Meant] = {}
    for one in sorted(wanted, key=lambda each: (-each.since, str(each.command))):
        verdicts = [verdict for event in events if (verdict := verdict_of(one, event, picture))]
        if one.kind in NEW_LEG:
            verdicts = [verdict for verdict in verdicts if not verdict.leg or verdict.leg not in owners]
        if verdicts:
            best = min(verdicts, key=lambda each: (isinstance(each, Disproof), each.at, each.evidence, each.leg))
            found[one.command] = best
            owners[best.leg] = one
    return found


def verdict_of(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """What one event says of one command; None: nothing."""
    knows = KNOWS.get(meant.kind)
    return knows(meant, event, picture) if knows else _gone(meant, event)


def proof_of_answer(leg: str, event: CallEvent) -> Verdict | None:
    """Was `leg` answered? Proved by audio with another party, disproved by the leg's end; None: not told."""
    if isinstance(event, LegAnswered) and event.leg == leg:
        return Proof(leg, event.at, f"The PBX connected {event.endpoint} with the other party.")
    if not isinstance(event, LegEnded) or event.leg != leg or event.outcome == "unseen":
        return None  # a leg that was gone after a gap may have been answered in it
    if event.outcome == "answered":
        return Proof(leg, event.at, f"The PBX says that {event.endpoint} had answered when its part of the call ended.")
    why = WHY_NOT[event.outcome]
    if event.outcome == "elsewhere" and event.answered_by is not None:
        why = f"The call was answered on {event.answered_by}"
    return Disproof(leg, event.at, f"{why} ({event.endpoint}).")


def same_number(one: str | None, two: str | None) -> bool:
    """Whether two writings mean the same number: extensions exactly, longer ones by their last seven to nine digits,
    because a prefix for the outside line, a country code or a zero may stand before them."""
    first, second = _digits(one), _digits(two)
    if not first or not second:
        return False
    length = min(END_DIGITS, len(first), len(second))
    return first == second if length <= LONGEST_EXTENSION else first[-length:] == second[-length:]


# --- one function for each kind -------------------------------------------------------------------------------------


def _make_call(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """A call that this phone began, towards this number, since it was asked."""
    if _whom_it_calls(event, picture) and _fits(meant, event.endpoint, event.far.number, event.at):
        return Proof(event.leg, event.at, f"The PBX saw {event.endpoint} dial this number.")
    if not isinstance(event, LegPlaced) or not _fits(meant, event.endpoint, event.far.number, event.at):
        return None
    if event.rung:
        said = f"The PBX rings {event.endpoint} and dials the number when it is picked up."
        return Proof(event.leg, event.at, said)
    return Proof(event.leg, event.at, f"The PBX saw {event.endpoint} dial this number.")


def _answer(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    return proof_of_answer(meant.leg, event)


def _reject(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """The ringing ended because this phone said no. When the PBX takes the leg away itself, it calls that no answer."""
    if isinstance(event, LegAnswered) and event.leg == meant.leg:
        return Disproof(meant.leg, event.at, f"{event.endpoint} answered it.")
    if not isinstance(event, LegEnded) or event.leg != meant.leg or event.outcome == "unseen":
        return None
    if event.outcome in _REJECTED or (meant.by_pbx and event.outcome == "no_answer"):
        return Proof(meant.leg, event.at, f"The PBX saw {event.endpoint} stop ringing without an answer.")
    if event.outcome == "elsewhere" and event.answered_by is not None:
        return Disproof(meant.leg, event.at, f"The call was answered on {event.answered_by} ({event.endpoint}).")
    why = WHY_NOT.get(event.outcome, "It was answered")
    return Disproof(meant.leg, event.at, f"{why} ({event.endpoint}).")


def _hang_up(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    if isinstance(event, LegEnded) and event.leg == meant.leg:
        return Proof(meant.leg, event.at, f"The PBX ended {event.endpoint}'s part of the call.")
    return None


def _hold(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    if isinstance(event, LegHeld) and event.leg == meant.leg:
        return Proof(meant.leg, event.at, f"The PBX says that {event.endpoint} put the other party on hold.")
    return _gone(meant, event)


def _resume(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    if isinstance(event, LegResumed) and event.leg == meant.leg:
        return Proof(meant.leg, event.at, f"The PBX says that {event.endpoint} took the other party back.")
    return _gone(meant, event)


def _blind_transfer(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """The target rings for, or talks with, the party that was with us. Our own end may be told gone before that."""
    if isinstance(event, QueueEntered) and event.call in meant.calls and event.at >= meant.since - CLOCK_SLACK_SECONDS:
        if any(same_number(event.queue, number) for number in meant.numbers):
            return Proof(meant.leg, event.at, "The other party waits in the queue that was asked for.")
        return None
    if isinstance(event, CallTransferred) and event.to and not any(same_number(event.to, one) for one in meant.numbers):
        return None  # handed over on the handset, to somebody else
    return _handed_over(meant, event, ("blind",)) or _target_with_customer(meant, event)


def _attended_start(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """The one to be asked is called by us: by a call of our phone's own, or as a third party in the same call."""
    if (isinstance(event, LegPlaced) or _whom_it_calls(event, picture)) and event.leg != meant.leg:
        if _fits(meant, event.endpoint, event.far.number, event.at):
            return Proof(event.leg, event.at, f"The PBX saw {event.endpoint} call the one to be asked.")
        return None
    if isinstance(event, LegRinging | LegAnswered) and event.endpoint in meant.targets:
        ours = event.call in meant.calls and event.far.endpoint == meant.endpoint and event.leg != meant.leg
        if ours and event.at >= meant.since - CLOCK_SLACK_SECONDS:
            return Proof("", event.at, f"{event.endpoint} is called for {meant.endpoint}.")
    return _gone(meant, event)


def _attended_complete(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """The two others have each other, or are to: it may still ring between them."""
    return _handed_over(meant, event, ("attended", "blonde")) or _target_with_customer(meant, event)


def _attended_cancel(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """We talk with the first party again: taken back by us, or never held and the one who was asked is gone."""
    if isinstance(event, LegResumed) and event.leg == meant.leg and picture.state(meant.leg) == "talking":
        return Proof(meant.leg, event.at, f"The PBX says that {event.endpoint} took the first party back.")
    if isinstance(event, LegEnded) and meant.other_leg and event.leg == meant.other_leg:
        if picture.state(meant.leg) == "talking":
            return Proof(
                meant.leg, event.at, f"The consultation ended and {meant.endpoint} talks with the first party."
            )
        return None
    return _gone(meant, event)


def _conference(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    """Mixed by the phone itself: both of its calls talk at once. One mixed by the PBX is seen in its list alone."""
    mine = {meant.leg, meant.other_leg} - {""}
    if isinstance(event, LegResumed | LegAnswered) and event.leg in mine and len(mine) == 2 and not meant.by_pbx:
        if all(picture.state(leg) == "talking" for leg in mine):
            return Proof(meant.leg, event.at, f"Both calls of {event.endpoint} talk at once.")
        return None
    return _gone(meant, event)


def _park(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    return _handed_over(meant, event, ("blind",))


def _nothing(meant: Meant, event: CallEvent, picture: Picture) -> Verdict | None:
    return None


KNOWS: Final[Mapping[str, Knows]] = MappingProxyType(
    {
        "make_call": _make_call,
        "answer": _answer,
        "reject": _reject,
        "hang_up": _hang_up,
        "hold": _hold,
        "resume": _resume,
        "blind_transfer": _blind_transfer,
        "attended_start": _attended_start,
        "attended_complete": _attended_complete,
        "attended_cancel": _attended_cancel,
        "conference": _conference,
        "park": _park,
        "keys": _nothing,
        "dnd_on": _nothing,
        "dnd_off": _nothing,
    }
)
NEW_LEG: Final = ("make_call", "attended_start")  # proved by a leg that was not there before
_REJECTED: Final = ("rejected", "busy", "failed")
WHY_NOT: Final[Mapping[LegOutcome, str]] = MappingProxyType(
    {
        "elsewhere": "The call was answered on another phone",
        "cancelled": "The caller hung up before the phone answered",
        "no_answer": "The phone rang until the PBX gave up",
        "busy": "The phone said that it is busy",
        "rejected": "The phone rejected the call",
        "answered_unconnected": "The phone picked up but was never connected with the other party",
        "failed": "The PBX could not reach the phone",
    }
)


def _whom_it_calls(event: CallEvent, picture: Picture) -> TypeGuard[LegChanged]:
    """The number that a phone calls was learned after it began to."""
    return isinstance(event, LegChanged) and picture.state(event.leg) == "dialling"


def _fits(meant: Meant, endpoint: str, number: str | None, at: float) -> bool:
    """A new call of the meant phone, to the meant number, not older than the command."""
    if endpoint != meant.endpoint or at < meant.since - CLOCK_SLACK_SECONDS:
        return False
    return any(same_number(number, one) for one in meant.numbers)


def _target_with_customer(meant: Meant, event: CallEvent) -> Proof | None:
    """The target's leg rings for, or talks with, the party that was with us."""
    if not isinstance(event, LegRinging | LegAnswered | LegChanged) or event.leg in (meant.leg, meant.other_leg):
        return None
    there = event.endpoint in meant.targets and event.endpoint != meant.endpoint and event.call in meant.calls
    if not there or not meant.customer or event.far.endpoint != meant.customer:
        return None
    if event.at < meant.since - CLOCK_SLACK_SECONDS:
        return None
    does = "rings for" if isinstance(event, LegRinging) else "has"
    return Proof(meant.leg, event.at, f"{event.endpoint} {does} the party that was with {meant.endpoint}.")


def _handed_over(meant: Meant, event: CallEvent, kinds: tuple[str, ...]) -> Verdict | None:
    """The PBX says so at once; where that was not heard, at the call's end."""
    if not isinstance(event, CallTransferred):
        return _told_at_the_end(meant, event, kinds)
    ours = bool({event.leg, event.other_leg} & ({meant.leg, meant.other_leg} - {""}))
    if not ours or event.kind not in kinds or event.at < meant.since - CLOCK_SLACK_SECONDS:
        return None
    return Proof(meant.leg, event.at, f"The PBX handed the other party over for {event.endpoint}.")


def _told_at_the_end(meant: Meant, event: CallEvent, kinds: tuple[str, ...]) -> Verdict | None:
    """A call that ended lists its transfers: who handed over, and when."""
    if not isinstance(event, CallEnded) or event.call not in meant.calls:
        return None
    for transfer in event.transfers:
        ours = transfer.by == meant.endpoint and transfer.kind in kinds
        if ours and transfer.at >= meant.since - CLOCK_SLACK_SECONDS:
            end = "." if transfer.ok else ", but nobody there took it."
            return Proof(meant.leg, event.at, f"The PBX handed the other party over for {meant.endpoint}{end}")
    return Disproof(meant.leg, event.at, "The call ended before it was handed over.")


def _gone(meant: Meant, event: CallEvent) -> Disproof | None:
    """Our own part of the call is over: what was asked of it cannot come true."""
    if isinstance(event, LegEnded) and meant.leg and event.leg == meant.leg:
        return Disproof(meant.leg, event.at, f"{event.endpoint}'s part of the call ended before that.")
    return None


def _with_merged(meant: Meant, merged: Mapping[str, str]) -> Meant:
    """Calls that became one in this batch are one call for it, whatever comes first."""
    more = {into for call, into in merged.items() if call in meant.calls}
    if more <= meant.calls:
        return meant
    widened = {name: getattr(meant, name) for name in Meant.__slots__} | {"calls": meant.calls | more}
    return _with_merged(Meant(**widened), merged)


def _digits(text: str | None) -> str:
    return "".join(char for char in text or "" if char in "0123456789*#")

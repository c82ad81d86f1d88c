"""What a card says: pure, from plain facts to the dictionary that the card is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One leg of the user in this call. Times are epoch seconds."""

    leg_id: int
    state: str  # ringing, talking, held, ended
    outcome: str
    rang_at: float
    answered_at: float | None
    ended_at: float | None
    answered_by: str  # name of who took it, when somebody else did


@dataclass(frozen=True, slots=True)
class PersonFacts:
    contact_id: int
    name: str
    company: str
    title: str
    number_label: str
    notes: str


@dataclass(frozen=True, slots=True)
class EarlierCall:
    kind: str  # talked, missed, no_answer, rejected
    seconds: int | None
    with_name: str
    at: float


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """The far party as it was read."""

    written: str
    shown: str
    country_name: str
    network_name: str
    withheld: bool
    extension: str  # of a colleague, else ""
    colleague: str
    people: Sequence[PersonFacts] = ()
    rule: str = ""
    earlier: Sequence[EarlierCall] = ()
    calls_before: int = 0


@dataclass(frozen=True, slots=True)
class CardFacts:
    direction: str
    line_label: str
    did: str
    queue: str
    caller: CallerFacts
    legs: Sequence[LegFacts] = field(default_factory=tuple)


def card_state(legs: Sequence[LegFacts]) -> str:
    """One card per call and person: talking on any of the person's phones beats ringing on another."""
    states = {leg.state for leg in legs}
    for state in ("talking", "held", "ringing"):
        if state in states:
            return state
    return "closed"


def leg_to_answer(legs: Sequence[LegFacts]) -> int | None:
    """The leg that Answer means: the first that rings, unless the person already talks in this call."""
    if card_state(legs) != "ringing":
        return None
    return next(leg.leg_id for leg in legs if leg.state == "ringing")


def card_payload(facts: CardFacts) -> dict[str, object]:
    """The dictionary stored with the pop; the card's template reads nothing else of the call."""
    legs = facts.legs
    answered = [leg.answered_at for leg in legs if leg.answered_at is not None]
    state = card_state(legs)
    return {
        "state": state,
        "direction": facts.direction,
        "line": {"label": facts.line_label or facts.did, "did": facts.did} if facts.did else None,
        "queue": facts.queue or None,
        "rang_at": min(leg.rang_at for leg in legs),
        "answered_at": min(answered) if answered else None,
        "ended_at": max(leg.ended_at or 0.0 for leg in legs) if state == "closed" else None,
        "caller": _caller(facts.caller),
        "people": [_person(person) for person in facts.caller.people],
        "rule": facts.caller.rule,
        "last_calls": [
            {"kind": one.kind, "seconds": one.seconds, "with": one.with_name, "at": one.at}
            for one in facts.caller.earlier
        ],
        "calls_before": facts.caller.calls_before,
        "closed": _closed(legs) if state == "closed" else None,
    }


def initials(name: str) -> str:
    """Two letters for the round sign; of the first and the last word, without guessing which is which."""
    words = [word for word in name.split() if word[:1].isalpha()]
    if not words:
        return ""
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def _caller(caller: CallerFacts) -> dict[str, object]:
    return {
        "kind": _kind(caller),
        "number": caller.shown,
        "written": caller.written,
        "country_name": caller.country_name,
        "network_name": caller.colleague or caller.network_name,
        "extension": caller.extension,
    }


def _kind(caller: CallerFacts) -> str:
    if caller.withheld:
        return "withheld"
    if caller.colleague or (caller.extension and not caller.people):
        return "colleague"
    if not caller.people:
        return "unknown"
    return "known" if len(caller.people) == 1 else "several"


def _person(person: PersonFacts) -> dict[str, object]:
    return {
        "id": person.contact_id,
        "name": person.name,
        "company": person.company,
        "title": person.title,
        "number_label": person.number_label,
        "notes": person.notes[:500],
        "initials": initials(person.name),
    }


_REASONS = {
    "elsewhere": "elsewhere",
    "cancelled": "gave_up",
    "rejected": "rejected",
    "busy": "busy",
    "no_answer": "no_answer",
    "answered_unconnected": "ended",
    "unseen": "unseen",
}


def _closed(legs: Sequence[LegFacts]) -> dict[str, object]:
    """Why the card asks nothing more, told of the leg that says most: answered, then taken elsewhere, then the last."""
    ranked = sorted(legs, key=lambda leg: (leg.answered_at is None, leg.outcome != "elsewhere", -(leg.ended_at or 0.0)))
    leg = ranked[0]
    if leg.answered_at is not None:
        return {"reason": "ended", "who": "", "seconds": _whole(leg.ended_at, leg.answered_at)}
    reason = _REASONS.get(leg.outcome, "ended")
    return {"reason": reason, "who": leg.answered_by, "seconds": _whole(leg.ended_at, leg.rang_at)}


def _whole(until: float | None, since: float) -> int:
    return max(0, round((until or since) - since))

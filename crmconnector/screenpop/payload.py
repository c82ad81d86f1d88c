"""What a card says: pure, from plain facts to the dictionary that the card is drawn from.

Rows written by an older version have fewer keys; whoever reads a payload takes what is missing as empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crmconnector.screenpop.handover import Handover

LONGEST_NOTE_SHOWN = 500
MOST_TAGS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One leg of the user in this call. Times are epoch seconds."""

    leg_id: int
    state: str  # ringing, dialling, talking, held, ended
    outcome: str
    rang_at: float  # or dialled
    answered_at: float | None
    ended_at: float | None
    answered_by: str  # name of who took it, when somebody else did
    placed: bool = False
    came_over: bool = False  # from another call, that of a consultation or of a second caller
    rung: bool = False  # the PBX rang this phone first, to dial for it
    call_came_to: str = ""  # the call's disposition, once it is over


@dataclass(frozen=True, slots=True)
class PersonFacts:
    contact_id: int
    name: str
    company: str
    title: str
    number_label: str
    notes: str
    tags: Sequence[str] = ()
    owner_id: int | None = None
    owner_name: str = ""
    external_id: str = ""
    external_link: str = ""


@dataclass(frozen=True, slots=True)
class EarlierCall:
    kind: str  # talked, missed, no_answer, rejected
    seconds: int | None
    with_name: str
    at: float
    outcome: str = ""  # as a person recorded it


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """Who of several people it was in an earlier call, as somebody chose on the card. `own`: by this user."""

    contact_id: int
    by_name: str
    own: bool
    at: float


@dataclass(frozen=True, slots=True)
class NoteFacts:
    text: str
    by_name: str
    at: float


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """The far party as it was read. `people` are those whom the user may see; `hidden` counts the others."""

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
    e164: str = ""
    key: str = ""  # what choices among several people are remembered by: the E.164 form, else the matching key
    prefix: str = ""  # the outside-line prefix that was taken off before the number
    national: str = ""  # digits as dialled inside the number's own country
    teams: Sequence[str] = ()  # of a colleague
    hidden: int = 0
    choices: Sequence[ChoiceFacts] = ()
    last_note: NoteFacts | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """`kept` is an earlier payload whose facts about the caller still hold, instead of `caller`."""

    direction: str
    line_label: str
    did: str
    queue: str
    caller: CallerFacts
    legs: Sequence[LegFacts] = field(default_factory=tuple)
    kept: Mapping[str, Any] | None = None
    extension: str = ""  # of the user's phone
    queued_at: float | None = None
    test: bool = False
    sent_by: Handover | None = None
    sent_to: Handover | None = None
    dismissed: bool = False  # its user has put the closed card away
    parked: str = ""  # the place where the other party waits, with nobody
    rings: str = ""  # while the person calls: there (at the other end), here (their own phone, to be picked up)


ABOUT_THE_CALLER = ("caller", "people", "rule", "last_calls", "calls_before", "hidden", "choices", "last_note")


def card_state(legs: Sequence[LegFacts]) -> str:
    """One card per call and person: talking on any of the person's phones beats ringing on another. So does calling:
    who calls a group that they are in sees whom they call."""
    states = {leg.state for leg in legs}
    for state in ("talking", "held", "dialling", "ringing"):
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
    # A consultation that became part of this call is a placed leg too: the first leg says whose call it was.
    placed = min(legs, key=lambda leg: leg.leg_id).placed
    return {
        "state": state,
        "placed": placed,
        "rings": facts.rings,
        "direction": facts.direction,
        "line": {"label": facts.line_label or facts.did, "did": facts.did} if facts.did else None,
        "queue": facts.queue or None,
        "extension": facts.extension,
        "test": facts.test,
        "queued_at": facts.queued_at,
        "rang_at": min(leg.rang_at for leg in legs if leg.placed == placed),
        "answered_at": min(answered) if answered else None,
        "ended_at": max(leg.ended_at or 0.0 for leg in legs) if state == "closed" else None,
        "sent_by": _handover(facts.sent_by),
        "closed": _closed(legs, facts.sent_to, facts.parked, test=facts.test) if state == "closed" else None,
        "dismissed": facts.dismissed and state == "closed",
        **(_kept(facts.kept) if facts.kept is not None else _about(facts.caller)),
    }


def initials(name: str) -> str:
    """Two letters for the round sign; of the first and the last word, without guessing which is which."""
    words = [word for word in name.split() if word[:1].isalpha()]
    if not words:
        return ""
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def in_groups(people: Sequence[dict[str, Any]], choices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """People of one company beside each other; who was chosen before comes first, with the whole company.

    Nobody is left out and nobody is picked: the order is only an offer.
    """
    rank = {choice["contact"]: place for place, choice in reversed(list(enumerate(choices)))}
    best: dict[str, int] = {}
    for one in people:
        best[one["company"]] = min(best.get(one["company"], len(choices)), rank.get(one["id"], len(choices)))

    def order(one: dict[str, Any]) -> tuple[object, ...]:
        company = one["company"]
        return best[company], not company, company.casefold(), rank.get(one["id"], len(choices))

    return sorted(people, key=order)


def person_payload(person: PersonFacts) -> dict[str, Any]:
    return {
        "id": person.contact_id,
        "name": person.name,
        "company": person.company,
        "title": person.title,
        "number_label": person.number_label,
        "notes": person.notes[:LONGEST_NOTE_SHOWN],
        "initials": initials(person.name),
        "tags": list(person.tags)[:MOST_TAGS_SHOWN],
        "owner_id": person.owner_id,
        "owner": person.owner_name,
        "external_id": person.external_id,
        "external_link": person.external_link,
    }


def _about(caller: CallerFacts) -> dict[str, object]:
    note = caller.last_note
    return {
        "caller": _caller(caller),
        "people": [person_payload(person) for person in caller.people],
        "rule": caller.rule,
        "last_calls": [
            {"kind": one.kind, "seconds": one.seconds, "with": one.with_name, "at": one.at, "outcome": one.outcome}
            for one in caller.earlier
        ],
        "calls_before": caller.calls_before,
        "hidden": caller.hidden,
        "choices": [
            {"contact": one.contact_id, "by": one.by_name, "own": one.own, "at": one.at} for one in caller.choices
        ],
        "last_note": {"text": note.text[:LONGEST_NOTE_SHOWN], "by": note.by_name, "at": note.at} if note else None,
    }


def _kept(known: Mapping[str, Any]) -> dict[str, object]:
    return {name: known[name] for name in ABOUT_THE_CALLER if name in known}


def _caller(caller: CallerFacts) -> dict[str, object]:
    return {
        "kind": _kind(caller),
        "number": caller.shown,
        "written": caller.written,
        "country_name": caller.country_name,
        "network_name": caller.colleague or caller.network_name,
        "extension": caller.extension,
        "e164": caller.e164,
        "key": caller.key,
        "national": caller.national,
        "prefix": caller.prefix,
        "teams": list(caller.teams),
    }


def _kind(caller: CallerFacts) -> str:
    if caller.withheld:
        return "withheld"
    if caller.colleague or (caller.extension and not caller.people):
        return "colleague"
    if not caller.people:
        return "unknown"
    return "known" if len(caller.people) == 1 else "several"


def _handover(handover: Handover | None) -> dict[str, object] | None:
    if handover is None:
        return None
    seconds = None if handover.seconds is None else round(handover.seconds)
    return {"user": handover.user_id, "name": handover.name, "kind": handover.kind, "seconds": seconds}


_REASONS = {
    "elsewhere": "elsewhere",
    "cancelled": "gave_up",
    "rejected": "rejected",
    "busy": "busy",
    "no_answer": "no_answer",
    "answered_unconnected": "ended",
    "unseen": "unseen",
}
# Of a call that the person placed: what the other end did, or that it was given up here.
_REASONS_PLACED = {
    "cancelled": "hung_up",
    "rejected": "far_rejected",
    "busy": "far_busy",
    "no_answer": "far_no_answer",
    "failed": "far_failed",
    "answered_unconnected": "not_connected",
    "unseen": "unseen",
}


# Of one that the PBX rang first: what happened here, before anybody was called.
_REASONS_RUNG = {
    **_REASONS_PLACED,
    "rejected": "own_rejected",
    "busy": "own_busy",
    "no_answer": "own_no_answer",
    "failed": "own_failed",
}


def _reason_without_talk(leg: LegFacts) -> str:
    if leg.rung and leg.outcome == "answered_unconnected":  # picked up here: the call tells how it went on
        return _REASONS_PLACED.get(leg.call_came_to, "not_connected")
    words = _REASONS_RUNG if leg.rung else _REASONS_PLACED if leg.placed else _REASONS
    return words.get(leg.outcome, "ended")


def _closed(legs: Sequence[LegFacts], sent_to: Handover | None, parked: str, *, test: bool) -> dict[str, object]:
    """Why the card asks nothing more, told of the leg that says most: answered, then taken elsewhere, then the last.

    What came over from another call has a card of its own to say how that went.
    """
    own = [leg for leg in legs if not leg.came_over]
    ranked = sorted(own, key=lambda leg: (leg.answered_at is None, leg.outcome != "elsewhere", -(leg.ended_at or 0.0)))
    leg = ranked[0]
    if test:  # nobody called, so nobody gave up
        return {"reason": "test", "who": "", "seconds": _whole(leg.ended_at, leg.rang_at)}
    if leg.answered_at is not None:
        seconds = _whole(leg.ended_at, leg.answered_at)
        if sent_to is not None:
            return {"reason": "transferred", "who": sent_to.name, "seconds": seconds, "talks": sent_to.talks}
        if parked:
            return {"reason": "parked", "who": "", "seconds": seconds, "place": parked}
        return {"reason": "ended", "who": "", "seconds": seconds}
    return {"reason": _reason_without_talk(leg), "who": leg.answered_by, "seconds": _whole(leg.ended_at, leg.rang_at)}


def _whole(until: float | None, since: float) -> int:
    return max(0, round((until or since) - since))

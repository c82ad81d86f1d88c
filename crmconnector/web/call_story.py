"""One call as a timeline: who rang, answered and left, what became part of it, how it ended. Pure over loaded rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import Call, CallNote, Leg
from crmconnector.common.clock import from_epoch
from crmconnector.screenpop.explain import Explained, isolated
from crmconnector.web.call_parts import Parts
from crmconnector.web.command_story import CommandView, Step, tell_command
from crmconnector.web.words import spoken_time, who_began


@dataclass(frozen=True, slots=True)
class Story:
    steps: list[Step]
    commands: list[CommandView]
    rang: float | None = None
    phones: int = 0


LEG_ENDS = {
    "elsewhere": (gettext_noop("stopped ringing"), gettext_noop("Somebody else took the call.")),
    "cancelled": (gettext_noop("stopped ringing"), gettext_noop("The caller gave up.")),
    "no_answer": (gettext_noop("stopped ringing"), gettext_noop("Nobody answered in time.")),
    "busy": (gettext_noop("was busy"), ""),
    "rejected": (gettext_noop("rejected the call"), ""),
    "failed": (gettext_noop("could not be reached"), ""),
    "unseen": (gettext_noop("ended unseen"), ""),
    "answered": (gettext_noop("left the call"), ""),
    "answered_unconnected": (gettext_noop("left the call"), gettext_noop("It never heard the caller.")),
}
CALL_ENDS = {
    "cancelled": gettext_noop("The caller gave up."),
    "abandoned": gettext_noop("The caller gave up waiting in the queue."),
    "no_answer": gettext_noop("Nobody answered in time."),
    "busy": gettext_noop("It was busy."),
    "rejected": gettext_noop("It was rejected."),
    "failed": gettext_noop("It could not be put through."),
    "transferred": gettext_noop("Another call took it over before it was answered."),
}


def tell(call: Call, *, parts: Parts, why_unseen: str, queue: str = "", explained: Sequence[Explained] = ()) -> Story:
    """From a call loaded by `with_story`; `queue` as people call it, `why_unseen` for whatever ended unseen.

    `explained`: who got a card and who did not; the cards that were made are told here too, at their time.
    """
    legs = list(call.legs.all())
    names = {leg.endpoint: isolated(_who(leg)) for leg in legs}
    steps = [_began(call, queue), *(step for leg in legs for step in _leg_steps(leg, names, why_unseen))]
    steps += [_joined(part) for part in parts.joined if part.ended_at]
    steps += [_transferred(one, names) for one in call.transfers]
    steps += _waited(call, queue)
    steps += _ended(call, parts, why_unseen)
    rang = [(leg.rang_at, leg.answered_at or leg.ended_at) for leg in legs if leg.rang_at and not leg.placed]
    until = [end for _began_at, end in rang if end]
    seconds = (min(until) - min(began for began, _end in rang)).total_seconds() if until else None
    asked = sorted((command for leg in legs for command in leg.commands.all()), key=lambda one: one.requested_at)
    commands = [tell_command(command) for command in asked]
    steps += [*_asked(commands), *_cards(explained), *(step for note in call.notes.all() for step in _written(note))]
    return Story(
        steps=sorted(steps, key=lambda step: step.at),
        commands=commands,
        rang=max(0.0, seconds) if seconds is not None else None,
        phones=len({leg.endpoint for leg in legs if leg.rang_at and not leg.placed}),
    )


def _asked(commands: Iterable[CommandView]) -> list[Step]:
    """That a button was pressed; what came of it in a word, and step by step beside the story."""
    return [Step(one.steps[0].at, "asked", "asked", one.title, one.word) for one in commands if one.steps]


def _cards(explained: Iterable[Explained]) -> list[Step]:
    return [Step(one.when, one.tone, "desk", one.title) for one in explained if one.shown and one.when]


def _written(note: CallNote) -> list[Step]:
    """A note without words that has an outcome is told too; one that says nothing is not."""
    if not note.text.strip() and note.outcome is None:
        return []
    who = isolated(note.user.display_name)
    what = _("%(who)s wrote a note") if note.text.strip() else _("%(who)s chose an outcome")
    why = _("Outcome: %(outcome)s.") % {"outcome": isolated(note.outcome.label)} if note.outcome else ""
    return [Step(note.created_at, "", "note", what % {"who": who}, why)]


def _began(call: Call, queue: str) -> Step:
    told = [_("Dialled %(number)s.") % {"number": call.dialled}] if call.dialled else []
    told += [_("It came to the queue %(queue)s.") % {"queue": isolated(queue)}] if queue else []
    what, evidence = _("The PBX told us of a call"), f"Linkedid {call.linkedid}"
    return Step(call.started_at, "proven", "proven", what, " ".join(told), evidence)


def _placed_steps(leg: Leg, why_unseen: str) -> list[Step]:
    """Of the phone that began the call: whether it came through is told of the other ends."""
    who, call = isolated(_who(leg)), leg.call
    found = []
    if leg.rang_at or leg.uniqueid == call.linkedid:  # a consultation that became part of the call is told beside it
        why = _("The PBX called this phone first, to dial for it.") if leg.rang_at else ""
        what = _("%(who)s: phone rings") if leg.rang_at else _("%(who)s called")
        found.append(Step(leg.rang_at or call.started_at, "proven", "proven", what % {"who": who}, why, leg.endpoint))
    if leg.ended_at:
        unseen, gave_up = leg.outcome == "unseen", leg.outcome == "cancelled"
        word = _("ended unseen") if unseen else _("hung up") if gave_up else _("left the call")
        why = _("Nobody had answered yet.") if gave_up else _why_ended(leg, {}, why_unseen) if _says_more(leg) else ""
        seen = "unknown" if unseen else ""
        found.append(Step(leg.ended_at, seen, seen or "point", f"{who} {word}", why))
    return found


def _says_more(leg: Leg) -> bool:
    return leg.outcome in ("answered", "unseen")


def _leg_steps(leg: Leg, names: Mapping[str, str], why_unseen: str) -> list[Step]:
    if leg.placed:
        return _placed_steps(leg, why_unseen)
    who = isolated(_who(leg))
    found = []
    if leg.rang_at:
        first = "" if leg.pops else _("The PBX called this phone first, to dial for it.")
        what = _("%(who)s: phone rings") % {"who": who}
        found.append(Step(leg.rang_at, "proven", "proven", what, first, leg.endpoint))
    if leg.answered_at:
        rang = (leg.answered_at - leg.rang_at).total_seconds() if leg.rang_at else None
        why = _("Rang %(time)s.") % {"time": spoken_time(rang)} if rang is not None else ""
        what = _("%(who)s answered") % {"who": who}
        found.append(Step(leg.answered_at, "proven", "proven", what, why, leg.endpoint))
    if leg.ended_at:
        word, _why = LEG_ENDS.get(leg.outcome, (gettext_noop("left the call"), ""))
        seen = "unknown" if leg.outcome == "unseen" else ""
        why = _why_ended(leg, names, why_unseen)
        found.append(Step(leg.ended_at, seen, seen or "point", f"{who} {_(word)}", why))
    return found


def _why_ended(leg: Leg, names: Mapping[str, str], why_unseen: str) -> str:
    if leg.outcome == "unseen":
        return capfirst(f"{why_unseen}.")
    if leg.outcome == "elsewhere" and leg.answered_by_endpoint:
        taker = names.get(leg.answered_by_endpoint, leg.answered_by_endpoint)
        return _("%(who)s took the call.") % {"who": taker}
    if leg.outcome == "answered" and leg.answered_at and leg.ended_at:
        return _("Was in it for %(time)s.") % {"time": spoken_time((leg.ended_at - leg.answered_at).total_seconds())}
    why = LEG_ENDS.get(leg.outcome, ("", ""))[1]
    return _(why) if why else ""


TRANSFERS = {
    "blind": gettext_noop("%(by)s passed the call on without asking"),
    "attended": gettext_noop("%(by)s asked first and passed the call on"),
    "blonde": gettext_noop("%(by)s passed the call on while it still rang"),
}


def _transferred(one: Mapping[str, Any], names: Mapping[str, str]) -> Step:
    """One entry of Call.transfers."""
    what = _(TRANSFERS.get(one["kind"], TRANSFERS["blind"])) % {"by": names.get(one["by"], _end(one["by"]))}
    if not one["connects"]:
        return Step(from_epoch(one["at"]), "refused", "between", what, _("It came to nothing: nobody there took it."))
    first, second = (names.get(endpoint, _end(endpoint)) for endpoint in one["connects"])
    why = _("It put %(one)s and %(other)s together.") % {"one": first, "other": second}
    return Step(from_epoch(one["at"]), "proven", "between", what, why)


def _end(endpoint: str) -> str:
    return endpoint.partition("/")[2] or endpoint


def _waited(call: Call, queue: str) -> list[Step]:
    """How long the caller waited in a queue, told where the waiting ended."""
    if call.queued_at is None or call.left_queue_at is None:
        return []
    waited = spoken_time((call.left_queue_at - call.queued_at).total_seconds())
    what = _("Left the queue %(queue)s") % {"queue": isolated(queue or call.queue_name)}
    return [Step(call.left_queue_at, "proven", "point", what, _("Waited %(time)s.") % {"time": waited})]


def _joined(part: Call) -> Step:
    """That two calls became one, and when; whether by a transfer is told beside it."""
    said = {"who": isolated(who_began(part)), "number": part.dialled}
    what = _("%(who)s’s call to %(number)s became part of this one") if part.dialled else _("%(who)s’s call joined")
    why = _("They had talked already.") if part.answered_at else _("Nobody had answered it yet.")
    return Step(part.ended_at or part.started_at, "proven", "between", what % said, why, f"Linkedid {part.linkedid}")


def _ended(call: Call, parts: Parts, why_unseen: str) -> list[Step]:
    if call.ended_at is None:
        return []
    if call.merged_into:
        told = _("It goes on there, with its phones.") if parts.into else ""
        what, evidence = _("It became part of another call"), f"Linkedid {call.merged_into}"
        return [Step(call.ended_at, "proven", "between", what, told, evidence)]
    if call.disposition == "unseen":
        return [Step(call.ended_at, "unknown", "unknown", _("Its end was not seen"), capfirst(f"{why_unseen}."))]
    return [Step(call.ended_at, "proven", "proven", _("The call ended"), _how_it_ended(call))]


def _how_it_ended(call: Call) -> str:
    if call.talk_seconds is not None and call.answered_at:
        return _("Talked %(time)s.") % {"time": spoken_time(call.talk_seconds)}
    why = CALL_ENDS.get(call.disposition, "")
    return _(why) if why else ""


def _who(leg: Leg) -> str:
    return leg.user.display_name if leg.user else (leg.phone.name if leg.phone else leg.endpoint)

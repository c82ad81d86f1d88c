"""What the cards of a batch tell of earlier calls: the last ones, how many, what was noted, who it was."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from crmconnector.calls.models import Call, CallNote
from crmconnector.common.numbers import NumberReading
from crmconnector.contacts.lookup import Person
from crmconnector.contacts.models import NumberChoice
from crmconnector.screenpop.payload import EarlierCall, NoteFacts

EARLIER_CALLS_SHOWN = 3
EARLIER_CALLS_READ = 10  # the last note may stand in a call that is not shown any more
EARLIER_DAYS = 365
MOST_CHOICES = 200


@dataclass(slots=True)
class Past:
    """By number in E.164 form. `notes` holds the newest note of each."""

    calls: dict[str, list[EarlierCall]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, NoteFacts] = field(default_factory=dict)

    def shown(self, e164: str) -> Sequence[EarlierCall]:
        return self.calls.get(e164, [])[:EARLIER_CALLS_SHOWN]


def earlier_calls(e164s: set[str], now_ringing: set[int], now: datetime) -> Past:
    """Three queries at most, bounded for each number."""
    told = Past()
    if not e164s:
        return told
    past = Call.objects.filter(started_at__gte=now - timedelta(days=EARLIER_DAYS), test=False)
    past = past.exclude(pk__in=now_ringing)
    if len(e164s) == 1:  # nearly always; Django takes five times as long to write the query for several
        (e164,) = e164s
        past = past.filter(caller_e164=e164)
        newest, told.counts = past.order_by("-started_at")[:EARLIER_CALLS_READ], {e164: past.count()}
    else:
        past = past.filter(caller_e164__in=e164s)
        by_number = Window(RowNumber(), partition_by=F("caller_e164"), order_by=F("started_at").desc())
        newest = past.annotate(place=by_number).filter(place__lte=EARLIER_CALLS_READ).order_by("-started_at")
        told.counts = dict(past.order_by().values_list("caller_e164").annotate(Count("id")))
    calls = list(newest.select_related("answered_by"))
    notes = _notes_of(calls)
    for call in calls:
        told.calls[call.caller_e164].append(_earlier_call(call, notes.get(call.pk, ())))
        written = next((note for note in notes.get(call.pk, ()) if note.text), None)
        if written and call.caller_e164 not in told.notes:
            told.notes[call.caller_e164] = note_facts(written)
    return told


def choices_among(people: Mapping[NumberReading, Sequence[Person]]) -> dict[str, list[NumberChoice]]:
    """What was chosen before, for the numbers that several people have: by key, newest first. No query for others."""
    keys = {reading.e164 or reading.key for reading, found in people.items() if len(found) > 1}
    chosen: dict[str, list[NumberChoice]] = defaultdict(list)
    if keys:
        for choice in NumberChoice.objects.filter(number__in=keys).order_by("-chosen_at")[:MOST_CHOICES]:
            chosen[choice.number].append(choice)
    return chosen


def note_facts(note: CallNote) -> NoteFacts:
    return NoteFacts(note.text, note.user.display_name, note.changed_at.timestamp())


def _notes_of(calls: Iterable[Call]) -> dict[int, list[CallNote]]:
    ids = [call.pk for call in calls]
    if not ids:
        return {}
    found: dict[int, list[CallNote]] = defaultdict(list)
    for note in CallNote.objects.filter(call__in=ids).select_related("user", "outcome").order_by("-changed_at"):
        found[note.call_id].append(note)
    return found


def _earlier_call(call: Call, notes: Sequence[CallNote]) -> EarlierCall:
    kinds = {"answered": "talked", "transferred": "talked", "rejected": "rejected", "busy": "no_answer"}
    seconds = call.talk_seconds if call.answered_at else _rang_seconds(call)
    return EarlierCall(
        kind=kinds.get(call.disposition, "missed"),
        seconds=round(seconds) if seconds is not None else None,
        with_name=call.answered_by.display_name if call.answered_by else call.queue_name,
        at=call.started_at.timestamp(),
        outcome=next((note.outcome.label for note in notes if note.outcome), ""),
    )


def _rang_seconds(call: Call) -> float | None:
    return (call.ended_at - call.started_at).total_seconds() if call.ended_at else None

"""What the page of one call shows: its story, who saw a card, notes, and the way to say who it was."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.calls.notes import note_version
from crmconnector.common.numbers import read_number
from crmconnector.contacts.listing import first_contacts
from crmconnector.contacts.lookup import people_with_number
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import contacts_seen_by
from crmconnector.pbx.models import Queue
from crmconnector.screenpop.explain import explain_call
from crmconnector.users.models import User
from crmconnector.web.call_parts import parts_of
from crmconnector.web.call_rows import hide_contacts
from crmconnector.web.call_story import tell
from crmconnector.web.gap_rows import gaps_behind, why_unseen
from crmconnector.web.words import call_row

MOST_FOUND = 8
LEAST_TYPED = 2


@dataclass(frozen=True, slots=True)
class WhoWasIt:
    """`same_number`: contacts with the call's number; `found`: those that match what was typed."""

    text: str = ""
    asked: bool = False
    same_number: Sequence[Contact] = field(default_factory=tuple)
    found: Sequence[Contact] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class OwnNote:
    """The visitor's own note as the form shows it: what was typed and refused stands there again."""

    text: str
    version: str
    outcome: int | None
    outcomes: list[Disposition]


def call_page(
    call: Call, *, seen: QuerySet[Call], user: User, find: str | None = None, typed: str | None = None
) -> dict[str, object]:
    """The context of calls/call.html for a call loaded by `with_story`."""
    parts, unseen = parts_of(call, seen=seen), why_unseen(gaps_behind([call]).get(call.pk))
    hide_contacts([call, *parts.joined, *([parts.into] if parts.into else [])], user=user)
    queue, explained = _queue(call), explain_call(call)
    notes: list[CallNote] = list(call.notes.all())
    return {
        "call": call,
        "row": call_row(call, why_unseen=unseen, viewer=user),
        "story": tell(call, parts=parts, why_unseen=unseen, queue=queue, explained=explained),
        "explained": explained,
        "queue": queue,
        "into": call_row(parts.into, viewer=user) if parts.into else None,
        "joined": [call_row(part, viewer=user) for part in parts.joined],
        "notes": [note for note in notes if note.user_id != user.pk and (note.text or note.outcome)],
        "own": _own_note(notes, user, typed),
        "outcomes_given": [note for note in notes if note.outcome],
        "who": _who_was_it(call, user=user, find=find),
    }


def _own_note(notes: Sequence[CallNote], user: User, typed: str | None) -> OwnNote:
    own = next((note for note in notes if note.user_id == user.pk), None)
    offered = [one for one in Disposition.objects.all() if one.enabled or (own and own.outcome_id == one.pk)]
    text = typed if typed is not None else own.text if own else ""
    return OwnNote(text, note_version(own), own.outcome_id if own else None, offered)


def _who_was_it(call: Call, *, user: User, find: str | None) -> WhoWasIt:
    """The people with this number at once; others when somebody types a name."""
    if call.direction == "internal" or call.caller_restricted:
        return WhoWasIt()
    country, visible, text = call.pbx.country, contacts_seen_by(user), (find or "").strip()
    ids = [person.contact_id for person in people_with_number(read_number(call.far_number, country=country))]
    by_id = visible.in_bulk(ids)
    same = [by_id[pk] for pk in dict.fromkeys(ids) if pk in by_id and pk != call.contact_id]
    found: list[Contact] = []
    if len(text) >= LEAST_TYPED:
        found = first_contacts(user, text, country=country, most=MOST_FOUND)
    return WhoWasIt(text, find is not None or call.contact is None, same, found)


def _queue(call: Call) -> str:
    """What people call the queue it came to; its name on the PBX when nobody gave it a better one."""
    if not call.queue_name:
        return ""
    return str(Queue.objects.filter(pbx=call.pbx_id, name=call.queue_name).first() or call.queue_name)

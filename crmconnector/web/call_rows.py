"""Rows of calls for one visitor: with the reason of unseen ends, notes, whether a missed call was returned, and the
names of those contacts alone that this visitor may see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from crmconnector.calls.models import MISSED, Call, CallNote
from crmconnector.calls.to_return import RETURN_DAYS, returned_at
from crmconnector.users.models import User
from crmconnector.web.gap_rows import gaps_behind, why_unseen
from crmconnector.web.words import CallRow, call_row, short_time

NOTE_LETTERS = 90


def hide_contacts(calls: Iterable[Call], *, user: User) -> None:
    """Take contacts of teams that this user is not in off these rows, in memory: who calls is then just a number."""
    if user.is_administrator:
        return
    named = [call for call in calls if call.contact is not None and call.contact.team_id is not None]
    own = set(user.teams.values_list("pk", flat=True)) if named else set()
    for call in named:
        if call.contact is not None and call.contact.team_id not in own:
            call.contact = None


def rows_of(calls: Sequence[Call], *, user: User, now: datetime) -> list[CallRow]:
    """A fixed number of queries, however many calls."""
    hide_contacts(calls, user=user)
    notes = CallNote.objects.select_related("outcome").order_by("created_at", "id")
    prefetch_related_objects(list(calls), Prefetch("notes", notes))
    gaps, returned = gaps_behind(calls), returned_at(call for call in calls if _was_missed(call))
    drawn = (call_row(call, why_unseen=why_unseen(gaps.get(call.pk)), viewer=user) for call in calls)
    return [_marked(row, returned.get(row.call.pk), now) for row in drawn]


def _marked(row: CallRow, returned: datetime | None, now: datetime) -> CallRow:
    call = row.call
    row = replace(row, note=_note(call), returned=returned is not None)
    if not _was_missed(call) or not call.far_number or call.started_at < now - timedelta(days=RETURN_DAYS):
        return row
    if returned is None:
        return replace(row, mark=_("not returned yet"))
    return replace(row, mark=_("returned %(at)s") % {"at": short_time(returned, beside=call.started_at)})


def _was_missed(call: Call) -> bool:
    return call.direction == "inbound" and call.disposition in MISSED and call.ended_at is not None


def _note(call: Call) -> str:
    told = []
    for note in call.notes.all():
        told += [note.outcome.label] if note.outcome else []
        told += [note.text.strip()] if note.text.strip() else []
    return Truncator(" · ".join(told).replace("\n", " ")).chars(NOTE_LETTERS)

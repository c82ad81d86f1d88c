"""Bringing in contacts from a file.

    receive_file -> received -> ask_check -> checking -> checked
        -> ask_bring_in -> running -> done -> ask_undo -> undoing -> undone

Asking changes the state by a conditional UPDATE and nothing else, so two clicks start one run; a worker then does the
work (`crmconnector.contacts.imports.running`). Nothing here enqueues: whoever asked does, after the commit.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.contacts.imports.encodings import ByteCensus
from crmconnector.contacts.imports.limits import (
    CHUNK_BYTES,
    KEPT_DAYS,
    MOST_BYTES,
    UNDO_DAYS,
    FileRefused,
    ImportProblem,
    too_large,
)
from crmconnector.contacts.imports.options import Options
from crmconnector.contacts.imports.running import UNDER_WAY, State
from crmconnector.contacts.imports.source import Reading, guess_reading
from crmconnector.contacts.models import ContactImport, ContactImportChunk, ContactImportProblem, ContactImportRow
from crmconnector.users.models import User

STALLED_SECONDS = 30
BEFORE = (State.RECEIVED, State.CHECKED, State.FAILED)  # nothing is brought in yet


@transaction.atomic
def receive_file(
    *, actor: User | None, file_name: str, chunks: Iterable[bytes], country: str, now: datetime
) -> ContactImport:
    """Store a file piece by piece and guess how it is written. Raises FileRefused; then nothing is stored."""
    forget_old(now=now)
    one = ContactImport.objects.create(
        file_name=_safe_name(file_name), by=actor, by_name=actor.username if actor else "terminal",
        created_at=now, changed_at=now,
    )  # fmt: skip
    census = ByteCensus()
    for position, chunk in enumerate(_pieces(chunks)):
        census.feed(chunk)
        if census.count > MOST_BYTES:
            raise FileRefused(too_large())
        ContactImportChunk.objects.create(source=one, position=position, content=chunk)
    census.end()
    reading = guess_reading(census, country=country)
    one.byte_count, one.format, one.reading = census.count, reading.format, reading.as_json()
    one.options = Options(country).as_json()
    one.save()
    return one


def choose(
    *, import_id: int, reading: Reading, options: Options, now: datetime, states: Sequence[str] = BEFORE
) -> ContactImport:
    """How the file is to be read and what is to be done with it. A check made before is void."""
    changes = {"reading": reading.as_json(), "options": options.as_json(), "state": State.RECEIVED, "counts": {}}
    return _change(import_id, states, changes, now, _("This file is in work, so nothing can be changed now."))


def ask_check(*, import_id: int, actor: User | None, now: datetime) -> ContactImport:
    return _ask(import_id, BEFORE, State.CHECKING, actor, now, _("This file is being worked on already."))


def ask_bring_in(*, import_id: int, actor: User | None, now: datetime) -> ContactImport:
    sentence = _("A file is brought in once, after it was checked. Look at what became of it.")
    return _ask(import_id, (State.CHECKED,), State.RUNNING, actor, now, sentence)


def ask_undo(*, import_id: int, actor: User | None, now: datetime) -> ContactImport:
    sentence = _("Only what was brought in can be undone, and only once.")
    if not can_undo(import_id):
        raise ImportProblem(_("Nothing was brought in by it, or it is too long ago: there is nothing to undo."))
    return _ask(import_id, (State.DONE, State.FAILED), State.UNDOING, actor, now, sentence, keep_counts=True)


def remove_import(*, import_id: int) -> None:
    """A file that was not brought in, with everything stored of it."""
    with transaction.atomic():
        ready = ContactImport.objects.filter(pk=import_id, state__in=BEFORE)
        if can_undo(import_id) or not ready.delete()[0]:
            raise ImportProblem(_("Something of it is brought in already, or it is in work: it stays in the list."))


def can_undo(import_id: int) -> bool:
    return ContactImportRow.objects.filter(source=import_id).exists()


def is_stalled(one: ContactImport, *, now: datetime) -> bool:
    """Asked for, and nobody has written for a while: its worker was stopped, or none runs."""
    return one.state in UNDER_WAY and one.changed_at < now - timedelta(seconds=STALLED_SECONDS)


def forget_old(*, now: datetime) -> None:
    """What nobody brought in goes after a week; what an undo needs, and the refused rows, after a month."""
    old = ContactImport.objects.filter(changed_at__lt=now - timedelta(days=KEPT_DAYS), state__in=BEFORE)
    old.exclude(pk__in=ContactImportRow.objects.values("source")).delete()
    older = ContactImport.objects.filter(changed_at__lt=now - timedelta(days=UNDO_DAYS)).exclude(state__in=UNDER_WAY)
    ContactImportRow.objects.filter(source__in=older).delete()
    ContactImportProblem.objects.filter(source__in=older).delete()


def _ask(
    import_id: int, states: Sequence[str], state: str, actor: User | None, now: datetime, sentence: str, *,
    keep_counts: bool = False,
) -> ContactImport:  # fmt: skip
    one = ContactImport.objects.filter(pk=import_id).first()
    if one is None:
        raise ImportProblem(_("This file is gone: it is kept for a week. Bring it again."))
    if state != State.UNDOING and can_undo(import_id):
        raise ImportProblem(_("A part of it is brought in already. Undo that first, or bring the file again."))
    options: dict[str, Any] = one.options | {"asked_by": actor.pk if actor else None}
    changes: dict[str, Any] = {"state": state, "options": options, "started_at": None, "ended_at": None, "sentence": ""}
    if not keep_counts:
        changes |= {"rows_done": 0, "counts": {"expected": one.counts.get("rows", 0)}}
    return _change(import_id, states, changes, now, sentence)


def _change(
    import_id: int, states: Sequence[str], changes: dict[str, Any], now: datetime, sentence: str
) -> ContactImport:
    """One of two clicks changes the row; the other is told."""
    if not ContactImport.objects.filter(pk=import_id, state__in=states).update(changed_at=now, **changes):
        raise ImportProblem(sentence)
    return ContactImport.objects.get(pk=import_id)


def _pieces(chunks: Iterable[bytes]) -> Iterable[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), CHUNK_BYTES):
            yield chunk[at : at + CHUNK_BYTES]


def _safe_name(name: str) -> str:
    """Of the file on the person's disk; shown, never opened."""
    return "".join(char for char in name if char.isprintable())[-120:] or _("no name")

"""Taking back what an import did: contacts it made go, contacts it changed become what they were.

What somebody changed since is not touched: it is somebody's work. It is told by name. Slice by slice as the bringing
in; the notes of what was taken back go with it, so a stopped undo goes on where it stopped.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.contacts.imports.limits import MOST_PROBLEMS
from crmconnector.contacts.models import (
    Contact,
    ContactChange,
    ContactImport,
    ContactImportProblem,
    ContactImportRow,
    ContactNumber,
)

SLICE = 1_000
KEPT = "kept"


def take_back(one: ContactImport, *, note: Callable[[], None], report: Callable[[ContactImport], None]) -> None:
    """`note` writes how far it is and raises when somebody else goes on with it."""
    all_rows = ContactImportRow.objects.filter(source=one)
    one.counts.setdefault("to_undo", all_rows.count())
    for name in ("removed", "restored", "kept"):
        one.counts.setdefault(name, 0)
    # The last change first: a file may have changed one contact twice.
    while rows := list(all_rows.order_by("-pk")[:SLICE]):
        with transaction.atomic():
            _slice(one, rows)
            done = one.counts["removed"] + one.counts["restored"] + one.counts["kept"]
            one.counts["share"] = min(1.0, done / (one.counts["to_undo"] or 1))
            note()
        report(one)


def _slice(one: ContactImport, rows: list[ContactImportRow]) -> None:
    ids = {row.contact_id for row in rows}
    contacts = {each.pk: each for each in Contact.objects.filter(pk__in=ids).order_by("pk").select_for_update()}
    latest = _last_foreign_changes(one, ids)
    gone: set[int] = set()
    kept: set[int] = set()
    for row in rows:
        contact = contacts.get(row.contact_id)
        if contact is None or contact.pk in kept:
            continue
        if _touched_since(row, contact, latest.get(contact.pk)):
            kept.add(contact.pk)
            _keep(one, contact)
        elif row.before is None:
            gone.add(contact.pk)
        else:
            _put_back(contact, row.before)
            one.counts["restored"] += 1
    Contact.objects.filter(pk__in=gone).delete()
    one.counts["removed"] += len(gone)
    ContactImportRow.objects.filter(pk__in=[row.pk for row in rows]).delete()


def _last_foreign_changes(one: ContactImport, ids: set[int]) -> dict[int, datetime]:
    """contact -> when somebody other than this import last changed it, by its history."""
    changes = ContactChange.objects.filter(contact__in=ids).exclude(kind=ContactChange.Kind.IMPORTED)
    return {row["contact"]: row["at"] for row in changes.order_by("at").values("contact", "at")}


def _touched_since(row: ContactImportRow, contact: Contact, changed: datetime | None) -> bool:
    """Its row was saved again, or its history says that somebody did something to it (a number added on the card)."""
    at = contact.created_at if row.before is None else datetime.fromisoformat(row.before["at"])
    return contact.updated_at != at or (changed is not None and changed > at)


def _put_back(contact: Contact, before: dict[str, Any]) -> None:
    fields = before["fields"] | {"updated_at": datetime.fromisoformat(before["updated_at"])}
    Contact.objects.filter(pk=contact.pk).update(**fields)
    for name, value in fields.items():
        setattr(contact, name, value)
    ContactNumber.objects.filter(contact=contact, written__in=before["numbers"]).delete()
    at = datetime.fromisoformat(before["at"])
    ContactChange.objects.filter(contact=contact, at=at, kind=ContactChange.Kind.IMPORTED).delete()


def _keep(one: ContactImport, contact: Contact) -> None:
    one.counts["kept"] += 1
    if one.counts["kept"] <= MOST_PROBLEMS:
        sentence = _("Changed since it was brought in, so it was kept as it is now.")
        ContactImportProblem.objects.create(
            source=one, line=0, refused=False, code=KEPT, sentence=sentence, shown=contact.name[:200]
        )

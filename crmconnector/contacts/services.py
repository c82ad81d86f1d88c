"""Writes about contacts: saving with a history, and adding one number.

ContactProblem       what is wrong with what was typed; safe to show
└── ContactStale     somebody else saved meanwhile: nothing was written, both versions are in it
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import NumberKind, read_number
from crmconnector.contacts.models import Contact, ContactChange, ContactNumber
from crmconnector.users.models import User

MOST_NUMBERS = 30
FIELDS = ("kind", "name", "company", "title", "email", "owner", "team", "tags", "external_id", "external_link", "notes")
NUMBERS = "numbers"  # stands beside the fields in a history

Told = dict[str, str]  # field -> what a person reads in a history
Changes = dict[str, list[str]]  # field -> [before, after]


class ContactProblem(Exception):
    """What is wrong with what was typed; safe to show."""


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that two people changed: what it was when the form was opened is not known, only these two."""

    field: str
    theirs: str
    yours: str


class ContactStale(ContactProblem):
    """Somebody saved this contact after the form was opened."""

    def __init__(self, *, by: str, at: datetime, clashes: list[Clash]) -> None:
        super().__init__(_("Somebody else changed this contact meanwhile. Nothing was saved."))
        self.by, self.at, self.clashes = by, at, clashes


@transaction.atomic
def save_contact(
    *,
    contact: Contact,
    numbers: Iterable[tuple[str, str]],
    country: str,
    by: User | None = None,
    seen: datetime | None = None,
) -> Contact:
    """Store a contact and exactly these (label, number) pairs; unchanged numbers keep their rows.

    `seen`: its updated_at when the form was opened; a later save by somebody else raises ContactStale. May raise
    ContactProblem.
    """
    rows = _read_rows(numbers, country)
    before = _stored(contact)
    after = {**told(contact), NUMBERS: _told_numbers((row.label, row.written) for row in rows)}
    if before is not None and seen is not None and before.updated_at != seen:
        raise _stale(before, after)
    changes = _changes(_told_row(before), after)
    contact.save()
    _keep_numbers(contact, rows)
    if changes:
        kind = ContactChange.Kind.EDITED if before else ContactChange.Kind.CREATED
        add_change(contact=contact, kind=kind, details=changes, by=by)
    return contact


@transaction.atomic
def attach_number(*, contact: Contact, written: str, label: str, country: str, by: User | None = None) -> ContactNumber:
    """Give a contact one more number. One that it has already, however it is written, is returned as it is."""
    row = read_contact_number(written=written, label=label, country=country)
    locked = lock_contact(contact.pk)
    had = list(locked.numbers.all())
    for one in had:
        if one.written == row.written or (row.e164 and one.e164 == row.e164):
            return one
    if len(had) >= MOST_NUMBERS:
        raise ContactProblem(_("A contact has room for %(most)d numbers.") % {"most": MOST_NUMBERS})
    row.contact = locked
    row.save()
    locked.save(update_fields=["updated_at"])
    details = {NUMBERS: ["", _told_numbers([(label, row.written)])]}
    add_change(contact=locked, kind=ContactChange.Kind.ATTACHED, details=details, by=by)
    return row


def read_contact_number(*, written: str, label: str, country: str) -> ContactNumber:
    """An unsaved row; refused with a sentence when the text is no telephone number at all."""
    reading = read_number(written, country=country)
    if reading.kind is NumberKind.WITHHELD or not reading.key:
        raise ContactProblem(
            _("%(text)s is not a telephone number. Write it as you would dial it, or with +49.")
            % {"text": repr(written)}
        )
    return ContactNumber(label=label, written=reading.written, e164=reading.e164, match_key=reading.key)


def lock_contact(contact_id: int) -> Contact:
    """The row as it is now, until the end of the transaction. One that is gone is a ContactProblem."""
    found = Contact.objects.select_for_update().filter(pk=contact_id).first()
    if found is None:
        raise ContactProblem(_("This contact is not there any more: somebody merged or erased it meanwhile."))
    return found


def add_change(
    *, contact: Contact, kind: ContactChange.Kind, details: Mapping[str, object], by: User | None
) -> ContactChange:
    """One entry of a contact's history; goes and comes with the contact."""
    name = by.display_name if by else ""
    return ContactChange.objects.create(
        contact=contact, kind=kind, details=dict(details), by=by, by_name=name, at=utc_now()
    )


def told(contact: Contact) -> Told:
    """What a person reads: names for owner and team, tags joined."""
    return {field: _told_value(contact, field) for field in FIELDS}


def told_numbers(contact: Contact) -> str:
    return _told_numbers((row.label, row.written) for row in contact.numbers.all())


def _told_value(contact: Contact, field: str) -> str:
    value = getattr(contact, field)
    if field == "tags":
        return ", ".join(value)
    if field == "owner":
        return value.display_name if value else ""
    return str(value) if value is not None else ""


def _told_numbers(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{written} ({label})" if label else written for label, written in pairs)


def _stored(contact: Contact) -> Contact | None:
    return lock_contact(contact.pk) if contact.pk else None


def _told_row(contact: Contact | None) -> Told:
    return {**told(contact), NUMBERS: told_numbers(contact)} if contact else {}


def _changes(before: Told, after: Told) -> Changes:
    return {field: [before.get(field, ""), text] for field, text in after.items() if before.get(field, "") != text}


def _stale(stored: Contact, after: Told) -> ContactStale:
    clashes = [Clash(field, *pair) for field, pair in _changes(_told_row(stored), after).items()]
    last = stored.changes.first()
    return ContactStale(by=last.by_name if last else "", at=stored.updated_at, clashes=clashes)


def _read_rows(numbers: Iterable[tuple[str, str]], country: str) -> list[ContactNumber]:
    pairs = {written.strip(): label.strip() for label, written in numbers if written.strip()}
    if len(pairs) > MOST_NUMBERS:
        raise ContactProblem(_("A contact has room for %(most)d numbers.") % {"most": MOST_NUMBERS})
    return [read_contact_number(written=written, label=label, country=country) for written, label in pairs.items()]


def _keep_numbers(contact: Contact, rows: list[ContactNumber]) -> None:
    contact.numbers.exclude(written__in=[row.written for row in rows]).delete()
    for row in rows:
        contact.numbers.update_or_create(
            written=row.written, defaults={"label": row.label, "e164": row.e164, "match_key": row.match_key}
        )

"""Writes about contacts."""

from collections.abc import Iterable

from django.db import transaction

from crmconnector.common.numbers import NumberKind, read_number
from crmconnector.contacts.models import Contact, ContactNumber


class ContactProblem(Exception):
    """What is wrong with what was typed; safe to show."""


@transaction.atomic
def save_contact(*, contact: Contact, numbers: Iterable[tuple[str, str]], country: str) -> Contact:
    """Store a contact and exactly these (label, number) pairs; unchanged numbers keep their rows."""
    pairs = {written.strip(): label.strip() for label, written in numbers if written.strip()}
    rows = [read_contact_number(written=written, label=label, country=country) for written, label in pairs.items()]
    contact.save()
    contact.numbers.exclude(written__in=pairs).delete()
    for row in rows:
        contact.numbers.update_or_create(
            written=row.written, defaults={"label": row.label, "e164": row.e164, "match_key": row.match_key}
        )
    return contact


def read_contact_number(*, written: str, label: str, country: str) -> ContactNumber:
    """An unsaved row; refused with a sentence when the text is no telephone number at all."""
    reading = read_number(written, country=country)
    if reading.kind is NumberKind.WITHHELD or not reading.key:
        raise ContactProblem(f"{written!r} is not a telephone number. Write it as you would dial it, or with +49.")
    return ContactNumber(label=label, written=reading.written, e164=reading.e164, match_key=reading.key)

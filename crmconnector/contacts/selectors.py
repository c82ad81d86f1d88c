"""Reads about contacts."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from crmconnector.common.numbers import NumberReading, fold_digits
from crmconnector.contacts.matching import MatchRule, StoredNumber, can_be_looked_up, match_people
from crmconnector.contacts.models import Contact, ContactNumber

MOST_PEOPLE_SHOWN = 20
MOST_ROWS_PER_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as the card shows it, with the label of the number that matched and the rule that found it."""

    contact_id: int
    name: str
    company: str
    title: str
    notes: str
    number_label: str
    rule: MatchRule


def people_with_numbers(readings: Iterable[NumberReading]) -> dict[NumberReading, list[Person]]:
    """Everybody with each of these numbers (at most `MOST_PEOPLE_SHOWN` each), in one query by two indexes."""
    wanted = [reading for reading in dict.fromkeys(readings) if can_be_looked_up(reading)]
    if not wanted:
        return {}
    keys = {reading.key for reading in wanted if reading.key}
    exact = {reading.e164 for reading in wanted if reading.e164}
    rows = list(
        ContactNumber.objects.filter(Q(match_key__in=keys) | Q(e164__in=exact))
        .select_related("contact")
        .order_by("contact__name", "id")[:MOST_ROWS_PER_BATCH]
    )
    return {reading: _people(reading, rows) for reading in wanted}


def people_with_number(reading: NumberReading) -> list[Person]:
    return people_with_numbers([reading]).get(reading, [])


def find_contacts(text: str) -> QuerySet[Contact]:
    """Contacts whose name or company holds the text, or one of whose numbers ends with its digits."""
    text = fold_digits(text.strip().replace("\x00", ""))[:80]
    found = Contact.objects.prefetch_related("numbers")
    if not text:
        return found
    digits = "".join(char for char in text if char in "0123456789")
    wanted = Q(name__icontains=text) | Q(company__icontains=text)
    if len(digits) >= 4:
        wanted |= Q(numbers__match_key__endswith=digits[-9:])
    return found.filter(wanted).distinct()


def _people(reading: NumberReading, rows: list[ContactNumber]) -> list[Person]:
    stored = [StoredNumber(row.contact_id, row.e164, row.match_key) for row in rows]
    first_row: dict[int, ContactNumber] = {}
    for row in rows:
        if row.match_key == reading.key or (reading.e164 and row.e164 == reading.e164):
            first_row.setdefault(row.contact_id, row)
    matches = match_people(reading, stored)[:MOST_PEOPLE_SHOWN]
    return [_person(first_row[match.contact_id], match.rule) for match in matches]


def _person(row: ContactNumber, rule: MatchRule) -> Person:
    contact = row.contact
    return Person(contact.pk, contact.name, contact.company, contact.title, contact.notes, row.label, rule)

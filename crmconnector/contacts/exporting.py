"""Contacts as rows of a file, in batches: a million of them never lie in memory together.

The ids are read first, by a cursor of the server (eight bytes each), then their rows batch by batch. So the order of
the list holds, no connection is kept while a slow browser takes its time, and who lost a contact in between does not
get it any more.
"""

from array import array
from collections.abc import Iterator, Sequence

from django.db.models import Count, Max, QuerySet

from crmconnector.contacts.columns import COLUMNS, TAG_SEPARATOR, export_header
from crmconnector.contacts.models import Contact, ContactNumber

BATCH = 500


def ids_of(found: QuerySet[Contact]) -> "array[int]":
    """All ids of a list in its order."""
    return array("q", found.values_list("pk", flat=True).iterator(chunk_size=10_000))


def header_of(found: QuerySet[Contact]) -> list[str]:
    """The names of the columns: as many pairs for numbers as the contact with the most of them needs."""
    numbers = ContactNumber.objects.filter(contact__in=found.order_by().values("pk")).order_by()
    most = numbers.values("contact").annotate(count=Count("pk")).aggregate(most=Max("count"))["most"]
    return export_header(phones=max(1, most or 0))


def batches(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield list(ids[start : start + BATCH])


def rows_of(seen: QuerySet[Contact], ids: list[int], *, width: int) -> list[list[str]]:
    """One row each, in the order of the ids; those that may not be seen, or are gone, are left out."""
    rows = seen.select_related("owner", "team").prefetch_related("numbers").defer("search").in_bulk(ids)
    return [_row(rows[pk], width) for pk in ids if pk in rows]


def _row(contact: Contact, width: int) -> list[str]:
    cells = [_cell(contact, column.field) for column in COLUMNS]
    for number in contact.numbers.all():
        cells += [number.label, number.written]
    return (cells + [""] * width)[:width]


def _cell(contact: Contact, field: str) -> str:
    if field == "owner":
        return contact.owner.username if contact.owner else ""
    if field == "team":
        return contact.team.name if contact.team else ""
    return TAG_SEPARATOR.join(contact.tags) if field == "tags" else str(getattr(contact, field))

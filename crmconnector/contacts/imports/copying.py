"""Slices of rows into the tables, by COPY: the same path for a file of ten rows and of a million.

The ids of new contacts are taken from their sequence beforehand, so that contacts, numbers, history and the notes for
the undo go in by one COPY each, at the pace of the indexes and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from crmconnector.contacts.imports.cells import Number, Wanted
from crmconnector.contacts.imports.plan import TEXTS, Key, Same, Stored
from crmconnector.contacts.models import Contact, ContactChange, ContactNumber

_CONTACT = (
    "COPY contacts_contact (id, kind, name, company, title, email, notes, tags, owner_id, team_id, external_id, "
    "external_link, created_at, updated_at) FROM STDIN"
)
_NUMBER = "COPY contacts_contactnumber (contact_id, label, written, e164, match_key) FROM STDIN"
_CHANGE = "COPY contacts_contactchange (contact_id, at, by_id, by_name, kind, details) FROM STDIN"
_ROW = "COPY contacts_contactimportrow (source_id, contact_id, before) FROM STDIN"
# Sameness -> whose contact it is. `k` are the keys of this slice; the contact must be one that the importer may see.
_TWINS = {
    Same.EXTERNAL_ID: "JOIN contacts_contact c ON c.external_id = k.one AND c.external_id <> ''",
    Same.NAME: "JOIN contacts_contact c ON c.name = k.one AND c.company = k.two",
    Same.NUMBER: "JOIN contacts_contactnumber n ON n.e164 = k.one JOIN contacts_contact c ON c.id = n.contact_id",
}

Placed = tuple[Wanted, int | None, int | None]  # a row with its owner's and its team's id


def new_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in cursor.fetchall()]


def copy_contacts(rows: Sequence[Placed], *, at: datetime) -> list[int]:
    """Make these contacts with their numbers; their ids."""
    ids = new_ids(len(rows))
    copy(_CONTACT, (
        (pk, row.kind, row.name, row.company, row.title, row.email, row.notes, row.tags, owner, team, row.external_id,
         row.external_link, at, at)
        for pk, (row, owner, team) in zip(ids, rows, strict=True)
    ))  # fmt: skip
    copy(_NUMBER, (
        (pk, number.label, number.written, number.e164, number.key)
        for pk, (row, _owner, _team) in zip(ids, rows, strict=True) for number in row.numbers
    ))  # fmt: skip
    return ids


def copy_history(changes: Iterable[tuple[int, dict[str, Any]]], *, at: datetime, by_id: int | None, by: str) -> None:
    kind = ContactChange.Kind.IMPORTED.value
    copy(_CHANGE, ((contact, at, by_id, by, kind, Jsonb(details)) for contact, details in changes))


def copy_import_rows(source_id: int, rows: Iterable[tuple[int, dict[str, Any] | None]]) -> None:
    """What the undo needs: contact -> how it was before, None when it was not."""
    copy(_ROW, ((source_id, contact, Jsonb(before) if before is not None else None) for contact, before in rows))


def copy(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as into:
        for row in rows:
            into.write_row(row)


def twins_of(keys: Iterable[tuple[int, Key]], *, teams: Sequence[int] | None) -> dict[int, int]:
    """place -> the contact that it is, by the first sameness that hits. `teams` None: every contact may be seen."""
    by_same: dict[Same, list[tuple[int, str, str]]] = defaultdict(list)
    for place, (same, one, two) in keys:
        by_same[same].append((place, one, two))
    found: dict[int, int] = {}
    for same in Same:
        wanted = [each for each in by_same[same] if each[0] not in found]
        if wanted:
            found |= _twins(same, wanted, teams)
    return found


def _twins(same: Same, wanted: Sequence[tuple[int, str, str]], teams: Sequence[int] | None) -> dict[int, int]:
    seen = "" if teams is None else "WHERE c.team_id IS NULL OR c.team_id = ANY(%s)"
    places, ones, twos = (list(column) for column in zip(*wanted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (k.place) k.place, c.id FROM unnest(%s::int[], %s::text[], %s::text[]) "  # noqa: S608
            f"AS k(place, one, two) {_TWINS[same]} {seen} ORDER BY k.place, c.id",
            [places, ones, twos, *([list(teams)] if teams is not None else [])],
        )
        return dict(cursor.fetchall())


def locked_contacts(ids: Iterable[int]) -> dict[int, Stored]:
    """These contacts as they are, held until the end of the transaction."""
    fields = (*TEXTS, "kind", "tags", "owner_id", "team_id", "updated_at")
    rows = Contact.objects.filter(pk__in=set(ids)).order_by("pk").select_for_update().values("pk", *fields)
    found = {row.pop("pk"): row for row in rows}
    numbers: dict[int, list[Number]] = defaultdict(list)
    for one in ContactNumber.objects.filter(contact__in=found).order_by("pk"):
        numbers[one.contact_id].append(Number(one.label, one.written, one.e164, one.match_key))
    return {pk: Stored(pk, fields, numbers[pk]) for pk, fields in found.items()}


def write_changes(changed: dict[int, tuple[dict[str, Any], list[Number]]], *, at: datetime) -> None:
    contacts = Contact.objects.in_bulk(changed)
    names: set[str] = {"updated_at"}
    for pk, (fields, _numbers) in changed.items():
        for name, value in fields.items():
            setattr(contacts[pk], name, value)
        contacts[pk].updated_at = at
        names |= {name.removesuffix("_id") if name in ("owner_id", "team_id") else name for name in fields}
    Contact.objects.bulk_update(contacts.values(), names, batch_size=500)
    ContactNumber.objects.bulk_create(
        [
            ContactNumber(contact_id=pk, label=one.label, written=one.written, e164=one.e164, match_key=one.key)
            for pk, (_fields, numbers) in changed.items() for one in numbers
        ],
        ignore_conflicts=True, batch_size=1000,
    )  # fmt: skip


class SeenRows:
    """Keys of the rows of a file that a check has passed, in a table of this connection: a million rows must not lie
    in memory."""

    def __enter__(self) -> "SeenRows":
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE IF NOT EXISTS import_seen (mark bigint PRIMARY KEY)")
            cursor.execute("TRUNCATE import_seen")
        return self

    def __exit__(self, *_error: object) -> None:
        if connection.connection is not None and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS import_seen")

    def had(self, keys: Iterable[tuple[int, Key]]) -> set[int]:
        """Places of the rows that are the same as an earlier one."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, key in keys:
            places[hash(key)].append(place)
        with connection.cursor() as cursor:
            cursor.execute("SELECT mark FROM import_seen WHERE mark = ANY(%s::bigint[])", [list(places)])
            return {place for row in cursor.fetchall() for place in places[row[0]]}

    def add(self, keys: Iterable[tuple[int, Key]]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO import_seen SELECT DISTINCT unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
                [[hash(key) for _place, key in keys]],
            )

"""Who has this number? The one query behind the card, the playground and the ledger of calls.

It runs once for every batch in which phones ring, while people wait for the card: as a prepared statement on the
connection and in the transaction that Django has, decoded without model instances. Both indexes of the numbers are
asked; what they give is verified by `matching`, which alone decides.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

from crmconnector.common.numbers import NumberReading, read_number
from crmconnector.contacts.matching import (
    Explanation,
    MatchRule,
    StoredNumber,
    can_be_looked_up,
    explain,
    lookup_forms,
    lookup_keys,
    match_people,
)

MOST_PEOPLE_SHOWN = 20
MOST_ROWS_PER_BATCH = 2000  # shared by the numbers of a batch: nobody's thousand colleagues hide another's one
LEAST_ROWS_PER_FORM = 4 * MOST_PEOPLE_SHOWN

# Each form has a limit of its own, so that all people with just this number are found whatever else ends like it. Rows
# of a key that are complete numbers of their own can only match when their digits alone have a second meaning (`bare`),
# or when the caller's number is itself incomplete (`open`). The text of this statement never changes: it is prepared.
SQL = """
select n.e164, n.match_key, n.written, n.label,
       c.id, c.kind, c.name, c.company, c.title, c.notes, c.email, c.tags, c.owner_id,
       coalesce(nullif(o.full_name, ''), o.username, ''), c.team_id, c.external_id, c.external_link
from (
    select e.* from unnest(%(forms)s::text[]) as f(form) cross join lateral (
        select id, contact_id, e164, match_key, written, label from contacts_contactnumber
        where e164 = f.form order by e164, id limit %(most)s) as e
    union all
    select k.* from unnest(%(keys)s::text[], %(open)s::boolean[]) as f(key, is_open) cross join lateral (
        select id, contact_id, e164, match_key, written, label from contacts_contactnumber
        where match_key = f.key and e164 <> all(%(forms)s::text[])
          and (e164 = '' or f.is_open or regexp_replace(written, '[^0-9]', '', 'g') = any(%(bare)s::text[]))
        limit %(most)s) as k
) as n
join contacts_contact as c on c.id = n.contact_id
left join users_user as o on o.id = c.owner_id
order by c.name, n.id
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as the card shows it, with the label of the number that matched and the rule that found it."""

    contact_id: int
    kind: str
    name: str
    company: str
    title: str
    notes: str
    email: str
    tags: tuple[str, ...]
    owner_id: int | None
    owner_name: str
    team_id: int | None
    external_id: str
    external_link: str
    number_label: str
    rule: MatchRule


Row = Sequence[Any]  # the columns of SQL


def people_with_numbers(readings: Iterable[NumberReading]) -> dict[NumberReading, list[Person]]:
    """Everybody with each of these numbers (at most `MOST_PEOPLE_SHOWN` each), in one query by two indexes."""
    wanted = [reading for reading in dict.fromkeys(readings) if can_be_looked_up(reading)]
    if not wanted:
        return {}
    rows = _RowsByForm(_fetch(arguments_for(wanted)))
    return {reading: _people(reading, rows.of(reading)) for reading in wanted}


def people_with_number(reading: NumberReading) -> list[Person]:
    return people_with_numbers([reading]).get(reading, [])


def explain_number(
    text: str, *, country: str, outside_prefixes: tuple[str, ...] = ()
) -> tuple[Explanation, list[Person]]:
    """How a text is read, each rule that was tried and why, and the people it finds."""
    reading = read_number(text, country=country, outside_prefixes=outside_prefixes)
    rows = _RowsByForm(_fetch(arguments_for([reading]))).of(reading) if can_be_looked_up(reading) else []
    stored = [StoredNumber(row[4], row[0], row[1], row[2]) for row in rows]
    return explain(text, stored, country=country, outside_prefixes=outside_prefixes), _people(reading, rows)


def arguments_for(readings: Sequence[NumberReading]) -> dict[str, Any]:
    """What `SQL` wants for these numbers."""
    forms = list(dict.fromkeys(form for reading in readings for form in lookup_forms(reading)))
    keys: dict[str, bool] = {}
    for reading in readings:
        for key in lookup_keys(reading):
            keys[key] = keys.get(key, False) or not reading.e164
    bare = {form[cut:] for form in forms for cut in (1, 2, 3, 4)}  # with the country code, and without
    most = max(LEAST_ROWS_PER_FORM, MOST_ROWS_PER_BATCH // (len(forms) + len(keys)))
    return {"forms": forms, "keys": list(keys), "open": list(keys.values()), "bare": list(bare), "most": most}


def _fetch(arguments: dict[str, Any]) -> list[Row]:
    """Prepared once in each database session. Django leaves preparing off, so it is on for this statement alone."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    began = time.monotonic()
    with connection.wrap_database_errors:
        session: psycopg.Connection[Row] = connection.connection
        kept, session.prepare_threshold = session.prepare_threshold, 0
        try:
            return psycopg.Cursor(session).execute(SQL, arguments, prepare=True).fetchall()
        finally:
            session.prepare_threshold = kept
            if connection.queries_logged:  # so that tests can still count it
                connection.queries_log.append({"sql": SQL, "time": f"{time.monotonic() - began:.3f}"})


class _RowsByForm:
    """The rows of a batch by what they are found under, so that each number is compared with its own only."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        for place, row in enumerate(rows):
            for form in {row[0], row[1]} - {""}:
                self._rows[form][place] = row

    def of(self, reading: NumberReading) -> list[Row]:
        found: dict[int, Row] = {}
        for form in (*lookup_forms(reading), *lookup_keys(reading)):
            found |= self._rows.get(form, {})
        return [found[place] for place in sorted(found)]


def _people(reading: NumberReading, rows: Sequence[Row]) -> list[Person]:
    """Each person once, by the surest of the rules that found one of the numbers; the numbers stand for themselves."""
    numbered = [StoredNumber(place, row[0], row[1], row[2]) for place, row in enumerate(rows)]
    people: dict[int, Person] = {}
    for match in match_people(reading, numbered):
        row = rows[match.contact_id]
        people.setdefault(row[4], _person(row, match.rule))
    return list(people.values())[:MOST_PEOPLE_SHOWN]


def _person(row: Row, rule: MatchRule) -> Person:
    return Person(
        row[4], row[5], row[6], row[7], row[8], row[9], row[10], tuple(row[11]), row[12], row[13], row[14], row[15],
        row[16], number_label=row[3], rule=rule,
    )  # fmt: skip

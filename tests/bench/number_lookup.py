"""Whose number is this, among 1,000,000 contacts with two numbers each; and which indexes the busiest queries use.

Ours, from a reading to people, beside the same statement with the same arguments, prepared and run by psycopg alone.
Both take turns, so that a busy machine is busy for both.
"""

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import NumberReading, read_number
from crmconnector.contacts.lookup import SQL, arguments_for, people_with_number
from crmconnector.listener.sweeper import sweep
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from tests.bench.figures import Figure, percentile
from tests.bench.many_rows import add_calls_with_cards_and_commands, number_of
from tests.support.table import print_table

CONTACTS, CARDS, LOOKUPS, WARM = 1_000_000, 20_000, 1500, 200


def measure(folder: Path) -> list[Figure]:
    user = add_calls_with_cards_and_commands(CARDS)
    with _a_million_contacts():
        return _figures(user)


def _figures(user: User) -> list[Figure]:
    picks = random.Random(7).choices(range(2 * CONTACTS), k=LOOKUPS + WARM)
    ours, raw = _take_turns([read_number(number_of(place), country="DE") for place in picks])
    newest = Pop.objects.filter(user_id=user.pk, version__gt=CARDS - 5).order_by("version")[:50]
    _explain({
        "stream: cards of a user after a version": lambda: list(newest),
        "sweeper: open commands": sweep,
    }, ("number lookup", *_plan(SQL, arguments_for([read_number(number_of(11), country="DE")]))))  # fmt: skip
    return [
        Figure(f"number lookup in {2 * CONTACTS:,} numbers, {word}", 1000 * percentile(ours, share), "ms",
               "the same statement raw and prepared", 1000 * percentile(raw, share))
        for word, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip


@contextlib.contextmanager
def _a_million_contacts() -> Iterator[None]:
    """Rows by COPY, without the indexes for searching by name, which take long to fill and are not measured here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select indexname, indexdef, tablename = 'contacts_contactnumber' from pg_indexes where tablename in"
            " ('contacts_contact', 'contacts_contactnumber') and indexname not in (select conname from pg_constraint)"
        )
        others = cursor.fetchall()
        for name, _, _ in others:
            cursor.execute(f"drop index {name}")
        _copy(cursor)
        for _, definition, of_numbers in others:
            if of_numbers:
                cursor.execute(definition)
        cursor.execute("analyze contacts_contact, contacts_contactnumber")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("truncate contacts_contact cascade")
            for _, definition, of_numbers in others:
                if not of_numbers:
                    cursor.execute(definition)


def _copy(cursor: Any) -> None:
    now = utc_now()
    columns = "id, kind, name, company, title, email, notes, tags, external_id, external_link, created_at, updated_at"
    with cursor.copy(f"copy contacts_contact ({columns}) from stdin") as copy:
        for place in range(CONTACTS):
            company = f"Company {place % 5000}"
            copy.write_row((place + 1, "person", f"Person {place}", company, "", "", "", "{}", "", "", now, now))
    with cursor.copy("copy contacts_contactnumber (contact_id, label, written, e164, match_key) from stdin") as copy:
        for place in range(2 * CONTACTS):
            number = number_of(place)
            copy.write_row((place // 2 + 1, "work", number, number, number[-9:]))


def _take_turns(readings: list[NumberReading]) -> tuple[list[float], list[float]]:
    """Seconds of each look-up of ours, and of the same statement on a connection of its own."""
    ours, raw = [], []
    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**wanted, autocommit=True) as session, session.cursor() as cursor:
        for place, reading in enumerate(readings):
            arguments = arguments_for([reading])
            began = time.perf_counter()
            people = people_with_number(reading)
            between = time.perf_counter()
            rows = cursor.execute(SQL, arguments, prepare=True).fetchall()
            ended = time.perf_counter()
            if len(people) != 1 or not rows:
                raise RuntimeError(f"number {place} has not one owner")
            ours.append(between - began)
            raw.append(ended - between)
    return ours[WARM:], raw[WARM:]


def _explain(queries: dict[str, Callable[[], object]], *known: tuple[str, str, str]) -> None:
    rows = [*known, *((name, *_plan_of(work)) for name, work in queries.items())]
    print_table(("query", "indexes used", "full table scans"), rows)


def _plan_of(work: Callable[[], object]) -> tuple[str, str]:
    """(indexes, tables read whole) of the first query that this work makes."""
    with CaptureQueriesContext(connection) as seen:
        work()
    return _plan(next(row["sql"] for row in seen.captured_queries if row["sql"].startswith("SELECT")))


def _plan(statement: str, arguments: dict[str, object] | None = None) -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(f"explain {statement}", arguments)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    indexes = re.findall(r"(?:Index Scan|Index Only Scan)(?: Backward)?(?: using| on) (\w+)", plan)
    return ", ".join(dict.fromkeys(indexes)) or "none", ", ".join(re.findall(r"Seq Scan on (\w+)", plan)) or "none"

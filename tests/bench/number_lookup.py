"""Whose number is this, among 200,000 contacts with two numbers each; and which indexes the busiest queries use."""

import random
import re
from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.common.numbers import NumberReading, read_number
from crmconnector.contacts.selectors import people_with_number
from crmconnector.listener.sweeper import sweep
from crmconnector.screenpop.selectors import cards_after
from tests.bench.figures import Figure, in_ms
from tests.bench.many_rows import add_calls_with_cards_and_commands, copy_contacts, number_of
from tests.bench.round_trips import select_one, timed
from tests.support.table import print_table

CONTACTS, CARDS, LOOKUPS = 200_000, 20_000, 300


def measure(folder: Path) -> list[Figure]:
    copy_contacts(CONTACTS)
    user = add_calls_with_cards_and_commands(CARDS)
    picks = random.Random(7).choices(range(2 * CONTACTS), k=LOOKUPS)
    readings = iter([read_number(number_of(place), country="DE") for place in picks])
    seconds = timed(lambda: _found(next(readings)), times=LOOKUPS)
    newest = CARDS - 5
    _explain({
        "number lookup": lambda: people_with_number(read_number(number_of(11), country="DE")),
        "stream: cards of a user after a version": lambda: cards_after(user_id=user.pk, version=newest),
        "sweeper: open commands": sweep,
    })  # fmt: skip
    return in_ms(f"number lookup in {2 * CONTACTS:,} numbers", seconds, {"SELECT 1": select_one()})


def _found(reading: NumberReading) -> None:
    if len(people_with_number(reading)) != 1:
        raise RuntimeError(f"{reading.written} has not one owner")


def _explain(queries: dict[str, Callable[[], object]]) -> None:
    print_table(("query", "indexes used", "full table scans"), [(name, *_plan(work)) for name, work in queries.items()])


def _plan(work: Callable[[], object]) -> tuple[str, str]:
    """(indexes, tables read whole) of the first query that this work makes."""
    with CaptureQueriesContext(connection) as seen:
        work()
    statement = next(row["sql"] for row in seen.captured_queries if row["sql"].startswith("SELECT"))
    with connection.cursor() as cursor:
        cursor.execute(f"explain {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    indexes = re.findall(r"(?:Index Scan|Index Only Scan)(?: Backward)?(?: using| on) (\w+)", plan)
    return ", ".join(dict.fromkeys(indexes)) or "none", ", ".join(re.findall(r"Seq Scan on (\w+)", plan)) or "none"

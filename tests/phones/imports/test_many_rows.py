"""Two thousand rows ask as few questions as ten."""

import time
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.users.models import User
from phones.imports.services import ImportProblem
from phones.models import Assignment, Phone
from tests.support.office import RowOffice
from tests.support.phone_files import HEAD, HOUR, bring_in, check, everything, undo


def many(count: int, *, bad: int = 0) -> list[str]:
    lines = [
        f"Tel {n},10.{n // 62500 + 1}.{n // 250 % 250}.{n % 250 + 1},,p{n},{n},PJSIP/m{n},many{n}" for n in range(count)
    ]
    for place in range(bad):
        at = place * (count // bad)
        lines[at] = lines[at].replace("many", "nobody")
    return [HEAD, *lines]


def queries_for(count: int, now: datetime) -> list[int]:
    """Of a check, of bringing in and of the undo."""
    with CaptureQueriesContext(connection) as checking:
        one = check(*many(count), now=now)
    with CaptureQueriesContext(connection) as bringing:
        bring_in(one, now)
    with CaptureQueriesContext(connection) as undoing:
        undo(one, now)
    return [len(queries) for queries in (checking, bringing, undoing)]


def test_a_hundred_rows_ask_as_few_questions_as_ten(office: RowOffice, now: datetime) -> None:
    User.objects.bulk_create([User(username=f"many{n}", password="!") for n in range(100)])
    few, more = queries_for(10, now), queries_for(100, now)
    assert more == few and few[0] <= 12 and few[1] <= 20 and few[2] <= 40


def test_two_thousand_seats_with_fifty_bad_rows(office: RowOffice, now: datetime, capsys: object) -> None:
    """Two thousand phones and seats, fifty for people who do not exist; then everybody moves, and all is undone."""
    User.objects.bulk_create([User(username=f"many{n}", password="!") for n in range(2000)])
    before, began, times = everything(), time.perf_counter(), []
    one = check(*many(2000, bad=50), now=now)
    times.append(("check", time.perf_counter() - began))
    assert one.summary["good"] == 1950 and one.summary["bad"] == 50 and len(one.problems) == 50
    with pytest.raises(ImportProblem):
        bring_in(one, now)
    assert Phone.objects.count() == 3

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        bring_in(one, now, leave_bad_out=True)
    times.append(("bring in", time.perf_counter() - began))
    assert Phone.objects.count() == 1953 and Assignment.objects.count() == 1953 and len(queries) < 40

    began = time.perf_counter()
    ring = ["phone,user", *(f"Tel {n},many{(n + 1) % 2000}" for n in range(2000))]
    moved = check(*ring, now=now + HOUR, move=True, take_over=True)
    bring_in(moved, now + HOUR, leave_bad_out=True)
    times.append((f"move {moved.summary['seats_new']}", time.perf_counter() - began))
    undo(moved, now + 2 * HOUR)

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        undo(one, now + 2 * HOUR)
    times.append(("undo", time.perf_counter() - began))
    assert everything() == before and len(queries) < 80
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times))

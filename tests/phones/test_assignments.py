"""A phone has one user at a time: the database itself sees to it, for past and future too."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.types.range import TimestamptzRange

from phones.models import Assignment, Phone
from phones.seats import release_phone
from phones.selectors import seats_of
from phones.services import PhoneProblem, assign_phone
from tests.support.office import add_phone

DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def phone(office) -> Phone:
    """A phone that nobody has had yet."""
    return add_phone(office.pbx, extension="299", port=9999)


def give(phone, user, first, last=None):
    return assign_phone(
        phone=phone, user_id=user.pk, from_at=DAY + first * HOUR, until_at=None if last is None else DAY + last * HOUR
    )


@pytest.mark.parametrize(
    ("first", "last"), [(0, 4), (1, 2), (-1, 1), (3, 9), (-1, 9), (-1, None), (0, None), (3, None)]
)
def test_any_overlap_is_refused_with_a_sentence(office, phone, first, last):
    give(phone, office.users[0], 0, 4)
    with pytest.raises(PhoneProblem, match="assigned to somebody in that time"):
        give(phone, office.users[1], first, last)
    assert phone.assignments.count() == 1


@pytest.mark.parametrize(("first", "last"), [(4, 8), (4, None), (-4, 0), (100, 101)])
def test_times_that_only_touch_or_lie_apart_are_fine(office, phone, first, last):
    give(phone, office.users[0], 0, 4)
    give(phone, office.users[1], first, last)
    assert phone.assignments.count() == 2


def test_an_open_end_holds_for_ever(office, phone):
    give(phone, office.users[0], 0)
    with pytest.raises(PhoneProblem):
        give(phone, office.users[1], 100_000, 100_001)


def test_the_database_refuses_what_the_service_was_not_asked(office, phone):
    give(phone, office.users[0], 0, 4)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.bulk_create(
            [Assignment(phone=phone, user=office.users[1], during=TimestamptzRange(DAY, DAY + HOUR))]
        )


def test_an_end_before_its_start_is_refused(office, phone):
    with pytest.raises(PhoneProblem, match="later than the start"):
        give(phone, office.users[0], 4, 4)


def test_one_user_may_have_several_phones_at_once(office, phone):
    give(phone, office.users[0], 0)
    at = datetime.now(UTC)
    mine = Phone.objects.filter(assignments__user=office.users[0], assignments__during__contains=at)
    assert {one.name for one in mine} == {"Phone 201", "Phone 299"}


def test_who_sits_there_depends_on_the_time(office, phone):
    give(phone, office.users[0], 0, 4)
    give(phone, office.users[1], 4, 8)
    asked = [
        seats_of(pbx_id=office.pbx.pk, endpoints=["PJSIP/299"], at=DAY + hours * HOUR)["PJSIP/299"].user_id
        for hours in (-1, 0, 3.99, 4, 8)
    ]
    first, second = office.users[0].pk, office.users[1].pk
    assert asked == [None, first, first, second, None]


def test_release_keeps_history_and_frees_the_phone(office, phone):
    give(phone, office.users[0], 0)
    release_phone(phone=phone, at=DAY + 2 * HOUR)
    give(phone, office.users[1], 2)
    assert [row.during.upper for row in phone.assignments.order_by("during")] == [DAY + 2 * HOUR, None]


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_at_once_one_is_refused(office, phone):
    results, start = [], threading.Barrier(2)

    def race(user):
        start.wait()
        try:
            give(phone, user, 0)
            results.append("given")
        except PhoneProblem:
            results.append("refused")
        finally:
            connection.close()

    racers = [threading.Thread(target=race, args=(user,)) for user in office.users[:2]]
    for one in racers:
        one.start()
    for one in racers:
        one.join()
    assert sorted(results) == ["given", "refused"]

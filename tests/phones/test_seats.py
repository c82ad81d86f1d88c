"""Swapping, sitting down, many at once: history stays, nobody is on two desks, all or nothing."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from crmconnector.users.models import User
from phones.models import Assignment, Phone
from phones.seats import BulkProblem, bulk_assign, bulk_release, release_phone, sit_down, swap_phones
from phones.services import PhoneProblem, assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.processes import eventually

HOUR = timedelta(hours=1)


@pytest.fixture
def at() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def free(office: RowOffice) -> Phone:
    return add_phone(office.pbx, extension="299", port=9999)


def sitting(at: datetime) -> dict[str, str]:
    rows = Assignment.objects.filter(during__contains=at).select_related("user", "phone")
    return {row.phone.name: row.user.username for row in rows}


def all_seats() -> list[tuple[object, ...]]:
    return [(row.pk, row.phone_id, row.user_id, row.during) for row in Assignment.objects.order_by("pk")]


def together(*deeds: Callable[[], object]) -> list[str]:
    """Each deed in a thread of its own, begun at the same moment: what each came to."""
    results, start = [], threading.Barrier(len(deeds))

    def race(deed: Callable[[], object]) -> None:
        start.wait(10)
        try:
            deed()
            results.append("done")
        except PhoneProblem:
            results.append("refused")
        finally:
            connection.close()

    racers = [threading.Thread(target=race, args=(deed,)) for deed in deeds]
    for one in racers:
        one.start()
    for one in racers:
        one.join(20)
    return sorted(results)


def test_two_phones_exchange_their_users_and_keep_the_history(office: RowOffice, at: datetime) -> None:
    made = swap_phones(phone_a=office.phones[0], phone_b=office.phones[1], at=at)
    assert sitting(at) == {"Phone 201": "user202", "Phone 202": "user201", "Phone 203": "user203"}
    assert sitting(at - HOUR / 2)["Phone 201"] == "user201"
    assert len(made) == 2 and Assignment.objects.count() == 5


def test_after_a_swap_each_stays_as_long_as_before(office: RowOffice, at: datetime) -> None:
    release_phone(phone=office.phones[0], at=at - HOUR / 2)
    assign_phone(phone=office.phones[0], user_id=office.users[0].pk, from_at=at - HOUR / 4, until_at=at + HOUR)
    swap_phones(phone_a=office.phones[0], phone_b=office.phones[1], at=at)
    ends = {row.user_id: row.during.upper for row in Assignment.objects.filter(during__contains=at)}
    assert ends[office.users[0].pk] == at + HOUR and ends[office.users[1].pk] is None


def test_a_swap_with_a_free_phone_moves_the_one_user(office: RowOffice, free: Phone, at: datetime) -> None:
    swap_phones(phone_a=free, phone_b=office.phones[0], at=at)
    assert sitting(at)["Phone 299"] == "user201" and "Phone 201" not in sitting(at)


def test_a_swap_at_the_moment_a_seat_begins_leaves_no_empty_seat(office: RowOffice, free: Phone, at: datetime) -> None:
    assign_phone(phone=free, user_id=office.users[2].pk, from_at=at)
    swap_phones(phone_a=free, phone_b=office.phones[0], at=at)
    assert sitting(at)["Phone 299"] == "user201" and sitting(at)["Phone 201"] == "user203"
    assert not Assignment.objects.filter(during__isempty=True).exists()


def test_a_swap_of_nothing_is_refused(office: RowOffice, free: Phone, at: datetime) -> None:
    other = add_phone(office.pbx, extension="298", port=9998)
    for pair, words in (((free, free), "another phone"), ((free, other), "Nobody has either")):
        with pytest.raises(PhoneProblem, match=words):
            swap_phones(phone_a=pair[0], phone_b=pair[1], at=at)
    assign_phone(phone=free, user_id=office.users[0].pk, from_at=at - HOUR)
    with pytest.raises(PhoneProblem, match="same user"):
        swap_phones(phone_a=free, phone_b=office.phones[0], at=at)


def test_a_swap_that_a_later_seat_forbids_changes_nothing(office: RowOffice, free: Phone, at: datetime) -> None:
    assign_phone(phone=free, user_id=office.users[2].pk, from_at=at + HOUR)
    before = all_seats()
    with pytest.raises(PhoneProblem, match="Promised to somebody for a later time: Phone 299"):
        swap_phones(phone_a=free, phone_b=office.phones[0], at=at)
    assert all_seats() == before


def test_who_sits_down_leaves_the_old_desk(office: RowOffice, free: Phone, at: datetime) -> None:
    seat = sit_down(user_id=office.users[0].pk, phone=free, at=at)
    assert seat.during.upper is None
    assert sitting(at) == {"Phone 299": "user201", "Phone 202": "user202", "Phone 203": "user203"}


def test_a_seat_with_an_end_of_its_own_is_not_left_by_sitting_down(
    office: RowOffice, free: Phone, at: datetime
) -> None:
    loan = add_phone(office.pbx, extension="298", port=9998)
    assign_phone(phone=loan, user_id=office.users[0].pk, from_at=at - HOUR, until_at=at + HOUR)
    sit_down(user_id=office.users[0].pk, phone=free, at=at)
    assert sitting(at)["Phone 298"] == "user201"


def test_sitting_down_where_one_sits_changes_nothing(office: RowOffice, at: datetime) -> None:
    before = all_seats()
    sit_down(user_id=office.users[0].pk, phone=office.phones[0], at=at)
    assert all_seats() == before


def test_nobody_is_put_off_a_phone_unless_it_is_taken_over(office: RowOffice, at: datetime) -> None:
    before = all_seats()
    with pytest.raises(PhoneProblem, match="Somebody sits at Phone 202"):
        sit_down(user_id=office.users[0].pk, phone=office.phones[1], at=at)
    assert all_seats() == before
    sit_down(user_id=office.users[0].pk, phone=office.phones[1], at=at, take_over=True)
    assert sitting(at) == {"Phone 202": "user201", "Phone 203": "user203"}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_sit_down_at_one_phone_exactly_one_has_it(office: RowOffice, free: Phone) -> None:
    at = datetime.now(UTC)
    deeds = [lambda user=user: sit_down(user_id=user.pk, phone=free, at=at) for user in office.users[:2]]
    assert together(*deeds) == ["done", "refused"]
    assert Assignment.objects.filter(phone=free).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_at_two_desks_at_once_ends_up_at_one(office: RowOffice) -> None:
    """The second waits until the first is written, and then leaves that desk again."""
    one, two = (add_phone(office.pbx, extension=f"29{n}", port=9990 + n) for n in range(2))
    user, ended = office.users[0], threading.Event()
    release_phone(phone=office.phones[0], at=datetime.now(UTC))  # so that nothing but the person is the same

    def sit_elsewhere() -> None:
        try:
            sit_down(user_id=user.pk, phone=two, at=datetime.now(UTC))
        finally:
            ended.set()
            connection.close()

    with transaction.atomic():
        sit_down(user_id=user.pk, phone=one, at=datetime.now(UTC))
        other = threading.Thread(target=sit_elsewhere)
        other.start()
        eventually(lambda: ended.is_set() or somebody_waits(), seconds=20)
    other.join(20)
    there = Assignment.objects.filter(user=user, during__contains=datetime.now(UTC))
    assert [seat.phone for seat in there] == [two]


def somebody_waits() -> bool:
    """Whether a session of this database waits for a lock of another one."""
    with connection.cursor() as cursor:
        cursor.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_two_opposite_swaps_at_once_never_lock_each_other_out(office: RowOffice) -> None:
    at, (one, two) = datetime.now(UTC), office.phones[:2]
    for n in range(5):
        deeds = [
            lambda pair=pair, n=n: swap_phones(phone_a=pair[0], phone_b=pair[1], at=at + n * timedelta(seconds=1))
            for pair in ((one, two), (two, one))
        ]
        assert together(*deeds) in (["done", "done"], ["done", "refused"])
    assert sorted(sitting(at + HOUR).values()) == ["user201", "user202", "user203"]


def test_a_swap_that_was_overtaken_is_refused(office: RowOffice, at: datetime) -> None:
    swap_phones(phone_a=office.phones[0], phone_b=office.phones[1], at=datetime.now(UTC))
    before = all_seats()
    with pytest.raises(PhoneProblem, match="at the same moment"):
        swap_phones(phone_a=office.phones[0], phone_b=office.phones[1], at=at)
    assert all_seats() == before


def people(count: int) -> list[User]:
    return User.objects.bulk_create([User(username=f"more{n}", password="!") for n in range(count)])


def test_many_are_given_phones_in_as_many_queries_as_one(office: RowOffice, at: datetime) -> None:
    phones = [add_phone(office.pbx, extension=f"5{n:02}", port=7000 + n) for n in range(41)]
    users = people(41)

    def asked(pairs: list[tuple[int, int]]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(bulk_assign(pairs=pairs, at=at)) == len(pairs)
        return len(queries)

    pairs = [(phone.pk, user.pk) for phone, user in zip(phones, users, strict=True)]
    assert asked(pairs[:1]) == asked(pairs[1:]) <= 8
    with CaptureQueriesContext(connection) as queries:
        assert len(bulk_release(phone_ids=[phone.pk for phone in phones], at=at + HOUR)) == 41
    assert len(queries) <= 8 and not Assignment.objects.filter(phone__in=phones, during__upper_inf=True).exists()


def test_one_that_cannot_be_given_keeps_all_back_with_a_reason_each(
    office: RowOffice, free: Phone, at: datetime
) -> None:
    closed = User.objects.create_user("closed", is_active=False)
    shut = add_phone(office.pbx, extension="298", port=9998)
    before = all_seats()
    with pytest.raises(BulkProblem) as refused:
        bulk_assign(
            pairs=[
                (free.pk, office.users[0].pk), (office.phones[1].pk, office.users[0].pk), (shut.pk, closed.pk),
                (10**6, office.users[0].pk), (free.pk, office.users[1].pk),
            ],
            at=at,
        )  # fmt: skip
    reasons = refused.value.reasons
    assert "User 202 has it in that time" in reasons[office.phones[1].pk]
    assert "may not sign in" in reasons[shut.pk] and "gone" in reasons[10**6] and "twice" in reasons[free.pk]
    assert all_seats() == before


def test_a_release_of_a_phone_that_is_gone_releases_none(office: RowOffice, at: datetime) -> None:
    before = all_seats()
    with pytest.raises(BulkProblem):
        bulk_release(phone_ids=[office.phones[0].pk, 10**6], at=at)
    assert all_seats() == before


def test_a_release_leaves_free_phones_and_later_seats_alone(office: RowOffice, free: Phone, at: datetime) -> None:
    assign_phone(phone=free, user_id=office.users[2].pk, from_at=at + HOUR)
    ended = bulk_release(phone_ids=[free.pk, office.phones[0].pk], at=at)
    assert [seat.user.username for seat in ended] == ["user201"]
    assert sitting(at + 2 * HOUR)["Phone 299"] == "user203"


def test_more_than_five_hundred_at_once_are_refused(office: RowOffice, at: datetime) -> None:
    with pytest.raises(PhoneProblem, match="500 is the most"):
        bulk_release(phone_ids=range(1, 502), at=at)

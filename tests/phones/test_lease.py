"""One request at a time per phone, whoever asks."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import utc_now
from phones.lease import disown, extend_lease, give_all_back, give_back, take_lease, take_leases, take_over
from phones.models import PhoneLease
from tests.support.held_rows import held_elsewhere


@pytest.fixture
def ids(office) -> list[int]:
    return [phone.pk for phone in office.phones]


def take(phone_id, *, now=None, holder="order x", **how):
    return take_lease(phone_id=phone_id, holder=holder, now=now or utc_now(), **how)


def test_a_lease_is_taken_once_and_again_when_it_was_given_back(ids):
    assert take(ids[0]) == 1
    assert take(ids[0]) is None
    assert give_back(phone_id=ids[0], token=1)
    assert take(ids[0]) == 2


def test_a_lease_ends_by_itself_and_its_former_holder_gives_nothing_back(ids):
    now = utc_now()
    assert take(ids[0], now=now) == 1
    assert take(ids[0], now=now + timedelta(seconds=4.9)) is None
    assert take(ids[0], now=now + timedelta(seconds=5)) == 2
    assert not give_back(phone_id=ids[0], token=1)
    assert PhoneLease.objects.get().held_until is not None


def test_of_many_only_the_free_ones_are_taken_in_a_few_statements(ids):
    take(ids[1])
    with CaptureQueriesContext(connection) as asked:
        told = take_leases(phone_ids=ids, holder="look", now=utc_now())
    assert told == {ids[0]: 1, ids[2]: 1}
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) == 3  # one was held, two had no row as yet


def test_those_that_are_all_free_are_taken_in_one_statement(ids):
    give_back(phone_id=ids[0], token=take(ids[0]))
    with CaptureQueriesContext(connection) as asked:
        assert take_leases(phone_ids=ids[:1], holder="look", now=utc_now()) == {ids[0]: 2}
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) == 1
    assert take_leases(phone_ids=[], holder="look", now=utc_now()) == {}


def test_many_are_given_back_each_only_by_its_own_token(ids):
    told = take_leases(phone_ids=ids, holder="look", now=utc_now())
    disown(phone_id=ids[0])
    give_all_back(tokens=told)
    give_all_back(tokens={})
    held = dict(PhoneLease.objects.values_list("phone_id", "held_until"))
    assert held[ids[0]] is not None
    assert (held[ids[1]], held[ids[2]]) == (None, None)


def test_a_lease_is_extended_only_by_its_holder_and_only_while_it_lasts(ids):
    now = utc_now()
    take(ids[0], now=now)
    assert extend_lease(phone_id=ids[0], token=1, now=now + timedelta(seconds=4), seconds=5)
    assert not extend_lease(phone_id=ids[0], token=2, now=now)
    assert not extend_lease(phone_id=ids[0], token=1, now=now + timedelta(seconds=9)), "run out: somebody may have it"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_race_for_a_lease_one_gets_it(ids):
    told, start = [], threading.Barrier(8)

    def race():
        start.wait()
        try:
            told.append(take(ids[0]))
        finally:
            connection.close()

    in_threads(race, 8)
    assert sorted(token for token in told if token) == [1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False], ids=["as ever", "its first lease"])
def test_a_holder_that_is_frozen_before_its_commit_stops_nobody_else(ids, known):
    """Its row is locked: the others pass over it and do not wait, not even for an emergency call."""
    if known:
        PhoneLease.objects.bulk_create([PhoneLease(phone_id=one) for one in ids])
    with held_elsewhere(lambda: take(ids[0])):
        assert set(take_leases(phone_ids=ids, holder="look", now=utc_now())) == set(ids[1:])
        assert take_over(phone_id=ids[0], holder="help", now=utc_now()) is None


def in_threads(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)


def test_for_an_emergency_call_it_is_taken_from_whoever_has_it(ids):
    now = utc_now()
    assert take(ids[0], now=now) == 1
    assert take_over(phone_id=ids[0], holder="help", now=now) == 2
    assert not extend_lease(phone_id=ids[0], token=1, now=now)
    assert not give_back(phone_id=ids[0], token=1)
    assert (PhoneLease.objects.get().holder, take(ids[0], now=now)) == ("help", None)
    assert take_over(phone_id=ids[1], holder="help", now=now) == 1, "and from nobody"

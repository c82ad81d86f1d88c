"""Claiming and recording looks: nothing twice, nothing per phone, nothing of others overwritten."""

import threading
from datetime import timedelta

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import LEASE_SECONDS, utc_now
from phones import looks
from phones.health import Kind, Sight
from phones.lease import LOOK, take_lease, take_leases
from phones.looks import Seen, add_missing_rows, claim_due_phones, claim_of, record_looks
from phones.models import Phone, PhoneLease, PhoneStatus
from phones.services import note_passcode_refused, note_phone_answered, note_phone_silent, save_phone
from tests.support.office import add_phone

ANSWERED = Sight(Kind.ANSWERED, lines=("idle", "ringing"), seconds=0.031)
SILENT = Sight(Kind.SILENT, "connect_timeout", "The phone does not answer on the network.")
NOT_US = Sight(Kind.PASSCODE_REFUSED, "unauthorized", "The phone refused our passcode.")


@pytest.fixture
def phones(office) -> list[Phone]:
    """Three phones that are due."""
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in office.phones])
    return office.phones


def claim(now=None, most=128, most_troubled=64):
    return claim_due_phones(now=now or utc_now(), most=most, most_troubled=most_troubled)


def record(claims, sight=ANSWERED, at=None):
    return record_looks([Seen(one, sight, at or utc_now()) for one in claims])


def status_of(phone):
    return PhoneStatus.objects.get(phone=phone)


def test_due_phones_are_claimed_once_with_all_that_a_look_needs(phones):
    told = claim()
    assert {one.phone.pk for one in told} == {phone.pk for phone in phones}
    assert all(one.phone.passcode for one in told)
    assert {one.extensions[1] for one in told} == {"201", "202", "203"}
    assert claim() == [], "their leases are held"


def test_what_was_found_is_written_and_the_phone_is_free_until_its_next_look(phones):
    record(claim())
    status = status_of(phones[0])
    assert (status.reachable, status.lines, status.answer_milliseconds) == (True, ["idle", "ringing"], 31)
    assert 25 < (status.next_look_at - utc_now()).total_seconds() < 93
    assert not PhoneLease.objects.exclude(held_until=None).exists()
    assert claim() == []
    assert len(claim(now=status.next_look_at + timedelta(seconds=70))) == 3


def test_accounts_come_back_as_they_were_told(phones):
    told = ({"account": 1, "sip_id": "201", "registered": True},)
    record(claim(), Sight(Kind.ANSWERED, lines=("idle",), accounts_asked=True, accounts=told, registered=True))
    status = status_of(phones[0])
    assert (status.accounts, status.registered) == (list(told), True)
    assert status.accounts_at == status.looked_at
    again = claim_of(phone=phones[0], token=1, now=utc_now())
    assert again.before.accounts == told


def statements(work):
    with CaptureQueriesContext(connection) as asked:
        work()
    return len([one for one in asked if "SAVEPOINT" not in one["sql"]])


def test_claiming_and_recording_cost_the_same_for_three_phones_and_for_forty(office, phones):
    few = statements(lambda: record(claim()))
    for place in range(37):
        phone = add_phone(office.pbx, extension=str(300 + place), port=9000 + place)
        PhoneStatus.objects.create(phone=phone)
    PhoneStatus.objects.update(next_look_at=None)
    assert statements(lambda: record(claim())) == few <= 8
    assert PhoneStatus.objects.filter(reachable=True).count() == 40


def test_a_phone_whose_lease_is_held_is_passed_over(phones):
    take_lease(phone_id=phones[1].pk, holder="command x", now=utc_now())
    assert {one.phone.pk for one in claim()} == {phones[0].pk, phones[2].pk}


def test_a_phone_that_refused_our_passcode_is_not_looked_at_until_a_person_acts(phones):
    Phone.objects.filter(pk=phones[0].pk).update(passcode_refused_at=utc_now())
    assert phones[0].pk not in {one.phone.pk for one in claim()}
    save_phone(phone=phones[0], passcode_entered=True)
    assert [one.phone.pk for one in claim()] == [phones[0].pk]


def test_one_wrong_passcode_in_a_batch_stops_that_phone_alone(phones):
    told = claim()
    at = utc_now()
    record_looks([Seen(told[0], NOT_US, at), *(Seen(one, ANSWERED, at) for one in told[1:])])
    refused = Phone.objects.exclude(passcode_refused_at=None).get()
    assert refused.pk == told[0].phone.pk
    assert status_of(refused).reason_code == "unauthorized"
    PhoneStatus.objects.update(next_look_at=None)
    assert len(claim()) == 2


def test_a_frozen_worker_whose_lease_was_taken_by_another_writes_nothing(phones):
    late = claim()
    PhoneLease.objects.update(held_until=utc_now() - timedelta(seconds=1))
    newer = claim()
    assert record(newer) == 3
    assert record(late, SILENT) == 0
    assert record(late, NOT_US) == 0
    assert status_of(phones[0]).reachable is True
    assert not Phone.objects.exclude(passcode_refused_at=None).exists()


def test_a_frozen_worker_does_not_end_the_lease_of_its_successor(phones):
    late = claim()
    PhoneLease.objects.update(held_until=utc_now() - timedelta(seconds=1))
    claim()
    record(late)
    assert PhoneLease.objects.filter(held_until=None).count() == 0


def test_what_an_old_passcode_is_told_does_not_stop_the_new_one(phones):
    asked_with_the_old_one = claim()
    phones[0].passcode = "new-pass"
    save_phone(phone=phones[0], passcode_entered=True)
    record(asked_with_the_old_one, NOT_US)
    assert Phone.objects.get(pk=phones[0].pk).passcode_refused_at is None
    assert status_of(phones[0]).next_look_at is None, "looked at at once"


def test_a_saved_phone_is_looked_at_at_once_whatever_was_known(office, phones):
    for _ in range(5):
        note_phone_silent(phone_id=phones[0].pk, at=utc_now(), reason_code="no_answer", sentence="Silent.")
    assert status_of(phones[0]).breaker_until is not None
    save_phone(phone=phones[0], passcode_entered=False)
    status = status_of(phones[0])
    assert (status.next_look_at, status.breaker_until, status.failures) == (None, None, 0)
    new = Phone(name="New", address="127.0.0.1", port=9999, passcode="x")
    save_phone(phone=new, passcode_entered=True)
    assert new.pk in {one.phone.pk for one in claim()}


def test_the_phones_own_notifications_during_a_look_are_not_overwritten(phones):
    told = claim()
    soon = utc_now() + timedelta(seconds=5)
    PhoneStatus.objects.filter(phone=phones[0]).update(
        registered=False, accounts_at=utc_now(), next_look_at=soon, do_not_disturb=True, started_up_at=utc_now()
    )
    record(told)
    status = status_of(phones[0])
    assert (status.registered, status.do_not_disturb, status.next_look_at) == (False, True, soon)
    assert status.reachable is True
    assert status_of(phones[1]).next_look_at > soon


def test_a_change_by_a_person_during_a_look_is_looked_at_once_more(phones):
    PhoneStatus.objects.update(next_look_at=utc_now())
    told = claim()
    PhoneStatus.objects.filter(phone=phones[0]).update(next_look_at=None)
    record(told)
    assert status_of(phones[0]).next_look_at is None


def test_phones_in_trouble_take_only_their_share_and_come_last(phones):
    PhoneStatus.objects.filter(phone__in=phones[:2]).update(failures=4, next_look_at=utc_now() - timedelta(hours=1))
    assert [one.phone.pk for one in claim(most=1)] == [phones[2].pk]
    assert len(claim(most_troubled=1)) == 1
    assert claim(most_troubled=0) == []


def test_every_phone_gets_a_row_and_their_first_looks_are_spread(office):
    now = utc_now()
    assert add_missing_rows(now=now) == 3
    assert add_missing_rows(now=now) == 0
    planned = sorted(PhoneStatus.objects.values_list("next_look_at", flat=True))
    assert [round((one - now).total_seconds()) for one in planned] == [0, 20, 40]


def test_what_an_order_learned_counts_as_a_look(phones):
    note_phone_silent(phone_id=phones[0].pk, at=utc_now(), reason_code="no_answer", sentence="Silent.")
    status = status_of(phones[0])
    assert (status.reachable, status.failures, status.sentence) == (False, 1, "Silent.")
    assert 2 < (status.next_look_at - utc_now()).total_seconds() < 6, "again within seconds"
    note_phone_answered(phone_id=phones[0].pk, at=utc_now())
    status = status_of(phones[0])
    assert (status.reachable, status.failures, status.sentence) == (True, 0, "")


def test_what_an_order_learned_of_a_phone_that_is_well_costs_one_statement(phones):
    note_phone_answered(phone_id=phones[0].pk, at=utc_now())
    assert statements(lambda: note_phone_answered(phone_id=phones[0].pk, at=utc_now())) == 1


TROUBLES = {
    "never looked at": {"reachable": None, "since": None}, "silent": {"reachable": False, "failures": 1},
    "not since": {"since": None}, "failed once": {"failures": 1}, "breaker": {"breaker_until": utc_now()},
    "code": {"reason_code": "connect_timeout"}, "sentence": {"sentence": "The phone does not answer."}, "well": {},
}  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_an_answer_comes_to_the_same_by_the_short_way_and_by_the_rules(phones, trouble, monkeypatch):
    """The short way is for a phone that was well: any trouble is ended by the rules of its health."""
    monkeypatch.setattr(looks, "chance", lambda: 0.5)
    at, since = utc_now(), utc_now() - timedelta(hours=1)
    well = {"reachable": True, "since": since, "failures": 0, "breaker_until": None, "lines": ["idle"],
            "answer_milliseconds": 31, "registered": True}  # fmt: skip
    PhoneStatus.objects.filter(phone__in=phones[:2]).update(**{**well, **trouble})
    note_phone_answered(phone_id=phones[0].pk, at=at)
    before = looks.health_of(status_of(phones[1]))
    after = looks.next_health(before, Sight(Kind.ANSWERED), phone_id=phones[0].pk, now=at, random=0.5)
    assert looks.health_of(status_of(phones[0])) == after


def test_a_phone_nobody_has_looked_at_gets_a_row_by_an_order(office):
    note_passcode_refused(phone_id=office.phones[0].pk, at=utc_now())
    assert status_of(office.phones[0]).reason_code == "unauthorized"
    assert Phone.objects.get(pk=office.phones[0].pk).passcode_refused_at is not None


def test_a_word_that_no_column_can_hold_is_a_data_error_and_nothing_else(phones):
    """The worker then writes each look alone, so that one phone does not cost the others theirs."""
    told = claim()
    with pytest.raises(DataError), transaction.atomic():
        record(told, Sight(Kind.ANSWERED, lines=("\x00",)))
    assert record(told) == 3


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_claim_each_phone_once(office):
    for place in range(40):
        add_phone(office.pbx, extension=str(300 + place), port=9000 + place)
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    told, start = [], threading.Barrier(6)

    def race():
        start.wait()
        try:
            for _ in range(5):
                told.extend(one.phone.pk for one in claim(most=10))
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(told) == len(set(told)) == 43


@pytest.mark.django_db(transaction=True)
def test_a_result_that_is_being_written_is_not_looked_at_again(office):
    """Between the write of one worker and its commit another claims: it must see neither the old plan nor the lease."""
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    mine = claim()
    wrote, go_on, told = threading.Event(), threading.Event(), []

    def other():
        wrote.wait(10)
        try:
            told.extend(claim())
        finally:
            connection.close()
            go_on.set()

    one = threading.Thread(target=other)
    one.start()
    with transaction.atomic():
        record(mine)
        wrote.set()
        assert go_on.wait(10)
    one.join(10)
    assert told == []
    assert claim() == []


@pytest.mark.django_db(transaction=True)
def test_between_the_look_at_the_plan_and_the_lease_nobody_else_looks(office, monkeypatch):
    """Without the lock on the plan another worker looks and is done just then, and the phone is asked a second time."""
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    told = []

    def other():
        try:
            theirs = claim()
            told.extend(theirs)
            record(theirs)
        finally:
            connection.close()

    def first_the_other(**how):
        monkeypatch.setattr(looks, "take_leases", take_leases)
        one = threading.Thread(target=other)
        one.start()
        one.join(20)
        return take_leases(**how)

    monkeypatch.setattr(looks, "take_leases", first_the_other)
    assert len(claim()) == 3
    assert told == []


def test_phones_that_are_asked_by_others_do_not_fill_the_places_of_a_claim(phones):
    PhoneStatus.objects.filter(phone=phones[0]).update(next_look_at=utc_now() - timedelta(hours=1))
    PhoneStatus.objects.exclude(phone=phones[0]).update(next_look_at=utc_now())
    take_lease(phone_id=phones[0].pk, holder="command x", now=utc_now())
    assert len(claim(most=1)) == 1


# --- a person's order and a look --------------------------------------------------------------------------------------


def this_one(phone):
    return Phone.objects.filter(pk=phone.pk).values("pk")


@pytest.mark.django_db(transaction=True)
def test_a_person_waits_for_a_look_and_no_longer_than_it_takes(office):
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    looking = claim()
    over = threading.Event()

    def person():
        try:
            looks.put_person_first(this_one(office.phones[0]), seconds=30)
            over.set()
        finally:
            connection.close()

    one = threading.Thread(target=person)
    one.start()
    assert not over.wait(0.3)
    record(looking)
    assert over.wait(10)
    one.join(10)


def test_nobody_waits_for_another_persons_order_or_for_a_look_that_has_run_out(phones, monkeypatch):
    monkeypatch.setattr(looks.time, "sleep", lambda _: pytest.fail("it waited"))
    looks.put_person_first(this_one(phones[0]))
    take_lease(phone_id=phones[0].pk, holder="order y", now=utc_now())
    looks.put_person_first(this_one(phones[0]))
    take_lease(phone_id=phones[1].pk, holder=LOOK, now=utc_now() - timedelta(seconds=6))
    looks.put_person_first(this_one(phones[1]))


def test_no_look_begins_while_a_persons_order_is_on_its_way(phones):
    PhoneStatus.objects.filter(phone=phones[1]).update(next_look_at=utc_now() + timedelta(seconds=1))
    for phone in phones[:2]:
        looks.put_person_first(this_one(phone))
    now = utc_now()
    # Also when it has to wait until the lease of a look ends whose worker has died.
    assert [one.phone for one in claim(now + timedelta(seconds=LEASE_SECONDS + 1.0))] == [phones[2]]
    assert len(claim(now + timedelta(seconds=looks.PERSON_FIRST_SECONDS + 0.1))) == 2


def test_a_phone_that_was_never_looked_at_is_a_persons_first_too(phones):
    PhoneStatus.objects.filter(phone=phones[0]).delete()
    looks.put_person_first(this_one(phones[0]))
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    assert phones[0] not in [one.phone for one in claim()]


@pytest.mark.django_db(transaction=True)
def test_a_look_that_is_being_claimed_in_that_moment_is_waited_for_too(office, monkeypatch):
    """The worker has read its plan and not yet committed its leases: a person who comes now must not slip between."""
    add_missing_rows(now=utc_now() - timedelta(minutes=2))
    waits, first = threading.Event(), threading.Event()

    def person():
        first.set()
        try:
            looks.put_person_first(this_one(office.phones[0]), seconds=0.2)
            waits.set()
        finally:
            connection.close()

    def slow(**how):
        one.start()
        assert first.wait(10)
        assert not waits.wait(0.5), "it waits although nothing is committed"
        return take_leases(**how)

    one = threading.Thread(target=person)
    monkeypatch.setattr(looks, "take_leases", slow)
    record(claim())
    one.join(20)
    assert waits.is_set()

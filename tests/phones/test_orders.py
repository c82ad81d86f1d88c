"""The life of an order to a phone itself: one send at most, every end told, nobody without leave."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from crmconnector.common.clock import utc_now
from phones import orders
from phones.health import Kind, Sight
from phones.lease import take_lease
from phones.looks import Seen, claim_of, record_looks
from phones.models import DeviceOrder, OrderKind, OrderState, PhoneLease, PhoneStatus
from phones.orders import (
    OrderOutcome,
    OrderProblem,
    PhoneBusy,
    confirm_order,
    end_stale_orders,
    grant_order,
    note_relayed,
    orders_to_relay,
    record_order,
    request_order,
    withdraw_order,
)
from phones.services import note_passcode_refused

SENT = OrderOutcome(OrderState.SENT)


def may(user, codename):
    user.user_permissions.add(Permission.objects.get(codename=codename))
    return user


def ask(office, *, kind=OrderKind.LOOK, key="k1", now=None, argument="", user=None, phone=None):
    return request_order(
        phone=phone or office.phones[0], kind=kind, user=user or office.users[0], key=key, now=now or utc_now(),
        argument=argument,
    )  # fmt: skip


def grant(order, now=None):
    return grant_order(order_id=order.pk, now=now or utc_now())


def fresh(order):
    order.refresh_from_db()
    return order


def test_the_same_key_is_the_same_order_also_when_it_has_ended(office):
    first, made = ask(office)
    assert made
    record_order(grant=grant(first), outcome=OrderOutcome(OrderState.CONFIRMED), now=utc_now())
    again, made_again = ask(office)
    assert (again.pk, made_again) == (first.pk, False)


@pytest.mark.parametrize("other", [{"kind": OrderKind.DOCTOR}, {"argument": "1:2"}])
def test_a_key_used_for_something_else_is_refused(office, other):
    ask(office)
    with pytest.raises(OrderProblem, match="something else"):
        ask(office, **other)
    with pytest.raises(OrderProblem, match="something else"):
        ask(office, phone=office.phones[1])


def test_a_second_button_joins_the_order_that_is_under_way(office):
    first, _ = ask(office, key="one")
    second, made = ask(office, key="two", user=office.users[1])
    assert (second.pk, made) == (first.pk, False)
    assert ask(office, key="three", phone=office.phones[1])[1], "another phone is another matter"


def test_other_keys_while_some_are_being_pressed_are_refused(office):
    ask(office, kind=OrderKind.KEYS, argument="1:2", key="one")
    with pytest.raises(OrderProblem) as refused:
        ask(office, kind=OrderKind.KEYS, argument="3", key="two")
    assert refused.value.code == "busy"


@pytest.mark.django_db(transaction=True)
def test_one_button_pressed_twice_in_the_same_moment_makes_one_order(office):
    told, start = [], threading.Barrier(6)

    def race():
        start.wait()
        try:
            told.append(ask(office))
        finally:
            connection.close()

    in_threads(race, 6)
    assert len({order.pk for order, _ in told}) == 1
    assert sorted(made for _, made in told) == [False] * 5 + [True]


def test_the_slower_of_two_equal_clicks_finds_the_order_even_when_it_has_ended(office, monkeypatch):
    """Both looked for the key before either had written; the first was carried out before the second wrote."""
    first, _ = ask(office)
    record_order(grant=grant(first), outcome=SENT, now=utc_now())
    find, calls = orders._order_of_key, []
    monkeypatch.setattr(orders, "_order_of_key", lambda *what: find(*what) if calls else calls.append(1))
    again, made = ask(office)
    assert (again.pk, made) == (first.pk, False)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [(kind, kind is not OrderKind.DOCTOR) for kind in OrderKind],
)
def test_a_phone_that_refused_our_passcode_gets_nothing_but_the_doctor(office, kind, refused):
    office.users[0].is_superuser = True
    office.users[0].save()
    order, _ = ask(office, kind=kind, key="before")
    note_passcode_refused(phone_id=office.phones[0].pk, at=utc_now())
    office.phones[0].refresh_from_db()
    if refused:
        with pytest.raises(OrderProblem, match="refused our passcode"):
            ask(office, kind=kind, key="after")
    assert (grant(order) is None) is refused
    assert (fresh(order).reason_code == "passcode_refused") is refused


def test_an_order_is_granted_once(office):
    order, _ = ask(office)
    given = grant(order)
    assert (given.phone, given.kind, given.token) == (office.phones[0], "look", 1)
    assert grant(order) is None
    assert (fresh(order).state, order.token) == ("granted", 1)
    assert grant_order(order_id=uuid.uuid4(), now=utc_now()) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_race_for_an_order_one_gets_it(office):
    order, _ = ask(office)
    told, start = [], threading.Barrier(8)

    def race():
        start.wait()
        try:
            told.append(grant(order))
        finally:
            connection.close()

    in_threads(race, 8)
    assert len([one for one in told if one]) == 1
    assert PhoneLease.objects.get().token == 1


def test_while_the_phone_is_asked_by_another_the_order_stays_asked_for(office):
    order, _ = ask(office)
    take_lease(phone_id=office.phones[0].pk, holder="look", now=utc_now())
    with pytest.raises(PhoneBusy):
        grant(order)
    assert (fresh(order).state, order.token) == ("requested", None)
    PhoneLease.objects.update(held_until=None)
    assert grant(order).token == 2


def test_a_click_that_is_too_old_is_withdrawn_and_leaves_no_lease(office):
    order, _ = ask(office, now=utc_now() - timedelta(seconds=31))
    assert grant(order) is None
    assert (fresh(order).state, order.reason_code) == ("expired", "expired")
    assert not PhoneLease.objects.exclude(held_until=None).exists()


def test_somebody_whose_account_was_closed_meanwhile_gets_nothing(office):
    order, _ = ask(office)
    office.users[0].is_active = False
    office.users[0].save()
    assert grant(order) is None
    assert (fresh(order).state, order.reason_code) == ("refused", "user_inactive")


def test_an_order_of_somebody_who_was_deleted_is_not_sent(office):
    order, _ = ask(office)
    DeviceOrder.objects.update(user=None)
    assert grant(order) is None
    assert fresh(order).reason_code == "user_inactive"


@pytest.mark.parametrize(
    ("kind", "permission"),
    [
        (OrderKind.REBOOT, "reboot_phone"),
        (OrderKind.RESET, "reset_phone"),
        (OrderKind.LOCK, "lock_phone"),
        (OrderKind.UNLOCK, "lock_phone"),
    ],
)
def test_a_permission_that_was_withdrawn_since_the_click_counts(office, kind, permission):
    order, _ = ask(office, kind=kind, key="without")
    assert grant(order) is None
    assert (fresh(order).state, order.reason_code) == ("refused", "not_permitted")
    may(office.users[1], permission)
    other, _ = ask(office, kind=kind, key="with", user=office.users[1])
    assert grant(other) is not None


def test_what_came_is_written_under_our_own_token_and_the_phone_is_free(office):
    order, _ = ask(office, kind=OrderKind.DOCTOR)
    given = grant(order)
    outcome = OrderOutcome(OrderState.CONFIRMED, evidence="Seen.", result={"checks": [1]})
    assert record_order(grant=given, outcome=outcome, now=utc_now())
    assert (fresh(order).state, order.evidence, order.result) == ("confirmed", "Seen.", {"checks": [1]})
    assert order.ended_at is not None
    assert PhoneLease.objects.get().held_until is None


def test_a_worker_with_an_old_token_writes_nothing_and_frees_nothing(office):
    order, _ = ask(office)
    given = grant(order)
    DeviceOrder.objects.update(token=given.token + 1)
    PhoneLease.objects.update(token=given.token + 1)
    assert not record_order(grant=given, outcome=SENT, now=utc_now())
    assert fresh(order).state == "granted"
    assert PhoneLease.objects.get().held_until is not None


def test_only_what_was_sent_can_be_confirmed(office):
    order, _ = ask(office)
    assert not confirm_order(order_id=order.pk, evidence="x", now=utc_now())
    record_order(grant=grant(order), outcome=SENT, now=utc_now())
    assert confirm_order(order_id=order.pk, evidence="x", now=utc_now())
    assert not confirm_order(order_id=order.pk, evidence="y", now=utc_now())
    assert fresh(order).evidence == "x"


def test_only_what_no_worker_has_taken_up_can_be_withdrawn(office):
    order, _ = ask(office)
    given = grant(order)
    assert not withdraw_order(order_id=order.pk, reason_code="x", sentence="y", now=utc_now())
    record_order(grant=given, outcome=SENT, now=utc_now())
    other, _ = ask(office, key="two")
    assert withdraw_order(order_id=other.pk, reason_code="x", sentence="y", now=utc_now())
    assert fresh(other).state == "expired"


@pytest.mark.parametrize(("kind", "seconds"), [(OrderKind.KEYS, 10), (OrderKind.RESET, 20), (OrderKind.DOCTOR, 65)])
def test_what_a_worker_took_up_and_never_came_back_from_is_unknown_and_never_sent_again(office, kind, seconds):
    office.users[0].is_superuser = True
    office.users[0].save()
    order, _ = ask(office, kind=kind)
    now = utc_now()
    grant(order, now=now)
    assert end_stale_orders(now=now + timedelta(seconds=seconds - 1)) == 0
    assert end_stale_orders(now=now + timedelta(seconds=seconds)) == 1
    assert (fresh(order).state, order.reason_code) == ("unknown", "worker_lost")
    assert grant(order) is None


def test_what_nobody_took_up_is_withdrawn(office):
    order, _ = ask(office)
    assert end_stale_orders(now=order.not_after - timedelta(seconds=1)) == 0
    assert end_stale_orders(now=order.not_after) == 1
    assert (fresh(order).state, "Nothing was sent" in order.sentence) == ("expired", True)


def test_what_the_broker_lost_is_found_every_two_seconds_until_it_is_taken_up(office):
    order, _ = ask(office)
    later = order.requested_at + timedelta(seconds=2)
    assert orders_to_relay(now=order.requested_at + timedelta(seconds=1)) == []
    assert orders_to_relay(now=later) == [order.pk]
    note_relayed(order_ids=[order.pk], now=later)
    assert orders_to_relay(now=later + timedelta(seconds=1)) == []
    assert orders_to_relay(now=later + timedelta(seconds=2)) == [order.pk]
    assert orders_to_relay(now=order.not_after) == []
    grant(order)
    assert orders_to_relay(now=later + timedelta(seconds=4)) == []


# --- restarts: proved by what the phone does afterwards ---------------------------------------------------------------


@pytest.fixture
def restarted(office):
    """A restart that was sent and accepted by the phone."""
    order, _ = ask(office, kind=OrderKind.REBOOT, user=may(office.users[0], "reboot_phone"))
    record_order(grant=grant(order), outcome=SENT, now=utc_now())
    PhoneStatus.objects.create(phone=office.phones[0], reachable=True, since=utc_now())
    return fresh(order)


def look(order, kind, after_seconds):
    at = order.sent_at + timedelta(seconds=after_seconds)
    token = take_lease(phone_id=order.phone_id, holder="look", now=at)
    record_looks([Seen(claim_of(phone=order.phone, token=token, now=at), Sight(kind), at)])
    return fresh(order).state


def test_a_phone_that_goes_away_after_the_order_proves_its_restart(restarted):
    assert look(restarted, Kind.ANSWERED, 4) == "sent"
    assert look(restarted, Kind.SILENT, 8) == "confirmed"
    assert "within 8 s" in restarted.evidence
    assert look(restarted, Kind.ANSWERED, 60) == "confirmed"


def test_while_it_restarts_it_is_looked_at_every_few_seconds(restarted):
    for seconds in (4, 8, 12, 16, 20):
        look(restarted, Kind.SILENT, seconds)
        status = PhoneStatus.objects.get()
        assert (status.next_look_at - status.looked_at).total_seconds() <= 5
        assert status.breaker_until is None
    look(restarted, Kind.SILENT, 181)
    assert PhoneStatus.objects.get().breaker_until is not None


def test_a_phone_that_tells_of_its_start_proves_it_too(restarted):
    PhoneStatus.objects.update(started_up_at=restarted.sent_at + timedelta(seconds=40))
    assert look(restarted, Kind.ANSWERED, 44) == "confirmed"
    assert "had started, 40 s after" in restarted.evidence


def test_a_start_before_the_order_proves_nothing(restarted):
    PhoneStatus.objects.update(started_up_at=restarted.sent_at - timedelta(seconds=1))
    assert look(restarted, Kind.ANSWERED, 44) == "sent"


def test_a_phone_that_never_went_away_is_doubted_after_three_minutes(restarted):
    assert look(restarted, Kind.ANSWERED, 170) == "sent"
    assert look(restarted, Kind.ANSWERED, 181) == "unknown"
    assert (restarted.reason_code, restarted.ended_at is not None) == ("no_proof", True)


def test_a_phone_that_goes_away_much_later_proves_nothing(restarted):
    assert look(restarted, Kind.SILENT, 200) == "unknown"


def test_the_restart_of_a_worker_that_died_over_it_can_be_proved_still(office):
    order, _ = ask(office, kind=OrderKind.REBOOT, user=may(office.users[0], "reboot_phone"))
    now = utc_now()
    grant(order, now=now)
    end_stale_orders(now=now + timedelta(seconds=10))
    PhoneLease.objects.update(held_until=None)
    PhoneStatus.objects.create(phone=office.phones[0], reachable=True)
    order.sent_at = now
    assert look(order, Kind.SILENT, 12) == "confirmed"


def in_threads(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)

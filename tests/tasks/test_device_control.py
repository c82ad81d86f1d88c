"""Orders to a phone itself: look first, send once, and every error of a phone becomes an honest outcome."""

import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.db import connection

from crmconnector.calls.models import Call, Leg
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import GRANT_VALID_SECONDS, utc_now
from crmconnector.listener import sweeper
from crmconnector.listener.dispatch import handle_batch
from phones.lease import LOOK, give_back, take_lease
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneLease, PhoneStatus
from phones.orders import OrderOutcome, end_stale_orders, request_order
from tasks import call_control, device_control, device_deeds
from tasks.device_control import OrderDesk, carry_out_order
from tests.support.canned_phone import canned_phones, lines
from tests.support.office import make_office
from tests.support.processes import ROOT, eventually, product_environment
from tests.support.story import inbound_call

DEEDS = [
    (OrderKind.KEYS, "VUP:VUP", "api-send_key"),
    (OrderKind.LOCK, "", "api-send_key"),
    (OrderKind.UNLOCK, "", "api-send_key"),
    (OrderKind.REBOOT, "", "api-sys_operation"),
]


@pytest.fixture
def canned(db):
    with canned_phones(1) as phones:
        yield phones[0]


@pytest.fixture
def rows(canned):
    office = make_office(phone_ports=(canned.port,))
    office.users[0].is_superuser = True
    office.users[0].save()
    return office


def ask(rows, kind, argument="", key="k"):
    user, phone = rows.users[0], Phone.objects.get(pk=rows.phones[0].pk)
    return request_order(phone=phone, kind=kind, user=user, key=key, now=utc_now(), argument=argument)[0]


def carried_out(rows, kind, argument="", key="k"):
    order = ask(rows, kind, argument, key)
    carry_out_order(order.pk)
    order.refresh_from_db()
    return order


def free():
    return not PhoneLease.objects.exclude(held_until=None).exists()


@pytest.mark.parametrize(("kind", "argument", "function"), DEEDS)
def test_the_lines_are_looked_at_and_then_the_deed_is_sent_once(canned, rows, kind, argument, function):
    order = carried_out(rows, kind, argument)
    assert order.state == "sent"
    assert canned.functions() == ["api-get_line_status", function]
    carry_out_order(order.pk)
    assert canned.deeds() == [function], "handed out twice, sent once"
    assert free()
    status = PhoneStatus.objects.get()
    assert (status.reachable, status.lines) == (True, ["idle", "idle"])


@pytest.mark.parametrize(
    ("operation", "words", "command"),
    [
        ("endcall", ("connected", "idle"), "endcall"),
        ("holdcall", ("connected", "idle"), "holdcall"),
        ("holdcall", ("onhold", "idle"), "holdcall"),
        ("acceptcall", ("ringing", "idle"), "acceptcall"),
        ("rejectcall", ("ringing", "connected"), "rejectcall"),
        ("cancel", ("calling", "idle"), "cancel"),
    ],
)
def test_operations_are_sent_where_the_lines_allow_them(canned, rows, operation, words, command):
    canned.answers["api-get_line_status"] = lines(*words)
    assert carried_out(rows, OrderKind.OPERATION, operation).state == "sent"
    assert [values["cmd"] for name, values in canned.asked if name == "api-phone_operation"] == [command]


@pytest.mark.parametrize(
    ("operation", "words", "reason"),
    [
        ("endcall", ("idle", "idle"), "nothing_to_end"),
        ("acceptcall", ("idle", "idle"), "nothing_rings"),
        ("acceptcall", ("ringing", "ringing"), "several_ring"),
        ("holdcall", ("idle", "idle"), "nothing_to_resume"),
        ("make_coffee", ("idle", "idle"), "request_not_built"),
    ],
)
def test_operations_that_would_mean_something_else_are_not_sent_and_the_phone_is_well(
    canned, rows, operation, words, reason
):
    canned.answers["api-get_line_status"] = lines(*words)
    order = carried_out(rows, OrderKind.OPERATION, operation)
    assert (order.state, order.reason_code) == ("failed", reason)
    assert canned.deeds() == []
    assert reason == "request_not_built" or PhoneStatus.objects.get().reachable is True


@pytest.mark.parametrize("kind", [OrderKind.REBOOT, OrderKind.LOCK])
@pytest.mark.parametrize("word", ["ringing", "connected", "onhold", "dialing", "failed", "never heard of"])
def test_nothing_that_takes_the_phone_away_is_sent_during_a_call(canned, rows, kind, word):
    canned.answers["api-get_line_status"] = lines("idle", word)
    order = carried_out(rows, kind)
    assert (order.state, order.reason_code, "during a call" in order.sentence) == ("refused", "in_call", True)
    assert canned.deeds() == []
    assert free()


@pytest.mark.parametrize("kind", [OrderKind.REBOOT, OrderKind.LOCK])
def test_the_pbx_knows_a_call_that_the_phone_does_not_tell(canned, rows, kind):
    call = Call.objects.create(pbx=rows.pbx, linkedid="1.1", direction="inbound", state="up", started_at=utc_now())
    leg = Leg.objects.create(
        call=call, pbx=rows.pbx, uniqueid="1.1", endpoint="PJSIP/201", phone=rows.phones[0], state="talking"
    )
    assert carried_out(rows, kind, key="one").reason_code == "in_call"
    assert canned.deeds() == []
    Leg.objects.filter(pk=leg.pk).update(ended_at=utc_now())
    assert carried_out(rows, kind, key="two").state == "sent"


FAULTS = [
    (401, "refused", "unauthorized"),
    (404, "refused", "no_such_function"),
    ({"response": "error", "body": "unknown"}, "refused", None),
    (None, "unknown", "not_http"),
    (500, "unknown", "server_error"),
    ({"response": "success", "body": 7}, "unknown", "not_the_expected_json"),
]


@pytest.mark.parametrize(("answer", "state", "reason"), FAULTS)
@pytest.mark.parametrize(("kind", "argument", "function"), DEEDS)
def test_every_fault_of_the_deed_is_an_honest_outcome_after_one_try(
    canned, rows, kind, argument, function, answer, state, reason
):
    canned.answers[function] = answer
    order = carried_out(rows, kind, argument)
    assert (order.state, order.reason_code) == (state, reason or order.reason_code)
    assert order.sentence
    assert canned.deeds() == [function]
    assert (Phone.objects.get().passcode_refused_at is not None) is (answer == 401)
    assert free()


@pytest.mark.parametrize(
    ("answer", "state"), [(401, "refused"), (404, "refused"), (None, "failed"), (500, "failed"), ({}, "failed")]
)
def test_a_phone_that_does_not_tell_its_lines_is_sent_nothing(canned, rows, answer, state):
    canned.answers["api-get_line_status"] = answer
    assert carried_out(rows, OrderKind.REBOOT).state == state
    assert canned.deeds() == []
    assert (Phone.objects.get().passcode_refused_at is not None) is (answer == 401)


def test_a_phone_that_is_not_there_is_told_and_looked_at_again_within_seconds(canned, rows):
    canned.close()
    order = carried_out(rows, OrderKind.REBOOT)
    assert (order.state, order.reason_code) == ("failed", "connection_refused")
    status = PhoneStatus.objects.get()
    assert (status.reachable, status.failures) == (False, 1)
    assert (status.next_look_at - utc_now()).total_seconds() < 6


def test_after_a_restart_was_sent_the_phone_is_looked_at_within_seconds(canned, rows):
    carried_out(rows, OrderKind.REBOOT)
    assert (PhoneStatus.objects.get().next_look_at - utc_now()).total_seconds() < 6


def test_a_phone_that_goes_before_it_has_answered_restarts_perhaps(canned, rows):
    canned.answers["api-sys_operation"] = None
    order = carried_out(rows, OrderKind.REBOOT)
    assert (order.state, "may or may not" in order.sentence) == ("unknown", True)


def test_a_grant_that_has_grown_old_is_not_used(canned, rows, monkeypatch):
    later = device_deeds.time.monotonic
    monkeypatch.setattr(device_control, "carry_out_deed", device_deeds.carry_out_deed)
    order = ask(rows, OrderKind.REBOOT)
    grant = device_control._granted(order.pk)
    monkeypatch.setattr(device_deeds.time, "monotonic", lambda: later() + GRANT_VALID_SECONDS + 0.1)
    assert device_deeds.carry_out_deed(grant).reason_code == "too_late"
    assert canned.deeds() == []


# --- the lease: a look, or another order, has the phone ---------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_order_waits_for_a_look_and_is_then_carried_out(canned, rows):
    token = take_lease(phone_id=rows.phones[0].pk, holder=LOOK, now=utc_now(), seconds=60)
    order = ask(rows, OrderKind.REBOOT)
    begun = threading.Event()

    def work():
        begun.set()
        try:
            carry_out_order(order.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(5)
    assert not DeviceOrder.objects.exclude(state="requested").exists()
    give_back(phone_id=rows.phones[0].pk, token=token)
    worker.join(20)
    assert (DeviceOrder.objects.get().state, canned.most_at_once) == ("sent", 1)


@pytest.mark.django_db(transaction=True)
def test_a_person_who_presses_answer_during_a_look_waits_and_is_not_refused(canned, rows):
    batch = inbound_call(leg_endpoint="PJSIP/201", number="03023125447")
    handle_batch(pbx=rows.pbx, epoch=rows.pbx.link.epoch, batch=batch, now=utc_now())
    command, _ = request_answer(user=rows.users[0], leg=Leg.objects.get(), key="k", now=utc_now())
    canned.answers["api-get_line_status"] = lines("ringing", "idle")
    token = take_lease(phone_id=rows.phones[0].pk, holder=LOOK, now=utc_now(), seconds=60)

    def work():
        try:
            call_control.carry_out(command.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(0.3)
    command.refresh_from_db()
    assert command.state == "requested"
    give_back(phone_id=rows.phones[0].pk, token=token)
    worker.join(20)
    command.refresh_from_db()
    assert (command.state, canned.deeds()) == ("sent", ["api-phone_operation"])


def test_an_order_that_never_gets_the_phone_stays_asked_for(canned, rows, monkeypatch):
    monkeypatch.setattr(device_control, "LEASE_WAIT_SECONDS", 0.15)
    take_lease(phone_id=rows.phones[0].pk, holder="command x", now=utc_now(), seconds=60)
    order = carried_out(rows, OrderKind.REBOOT)
    assert (order.state, canned.asked) == ("requested", [])


# --- look now ---------------------------------------------------------------------------------------------------------


def test_look_now_writes_the_status_and_the_order(canned, rows):
    order = carried_out(rows, OrderKind.LOOK)
    assert (order.state, "answered in" in order.evidence) == ("confirmed", True)
    assert canned.functions() == ["api-get_line_status", "api-get_accounts"]
    assert (PhoneStatus.objects.get().reachable, PhoneStatus.objects.get().registered) == (True, True)
    assert free()


@pytest.mark.parametrize(("answer", "state"), [(401, "refused"), (404, "refused"), (None, "failed")])
def test_look_now_tells_what_is_wrong(canned, rows, answer, state):
    PhoneStatus.objects.create(phone=rows.phones[0])
    canned.answers["api-get_line_status"] = answer
    order = carried_out(rows, OrderKind.LOOK)
    assert order.state == state
    assert order.sentence == PhoneStatus.objects.get().sentence != ""
    assert (Phone.objects.get().passcode_refused_at is not None) is (answer == 401)


def test_a_persons_look_goes_through_an_open_breaker_and_closes_it(canned, rows):
    later = utc_now() + timedelta(minutes=5)
    PhoneStatus.objects.create(
        phone=rows.phones[0], reachable=False, failures=7, breaker_until=later, next_look_at=later
    )
    assert carried_out(rows, OrderKind.LOOK).state == "confirmed"
    status = PhoneStatus.objects.get()
    assert (status.reachable, status.failures, status.breaker_until) == (True, 0, None)
    assert status.next_look_at < later - timedelta(minutes=3)


# --- workers that die -------------------------------------------------------------------------------------------------

CRASH = """
import os, signal, sys, uuid
import django
django.setup()
from tasks import call_control, device_control, device_deeds
from phones.models import OrderKind

def crash(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def then_crash(function):
    def wrapped(*args, **kwargs):
        function(*args, **kwargs)
        crash()
    return wrapped

step, order = sys.argv[1], uuid.UUID(sys.argv[2])
deed = device_deeds.DEEDS[OrderKind.REBOOT]
{
    "before_grant": lambda: setattr(device_control, "grant_order", crash),
    "after_grant": lambda: setattr(device_control, "grant_order", then_crash(device_control.grant_order)),
    "before_deed": lambda: device_deeds.DEEDS.update({OrderKind.REBOOT: crash}),
    "after_deed": lambda: device_deeds.DEEDS.update({OrderKind.REBOOT: then_crash(deed)}),
    "before_record": lambda: setattr(device_control, "record_order", crash),
    "after_record": lambda: setattr(device_control, "record_order", then_crash(device_control.record_order)),
}[step]()
device_control.carry_out_order(order)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("step", "sent", "state"),
    [
        ("before_grant", 0, "sent"),  # nothing was granted: the next worker carries it out
        ("after_grant", 0, "unknown"),
        ("before_deed", 0, "unknown"),
        ("after_deed", 1, "unknown"),
        ("before_record", 1, "unknown"),
        ("after_record", 1, "sent"),
    ],
)
def test_a_worker_killed_at_any_step_never_makes_a_second_send(canned, rows, step, sent, state):
    order = ask(rows, OrderKind.REBOOT)
    killed = subprocess.run(
        [sys.executable, "-c", CRASH, step, str(order.pk)], cwd=ROOT, env=product_environment(REHEARSAL="1"),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-1000:]
    assert len(canned.deeds()) == sent
    carry_out_order(order.pk)
    if state == "unknown":
        assert end_stale_orders(now=utc_now() + timedelta(seconds=11)) == 1
        carry_out_order(order.pk)
        assert len(canned.deeds()) == sent
    order.refresh_from_db()
    assert order.state == state
    assert len(canned.deeds()) <= 1


# --- how orders reach a worker ----------------------------------------------------------------------------------------


def test_the_sweeper_relays_what_the_broker_lost_and_ends_what_is_stale(canned, rows, monkeypatch):
    given = []
    monkeypatch.setattr(sweeper, "enqueue_orders", lambda ids: given.extend(ids) or True)
    waiting, lost = ask(rows, OrderKind.LOOK), ask(rows, OrderKind.REBOOT, key="two")
    then = utc_now() - timedelta(seconds=12)
    DeviceOrder.objects.filter(pk=waiting.pk).update(requested_at=then)
    DeviceOrder.objects.filter(pk=lost.pk).update(state=OrderState.GRANTED, granted_at=then)
    sweeper.sweep()
    assert given == [waiting.pk]
    assert DeviceOrder.objects.get(pk=lost.pk).state == "unknown"
    sweeper.sweep()
    assert given == [waiting.pk], "not again within two seconds"


@pytest.mark.django_db(transaction=True)
def test_the_desk_carries_an_order_out_once_however_often_it_is_handed_out(canned, rows, monkeypatch):
    """The sweeper hands it out every two seconds while it waits for a thread: it must not wait there many times."""
    begun, carry_out = [], device_control.carry_out_order
    monkeypatch.setattr(device_control, "carry_out_order", lambda one: (begun.append(one), carry_out(one)))
    canned.seconds = 0.1
    order, desk = ask(rows, OrderKind.REBOOT), OrderDesk(2)
    for _ in range(5):
        desk.take(order.pk)
    eventually(lambda: DeviceOrder.objects.get().state == "sent")
    eventually(lambda: not desk._here)
    desk.close()
    assert begun == [order.pk]
    assert canned.deeds() == ["api-sys_operation"]


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_ours_ends_neither_the_desk_nor_in_a_lie(canned, rows, monkeypatch):
    def breaks(grant):
        raise RuntimeError("a fault of ours")

    monkeypatch.setitem(device_control.CARRIED_OUT, OrderKind.LOOK, breaks)
    broken, desk = ask(rows, OrderKind.LOOK), OrderDesk(1)
    desk.take(broken.pk)
    eventually(lambda: not desk._here)
    assert DeviceOrder.objects.get().state == "granted", "the sweeper ends it as unknown"
    PhoneLease.objects.update(held_until=None)
    other = ask(rows, OrderKind.REBOOT, key="two")
    desk.take(other.pk)
    eventually(lambda: DeviceOrder.objects.get(pk=other.pk).state == "sent")
    desk.close()


def test_the_doctor_is_called_with_the_grant_and_what_he_says_is_recorded(canned, rows, monkeypatch):
    seen = []

    def doctor(grant):
        seen.append(grant.argument)
        return OrderOutcome(OrderState.CONFIRMED, result={"checks": []})

    monkeypatch.setitem(device_control.CARRIED_OUT, OrderKind.DOCTOR, doctor)
    order = carried_out(rows, OrderKind.DOCTOR, "299")
    assert (seen, order.state, order.result) == (["299"], "confirmed", {"checks": []})


def test_every_kind_of_order_has_somebody_who_carries_it_out():
    assert set(device_control.CARRIED_OUT) | set(device_deeds.DEEDS) == set(OrderKind)

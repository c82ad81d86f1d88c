"""A factory reset: its passcode goes from the web to one worker and is kept nowhere."""

import threading
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from crmconnector.common.clock import utc_now
from crmconnector.common.secrets import Cipher, Secret, new_key
from phones.models import DeviceOrder, OrderKind, Phone, PhoneLease, PhoneStatus
from phones.orders import request_order
from tasks import device_control, handover
from tasks.device_control import carry_out_order, enqueue_order
from tasks.handover import hand_over, receiver
from tests.support.canned_phone import canned_phones, lines
from tests.support.office import make_office
from tests.support.processes import eventually

ADMIN = "CANARY-admin-4711"


@pytest.fixture
def canned(transactional_db):
    with canned_phones(1) as phones:
        phones[0].answers["api-sys_operation"] = {"response": "success", "body": "reset"}
        yield phones[0]


@pytest.fixture
def order(canned) -> DeviceOrder:
    office = make_office(phone_ports=(canned.port,))
    office.users[0].is_superuser = True
    office.users[0].save()
    return request_order(
        phone=office.phones[0], kind=OrderKind.RESET, user=office.users[0], key="k", now=utc_now()
    )[0]  # fmt: skip


@pytest.fixture
def worker(order):
    """Carries the order out in a thread of its own; started by the test."""

    def work():
        try:
            carry_out_order(order.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    yield thread
    if thread.ident:
        thread.join(20)


def fresh(order):
    order.refresh_from_db()
    return order


def test_the_passcode_reaches_the_phone_once_and_not_the_users_one(canned, order, worker):
    worker.start()
    assert hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    assert fresh(order).state == "sent"
    sent = [values for name, values in canned.asked if name == "api-sys_operation"]
    assert [values["request"] for values in sent] == ["RESET"]
    assert sent[0]["passcode"] == ADMIN, "not compared with the user's: both are secrets"
    assert not PhoneLease.objects.exclude(held_until=None).exists()


def test_the_web_waits_for_a_worker_that_comes_later(order, worker, monkeypatch):
    waits = threading.Event()
    pause = handover.time.sleep
    monkeypatch.setattr(handover.time, "sleep", lambda seconds: (waits.set(), pause(seconds)))
    told = []
    web = threading.Thread(target=lambda: told.append(hand_over(order.pk, Secret(ADMIN))))
    web.start()
    assert waits.wait(5)
    worker.start()
    web.join(10)
    worker.join(20)
    assert (told, fresh(order).state) == ([True], "sent")


def test_without_a_worker_the_order_is_withdrawn_with_a_sentence(canned, order):
    assert not hand_over(order.pk, Secret(ADMIN), wait_seconds=0.2)
    assert (fresh(order).state, order.reason_code) == ("expired", "not_handed_over")
    assert "Nothing was sent" in order.sentence
    carry_out_order(order.pk)
    assert canned.asked == []


def test_a_worker_that_is_given_no_passcode_sends_nothing(canned, order, monkeypatch):
    monkeypatch.setattr(device_control, "WAIT_SECONDS", 0.2)
    carry_out_order(order.pk)
    assert (fresh(order).state, order.reason_code) == ("expired", "not_handed_over")
    assert canned.asked == []
    assert not PhoneLease.objects.exclude(held_until=None).exists()


def test_a_reset_is_refused_during_a_call(canned, order, worker):
    canned.answers["api-get_line_status"] = lines("connected")
    worker.start()
    hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    assert (fresh(order).reason_code, canned.deeds()) == ("in_call", [])


def test_a_wrong_administrator_passcode_is_no_fault_of_the_stored_one(canned, order, worker):
    canned.answers["api-sys_operation"] = 401
    worker.start()
    hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    assert (fresh(order).state, order.reason_code) == ("refused", "admin_passcode_refused")
    assert Phone.objects.get().passcode_refused_at is None
    assert PhoneStatus.objects.get().reachable is True


def test_a_phone_that_has_locked_itself_is_left_alone(canned, order, worker):
    canned.answers["api-sys_operation"] = {"response": "error", "body": "locked"}
    worker.start()
    hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    assert (fresh(order).state, order.reason_code) == ("refused", "locked_out")
    assert Phone.objects.get().passcode_refused_at is not None


def test_a_lease_that_ran_out_while_waiting_for_the_passcode_sends_nothing(canned, order, worker):
    worker.start()
    eventually(lambda: fresh(order).state == "granted")
    PhoneLease.objects.update(held_until=utc_now())
    hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    assert (fresh(order).reason_code, canned.asked) == ("too_late", [])


@pytest.mark.parametrize(
    "message",
    [
        b"not a token",
        Cipher([new_key()]).encrypt('["x", "y"]').encode(),
        Cipher(settings.ENCRYPTION_KEYS).encrypt('["another order", "y"]').encode(),
    ],
    ids=["no token", "another key", "another order"],
)
def test_what_is_not_meant_for_this_order_is_not_taken(order, message):
    client = redis.Redis.from_url(settings.REDIS_URL)
    with receiver(order.pk) as receive:
        eventually(lambda: client.publish(f"crmconnector:handover:{order.pk}", message))
        assert receive(5.0) is None
    client.close()


def test_it_is_taken_once(order):
    with receiver(order.pk) as receive:
        assert hand_over(order.pk, Secret(ADMIN))
        assert receive(5.0) == Secret(ADMIN)
        assert not hand_over(order.pk, Secret(ADMIN), wait_seconds=0.2), "nobody listens any more"


def test_the_passcode_is_kept_nowhere(canned, order, worker):
    """Neither in a key of the broker, nor in the file it writes, nor in any row, nor in the message on the channel."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    listener = client.pubsub(ignore_subscribe_messages=True)
    client.config_set("appendonly", "yes")
    assert enqueue_order(order.pk)
    worker.start()
    eventually(lambda: fresh(order).state == "granted")
    listener.subscribe(f"crmconnector:handover:{order.pk}")
    listener.get_message(timeout=1)
    assert hand_over(order.pk, Secret(ADMIN))
    worker.join(20)
    said = eventually(lambda: listener.get_message(timeout=1))["data"]
    everything = {
        "the message": said,
        "the broker": b"".join((client.dump(key) or b"") + key for key in client.scan_iter()),
        "its file": _append_only_file(client),
        "the rows": _all_rows(),
    }
    client.config_set("appendonly", "no")
    listener.close()
    client.close()
    assert fresh(order).state == "sent"
    assert str(order.pk).encode() in everything["its file"], "the order itself is there"
    found = [place for place, text in everything.items() if ADMIN.encode() in text]
    assert found == []


def _append_only_file(client) -> bytes:
    """Written before a command is answered."""
    folder = Path(client.config_get("dir")["dir"], client.config_get("appenddirname")["appenddirname"])
    return b"".join(one.read_bytes() for one in folder.iterdir())


def _all_rows() -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("select table_name from information_schema.tables where table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        told = []
        for table in tables:
            cursor.execute(f'select t::text from "{table}" as t')
            told += [row for (row,) in cursor.fetchall()]
    return "\n".join(told).encode()

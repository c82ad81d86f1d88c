"""A real worker process looks at the phones by itself, carries orders out, and ends in order."""

import os
import signal
import subprocess
import sys

import pytest
import redis
from django.conf import settings

from crmconnector.common.clock import utc_now
from phones.models import DeviceOrder, OrderKind, PhoneLease, PhoneStatus
from phones.orders import request_order
from tasks.device_control import enqueue_order
from tests.support.canned_phone import canned_phones
from tests.support.office import make_office
from tests.support.processes import ROOT, Process, Product, eventually, product_environment

pytestmark = pytest.mark.slow


@pytest.fixture
def canned(transactional_db):
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    with canned_phones(2) as phones:
        yield phones


@pytest.fixture
def rows(canned):
    office = make_office(phone_ports=tuple(phone.port for phone in canned))
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in office.phones])
    office.users[0].is_superuser = True
    office.users[0].save()
    return office


@pytest.fixture
def product(rows, tmp_path):
    started = Product(tmp_path, REHEARSAL="1")
    yield started
    started.stop()


def prefork(tmp_path) -> Process:
    """The same worker with forked children."""
    command = (
        sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2",
        "-Q", "phone_control", "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
    )  # fmt: skip
    return Process(*command, environment=product_environment(REHEARSAL="1"), log=tmp_path / "prefork.log")


def all_seen():
    return PhoneStatus.objects.filter(reachable=True).count() == 2


def ordered(rows, kind=OrderKind.REBOOT):
    order, _ = request_order(phone=rows.phones[0], kind=kind, user=rows.users[0], key="k", now=utc_now())
    assert enqueue_order(order.pk)
    return order


def test_a_worker_looks_carries_out_an_order_and_stops_in_order(canned, rows, product):
    worker = product.worker()
    eventually(all_seen, seconds=40, what=worker.said)
    ordered(rows)
    eventually(lambda: DeviceOrder.objects.get().state == "sent", seconds=20, what=worker.said)
    assert canned[0].deeds() == ["api-sys_operation"]
    canned[0].close()
    eventually(lambda: DeviceOrder.objects.get().state == "confirmed", seconds=20, what=worker.said)
    assert "stopped answering" in DeviceOrder.objects.get().evidence
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(20) == 0
    assert not PhoneLease.objects.filter(held_until__gt=utc_now()).exists()
    assert "Traceback" not in worker.said()


def test_a_prefork_worker_looks_in_its_parent_alone_and_its_children_carry_out_orders(canned, rows, tmp_path):
    worker = prefork(tmp_path)
    try:
        eventually(all_seen, seconds=40, what=worker.said)
        assert [phone.functions() for phone in canned] == [["api-get_line_status", "api-get_accounts"]] * 2
        ordered(rows)
        eventually(lambda: DeviceOrder.objects.get().state == "sent", seconds=20, what=worker.said)
        worker.popen.send_signal(signal.SIGTERM)
        assert worker.popen.wait(20) == 0
        assert "Traceback" not in worker.said()
    finally:
        worker.stop()


def test_a_child_that_is_forked_later_carries_orders_out_and_the_parent_goes_on_looking(canned, rows, tmp_path):
    worker = prefork(tmp_path)
    try:
        eventually(all_seen, seconds=40, what=worker.said)
        first = children_of(worker.pid)
        for child in first:
            os.kill(child, signal.SIGKILL)
        eventually(lambda: len(set(children_of(worker.pid)) - set(first)) == 2, seconds=20, what=worker.said)
        ordered(rows)
        eventually(lambda: DeviceOrder.objects.get().state == "sent", seconds=20, what=worker.said)
        before = PhoneStatus.objects.get(phone=rows.phones[1]).looked_at
        PhoneStatus.objects.update(next_look_at=None)
        eventually(lambda: PhoneStatus.objects.get(phone=rows.phones[1]).looked_at > before, what=worker.said)
    finally:
        worker.stop()


FORK = """
import os
import django
django.setup()
from django.db import connection
from tasks.celery import _forget_inherited_connections

def sessions():
    # of the whole pool: it takes them in turns
    found = set()
    for _ in range(6):
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            found |= {cursor.fetchone()[0]}
        connection.close()
    return found

parents = sessions()
if os.fork() == 0:
    _forget_inherited_connections()
    print("the parent's" if sessions() & parents else "its own", flush=True)
    os._exit(0)
os.wait()
print("still there" if parents <= sessions() else "broken", flush=True)
"""


def test_a_forked_child_opens_database_connections_of_its_own(transactional_db):
    """It inherits the parent's pool: were it to use those sockets, both would read each other's answers."""
    said = subprocess.run(
        [sys.executable, "-c", FORK], cwd=ROOT, env=product_environment(DATABASE_POOL="2"), capture_output=True,
        text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert said.splitlines() == ["its own", "still there"]


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as told:
        return [int(one) for one in told.read().split()]

"""One question to a phone beside the same question by bare httpx; and five thousand phones, each looked at once a
minute, by one worker process."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
from django.db import connection

from crmconnector.common.clock import PHONE_LOOK_SECONDS, utc_now
from crmconnector.common.secrets import Secret
from crmconnector.pbx.models import Pbx
from phones.connection import address_policy
from phones.drivers.base import PhoneAddress
from phones.drivers.registry import open_driver
from phones.health import regular_look
from phones.models import Phone, PhoneStatus, SipAccount
from tests.bench.figures import Figure, in_ms, percentile
from tests.bench.fleet_process import fleet_process
from tests.bench.round_trips import timed
from tests.support.processes import ROOT, Product, eventually

TIMES, ROUNDS = 50, 12
PHONES = 5000
SETTLE_SECONDS, MEASURE_SECONDS = 180.0, 90.0
LATE_SECONDS = 5.0


@contextlib.contextmanager
def canned_fleet(count: int) -> Iterator[list[int]]:
    """Ports of so many phones, in a process of their own."""
    with fleet_process(count) as (ports, _said):
        yield ports


def status_round_trip(folder: Path) -> list[Figure]:
    """`driver.line_status` against a bare httpx GET of the same thing on a new connection, in turns."""
    ours: list[float] = []
    bare: list[float] = []
    with canned_fleet(1) as (port,), httpx.Client(trust_env=False) as client:
        driver = open_driver(
            "grandstream", PhoneAddress("http", "127.0.0.1", port), Secret("user-pass"), policy=address_policy()
        )
        url = f"http://127.0.0.1:{port}/cgi-bin/api-get_line_status?passcode=user-pass"

        def by_httpx() -> None:
            client.get(url, headers={"Connection": "close"}, timeout=3.0).json()

        timed(driver.line_status, TIMES), timed(by_httpx, TIMES)
        for _ in range(ROUNDS):
            ours += timed(driver.line_status, TIMES)
            bare += timed(by_httpx, TIMES)
    return in_ms("ask a phone for its lines", ours, {"bare httpx": bare})


def fleet(folder: Path, *, phones: int = PHONES, seconds: float = MEASURE_SECONDS) -> list[Figure]:
    """CPU, memory and punctuality of one worker that looks at all of them once a minute."""
    with canned_fleet(phones) as ports:
        _rows(ports)
        product = Product(folder, REHEARSAL="1", LOG_LEVEL="WARNING")
        try:
            worker = product.worker()
            unseen = PhoneStatus.objects.filter(accounts_at=None)
            eventually(lambda: not unseen.exists(), seconds=SETTLE_SECONDS, what=product.said)
            before = cpu_seconds(worker.pid)
            looks, late, lateness = _watch(seconds)
            spent = cpu_seconds(worker.pid) - before
            memory = _memory_mb(worker.pid)
        finally:
            product.stop()
    due = phones * seconds / PHONE_LOOK_SECONDS
    return [
        Figure(f"looks a minute at {phones} phones", looks * 60 / seconds, "looks", "due", due * 60 / seconds),
        Figure("worker's share of a core while looking", 100 * spent / seconds, "%", "a whole core", 100.0),
        Figure("worker's CPU per look", 1000 * spent / max(looks, 1), "ms", "bare httpx GET", _bare_cpu_ms()),
        Figure("worker's memory (RSS)", memory, "MB", "python with Django, nothing to do", _idle_memory_mb()),
        Figure(f"looks later than {LATE_SECONDS:g} s after due", late, "looks", "looks in all", looks),
        Figure("a look after it was due, p99", percentile(lateness or [0.0], 0.99), "s", "claim every", 1.0),
    ]


def _rows(ports: list[int]) -> None:
    pbx = Pbx.objects.create(name="Office", host="127.0.0.1", port=5038, username="crm", secret="secret", country="DE")
    phones = Phone.objects.bulk_create(
        [Phone(name=f"Phone {port}", model="GRP2614", address="127.0.0.1", port=port, passcode="user-pass")
         for port in ports]
    )  # fmt: skip
    SipAccount.objects.bulk_create(
        [SipAccount(phone=phone, pbx=pbx, extension="201", endpoint=f"PJSIP/{phone.port}") for phone in phones]
    )
    begin = utc_now() - timedelta(seconds=PHONE_LOOK_SECONDS / 2)  # so each has its own second of the coming minute
    PhoneStatus.objects.bulk_create(
        [
            PhoneStatus(phone=phone, next_look_at=regular_look(phone_id=phone.pk, now=begin, random=0.5))
            for phone in phones
        ]
    )


def _watch(seconds: float) -> tuple[int, int, list[float]]:
    """(looks, those later than LATE_SECONDS, seconds after due of each), from the rows, every half second."""
    plan: dict[int, float] = {}
    seen: dict[int, float] = {}
    lateness: list[float] = []
    looks = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with connection.cursor() as cursor:
            cursor.execute(
                "select phone_id, extract(epoch from looked_at)::float, extract(epoch from next_look_at)::float"
                " from phones_phonestatus"
            )
            rows = cursor.fetchall()
        for phone_id, looked_at, next_look_at in rows:
            if phone_id in seen and looked_at != seen[phone_id]:
                looks += 1
                lateness.append(max(0.0, looked_at - plan[phone_id]))
            seen[phone_id], plan[phone_id] = looked_at, next_look_at
        time.sleep(0.5)
    overdue = sum(1 for planned in plan.values() if planned < utc_now().timestamp() - LATE_SECONDS)
    return looks, sum(1 for one in lateness if one > LATE_SECONDS) + overdue, lateness


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def _memory_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def _idle_memory_mb() -> float:
    code = "import django; django.setup(); import tasks.device_control; print(open('/proc/self/status').read())"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[1]) / 1024 for line in said.splitlines() if line.startswith("VmRSS"))


def _bare_cpu_ms() -> float:
    """CPU of this process for one GET on a new connection."""
    with canned_fleet(1) as (port,), httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/cgi-bin/api-get_line_status?passcode=x"
        began = time.process_time()
        for _ in range(TIMES * 4):
            client.get(url, headers={"Connection": "close"}).json()
        return 1000 * (time.process_time() - began) / (TIMES * 4)

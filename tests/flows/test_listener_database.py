"""The database stands still or restarts under traffic: the leader keeps leading, and all that was heard is written."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.utils import OperationalError

from crmconnector.calls.models import Call, Leg
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.screenpop.models import Pop
from tests.settings import servers
from tests.support.listening_post import FakeOffice, fake_office
from tests.support.office import make_office
from tests.support.processes import Process, Product, eventually

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(180)]
AWAY_SECONDS = 12.0  # longer than the lease
UNDER_WAY = 3  # calls whose ring was being written when the database stopped: one round of the traffic


@pytest.fixture
def pbx(transactional_db) -> Iterator[FakeOffice]:
    assert servers is not None, "run this test without -n"
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    rows = make_office()
    PbxLink.objects.update(state=PbxLink.State.NEVER, heard_at=None)
    with fake_office() as office:
        office.row(rows.pbx)
        yield office


@pytest.fixture
def product(pbx: FakeOffice, tmp_path: Path) -> Iterator[Product]:
    started = Product(tmp_path)
    yield started
    started.stop()


def two_listeners(product: Product) -> tuple[Process, Process]:
    leader = product.listener()
    eventually(lambda: "in_step" in leader.said(), seconds=30, what=leader.said)
    standby = product.listener()
    eventually(lambda: "stands_by" in standby.said(), seconds=30, what=standby.said)
    return leader, standby


def traffic(pbx: FakeOffice, seconds: float) -> tuple[int, list[str], list[str]]:
    """(calls made, keys of those that were answered and ended, keys of those that still ring): 30 calls a second."""
    made, ended, ringing = 0, [], []
    for turn in range(int(seconds * 10)):
        calls = [pbx.ring(f"PJSIP/{201 + one}", f"0302{turn:04d}{one}") for one in range(3)]
        made += 3
        pbx.answer(calls[0])
        pbx.hang_up(calls[0])
        pbx.hang_up(calls[1])
        ended.append(calls[0].key)
        if turn % 10 == 0:
            ringing.append(calls[2].key)
        else:
            pbx.hang_up(calls[2])
        pbx.thread.do(_pause())
    return made, ended, ringing


async def _pause() -> None:
    await asyncio.sleep(0.1)


def check(product: Product, epoch: int, made: int, answered: list[str], ringing: list[str]) -> None:
    eventually(_answers, seconds=30)
    calls = Call.objects.all()
    eventually(
        lambda: calls.filter(ended_at__isnull=False).count() == made - len(ringing), seconds=60, what=product.said
    )
    assert calls.count() == Leg.objects.count() == made
    assert set(calls.filter(ended_at=None).values_list("linkedid", flat=True)) == set(ringing)
    assert set(calls.filter(disposition="answered").values_list("linkedid", flat=True)) == set(answered)
    assert PbxLink.objects.get().epoch == epoch, "the leader stayed the leader"
    assert not LinkGap.objects.exists(), "the PBX was heard all the time"
    popped = Pop.objects.filter(state="ringing")
    eventually(lambda: popped.count() == len(ringing), what=lambda: list(Pop.objects.values("state")))
    late = Pop.objects.filter(state="closed").count()
    assert late <= UNDER_WAY, f"{late} cards of calls that were over"
    print(f"\n{made} calls while the database was away: {made} in the log, the {len(ringing)} that still rang popped")


def test_a_database_that_stands_still_loses_nothing_and_unseats_nobody(pbx, product):
    two_listeners(product)
    epoch = PbxLink.objects.get().epoch
    connection.close()
    with standing_still():
        told = traffic(pbx, AWAY_SECONDS)
    check(product, epoch, *told)


def test_after_a_restart_of_the_database_the_leader_goes_on_before_the_standby(pbx, product):
    two_listeners(product)
    epoch = PbxLink.objects.get().epoch
    connection.close()
    servers.stop_postgres(immediate=True)
    try:
        told = traffic(pbx, 3.0)
    finally:
        servers.start_postgres()
    check(product, epoch, *told)


@contextlib.contextmanager
def standing_still() -> Iterator[None]:
    """The server and all its sessions are stopped; connections stay open and nothing answers."""
    first = servers._database.pid
    pids = [first, *_children(first)]
    for pid in pids:
        _send(pid, signal.SIGSTOP)
    pids += [pid for pid in _children(first) if pid not in pids]
    try:
        yield
    finally:
        for pid in reversed(pids):
            _send(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _answers() -> bool:
    """This test's own connections may have been cut too."""
    try:
        close_old_connections()
        return PbxLink.objects.exists()
    except OperationalError:
        connection.close()
        return False

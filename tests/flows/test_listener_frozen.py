"""A leader that is frozen, not dead: the standby takes over, and the old one does no harm when it wakes."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import transaction

from crmconnector.calls.models import Call
from crmconnector.common.clock import LEADER_LEASE_SECONDS, utc_now
from crmconnector.listener.fence import next_epoch
from crmconnector.listener.lock import LEADER_CLASS, LeaderLock
from crmconnector.listener.models import Lease
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.screenpop.models import Pop
from tests.support.listening_post import FakeCall, FakeOffice, fake_office
from tests.support.office import make_office
from tests.support.processes import Process, Product, eventually
from tests.support.table import print_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROUNDS, CALLS = 2, 500
SLACK_SECONDS = 10.0  # two cores, many processes; the lease itself is what is promised


@pytest.fixture
def pbx(transactional_db) -> Iterator[FakeOffice]:
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
    for process in started.processes:
        thaw(process)
    started.stop()


def freeze(process: Process) -> None:
    os.kill(process.pid, signal.SIGSTOP)


def thaw(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)


def said_again(process: Process, word: str, before: int) -> None:
    eventually(lambda: process.said().count(word) > before, seconds=30, what=process.said)


def two_listeners(product: Product) -> tuple[Process, Process]:
    """(the leader, in step; the standby)."""
    leader = product.listener()
    eventually(lambda: "in_step" in leader.said(), seconds=30, what=leader.said)
    standby = product.listener()
    eventually(lambda: "stands_by" in standby.said(), seconds=30, what=standby.said)
    return leader, standby


def ring_many(pbx: FakeOffice, round_: int, count: int, begin: int = 0) -> list[FakeCall]:
    return [pbx.ring(f"PJSIP/{201 + one % 3}", f"0302{round_}{one:05d}") for one in range(begin, begin + count)]


def followed(leader: Process, standby: Process) -> float:
    """Seconds until the standby leads and is in step."""
    epoch, steps = PbxLink.objects.get().epoch, standby.said().count("in_step")
    began = time.monotonic()
    within = LEADER_LEASE_SECONDS + SLACK_SECONDS
    eventually(lambda: PbxLink.objects.get().epoch > epoch, seconds=within, what=standby.said)
    took = time.monotonic() - began
    said_again(standby, "in_step", steps)
    return took


def ringing_versions() -> dict[int, int]:
    return dict(Pop.objects.filter(state="ringing").values_list("pk", "version"))


def test_a_frozen_leader_is_followed_and_nobody_is_popped_twice(pbx, product):
    leader, standby = two_listeners(product)
    took, told = [], 0
    for round_ in range(ROUNDS):
        first = pbx.ring("PJSIP/201", f"0302{round_}99999")
        eventually(lambda: Pop.objects.filter(state="ringing").count() == 1)
        calls = [first, *ring_many(pbx, round_, CALLS // 2)]
        freeze(leader)
        calls += ring_many(pbx, round_, CALLS - 1 - CALLS // 2, CALLS // 2)
        known = ringing_versions()
        ends = leader.said().count("no_longer_leads")
        took.append(followed(leader, standby))
        eventually(lambda: Pop.objects.filter(state="ringing").count() == CALLS, seconds=30, what=standby.said)
        cards = ringing_versions()
        assert known.items() <= cards.items(), "a card popped again at the takeover"
        thaw(leader)
        said_again(leader, "no_longer_leads", ends)
        for call in calls:
            pbx.answer(call) if call is first else None
        eventually(lambda: Pop.objects.filter(state="talking").count() == 1, what=product.said)
        cards.pop(Pop.objects.get(state="talking").pk)
        assert ringing_versions() == cards, "the old leader touched a card when it woke"
        for call in calls:
            pbx.hang_up(call)
        eventually(lambda: not Call.objects.filter(ended_at=None).exists(), seconds=60, what=standby.said)
        told += CALLS
        leader, standby = standby, leader
    assert Call.objects.count() == Pop.objects.count() == told
    assert not Pop.objects.exclude(state="closed").exists()
    assert not LinkGap.objects.filter(until_at=None).exists()
    assert Call.objects.filter(disposition="answered").count() == ROUNDS
    assert not Call.objects.filter(disposition="unseen").exists(), "all were taken over living"
    print_table(
        ("a leader frozen with SIGSTOP", "count"),
        [("rounds", ROUNDS), ("pops", told), ("popped twice", 0),
         ("longest until the standby leads, s", f"{max(took):.1f}")],
    )  # fmt: skip


def test_one_that_hears_of_its_successor_before_it_misses_its_lock_leaves_it_alone(pbx, product):
    """Else each would end the other's term for ever: both believe that the lock is theirs."""
    leader = product.listener()
    eventually(lambda: "in_step" in leader.said(), seconds=30, what=leader.said)
    with other_lock() as get:
        freeze(leader)
        asked(f"select pg_terminate_backend({Lease.objects.get(lock_class=LEADER_CLASS).backend_pid})")
        eventually(get)
        epoch = next_epoch(pbx_id=PbxLink.objects.get().pbx_id, now=utc_now())
        pbx.ring()  # the first thing it does when it wakes is to write this, which is refused
        thaw(leader)
        eventually(lambda: "stands_by" in leader.said(), what=leader.said)
    assert PbxLink.objects.get().epoch == epoch
    assert not Call.objects.exists()


@contextlib.contextmanager
def other_lock() -> Iterator[Callable[[], bool]]:
    """Of a second listener; yields what tries to get it."""
    loop, lock = asyncio.new_event_loop(), LeaderLock(LEADER_CLASS, PbxLink.objects.get().pbx_id)
    try:
        yield lambda: loop.run_until_complete(lock.try_to_get())
    finally:
        loop.run_until_complete(lock.release())
        loop.close()


def test_a_leader_frozen_in_the_middle_of_a_transaction_does_not_hold_its_successor(pbx, product):
    leader, standby = two_listeners(product)
    ends = leader.said().count("no_longer_leads")
    with transaction.atomic():
        PbxLink.objects.select_for_update().get()
        call = pbx.ring()
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%for no key%'"
        eventually(lambda: asked(waiting) >= 1, what=leader.said)
        freeze(leader)
    # The row's lock is the frozen leader's now.
    followed(leader, standby)
    eventually(lambda: Pop.objects.filter(state="ringing").count() == 1)
    thaw(leader)
    said_again(leader, "no_longer_leads", ends)
    pbx.hang_up(call)
    eventually(lambda: not Call.objects.filter(ended_at=None).exists())
    assert Pop.objects.get().state == "closed"


def asked(query: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute(query)
        return cursor.fetchone()[0]

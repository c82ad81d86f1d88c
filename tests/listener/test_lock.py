"""One holder at a time: also when it is frozen, when a pid was used again, when the database was restarted."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from crmconnector.common.clock import LEADER_LOOK_AGAIN_SECONDS, utc_now
from crmconnector.listener import lock as lock_module
from crmconnector.listener.lock import LeaderLock, NotPermitted
from crmconnector.listener.models import Lease

pytestmark = pytest.mark.usefixtures("transactional_db")
CLASS, KEY = 8001, 77


class Two:
    """Two listeners that want the same lock."""

    def __init__(self) -> None:
        self.first, self.second = LeaderLock(CLASS, KEY), LeaderLock(CLASS, KEY)


def story(work) -> None:
    async def whole() -> None:
        two = Two()
        try:
            await work(two)
        finally:
            await two.first.release()
            await two.second.release()

    asyncio.run(whole())


async def rows(work):
    return await asyncio.to_thread(_on_this_thread, work)


def _on_this_thread(work):
    try:
        return work()
    finally:
        connection.close()


async def expire() -> None:
    """As if the holder had not renewed for a while."""
    await rows(lambda: Lease.objects.update(lease_until=F("lease_until") - timedelta(seconds=60)))


async def ended(lock: LeaderLock) -> bool:
    """Look as often as a listener that stands by, for as long as it takes to be sure."""
    end = asyncio.get_running_loop().time() + LEADER_LOOK_AGAIN_SECONDS + 2
    while asyncio.get_running_loop().time() < end:
        if await lock.end_expired_holder():
            return True
        await asyncio.sleep(0.1)
    return False


async def until_got(lock: LeaderLock) -> None:
    await until(lock.try_to_get)


async def until(got: Callable[[], Awaitable[bool]]) -> None:
    end = asyncio.get_running_loop().time() + 5
    while asyncio.get_running_loop().time() < end:
        if await got():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not within five seconds")


def test_the_first_holds_it_and_the_second_gets_it_when_the_first_lets_go():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get() and not await two.second.try_to_get()
        assert await two.first.renew()
        await two.first.release()
        assert await rows(Lease.objects.count) == 0
        assert await two.second.try_to_get()

    story(work)


def test_a_lease_that_is_renewed_is_never_ended():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        await expire()
        assert not await two.second.end_expired_holder(), "seen once is not enough"
        assert await two.first.renew()
        await asyncio.sleep(LEADER_LOOK_AGAIN_SECONDS)
        assert not await two.second.end_expired_holder()
        assert await two.first.renew()

    story(work)


def test_a_holder_that_no_longer_renews_is_ended_and_finds_out():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        await expire()
        assert await ended(two.second)
        await until_got(two.second)
        assert not await two.first.renew()
        assert not two.first.held
        assert not await two.first.try_to_get()

    story(work)


def test_another_process_with_the_same_pid_is_left_alone():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        await expire()
        await rows(lambda: Lease.objects.update(backend_start=utc_now() - timedelta(days=1)))
        assert not await ended(two.second)
        assert await two.first.renew()

    story(work)


def test_a_session_that_is_not_of_the_lease_is_left_alone():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        await expire()
        await rows(lambda: Lease.objects.update(backend_pid=F("backend_pid") + 1))
        assert not await ended(two.second)
        assert await two.first.try_to_get()

    story(work)


def test_a_role_without_the_right_to_end_it_says_so():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get() and not await two.second.try_to_get()
        await expire()
        session = two.second._session
        await session.execute("set role other_role")
        with pytest.raises(NotPermitted):
            await ended(two.second)
        await session.execute("reset role")
        assert await two.first.renew()

    with other_role():
        story(work)


@contextlib.contextmanager
def other_role():
    with connection.cursor() as cursor:
        cursor.execute("create role other_role")
        cursor.execute(f"grant select, insert, update on {Lease._meta.db_table} to other_role")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop owned by other_role")
            cursor.execute("drop role other_role")


def test_after_a_restart_of_the_database_the_former_holder_goes_first():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        pid = two.first._session.info.backend_pid
        await rows(lambda: Lease.objects.update(backend_start=utc_now() - timedelta(days=1)))
        assert await two.second._one("select pg_terminate_backend(%(pid)s)", pid=pid)
        assert not await two.first.renew()
        assert not await two.second.try_to_get(), "the former holder may have much to write"
        await until_got(two.first)
        assert not await two.second.try_to_get()

    with restarted_just_now():
        story(work)


def test_it_does_not_go_first_for_ever():
    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        pid = two.first._session.info.backend_pid
        await rows(lambda: Lease.objects.update(backend_start=utc_now() - timedelta(days=1)))
        assert await two.second._one("select pg_terminate_backend(%(pid)s)", pid=pid)
        await until_got(two.second)

    story(work)


@contextlib.contextmanager
def restarted_just_now():
    """The server of the tests started a while ago; a long grace is the same as a young server."""
    usual = dict(lock_module._values)
    lock_module._values = {**usual, "grace": 1_000_000.0}
    try:
        yield
    finally:
        lock_module._values = usual


def test_lock_and_lease_come_and_stay_away_together():
    """Nobody can be frozen between the two: they are one statement."""

    async def work(two: Two) -> None:
        assert await two.first.try_to_get()
        lease = await rows(Lease.objects.get)
        assert lease.backend_pid == two.first._session.info.backend_pid
        assert not await two.second.try_to_get()
        assert (await rows(Lease.objects.get)).backend_pid == lease.backend_pid

    story(work)


def test_keep_gets_it_back_after_a_lost_session():
    async def work(two: Two) -> None:
        assert await two.first.keep() and await two.first.keep()
        pid = two.first._session.info.backend_pid
        await two.second._one("select pg_terminate_backend(%(pid)s)", pid=pid)
        await until(two.first.keep)
        assert two.first._session.info.backend_pid != pid

    story(work)

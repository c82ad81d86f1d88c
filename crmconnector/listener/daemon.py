"""The listener: for every PBX, be the leader or stand by; hear, interpret, write.

One process serves all PBXes. Nothing here waits for the database while reading: the AMI client queues by itself.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import psycopg
import structlog
from django.db import Error as DatabaseProblem

from crmconnector.common.database import in_database
from crmconnector.listener.lead import Lead
from crmconnector.listener.link import warn_of_frozen_holder
from crmconnector.listener.lock import LEADER_CLASS, SWEEPER_CLASS, LeaderLock, NotPermitted
from crmconnector.listener.sweeper import sweep
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import pbxes_heard_here
from crmconnector.screenpop.facts import load_country_names

STANDBY_TRY_SECONDS = 0.25
CONFIGURATION_SECONDS = 2.0
SWEEP_SECONDS = 1.0
# Threads for the database. One that hangs holds its thread; host names are looked up in these as well.
THREADS = 32
NOT_PERMITTED = (
    "The listener that leads shows no signs of life, and the one that stands by may not end its database session. "
    "Restart the first one, and let all listeners use the same database role."
)
log = structlog.get_logger(__name__)


class Listener:
    """Runs until `stop`. Restarts whatever ends: a listener that gave up is worse than one that says it cannot."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "listener"))
        async with asyncio.TaskGroup() as group:
            chores = [group.create_task(self._attend()), group.create_task(self._sweep_for_ever())]
            group.create_task(asyncio.to_thread(load_country_names))  # a second's worth: now, not at the first card
            await self._stopping.wait()
            for chore in chores:
                chore.cancel()

    async def _attend(self) -> None:
        """One task per enabled PBX; a changed row gets a new one."""
        tasks: dict[tuple, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = await self._wanted()
                if wanted is not None:
                    for key in [key for key in tasks if key not in wanted or tasks[key].done()]:
                        await _ended(tasks.pop(key))
                    for key in wanted.keys() - tasks.keys():
                        tasks[key] = asyncio.create_task(self._lead_or_stand_by(wanted[key]))
                await asyncio.sleep(CONFIGURATION_SECONDS)
        finally:
            for task in tasks.values():
                await _ended(task)

    async def _wanted(self) -> dict[tuple, Pbx] | None:
        try:
            return {pbx.fingerprint: pbx for pbx in await in_database(lambda: list(pbxes_heard_here()))}
        except DatabaseProblem as error:
            log.warning("listener.database_away", reason=type(error).__name__)
            return None

    async def _lead_or_stand_by(self, pbx: Pbx) -> None:
        lock = LeaderLock(LEADER_CLASS, pbx.pk)
        told: set[str] = set()
        try:
            while True:
                try:
                    if await lock.keep():  # asked of the database: a term may have ended because another leads
                        log.info("listener.leads", pbx=pbx.name)
                        await Lead(pbx, lock).run()
                        log.warning("listener.no_longer_leads", pbx=pbx.name)
                        told.clear()
                    else:
                        await self._stand_by(pbx, lock, told)
                except (psycopg.Error, DatabaseProblem) as error:
                    log.warning("listener.database_away", pbx=pbx.name, reason=type(error).__name__)
                await asyncio.sleep(STANDBY_TRY_SECONDS)
        finally:
            await lock.release()

    async def _stand_by(self, pbx: Pbx, lock: LeaderLock, told: set[str]) -> None:
        """Another one leads. If it has frozen, end its session: the lock is ours at the next try."""
        if "stands_by" not in told:
            told.add("stands_by")
            log.info("listener.stands_by", pbx=pbx.name)
        try:
            if await lock.end_expired_holder():
                log.warning("listener.ended_frozen_leader", pbx=pbx.name)
        except NotPermitted:
            if "not_permitted" not in told:
                told.add("not_permitted")
                log.error("listener.may_not_end_frozen_leader", pbx=pbx.name, cure=NOT_PERMITTED)
                await in_database(lambda: warn_of_frozen_holder(pbx_id=pbx.pk, sentence=NOT_PERMITTED))

    async def _sweep_for_ever(self) -> None:
        """The sweeper needs PostgreSQL alone; whichever listener holds its lock runs it."""
        lock = LeaderLock(SWEEPER_CLASS, 0)
        try:
            while True:
                try:
                    if await lock.keep():
                        await in_database(sweep)
                    elif await lock.end_expired_holder():
                        log.warning("sweeper.ended_frozen_one")
                except NotPermitted:
                    pass  # told of the leader, which is the same process
                except (psycopg.Error, DatabaseProblem) as error:
                    log.warning("sweeper.database_away", reason=type(error).__name__)
                    await lock.release()
                await asyncio.sleep(SWEEP_SECONDS)
        finally:
            await lock.release()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except Exception:
            log.exception("listener.pbx_task_failed")

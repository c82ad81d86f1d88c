"""The listener: for every PBX, be the leader or stand by; hear, interpret, write.

One process serves all PBXes. Nothing here waits for the database while reading: the AMI client queues by itself.
"""

import asyncio
import contextlib

import psycopg
import structlog
from django.db import Error as DatabaseProblem

from crmconnector.common.database import in_database
from crmconnector.listener.lead import Lead
from crmconnector.listener.lock import LEADER_CLASS, SWEEPER_CLASS, LeaderLock
from crmconnector.listener.sweeper import sweep
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import pbxes_heard_here

STANDBY_TRY_SECONDS = 0.25
CONFIGURATION_SECONDS = 2.0
SWEEP_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Listener:
    """Runs until `stop`. Restarts whatever ends: a listener that gave up is worse than one that says it cannot."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            chores = [group.create_task(self._attend()), group.create_task(self._sweep_for_ever())]
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
        told = False
        try:
            while True:
                try:
                    if await lock.try_to_get():
                        log.info("listener.leads", pbx=pbx.name)
                        await Lead(pbx, lock).run()
                        log.warning("listener.no_longer_leads", pbx=pbx.name)
                    elif not told:
                        told = True
                        log.info("listener.stands_by", pbx=pbx.name)
                except (psycopg.Error, DatabaseProblem) as error:
                    log.warning("listener.database_away", pbx=pbx.name, reason=type(error).__name__)
                await asyncio.sleep(STANDBY_TRY_SECONDS)
        finally:
            await lock.release()

    async def _sweep_for_ever(self) -> None:
        """The sweeper needs PostgreSQL alone; whichever listener holds its lock runs it."""
        lock = LeaderLock(SWEEPER_CLASS, 0)
        try:
            while True:
                try:
                    if await lock.try_to_get():
                        await in_database(sweep)
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

"""From the outbox to the rows, one batch after the other, however long the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseProblem

from crmconnector.calls.events import CallEvent
from crmconnector.common.database import RETRY_SECONDS, in_database, until_done
from crmconnector.listener.deeds import Deed, Deeds
from crmconnector.listener.fence import Fenced
from crmconnector.listener.outbox import Job, Outbox
from crmconnector.screenpop.publisher import wake

log = structlog.get_logger(__name__)


class Writer:
    """`run` ends with `Fenced` when another listener leads. `wake_for_ever` belongs beside it: a broker that hangs
    must not keep rows waiting."""

    def __init__(self, deeds: Deeds, outbox: Outbox) -> None:
        self._deeds, self._outbox = deeds, outbox
        self._users: set[int] = set()
        self._somebody = asyncio.Event()

    async def run(self) -> None:
        while True:
            entry = await self._outbox.take()
            if isinstance(entry, Job):
                await self._do(entry)
            else:
                await self._write(entry)

    async def wake_for_ever(self) -> None:
        while True:
            await self._somebody.wait()
            self._somebody.clear()
            users, self._users = self._users, set()
            await sync_to_async(wake, thread_sensitive=False)(users)

    async def _do(self, job: Job) -> None:
        try:
            self._wake(await until_done(job.work))
        except Fenced:
            raise
        except Exception:
            log.exception("listener.deed_failed", deed=job.kind)

    async def _write(self, batch: Sequence[CallEvent]) -> None:
        """When a batch cannot be written, halve it until the one that is at fault stands alone; keep the others."""
        try:
            self._wake(await self._until_written(batch))
        except Fenced:
            raise
        except Exception as error:
            if len(batch) == 1:
                log.exception("listener.fact_not_written")
                await self._bury(batch[0], error)
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])

    async def _until_written(self, batch: Sequence[CallEvent]) -> set[int] | None:
        """Each try with what is known by then: a call that ended while the database was away opens no card."""
        while True:
            try:
                return await in_database(self._deeds.write(batch, self._outbox.over()))
            except (DataError, IntegrityError):
                raise
            except DatabaseProblem as error:
                log.warning("listener.database_away", reason=type(error).__name__, unwritten=len(self._outbox))
                await asyncio.sleep(RETRY_SECONDS)

    async def _bury(self, event: CallEvent, error: Exception) -> None:
        reason = f"{type(error).__name__} while writing"
        deed: Deed = self._deeds.bury(event.at, reason, repr(event))
        await self._do(Job("bury", deed))

    def _wake(self, users: object) -> None:
        if isinstance(users, set) and users:
            self._users |= users
            self._somebody.set()

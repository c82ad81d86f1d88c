"""Leading one PBX: its link, its tracker, its rows, for as long as the lock is held."""

import asyncio
import json
from typing import Any

import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_events import CoreShowChannel, parse
from crmconnector.calls.events import CallEvent
from crmconnector.calls.tracker import CallTracker
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.common.database import until_done
from crmconnector.listener import link, resync
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.fence import Fenced, next_epoch
from crmconnector.listener.lock import LeaderLock
from crmconnector.listener.trunk_hints import trunk_hint
from crmconnector.pbx.connection import ami_address
from crmconnector.pbx.models import Pbx
from crmconnector.screenpop.publisher import wake

LINK_ROW_SECONDS = 2.0
LOCK_CHECK_SECONDS = 1.0
RETRY_SECONDS = 0.25
log = structlog.get_logger(__name__)


class Lead:
    """One term of leadership; `run` returns when it is over."""

    def __init__(self, pbx: Pbx, lock: LeaderLock) -> None:
        self.pbx, self._lock = pbx, lock
        self._client = ami.AmiClient(ami_address(pbx))
        self._tracker = CallTracker(trunks=())
        self._not_trunks: frozenset[str] = frozenset()
        self._trunks: frozenset[str] = frozenset()
        self._epoch = 0

    async def run(self) -> None:
        self._epoch = await until_done(lambda: next_epoch(pbx_id=self.pbx.pk, now=utc_now()))
        self._trunks, self._not_trunks = await until_done(lambda: link.trunk_names(self.pbx))
        self._tracker.set_trunks(self._trunks)
        await until_done(lambda: link.open_gap_of_former_leader(pbx_id=self.pbx.pk))
        tasks = [
            asyncio.create_task(work)
            for work in (self._client.run(), self._hear(), self._tell_link(), self._keep_lock())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() and not isinstance(task.exception(), Fenced):
                    raise task.exception()  # type: ignore[misc]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.close()

    # --- hearing ------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        while batch := await self._client.next_batch():
            call_events: list[CallEvent] = []
            for item in batch:
                if isinstance(item, ami.RawEvent):
                    call_events += await self._interpret(item)
                    continue
                await self._write(call_events)
                call_events = []
                await (self._link_up(item) if isinstance(item, ami.LinkUp) else self._link_down(item))
            await self._write(call_events)

    async def _interpret(self, item: ami.RawEvent) -> list[CallEvent]:
        """Call events of one raw event. A poison event is buried with its text and the stream goes on."""
        try:
            await self._learn_trunk(item.headers)
            event = parse(item.headers, item.received_at)
            return self._tracker.feed(event) if event is not None else []
        except Exception as error:
            log.exception("listener.poison_event")
            await self._bury(item.received_at, f"{type(error).__name__} while interpreting", item.headers)
            return []

    async def _write(self, batch: list[CallEvent]) -> None:
        """Write and show, however long the database is away; `Fenced` ends our term."""
        if not batch:
            return
        try:
            users = await until_done(lambda: self._handled(batch))
        except (DataError, IntegrityError, ValueError, TypeError, KeyError) as error:
            log.exception("listener.batch_failed")
            await self._write_one_by_one(batch, error)
            return
        await sync_to_async(wake, thread_sensitive=False)(users)

    async def _write_one_by_one(self, batch: list[CallEvent], error: Exception) -> None:
        """One of these events cannot be written: find it, bury it, keep the others."""
        if len(batch) == 1:
            await self._bury(batch[0].at, f"{type(error).__name__} while writing", {"event": repr(batch[0])})
            return
        for event in batch:
            await self._write([event])

    def _handled(self, batch: list[CallEvent]) -> set[int]:
        return handle_batch(pbx=self.pbx, epoch=self._epoch, batch=batch, now=utc_now())

    # --- the link -----------------------------------------------------------------------------------------------

    async def _link_up(self, item: ami.LinkUp) -> None:
        """Compare what we believe with what the PBX has; what comes in meanwhile waits in the client's queue."""
        try:
            listed = await self._client.list_action("CoreShowChannels", {}, "CoreShowChannelsComplete")
        except ami.AmiError as error:
            log.warning("listener.resync_failed", pbx=self.pbx.name, reason=str(error))
            self._client.give_up_link()  # without a list we would guess; a new link asks again
            return
        await self._learn_endpoints()
        channels = [event for row in listed if isinstance(event := parse(row, item.at), CoreShowChannel)]
        found = self._tracker.resync(channels, item.at)
        await self._write(found)
        open_keys = {open_call.call for open_call in self._tracker.open_calls()}
        users = await until_done(
            lambda: resync.close_unseen(pbx=self.pbx, epoch=self._epoch, open_keys=open_keys, now=utc_now())
        )
        await until_done(lambda: link.close_gaps(pbx_id=self.pbx.pk, until_at=from_epoch(item.at)))
        await sync_to_async(wake, thread_sensitive=False)(users)
        await self._write_link_row()
        log.info("listener.in_step", pbx=self.pbx.name, channels=len(channels), open_calls=len(open_keys))

    async def _link_down(self, item: ami.LinkDown) -> None:
        heard = self._client.state().last_heard_at or item.at
        log.warning("listener.link_down", pbx=self.pbx.name, reason_code=item.reason_code, reason=item.reason)
        await until_done(lambda: link.open_gap(pbx_id=self.pbx.pk, from_at=from_epoch(heard), reason=item.reason))
        await self._write_link_row()

    async def _tell_link(self) -> None:
        """The link's row: at once when it changes, else every other second (never per event)."""
        told, told_at = None, 0.0
        loop = asyncio.get_running_loop()
        while True:
            state = self._client.state()
            if (state.connected, state.reason_code) != told or loop.time() - told_at > LINK_ROW_SECONDS:
                await self._write_link_row()
                told, told_at = (state.connected, state.reason_code), loop.time()
            await asyncio.sleep(RETRY_SECONDS)

    async def _write_link_row(self) -> None:
        state = self._client.state()
        await until_done(
            lambda: link.write_link(
                pbx_id=self.pbx.pk,
                connected=state.connected,
                since=from_epoch(state.since),
                heard_at=from_epoch(state.last_heard_at) if state.last_heard_at else None,
                reason_code=state.reason_code,
                reason=state.reason,
                version=state.version,
            )
        )

    async def _keep_lock(self) -> None:
        """Returns when leadership is lost for good.

        After a lost session (a database restart) we try to get the lock back: if nobody led in between, our epoch
        still holds and what we heard meanwhile is written; if somebody did, the next write raises `Fenced`.
        """
        while True:
            await asyncio.sleep(LOCK_CHECK_SECONDS)
            if await self._lock.still_held():
                continue
            try:
                if not await self._lock.try_to_get():
                    return
            except psycopg.OperationalError:
                continue

    # --- what else events teach us ------------------------------------------------------------------------------

    async def _learn_trunk(self, headers: ami.Headers) -> None:
        hint = trunk_hint(headers)
        if hint is None or hint[0] in self._trunks or hint[0] in self._not_trunks:
            return
        await self._add_trunk(*hint)

    async def _learn_endpoints(self) -> None:
        """Trunks as they are now in the rows: an administrator may have decided since."""
        self._trunks, self._not_trunks = await until_done(lambda: link.trunk_names(self.pbx))
        self._tracker.set_trunks(self._trunks)

    async def _add_trunk(self, endpoint: str, because: str) -> None:
        self._trunks |= {endpoint}
        self._tracker.set_trunks(self._trunks)
        await until_done(lambda: link.note_trunk(pbx_id=self.pbx.pk, endpoint=endpoint, because=because))

    async def _bury(self, at: float, reason: str, raw: Any) -> None:
        text = json.dumps(raw, ensure_ascii=False, default=str)
        await until_done(lambda: link.bury(pbx_id=self.pbx.pk, at=from_epoch(at), reason=reason, raw=text))

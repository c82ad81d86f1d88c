"""Leading one PBX: its link, its ears, its rows, for as long as the lock is held."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import psycopg

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_events import FOLLOWED
from crmconnector.common.clock import LEADER_RENEW_SECONDS, utc_now
from crmconnector.common.database import until_done
from crmconnector.listener import link
from crmconnector.listener.contacts import ContactWatch
from crmconnector.listener.deeds import Deeds, instant
from crmconnector.listener.fence import Fenced, next_epoch
from crmconnector.listener.hearing import Hearing
from crmconnector.listener.lock import LeaderLock
from crmconnector.listener.outbox import Outbox
from crmconnector.listener.pretended_ring import PretendedRings
from crmconnector.listener.writer import Writer
from crmconnector.pbx.connection import ami_address
from crmconnector.pbx.models import Pbx, PbxLink

LINK_ROW_SECONDS = 2.0
LOOK_SECONDS = 0.25


class Lead:
    """One term of leadership; `run` returns when it is over."""

    def __init__(self, pbx: Pbx, lock: LeaderLock, *, outbox: Outbox | None = None, **hearing: float) -> None:
        """`hearing` and `outbox` are for tests: the times of Hearing, a smaller buffer."""
        self.pbx, self._lock = pbx, lock
        self.outbox = Outbox() if outbox is None else outbox
        self._client = ami.AmiClient(ami_address(pbx), wanted=FOLLOWED)
        self._times = hearing
        self._dropped_before = 0

    async def run(self) -> None:
        epoch = await until_done(lambda: next_epoch(pbx_id=self.pbx.pk, now=utc_now()))
        deeds = Deeds(self.pbx, epoch)
        writer = Writer(deeds, self.outbox)
        self.hearing = hearing = Hearing(deeds, self._client, self.outbox, **self._times)
        try:
            await until_done(lambda: link.open_gap_of_former_leader(pbx_id=self.pbx.pk, epoch=epoch))
            hearing.set_trunks(*await until_done(lambda: link.trunk_names(self.pbx)))
            self._dropped_before = await until_done(lambda: PbxLink.objects.get(pbx=self.pbx).dropped_facts)
            await self._together(
                self._client.run(),
                hearing.run(),
                hearing.check_for_ever(),
                hearing.learn_rights(),
                ContactWatch(self.pbx.pk, epoch, self._client).run(),
                PretendedRings(self.pbx, epoch).run(),
                writer.run(),
                writer.wake_for_ever(),
                self._tell_link(epoch),
                self._keep_lock(),
            )
        except Fenced:
            pass  # another listener leads
        finally:
            await self._client.close()

    async def _together(self, *works: Coroutine[Any, Any, None]) -> None:
        """Until the first of them ends; an error of it is ours."""
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell_link(self, epoch: int) -> None:
        """The link's row: at once when something changes, else every other second (never per event)."""
        told: object = None
        told_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            now = self._news()
            changed = (now.connected, now.reason_code, now.warning, now.dropped_facts, now.may_send)
            if changed != told or loop.time() - told_at > LINK_ROW_SECONDS:
                await until_done(lambda: link.write_link(pbx_id=self.pbx.pk, epoch=epoch, news=self._news()))
                told, told_at = changed, loop.time()
            await asyncio.sleep(LOOK_SECONDS)

    def _news(self) -> link.LinkNews:
        state, unwritten_since = self._client.state(), self.outbox.oldest_at()
        heard = state.last_heard_at
        if heard is not None and unwritten_since is not None:
            heard = min(heard, unwritten_since)  # should we die now, what is not written was not heard
        return link.LinkNews(
            connected=state.connected,
            since=instant(state.since),
            heard_at=instant(heard) if heard is not None else None,
            reason_code=state.reason_code,
            reason=state.reason,
            version=state.version,
            warning="\n".join(self.hearing.remarks()),
            unwritten=len(self.outbox),
            dropped_facts=self._dropped_before + self.outbox.dropped,
            dropped_at=instant(self.outbox.dropped_at) if self.outbox.dropped_at else None,
            may_send=self.hearing.may_send(),
        )

    async def _keep_lock(self) -> None:
        """Returns when leadership is lost for good.

        After a lost session (a database restart) we try to get the lock back: if nobody led in between, our epoch
        still holds and what we heard meanwhile is written; if somebody did, the next write raises `Fenced`.
        """
        while True:
            await asyncio.sleep(LEADER_RENEW_SECONDS if self._lock.held else LOOK_SECONDS)
            if self._lock.held and await self._lock.renew():
                continue
            try:
                if not await self._lock.try_to_get():
                    return
            except psycopg.OperationalError:
                continue  # the database is away: nobody else gets it either

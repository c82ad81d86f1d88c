"""What the leader of one PBX does to the database, each deed ready to be done later and safe to be done twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from django.db import Error as DatabaseProblem

from crmconnector.calls.events import CallEvent
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.common.database import in_database
from crmconnector.listener import link, resync
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Pbx

__all__ = ["MOST_WAITING_LETTERS", "DatabaseProblem", "Deeds"]

MOST_WAITING_LETTERS = 100
log = structlog.get_logger(__name__)
Deed = Callable[[], set[int] | None]  # users to wake


@dataclass(frozen=True, slots=True)
class Deeds:
    """Under one epoch: once another listener leads, each of them raises `Fenced` and changes nothing."""

    pbx: Pbx
    epoch: int

    def write(self, batch: Sequence[CallEvent], over: Set[str]) -> Deed:
        return lambda: handle_batch(pbx=self.pbx, epoch=self.epoch, batch=batch, now=utc_now(), over=over)

    def close_unseen(self, open_keys: Set[str], at: float) -> Deed:
        return lambda: resync.close_unseen(pbx=self.pbx, epoch=self.epoch, open_keys=open_keys, at=at, now=utc_now())

    def open_gap(self, heard_at: float, reason: str, *, lost: bool) -> Deed:
        at = instant(heard_at)
        return partial(link.open_gap, pbx_id=self.pbx.pk, epoch=self.epoch, from_at=at, reason=reason, lost=lost)

    def close_gaps(self, up_at: float, **said: int) -> Deed:
        def deed() -> None:
            link.close_gaps(pbx_id=self.pbx.pk, epoch=self.epoch, until_at=instant(up_at))
            log.info("listener.in_step", pbx=self.pbx.name, **said)

        return deed

    def note_trunk(self, endpoint: str, because: str) -> Deed:
        return partial(link.note_trunk, pbx_id=self.pbx.pk, endpoint=endpoint[:120], because=because)

    def bury(self, at: float, reason: str, raw: str) -> Deed:
        raw = raw[: link.DEAD_LETTER_LENGTH]  # now: a megabyte must not wait in memory
        return partial(link.bury, pbx_id=self.pbx.pk, at=instant(at), reason=reason, raw=raw)

    async def read_trunks(self) -> tuple[frozenset[str], frozenset[str]]:
        return await in_database(lambda: link.trunk_names(self.pbx))


def instant(at: float) -> datetime:
    """Epoch seconds as a moment; a stamp that cannot be one is taken for now."""
    try:
        return from_epoch(at)
    except (ValueError, OverflowError, OSError):
        return utc_now()

"""What the PBX says is going on now: its channels, and who waits in its queues."""

from __future__ import annotations

import time
from dataclasses import dataclass

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_events import CoreShowChannel, QueueCallerJoin, parse
from crmconnector.listener.queue_refill import waiting_callers

QUEUES_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Listing:
    """One picture of the PBX. `complete`: all lines came and were understood, so what is not in it does not exist."""

    at: float  # when the answer was there, epoch seconds
    channels: tuple[CoreShowChannel, ...]
    waiting: tuple[QueueCallerJoin, ...]
    complete: bool

    @property
    def uniqueids(self) -> frozenset[str]:
        return frozenset(line.channel.uniqueid for line in self.channels)

    @property
    def real_uniqueids(self) -> frozenset[str]:
        """Without the halves of Local channels."""
        real = [line for line in self.channels if not (line.channel.name or "").startswith("Local/")]
        return frozenset(line.channel.uniqueid for line in real)


async def ask_listing(client: ami.AmiClient) -> Listing:
    """Ask for both lists. Raises NotSent, Refused or Unclear for the channels; queues are a bonus and never fail."""
    rows = await client.list_action("CoreShowChannels", {}, "CoreShowChannelsComplete")
    at = time.time()
    channels = tuple(line for row in rows if isinstance(line := parse(row, at), CoreShowChannel))
    listed = {line.channel.uniqueid: line.channel for line in channels}
    queues = await _ask_queues(client) if channels else []
    complete = rows.complete and len(channels) == len(rows)
    return Listing(at, channels, tuple(waiting_callers(queues, listed, at)), complete)


async def _ask_queues(client: ami.AmiClient) -> list[ami.Headers]:
    """A PBX without the queue module does not know the question."""
    try:
        return await client.list_action("QueueStatus", {}, "QueueStatusComplete", deadline=QUEUES_SECONDS)
    except ami.AmiError:
        return []

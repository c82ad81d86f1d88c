"""What the tracker told and nobody has written yet: the bounded buffer between hearing and the database.

The AMI socket must never wait for PostgreSQL. When the database is slow or away, facts pile up here. When the buffer is
full, facts that a newer one has overtaken go first, oldest first (an old hold, an old far number); everything else is
needed for the log. When even that is not enough, `put` says no: then the link must be given up and the calls be read
afresh, and a gap row tells of it.
"""

import asyncio
import heapq
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crmconnector.calls import events as ev

MOST_UNWRITTEN = 50_000  # about 50 MB at the most; a minute of 50 events a second needs 3,000
MOST_OF_A_BATCH = 500

# What a fact says of whom, for facts that the next of the same slot makes worthless: (slot, attribute that names whom).
_OVERTAKEN: dict[type, tuple[str, str]] = {
    ev.LegChanged: ("far", "leg"),
    ev.LegHeld: ("hold", "leg"),
    ev.LegResumed: ("hold", "leg"),
    ev.CallChanged: ("call", "call"),
    ev.QueueLeft: ("queue", "call"),
}
# Facts of other kinds that overtake them as well.
_OVERTAKES: dict[type, tuple[str, str]] = {
    ev.LegAnswered: ("far", "leg"),
    ev.LegEnded: ("hold", "leg"),
    ev.QueueEntered: ("queue", "call"),
    ev.CallEnded: ("queue", "call"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """Something else to write, in its place among the facts; `work` must be safe to repeat."""

    kind: str
    work: Callable[[], object] = field(repr=False)


_Entry = tuple[ev.CallEvent | Job, float]  # and when it came in, epoch seconds


class Outbox:
    """Filled by the hearing side without waiting, emptied by one writer; both on one event loop."""

    def __init__(self, most: int = MOST_UNWRITTEN, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._waiting: OrderedDict[int, _Entry] = OrderedDict()
        self._serial = 0
        self._newest: dict[tuple[str, str], int] = {}  # slot -> the fact in it that nothing has overtaken yet
        self._droppable: list[int] = []  # a heap: the oldest first
        self._ends: Counter[str] = Counter()  # legs whose LegEnded waits
        self._jobs: Counter[str] = Counter()
        self._taken_since: float | None = None
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self.dropped = 0
        self.dropped_at: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, facts: Sequence[ev.CallEvent], *, always: bool = False) -> bool:
        """Take facts in; False when there is no room for all of them (the rest is lost).

        `always`: for what ends calls that we know, which are no more than live at a time.
        """
        for fact in facts:
            if not always and len(self._waiting) >= self._most and not self._drop_one():
                return False
            self._store(fact)
            self._index(fact)
        return True

    async def put_all(self, facts: Sequence[ev.CallEvent]) -> None:
        """Take in all of them, waiting for room: for a picture read afresh, which may be larger than the buffer."""
        step = max(1, self._most // 2)
        for start in range(0, len(facts), step):
            await self.room()
            self.put(facts[start : start + step])

    def put_job(self, job: Job, *, instead: bool = False, most: int | None = None) -> bool:
        """Take a job in; it always finds room. `instead`: an earlier one of its kind is no longer needed.

        False when `most` of its kind wait already: then it is not taken.
        """
        if most is not None and self._jobs[job.kind] >= most:
            return False
        if instead and self._jobs[job.kind]:
            for serial in [serial for serial, (one, _) in self._waiting.items() if _is_job(one, job.kind)]:
                del self._waiting[serial]
            self._jobs[job.kind] = 0
        self._jobs[job.kind] += 1
        self._store(job)
        return True

    async def take(self, limit: int = MOST_OF_A_BATCH) -> list[ev.CallEvent] | Job:
        """The oldest job, or the oldest facts up to the next job; what was taken before counts as written now."""
        self._taken_since = None
        while not self._waiting:
            self._droppable.clear()
            self._filled.clear()
            await self._filled.wait()
        first, self._taken_since = next(iter(self._waiting.values()))
        if isinstance(first, Job):
            self._pop()
            self._jobs[first.kind] -= 1
            return first
        return self._take_facts(limit)

    def oldest_at(self) -> float | None:
        """When the oldest of what is not written yet came in (epoch seconds); None when all is written."""
        if self._taken_since is not None or not self._waiting:
            return self._taken_since
        return next(iter(self._waiting.values()))[1]

    async def room(self) -> None:
        """Wait until at most half of it is filled."""
        while len(self._waiting) * 2 > self._most:
            self._emptied.clear()
            await self._emptied.wait()

    def over(self) -> frozenset[str]:
        """Legs whose end is known already, though it waits behind what was taken: they must open no card now."""
        return frozenset(self._ends)

    def _take_facts(self, limit: int) -> list[ev.CallEvent]:
        events: list[ev.CallEvent] = []
        while self._waiting and len(events) < limit:
            entry = next(iter(self._waiting.values()))[0]
            if isinstance(entry, Job):
                break
            self._pop()
            events.append(entry)
        for event in events:
            self._forget(event)
        return events

    def _pop(self) -> None:
        self._waiting.popitem(last=False)
        self._emptied.set()

    def _store(self, entry: ev.CallEvent | Job) -> None:
        self._serial += 1
        self._waiting[self._serial] = (entry, self._clock())
        self._filled.set()

    def _index(self, fact: ev.CallEvent) -> None:
        """Note which older fact this one overtakes."""
        if isinstance(fact, ev.LegEnded):
            self._ends[fact.leg] += 1
        own = _OVERTAKEN.get(type(fact))
        slot = own or _OVERTAKES.get(type(fact))
        if slot is None:
            return
        key = (slot[0], getattr(fact, slot[1]))
        overtaken = self._newest.pop(key, None)
        if overtaken is not None:
            self._let_go(overtaken)
        if own is not None:
            self._newest[key] = self._serial

    def _let_go(self, serial: int) -> None:
        heapq.heappush(self._droppable, serial)
        if len(self._droppable) > self._most:  # most of them were written long ago
            self._droppable = [serial for serial in self._droppable if serial in self._waiting]
            heapq.heapify(self._droppable)

    def _forget(self, fact: ev.CallEvent) -> None:
        """It is being written: it can no longer be dropped."""
        if isinstance(fact, ev.LegEnded):
            self._ends[fact.leg] -= 1
            if not self._ends[fact.leg]:
                del self._ends[fact.leg]
        slot = _OVERTAKEN.get(type(fact))
        key = slot and (slot[0], getattr(fact, slot[1]))
        if key and self._newest.get(key, self._serial + 1) not in self._waiting:
            self._newest.pop(key, None)

    def _drop_one(self) -> bool:
        """Make room by the oldest fact that a newer one has overtaken."""
        while self._droppable:
            serial = heapq.heappop(self._droppable)
            if self._waiting.pop(serial, None) is not None:
                self.dropped += 1
                self.dropped_at = self._clock()
                return True
        return False


def _is_job(entry: ev.CallEvent | Job, kind: str) -> bool:
    return isinstance(entry, Job) and entry.kind == kind

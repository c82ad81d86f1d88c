"""The queue between the socket and whoever consumes the events: bounded in items and in bytes, nothing lost in silence.

The socket side only stamps and stores text (Asterisk throws out a reader that blocks for 100 ms); the headers are taken
apart when the item is taken out. When the queue is full the link must be given up and comes back once it has drained:
the consumer then sees a LinkDown, and knows that it must read the calls afresh.
"""

from __future__ import annotations

import asyncio
from collections import deque

from .ami_items import Item, LinkDown, LinkUp, RawEvent
from .ami_pace import Clock
from .ami_reasons import Ending
from .ami_wire import parse

QUEUE_BYTES = 64 * 1024 * 1024

_Stored = tuple[int, int, float, str]  # epoch, sequence, received_at, message


class Inbox:
    """Filled by one link at a time, emptied by one consumer; both on the same event loop.

    `listening=False` is for links that only send actions: nothing is kept, nobody needs to take anything out.
    """

    def __init__(self, *, size: int, clock: Clock, listening: bool, size_bytes: int = QUEUE_BYTES) -> None:
        self.epoch = 0
        self._size = size
        self._size_bytes = size_bytes
        self._clock = clock
        self.listening = listening
        self._items: deque[LinkUp | LinkDown | _Stored] = deque()
        self._bytes = 0
        self._sequence = 0
        self._open = False
        self._closed = False
        self._stamp = 0.0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def link_up(self, version: str) -> None:
        """The PBX accepted a login: a new epoch begins."""
        self.epoch += 1
        self._sequence = 0
        self._open = True
        self._store(LinkUp(self.epoch, version, self._clock.wall()))

    def link_down(self, ending: Ending) -> None:
        """The epoch ends, if one was open. Always finds room: at most one for each LinkUp."""
        if self._open:
            self._open = False
            self._store(LinkDown(self.epoch, ending.code, ending.sentence, self._clock.wall()))

    def segment_came(self, at: float) -> None:
        """All events until the next call were received at this moment (epoch seconds)."""
        self._stamp = at

    def event(self, message: str) -> bool:
        """Store one event's text; False when there is no room for it. Before the login nothing counts as an event."""
        if not (self._open and self.listening):
            return True
        if len(self._items) >= self._size or self._bytes >= self._size_bytes:
            return False
        self._sequence += 1
        self._bytes += len(message)
        self._items.append((self.epoch, self._sequence, self._stamp, message))
        if len(self._items) == 1:
            self._filled.set()
        return True

    def _store(self, item: LinkUp | LinkDown) -> None:
        if self.listening:
            self._items.append(item)
            self._filled.set()

    async def room(self) -> None:
        """Wait until the queue is at most half full, or closed."""
        while not self._closed and (len(self._items) * 2 > self._size or self._bytes * 2 > self._size_bytes):
            self._drained.clear()
            await self._drained.wait()

    async def take(self, limit: int) -> list[Item]:
        """At least one item, at most `limit`, oldest first; an empty list only after close, when all were taken."""
        # A consumer that never really waits would keep the loop from reading the socket, and Asterisk would drop us.
        await asyncio.sleep(0)
        while not self._items:
            if self._closed:
                return []
            self._filled.clear()
            await self._filled.wait()
        batch = [self._out(self._items.popleft()) for _ in range(min(limit, len(self._items)))]
        self._drained.set()
        return batch

    def _out(self, stored: LinkUp | LinkDown | _Stored) -> Item:
        if not isinstance(stored, tuple):
            return stored
        epoch, sequence, received_at, message = stored
        self._bytes -= len(message)
        return RawEvent(epoch, sequence, received_at, parse(message))

    def close(self) -> None:
        """Nothing will come any more."""
        self._closed = True
        self._filled.set()
        self._drained.set()

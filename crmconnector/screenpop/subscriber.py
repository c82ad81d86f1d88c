"""The browser's stream: one subscription per web process, cards read from rows after the last seen version.

Valkey only wakes. If it is away, one query per process and second finds the users whose cards changed, so a card is
at most about a second late. A stream holds no database connection while it waits.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import structlog
from django.conf import settings
from django.db import DatabaseError

from crmconnector.common.database import in_database
from crmconnector.common.redis import async_redis_client
from crmconnector.screenpop.publisher import WAKE_CHANNEL
from crmconnector.screenpop.selectors import Card, cards_after, newest_version, users_changed_after

KEEP_ALIVE_SECONDS = 15.0
RECHECK_SECONDS = 30.0  # a signed-out or deactivated user's stream ends by then
LOOK_SECONDS = 1.0
STREAMS_PER_USER = 5
log = structlog.get_logger(__name__)

Render = Callable[[Card], dict[str, object]]
StillAllowed = Callable[[], bool]


class Hub:
    """Wakes the streams of this process; starts with the first stream and serves them all."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: int | None = None

    def join(self, user_id: int) -> asyncio.Event | None:
        """A wake-up for one stream; None when the user has too many open already."""
        self._start()
        if self.waiting(user_id) >= STREAMS_PER_USER:
            return None
        event = asyncio.Event()
        self._waiting[user_id].add(event)
        return event

    def leave(self, user_id: int, event: asyncio.Event) -> None:
        self._waiting[user_id].discard(event)
        if not self._waiting[user_id]:
            del self._waiting[user_id]

    def waiting(self, user_id: int) -> int:
        """How many streams this user has open in this process."""
        return len(self._waiting.get(user_id, ()))

    def wake(self, user_ids: set[int]) -> None:
        for user_id in user_ids:
            for event in self._waiting.get(user_id, ()):
                event.set()

    def _start(self) -> None:
        if not any(not task.done() for task in self._tasks):
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def _listen(self) -> None:
        while True:
            try:
                async with async_redis_client(settings.REDIS_URL) as client, client.pubsub() as channel:
                    await channel.subscribe(WAKE_CHANNEL)
                    self.wake(set(self._waiting))  # what was said while we were away
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self.wake({int(part) for part in message["data"].split(b",")})
            except Exception as error:  # whatever it is: the look below goes on, and so must this
                log.warning("screenpop.wakes_lost", reason=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """The net under the wakes: rows are the truth, however they were announced."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._waiting:
                continue
            try:
                if self._seen is None:
                    self._seen = await in_database(newest_version)
                    self.wake(set(self._waiting))  # a card written before this look would not be newer than it
                self._seen, changed = await in_database(users_changed_after, self._seen)
                self.wake(changed)
            except DatabaseError as error:
                log.warning("screenpop.database_away", reason=type(error).__name__)


hub = Hub()


async def stream_cards(*, user_id: int, after: int, render: Render, still_allowed: StillAllowed) -> AsyncIterator[str]:
    """Server-sent events for one user: everything after `after`, then every change, until the user may no more."""
    event = hub.join(user_id)
    if event is None:
        yield sent("crowded", {"most": STREAMS_PER_USER}, retry=15_000)
        return
    try:
        yield sent("hello", {"now": time.time(), "user": user_id}, retry=1_000)
        event.set()
        last_check = time.monotonic()
        while True:
            woken = await _woken(event)
            if time.monotonic() - last_check > RECHECK_SECONDS:
                last_check = time.monotonic()
                if not await in_database(still_allowed):
                    yield sent("bye", {})
                    return
            if not woken:
                yield ": still here\n\n"
                continue
            try:
                cards = await in_database(_rendered_after, user_id, after, render)
            except DatabaseError:
                event.set()  # the rows are still there; look again when the database is
                await asyncio.sleep(LOOK_SECONDS)
                continue
            for version, card in cards:
                after = version
                yield sent("card", card, event_id=version)
    finally:
        hub.leave(user_id, event)


def sent(name: str, content: dict[str, object], *, event_id: int | None = None, retry: int | None = None) -> str:
    """One server-sent event."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    head += f"retry: {retry}\n" if retry is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(content)}\n\n"


def _rendered_after(user_id: int, after: int, render: Render) -> list[tuple[int, dict[str, object]]]:
    return [(card.pop.version, render(card)) for card in cards_after(user_id=user_id, version=after)]


async def _woken(event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), KEEP_ALIVE_SECONDS)
    except TimeoutError:
        return False
    event.clear()
    return True

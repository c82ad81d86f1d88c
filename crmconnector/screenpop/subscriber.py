"""The browsers' streams: one hub per web process reads the changed cards once and hands them to every stream.

Valkey only wakes. If it is away, one look per process and second finds what changed, so a card is at most about a
second late. However many streams are open, one read is under way for all of them (wakes that come meanwhile are taken
together into the next), beside it at most REPLAYS_AT_ONCE short ones of streams that open or fell behind. No stream
holds a database connection while it waits.

Nothing is lost between a stream's own read and the hub's: it joins first and reads then, and of what the hub handed it
meanwhile it drops what its own read had already. One person's versions are committed in their order (see publisher).
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import DatabaseError

from crmconnector.common.database import in_database
from crmconnector.common.redis import async_redis_client
from crmconnector.screenpop.publisher import WAKE_CHANNEL
from crmconnector.screenpop.selectors import MOST_CARDS, Card, cards_after, cards_since, latest_version

KEEP_ALIVE_SECONDS = 15.0
RECHECK_SECONDS = 3.0  # and a look later (LOOK_SECONDS) the stream of somebody who signed out has ended
LOOK_SECONDS = 1.0
STREAMS_PER_USER = 5
REPLAYS_AT_ONCE = 2  # connections: with the hub's own one it leaves most of the pool to the pages
log = structlog.get_logger(__name__)

Render = Callable[[Card], dict[str, object]]  # compared by identity: streams with the same one share the drawn card
StillAllowed = Callable[[], bool]  # its class may have `among(many) -> those allowed`, to be asked for all at once


class Drawn(NamedTuple):
    """One version of a card as the text of an event, by how it is drawn (language)."""

    version: int
    pop_id: int
    texts: dict[Render, str]


class Replay(NamedTuple):
    """What a stream reads by itself; `newest` is the person's newest version when it began."""

    allowed: bool
    newest: int
    cards: list[Drawn]


@dataclass(eq=False)
class Feed:
    """One stream: what the hub handed it and it has not sent yet, the newest version of each card only.

    A browser too slow to take MOST_CARDS cards loses them here and reads them again from the rows (`behind`).
    """

    render: Render | None = None
    still_allowed: StillAllowed | None = None
    sent: int | None = None  # None: from now on
    behind: bool = True
    ended: bool = False
    looks: bool = False  # something beside the cards changed: the desk is told to look for itself
    checked_at: float = field(default_factory=time.monotonic)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[int, tuple[int, str]] = field(default_factory=dict)

    def push(self, drawn: Drawn) -> None:
        text = drawn.texts.get(self.render) if self.render else None
        if text is None or len(self._waiting) >= MOST_CARDS:  # joined while the hub drew, in another language; or slow
            self.fall_behind()
            return
        self._waiting.pop(drawn.pop_id, None)  # to the end: ids of events only grow
        self._waiting[drawn.pop_id] = (drawn.version, text)
        self.woken.set()

    def fall_behind(self) -> None:
        self.behind = True
        self._waiting.clear()
        self.woken.set()

    def look(self) -> None:
        self.looks = True
        self.woken.set()

    def end(self) -> None:
        self.ended = True
        self.woken.set()

    def take(self) -> list[str]:
        """Everything that waits and is newer than what was sent. To be sent now."""
        self.woken.clear()
        waiting, self._waiting = self._waiting, {}
        fresh = [(version, text) for version, text in waiting.values() if self.sent is None or version > self.sent]
        if fresh:
            self.sent = fresh[-1][0]
        looks, self.looks = self.looks and not fresh, False  # a card makes the desk look anyway
        return [text for _, text in fresh] + ([sent("look", {})] if looks else [])

    async def something(self) -> bool:
        """Wait for a card or the end; False when a sign of life is due instead."""
        try:
            await asyncio.wait_for(self.woken.wait(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            return False
        return True

    def is_due(self) -> bool:
        return self.still_allowed is not None and time.monotonic() - self.checked_at > RECHECK_SECONDS


@dataclass(eq=False)
class Person:
    """The streams of one user; `version` is the newest that was handed to them, None until one has read it."""

    feeds: set[Feed] = field(default_factory=set)
    version: int | None = None

    def renders(self) -> set[Render]:
        return {feed.render for feed in self.feeds if feed.render is not None}


class Hub:
    """Serves the streams of this process; starts with the first of them."""

    def __init__(self) -> None:
        self._people: dict[int, Person] = {}
        self._wanted: set[int] = set()
        self._told: set[int] = set()  # of the wanted, those that somebody said something of
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._replays = asyncio.Semaphore(REPLAYS_AT_ONCE)

    def join(
        self, user_id: int, *, after: int | None = None,
        render: Render | None = None, still_allowed: StillAllowed | None = None,
    ) -> Feed | None:  # fmt: skip
        """A place for one stream; None when the user has too many open already."""
        self._start()
        if self.waiting(user_id) >= STREAMS_PER_USER:
            return None
        feed = Feed(render, still_allowed, after)
        self._people.setdefault(user_id, Person()).feeds.add(feed)
        return feed

    def leave(self, user_id: int, feed: Feed) -> None:
        person = self._people[user_id]
        person.feeds.discard(feed)
        if not person.feeds:
            del self._people[user_id]

    def waiting(self, user_id: int) -> int:
        """How many streams this user has open in this process."""
        return len(self._people[user_id].feeds) if user_id in self._people else 0

    def version_of(self, user_id: int) -> int | None:
        """The newest version that was handed to this user's streams; None before the first of them has read."""
        return self._people[user_id].version if user_id in self._people else None

    def wake(self, user_ids: Iterable[int]) -> None:
        """Read these users' cards soon, with those of everybody else who is woken until then."""
        wanted = self._people.keys() & user_ids
        if wanted:
            self._wanted |= wanted
            self._woken.set()

    async def catch_up(self, user_id: int, feed: Feed) -> list[str]:
        """The stream's own read, of everything after what it has sent; some of it when there is much (still behind)."""
        person = self._people[user_id]
        async with self._replays:
            known = person.version
            feed.behind = False  # before the read: from now on what the hub hands over is kept
            try:
                replay = await in_database(_replay, user_id, feed)
            except DatabaseError as error:
                feed.behind = True  # the rows are still there; look again when the database is
                log.warning("screenpop.database_away", reason=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)
                return []
        if not replay.allowed:
            feed.end()
            return []
        feed.sent = replay.cards[-1].version if replay.cards else min(feed.sent or replay.newest, replay.newest)
        if person.version is None:
            person.version = replay.newest
            self.wake({user_id})  # what was written since that read; nobody handed it over
        elif known is None and person.version > replay.newest:
            feed.behind = (
                True  # another first stream of this person read later than we: what lies between is ours to read
            )
        feed.behind = feed.behind or len(replay.cards) >= MOST_CARDS
        return [text for drawn in replay.cards for text in drawn.texts.values()]

    def _start(self) -> None:
        if all(task.done() for task in self._tasks):  # the first stream, or the first of another event loop
            self._woken, self._replays = asyncio.Event(), asyncio.Semaphore(REPLAYS_AT_ONCE)
            self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._serve(), self._look())]

    async def _listen(self) -> None:
        while True:
            try:
                async with async_redis_client(settings.REDIS_URL) as client, client.pubsub() as channel:
                    await channel.subscribe(WAKE_CHANNEL)
                    self.wake(set(self._people))  # what was said while we were away
                    async for message in channel.listen():
                        if message["type"] == "message":
                            users = {int(part) for part in message["data"].split(b",")}
                            self._told |= self._people.keys() & users
                            self.wake(users)
            except Exception as error:  # whatever it is: the look below goes on, and so must this
                log.warning("screenpop.wakes_lost", reason=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """The net under the wakes: rows are the truth, however they were announced. And who has signed out?"""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.wake(set(self._people))
            due = [feed for person in self._people.values() for feed in person.feeds if feed.is_due()]
            if due:
                await self._recheck(due)

    async def _recheck(self, feeds: Collection[Feed]) -> None:
        checks = [feed.still_allowed for feed in feeds if feed.still_allowed is not None]
        try:
            async with self._replays:
                allowed = await in_database(_allowed, checks)
        except Exception as error:  # no answer is no sign-out: nothing new can be shown while the database is away
            log.warning("screenpop.sessions_unread", reason=type(error).__name__)
            return
        for feed in feeds:
            feed.checked_at = time.monotonic()
            if feed.still_allowed not in allowed:
                feed.end()

    async def _serve(self) -> None:
        """One read after the other, each for everybody who was woken since the last."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            wanted, self._wanted = self._wanted, set()
            told, self._told = self._told, set()
            try:
                self._let_look(told - set(await self._read(wanted)))
            except Exception as error:  # mostly the database; whatever it is, the others' cards must go on
                log.warning("screenpop.database_away", reason=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)
                self._told |= told
                self.wake(wanted)

    def _let_look(self, user_ids: Iterable[int]) -> None:
        """Somebody was woken and no card was new: a call without a card was asked for, or came to an end."""
        for user_id in self._people.keys() & set(user_ids):
            for feed in self._people[user_id].feeds:
                feed.look()

    async def _read(self, user_ids: Collection[int]) -> Collection[int]:
        """Hands over what is new; the users who had something."""
        people = {user_id: self._people[user_id] for user_id in user_ids if user_id in self._people}
        seen = {user_id: person.version for user_id, person in people.items() if person.version is not None}
        if not seen:
            return set()
        found = await in_database(_drawn_since, seen, {user_id: people[user_id].renders() for user_id in seen})
        for user_id, cards in found.items():
            people[user_id].version = cards[-1].version
            for feed in people[user_id].feeds:
                for drawn in cards:
                    feed.push(drawn)
        self.wake({user_id for user_id, cards in found.items() if len(cards) >= MOST_CARDS})
        return found.keys()


hub = Hub()


async def stream_cards(
    *, user_id: int, after: int | None, render: Render, still_allowed: StillAllowed
) -> AsyncGenerator[str, None]:
    """Server-sent events for one user: everything after `after`, then every change, until the user may no more.

    Without `after` only what changes from now on.
    """
    feed = hub.join(user_id, after=after, render=render, still_allowed=still_allowed)
    if feed is None:
        yield sent("crowded", {"most": STREAMS_PER_USER}, retry=15_000)
        return
    try:
        yield sent("hello", {"now": time.time(), "user": user_id}, retry=1_000)
        while not feed.ended:
            for text in await hub.catch_up(user_id, feed) if feed.behind else feed.take():
                yield text
            if not feed.behind and not await feed.something():
                yield sent("still", {"now": time.time()})  # an event, not a comment: pages notice its absence
        yield sent("bye", {})
    finally:
        hub.leave(user_id, feed)


def sent(name: str, content: dict[str, object], *, event_id: int | None = None, retry: int | None = None) -> str:
    """One server-sent event."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    head += f"retry: {retry}\n" if retry is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(content)}\n\n"


def _replay(user_id: int, feed: Feed) -> Replay:
    if feed.is_due() and not _allowed([feed.still_allowed] if feed.still_allowed else []):
        return Replay(False, 0, [])
    newest = latest_version(user_id=user_id)  # before the cards: what comes in between is newer, and handed over
    if feed.sent is None or feed.sent >= newest or feed.render is None:
        return Replay(True, newest, [])
    return Replay(True, newest, _drawn(cards_after(user_id=user_id, version=feed.sent), {feed.render}))


def _drawn_since(seen: dict[int, int], renders: dict[int, set[Render]]) -> dict[int, list[Drawn]]:
    return {user_id: _drawn(cards, renders[user_id]) for user_id, cards in cards_since(seen).items()}


def _drawn(cards: Iterable[Card], renders: Collection[Render]) -> list[Drawn]:
    return [Drawn(card.pop.version, card.pop.pk, _texts(card, renders)) for card in cards]


def _texts(card: Card, renders: Collection[Render]) -> dict[Render, str]:
    """The card as events. One that cannot be drawn is logged and left out: the others must go on."""
    try:
        return {render: sent("card", render(card), event_id=card.pop.version) for render in renders}
    except Exception as error:
        log.error("screenpop.card_not_drawn", pop=card.pop.pk, reason=type(error).__name__)
        return dict.fromkeys(renders, ": a card could not be drawn\n\n")


def _allowed(checks: Iterable[StillAllowed]) -> set[StillAllowed]:
    """Those who may go on; checks of one class which can be asked together are one question."""
    kinds: dict[type, set[StillAllowed]] = defaultdict(set)
    for check in checks:
        kinds[type(check)].add(check)
    allowed: set[StillAllowed] = set()
    for kind, some in kinds.items():
        among: Callable[[set[StillAllowed]], set[StillAllowed]] | None = getattr(kind, "among", None)
        allowed |= among(some) if among else {check for check in some if check()}
    return allowed

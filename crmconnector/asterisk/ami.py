"""The link to one PBX over its manager interface (AMI, a line protocol on TCP port 5038, or 5039 with TLS).

    client = AmiClient(AmiAddress("pbx.example", 5038, "crm", secret))
    supervisor = asyncio.create_task(client.run())       # connects, logs in, watches, tries again; until close()
    while batch := await client.next_batch():             # LinkUp, RawEvent …, LinkDown
        ...
    reply = await client.action("Redirect", {...})        # one try under a deadline, never repeated
    channels = await client.list_action("CoreShowChannels", {}, "CoreShowChannelsComplete")

What `action` and `list_action` raise, sorted by what the caller must do:

    AmiError
    ├── NotSent        nothing left this machine: asking again later cannot do it twice
    │   ├── LinkLost       there is no logged-in link now
    │   └── BadHeader      a name or value that cannot be a header
    ├── Refused        the PBX answered no: nothing happened
    └── Unclear        it left and no answer came: it MAY have happened; never repeat it, look for the proof
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any, cast

from crmconnector.common.clock import AMI_ACTION_SECONDS

from . import actions
from .ami_address import AmiAddress
from .ami_book import LinkBook
from .ami_errors import AmiError, BadHeader, LinkLost, NotSent, Refused, Unclear
from .ami_inbox import QUEUE_BYTES, Inbox
from .ami_items import Headers, Item, LinkDown, LinkState, LinkUp, ListReply, RawEvent, Reply
from .ami_pace import BackOff, Clock, Pace, Watchdog
from .ami_protocol import LIST_ID, LinkManager, LinkProtocol, ListAction, PlainAction, next_id
from .ami_reasons import Ending, ending_of
from .ami_rights import Rights, rights_of

__all__ = [
    "AmiAddress",
    "AmiClient",
    "AmiError",
    "BackOff",
    "BadHeader",
    "Clock",
    "Headers",
    "Item",
    "LinkDown",
    "LinkLost",
    "LinkState",
    "LinkUp",
    "ListReply",
    "NotSent",
    "RawEvent",
    "Refused",
    "Reply",
    "Rights",
    "Unclear",
]

log = logging.getLogger(__name__)

ACTION_ID = "crm-act/"


class AmiClient:
    """One link at a time to one PBX. All methods belong to the event loop in which `run` runs.

    `events=False` is for links that only send actions: the PBX is asked for no events, and `next_batch` gives none.
    `wanted` are the names of the events to be given out, None for all: half of what a PBX tells (states of devices,
    members of queues) concerns nobody here, and looking at an event's name costs a tenth of taking it apart.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        events: bool = True,
        wanted: Collection[str] | None = None,
        queue_size: int = 50_000,
        queue_bytes: int = QUEUE_BYTES,
        ping_every: float = 5.0,
        silent_after: float = 12.0,
        login_deadline: float = 5.0,
        connect_deadline: float = 3.0,
        action_deadline: float = AMI_ACTION_SECONDS,
        list_deadline: float = 10.0,
        back_off: BackOff | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._address = address
        self._events = events
        self._wanted = wanted
        self._ping_every = ping_every
        self._silent_after = silent_after
        self._login_deadline = login_deadline
        self._connect_deadline = connect_deadline
        self._action_deadline = action_deadline
        self._list_deadline = list_deadline
        self._clock = clock or Clock()
        self._back_off = back_off or BackOff()
        self._inbox = Inbox(size=queue_size, size_bytes=queue_bytes, clock=self._clock, listening=events)
        self._link: LinkProtocol | None = None
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._book = LinkBook(self._clock)

    async def run(self) -> None:
        """Keep the link up until `close`. Never raises for anything the network or the PBX does."""
        if self._running is not None:
            raise RuntimeError("this AmiClient runs already")
        self._running = asyncio.current_task()
        pace = Pace(self._back_off)
        try:
            while not self._closing.is_set():
                ending, lived = await self._one_link()
                wait = pace.wait_seconds(slow=ending.slow, link_lived=lived)
                self._book.ended(ending, next_try_in=None if self._closing.is_set() else wait)
                await self._pause(wait)
        finally:
            self._inbox.close()

    async def close(self) -> None:
        """End the link and `run`. What was received can still be taken with `next_batch`."""
        self._closing.set()
        if self._link is not None:
            self._link.close()
        self._inbox.close()
        if self._running is not None and self._running is not asyncio.current_task():
            await asyncio.wait({self._running})

    async def next_batch(self, limit: int = 500) -> list[Item]:
        """The next items, oldest first: at least one, at most `limit`. Empty only when the client is closed."""
        return await self._inbox.take(limit)

    def give_up_link(self) -> None:
        """End this link and make a new one: for a consumer whose picture of the calls cannot be right any more."""
        if self._link is not None:
            self._link.end(Ending("given_up"))

    def state(self) -> LinkState:
        """How the link is now."""
        return self._book.state(self._link, queued=len(self._inbox))

    async def action(
        self, name: str, headers: Mapping[str, actions.HeaderValue], *, deadline: float | None = None
    ) -> Reply:
        """Send one action, once, and wait for its answer. Raises NotSent, Refused or Unclear; see the module's tree.

        An `Originate` should carry `Async: true` and its own `ActionID`: its result is a later OriginateResponse event.
        """
        seconds = self._action_deadline if deadline is None else deadline
        result = await self._ask(PlainAction(actions.build(name, headers, next_id(ACTION_ID))), seconds)
        return cast(Reply, result)

    async def list_action(
        self,
        name: str,
        headers: Mapping[str, actions.HeaderValue],
        complete_event: str,
        *,
        deadline: float | None = None,
    ) -> ListReply:
        """Ask for a list and wait for all of it: one dictionary an item, without the event that ends it.

        Its `complete` is False when the PBX says that it sent more or fewer items than came. The items never appear in
        `next_batch`. Raises NotSent, Refused or Unclear.
        """
        if any(key.lower() == "actionid" for key in headers):
            raise BadHeader(f"{name}: a list brings its own ActionID")
        seconds = self._list_deadline if deadline is None else deadline
        built = actions.build(name, headers, next_id(LIST_ID))
        return cast(ListReply, await self._ask(ListAction(built, complete_event), seconds))

    async def rights(self) -> Rights:
        """What our AMI user may do, as the PBX itself tells it. Raises NotSent, Refused or Unclear.

        Asked once for each login; whoever asks again over the same link is told the same, also the same failure.
        """
        link = self._link
        if link is None or not link.logged_in or link.ended.done():
            raise LinkLost("ListCommands: there is no link to the PBX now")
        if link.rights is None:
            question = PlainAction(actions.build("ListCommands", {}, next_id(ACTION_ID)))
            link.rights = asyncio.create_task(self._ask(question, self._action_deadline))
        reply = cast(Reply, await asyncio.shield(link.rights))  # one caller who gives up does not end it for the others
        return rights_of(reply.headers)

    async def _ask(self, action: PlainAction, seconds: float) -> object:
        link = self._link
        if link is None or not link.logged_in or link.ended.done():
            raise LinkLost(f"{action.name}: there is no link to the PBX now")
        link.send(action)
        try:
            async with asyncio.timeout(seconds):
                result: object = await action.future
        except TimeoutError:
            raise Unclear(f"{action.name}: the PBX did not answer within {seconds:g} seconds") from None
        finally:
            link.forget(action)
        if isinstance(result, Reply) and not result.success:
            raise Refused(f"{action.name}: the PBX refused: {self._safe(result.message)}", result)
        return result

    async def _one_link(self) -> tuple[Ending, float]:
        """One try from connecting to its end: why it ended, and for how many seconds the link was up."""
        await self._inbox.room()  # after an overflow: not before the consumer has caught up
        if self._closing.is_set():
            return Ending("closed"), 0.0
        self._book.trying()
        link = self._link = LinkProtocol(self._inbox, self._clock, self._wanted)
        manager = LinkManager(self._address, link, events=self._events)
        lived = 0.0
        try:
            if await self._connect(manager, link) and await self._log_in(link):
                log.info("AMI: the link to %s is up, epoch %d", self._address.host, self._inbox.epoch)
                up_at = self._clock.monotonic()
                await self._watch(link)
                lived = self._clock.monotonic() - up_at
        except Exception:
            log.exception("AMI: a fault while keeping the link; it is given up")
            link.end(Ending("internal"))
        finally:
            manager.close()  # whatever happened, no socket is left behind
            self._book.keep(link)
            self._link = None
        return link.ended.result(), lived

    async def _connect(self, manager: LinkManager, link: LinkProtocol) -> bool:
        """True when the connection stands and the login is on its way; otherwise the link has ended."""
        connecting = manager.connect()
        try:
            await _first_of(connecting, link.ended, seconds=self._connect_deadline)
            if not connecting.done():
                link.end(Ending("connect_timeout"))
            elif connecting.exception() is not None:
                link.end(ending_of(connecting.exception()))
        finally:
            connecting.cancel()
        return link.login is not None and not link.ended.done()

    async def _log_in(self, link: LinkProtocol) -> bool:
        """True when the PBX accepted the login; otherwise the link has ended."""
        if link.login is None:
            return False
        answer = link.login.future
        await _first_of(answer, link.ended, seconds=self._login_deadline)
        if not answer.done():
            link.end(Ending("login_unanswered"))
        elif not link.ended.done() and not link.logged_in:
            said = self._safe(answer.result().message)
            # A PBX on its way down refuses every login for a moment: that is no wrong secret, it is back in seconds.
            link.end(Ending("pbx_shutdown" if "shutting down" in said.lower() else "login_refused", said))
        return not link.ended.done()

    async def _watch(self, link: LinkProtocol) -> None:
        """Ping and look at the answers until the link ends, by itself or by us."""
        now = self._clock.monotonic
        watchdog = Watchdog(ping_every=self._ping_every, silent_after=self._silent_after, now=now())
        while not link.ended.done():
            verdict = watchdog.verdict(now=now(), heard_at=link.heard_at)
            if verdict == "ping":
                self._ping(link, watchdog)
            elif verdict:
                link.end(Ending(verdict))
            await _first_of(link.ended, seconds=watchdog.tick)

    def _ping(self, link: LinkProtocol, watchdog: Watchdog) -> None:
        try:
            answer = link.send(PlainAction({"Action": "Ping", "ActionID": next_id(ACTION_ID)}))
        except NotSent:
            return  # the link is ending, or a thousand actions wait already: silence decides
        answer.add_done_callback(lambda _: watchdog.answered())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass  # time for the next try

    def _safe(self, text: str) -> str:
        """The PBX's own words, fit for a page and a log: short, no control characters, never our secret."""
        if self._address.secret:
            text = text.replace(self._address.secret, "***")
        return "".join(c if c.isprintable() else " " for c in text[:100]).strip()


async def _first_of(*futures: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

"""From the PBX's events to call events in the outbox. Nothing here ever waits for the database.

After a login the calls are read afresh, in an order that loses no fact whatever the wire did with it:

1. The list is asked, and events that come meanwhile wait in the client's queue.
2. The list is applied, but ends nothing: it has what no event will repeat (who talks in which bridge since when).
3. The events that waited are fed. Each sets a fact, so those older than the list change nothing for good; and a call
   that hung up is told with its cause, not as gone unseen.
4. A moment later, for Asterisk sends what it had queued behind the list: the list is applied again; what it lacks and
   what nobody has spoken of since has ended unseen.

The same check every few minutes catches a hang-up that never came; there the events are fed all along.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any

import structlog

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.tracker import CallTracker
from crmconnector.common.clock import CALLS_CHECK_SECONDS, LIST_SETTLES_SECONDS
from crmconnector.listener.deeds import MOST_WAITING_LETTERS, DatabaseProblem, Deeds
from crmconnector.listener.listing import Listing, ask_listing
from crmconnector.listener.outbox import Job, Outbox
from crmconnector.listener.rights import HEARD_AS, Signs, may_send, remarks
from crmconnector.listener.trunk_hints import trunk_hint

TRUNKS_SECONDS = 1.0  # the trunks are read afresh at each login, but nobody waits longer for the database
TICK_SECONDS = 0.1
OVERFLOW = (
    "The database was away or slow for so long that what was heard no longer fitted into memory. "
    "Calls were read afresh afterwards."
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Check:
    """A list whose channels are applied, whose missing ones are ended when `due` and the queue was fed up to `mark`."""

    listing: Listing
    link: int  # epoch of the link that it came over
    mark: int  # items of the client that must have been fed before
    due: float  # the loop's time
    up_at: float | None  # of the login, when this check is the one that follows it


class Hearing:
    """One term's ears on one PBX. `run` ends with the client; `check_for_ever` belongs beside it."""

    def __init__(
        self,
        deeds: Deeds,
        client: ami.AmiClient,
        outbox: Outbox,
        *,
        check_seconds: float = CALLS_CHECK_SECONDS,
        settle_seconds: float = LIST_SETTLES_SECONDS,
    ) -> None:
        self._deeds, self._client, self._outbox = deeds, client, outbox
        self._check_seconds, self._settle_seconds = check_seconds, settle_seconds
        self._trunks: frozenset[str] = frozenset()
        self._not_trunks: frozenset[str] = frozenset()
        self._tracker = CallTracker(trunks=())
        self._taken = self._fed = 0  # items taken from the client, and of them those that were fed
        self._link = 0  # epoch of the link that is up, 0 without one
        self._up_at = 0.0
        self._deaf_since: float | None = None  # the outbox ran full: nothing is heard until the link is a new one
        self._forget = False  # … and then the picture is made from nothing
        self._check: _Check | None = None
        self._checked_at = 0.0
        self._first_listed: frozenset[str] = frozenset()
        self._signs = Signs()

    async def run(self) -> None:
        while batch := await self._client.next_batch():
            self._taken += len(batch)
            for item in batch:
                if isinstance(item, ami.RawEvent):
                    self._hear(item)
                elif isinstance(item, ami.LinkUp):
                    await self._link_up(item)
                else:
                    self._link_down(item)
                self._fed += 1

    async def check_for_ever(self) -> None:
        """End what a list has shown to be missing, and ask for the next list in good time."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = asyncio.get_running_loop().time()
            if self._check is not None and self._fed >= self._check.mark and now >= self._check.due:
                self._finish(self._check)
            elif self._link and self._check is None and now - self._checked_at >= self._check_seconds:
                await self._check_again()

    def remarks(self) -> tuple[str, ...]:
        """It works, but: see rights.py. Nothing while there is no link."""
        if not self._link:
            return ()
        self._signs.booted = self._client.state().booted
        return remarks(self._signs)

    def may_send(self) -> list[str] | None:
        """What our user may send over this link, of what verbs need; None as long as the PBX has not said."""
        return may_send(self._signs.rights) if self._link else None

    # --- events -------------------------------------------------------------------------------------------------

    def _hear(self, item: ami.RawEvent) -> None:
        """Feed one event. A poison event is buried with its text and the stream goes on."""
        if self._deaf_since is not None:
            return
        try:
            self._note_signs(item.headers)
            self._learn_trunk(item.headers)
            event = parse(item.headers, item.received_at)
            facts = self._tracker.feed(event) if event is not None else []
        except Exception as error:
            log.exception("listener.poison_event")
            self._bury(item, error)
            return
        self._tell(facts)

    def _tell(self, facts: list[Any]) -> None:
        if not facts or self._outbox.put(facts):
            return
        log.error("listener.outbox_full", pbx=self._deeds.pbx.name, unwritten=len(self._outbox))
        self._deaf_since, self._forget = time.time(), True
        self._check = None
        self._client.give_up_link()

    def _bury(self, item: ami.RawEvent, error: Exception) -> None:
        raw = json.dumps(item.headers, ensure_ascii=False, default=repr)
        work = self._deeds.bury(item.received_at, f"{type(error).__name__} while interpreting", raw)
        if not self._outbox.put_job(Job("bury", work), most=MOST_WAITING_LETTERS):
            log.error("listener.poison_not_kept", pbx=self._deeds.pbx.name)

    def _note_signs(self, headers: ami.Headers) -> None:
        right = HEARD_AS.get(str(headers.get("Event")))
        if right is not None and right not in self._signs.heard:
            self._signs.heard |= {right}

    def _learn_trunk(self, headers: ami.Headers) -> None:
        hint = trunk_hint(headers)
        if hint is None or hint[0] in self._trunks or hint[0] in self._not_trunks:
            return
        self.set_trunks(self._trunks | {hint[0]}, self._not_trunks)
        self._outbox.put_job(Job("trunk", self._deeds.note_trunk(*hint)))

    def set_trunks(self, trunks: frozenset[str], not_trunks: frozenset[str]) -> None:
        """Which endpoints are lines to the outside, and which an administrator said are none."""
        self._trunks, self._not_trunks = trunks, not_trunks
        self._tracker.set_trunks(trunks)

    # --- the link -----------------------------------------------------------------------------------------------

    async def _link_up(self, item: ami.LinkUp) -> None:
        if self._forget:
            await self._outbox.room()  # before: the new link's facts would not fit either
            self._tracker, self._forget = CallTracker(trunks=self._trunks), False
        self._link, self._check = 0, None  # no other check while this one is under way
        self._up_at, self._signs = item.at, Signs()
        await self._read_trunks()
        listing = await self._ask()
        if listing is None:
            if self._signs.list_refused:
                self._link = item.epoch
                self._outbox.put_job(Job("hear_again", self._deeds.close_gaps(item.at)))
            return
        facts = [fact for join in listing.waiting for fact in self._tracker.feed(join)]
        self._tracker.begin_resync(listing.at)
        facts += self._tracker.resync(listing.channels, listing.at, complete=False)
        await self._outbox.put_all(facts)
        self._tracker.begin_resync(listing.at)
        self._first_listed = listing.uniqueids
        self._link = item.epoch
        self._await_settling(listing, up_at=item.at)

    def _link_down(self, item: ami.LinkDown) -> None:
        self._link, self._check = 0, None
        heard = self._deaf_since or min(self._client.state().last_heard_at or item.at, item.at)
        lost = self._deaf_since is not None
        reason = OVERFLOW if lost else item.reason
        self._deaf_since = None
        log.warning("listener.link_down", pbx=self._deeds.pbx.name, reason_code=item.reason_code, reason=reason)
        self._outbox.put_job(Job("gap", self._deeds.open_gap(heard, reason, lost=lost)))

    async def _read_trunks(self) -> None:
        """Trunks as they are now in the rows, for an administrator may have decided since; else those we know."""
        try:
            async with asyncio.timeout(TRUNKS_SECONDS):
                self.set_trunks(*await self._deeds.read_trunks())
        except (TimeoutError, DatabaseProblem) as error:
            log.warning("listener.trunks_not_read", reason=type(error).__name__)

    # --- the list -----------------------------------------------------------------------------------------------

    async def _ask(self) -> Listing | None:
        """The PBX's list of channels and of who waits; None when there is none to be had over this link."""
        try:
            return await ask_listing(self._client)
        except ami.Refused as error:
            # We may not ask: what is known stays, for ending calls by guessing would be worse. The remark tells it.
            log.warning("listener.list_refused", pbx=self._deeds.pbx.name, reason=str(error))
            self._signs.list_refused = True
            self._checked_at = asyncio.get_running_loop().time()
        except ami.NotSent:
            pass  # this link has ended already: its LinkDown is on its way
        except ami.AmiError as error:
            log.warning("listener.resync_failed", pbx=self._deeds.pbx.name, reason=str(error))
            self._client.give_up_link()  # without a list we would guess; a new link asks again
        return None

    async def _check_again(self) -> None:
        link = self._link
        self._tracker.begin_resync(time.time())
        listing = await self._ask()
        if listing is not None and link == self._link and self._check is None:
            self._await_settling(listing, up_at=None)

    def _await_settling(self, listing: Listing, *, up_at: float | None) -> None:
        mark = self._taken + self._client.state().queued
        due = asyncio.get_running_loop().time() + self._settle_seconds
        self._check = _Check(listing, self._link, mark, due, up_at)

    def _finish(self, check: _Check) -> None:
        """What the list lacks and no event has spoken of since is over; what rows still hold open is closed as well."""
        self._check, self._checked_at = None, asyncio.get_running_loop().time()
        listing = check.listing
        self._outbox.put(self._tracker.resync(listing.channels, listing.at, complete=listing.complete), always=True)
        self._weigh(listing)
        open_keys = frozenset(call.call for call in self._tracker.open_calls())
        if listing.complete:
            self._outbox.put_job(Job("unseen", self._deeds.close_unseen(open_keys, listing.at)), instead=True)
        if check.up_at is not None:
            said = {"channels": len(listing.channels), "open_calls": len(open_keys)}
            self._outbox.put_job(Job("hear_again", self._deeds.close_gaps(check.up_at, **said)))

    def _weigh(self, listing: Listing) -> None:
        """Signs of rights that are missing: something began since we are connected, and no event told of it."""
        self._signs.silent_calls = bool(listing.real_uniqueids - self._first_listed)
        self._signs.silent_queue = any(join.at > self._up_at + 2.0 for join in listing.waiting)

    async def learn_rights(self) -> None:
        """Ask the PBX once per link what our user may send. One that does not know the question changes nothing."""
        asked = 0
        while True:
            await asyncio.sleep(TICK_SECONDS * 5)
            if self._link and self._link != asked and self._check is None:
                asked = self._link
                with contextlib.suppress(ami.AmiError):
                    rights = await self._client.rights()
                    if asked == self._link:
                        self._signs.rights = rights

"""panoramisk's manager and protocol, with everything replaced that could lose a call or place one twice.

Kept from panoramisk: opening the connection, the login, its Action. Changed, each for a measured reason:

- One manager per connection. Its own reconnect cannot be stopped and sends actions again: a phone rings twice.
- No callbacks. One that raises tears the connection down, with all events of that segment.
- Its parser decodes each segment alone (a name cut in two loses a letter), drops an empty last header and has no limit.
- Whether an answer is complete is never guessed from its text: one action, one answer; a list ends with a named event.
- An action in flight when the link ends fails at once instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Collection
from itertools import count
from typing import Any
from uuid import uuid4

import panoramisk
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from . import actions
from .ami_address import AmiAddress
from .ami_errors import LinkLost, NotSent, Unclear
from .ami_inbox import Inbox
from .ami_items import Headers, ListReply, Reply
from .ami_pace import Clock
from .ami_reasons import Ending
from .ami_wire import Framer, WireFault, header, parse

log = logging.getLogger("crmconnector.asterisk.ami")

PENDING_LIMIT = 1000  # actions without an answer yet
LIST_LIMIT_BYTES = 64 * 1024 * 1024  # of one list
LIST_ID = "crm-list/"  # items of our lists are known by their ActionID, also when nobody waits for them any more
SPEAKING = frozenset({"Shutdown", "FullyBoo"})  # first eight letters of the plain events that tell of the link itself
SUCCESS = frozenset({"success", "follows", "goodbye", "pong"})  # Pong: Asterisk before 1.6.1

_serial = count(1)
_process = uuid4().hex[:12]


def next_id(prefix: str) -> str:
    """An ActionID that no other process or link uses."""
    return f"{prefix}{_process}/{next(_serial)}"


class PlainAction(Action):  # type: ignore[misc,unused-ignore]
    """One action, one answer. The future's result is a Reply, also when the PBX said no."""

    def answered(self, reply: Reply) -> bool:
        """Take the answer; True: no more will come."""
        self.finish(reply)
        return True

    def finish(self, result: object) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # whoever waits is told all the same; nobody waiting is no news

    @property
    def name(self) -> str:
        return str(self["action"])


class ListAction(PlainAction):
    """An action answered by a yes, then by one event for each item, then by the event that ends the list.

    The future's result is a Reply that says no, or a ListReply.
    """

    def __init__(self, headers: dict[str, actions.HeaderValue], complete_event: str) -> None:
        super().__init__(headers)
        self.complete_event = complete_event.lower()
        self.items_so_far: list[Headers] = []
        self.bytes_so_far = 0

    def answered(self, reply: Reply) -> bool:
        if not reply.success:
            self.finish(reply)
        return not reply.success

    def add_item(self, headers: Headers, size_bytes: int) -> bool:
        """Take one item; True when it was the end, or when it was too much."""
        if header(headers, "Event").lower() == self.complete_event:
            self.finish(_list_reply(self.items_so_far, headers))
            return True
        self.items_so_far.append(headers)
        self.bytes_so_far += size_bytes
        if self.bytes_so_far > LIST_LIMIT_BYTES:
            self.fail(Unclear(f"{self.name}: the list is larger than {LIST_LIMIT_BYTES} bytes"))
            return True
        return False


def _list_reply(rows: list[Headers], end: Headers) -> ListReply:
    said, how = header(end, "ListItems"), header(end, "EventList")
    items = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
    return ListReply(rows, items=items, complete=how.lower() in ("complete", "") and items in (len(rows), None))


class LinkProtocol(AMIProtocol):  # type: ignore[misc,unused-ignore]
    """One connection: bytes in, events to the inbox, answers to whoever waits; ends once, with a reason."""

    def __init__(self, inbox: Inbox, clock: Clock, wanted: Collection[str] | None = None) -> None:
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.heard_at = clock.monotonic()
        self.heard_at_wall: float | None = None
        self.login: PlainAction | None = None
        self.up_at: float | None = None  # monotonic
        self.up_at_wall: float | None = None
        self.booted = False
        self.rights: asyncio.Task[object] | None = None  # the one question of this login, and its answer
        self.malformed = 0
        self.late = 0
        self.passed_over = 0
        self.framer = Framer()
        self._inbox = inbox
        self._clock = clock
        self._pending: dict[str, PlainAction] = {}
        self._held = b""
        self._wanted = None if wanted is None else frozenset(wanted)

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.ended.done():
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Never raises: an exception here would cost the connection and every event of the segment."""
        try:
            self._received(data)
        except WireFault as fault:
            self.end(Ending(fault.code))
        except Exception:
            log.exception("AMI: a fault while reading; the link is given up")
            self.end(Ending("internal"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(Ending("cut" if self.logged_in else "login_cut"))

    # -- what panoramisk's manager calls

    def send(self, data: Any, as_list: object = None) -> asyncio.Future[Any]:
        """Write one action. Raises BadHeader, LinkLost or NotSent; then nothing went out.

        Everything sent goes through here and so through `actions.encode`, also the login that panoramisk makes.
        """
        action = data if isinstance(data, PlainAction) else PlainAction(data)
        line = actions.encode(action.items())
        if self.ended.done() or self.transport.is_closing():
            raise LinkLost(f"{action.name}: the link to the PBX has just ended")
        if action.id in self._pending or len(self._pending) >= PENDING_LIMIT:
            raise NotSent(f"{action.name}: its ActionID is still in use, or too many actions wait for an answer")
        self._pending[action.id] = action
        if self.login is None:
            self.login = action
        if self.framer.version is None:
            self._held += line  # no secret to something that has not shown itself to be a PBX
        else:
            self.transport.write(line)
        future: asyncio.Future[Any] = action.future
        return future

    def close(self) -> None:
        self.end(Ending("closed"))

    # -- ours

    def forget(self, action: PlainAction) -> None:
        """Nobody waits for this one any longer; an answer that still comes is counted as late."""
        self._pending.pop(action.id, None)

    def end(self, ending: Ending) -> None:
        """End the link, once: everybody waiting is told, LinkDown follows the last event, nothing is read any more."""
        if self.ended.done():
            return
        self.ended.set_result(ending)
        self._inbox.link_down(ending)
        for action in self._pending.values():
            action.fail(Unclear(f"{action.name}: the link to the PBX ended before the answer. {ending.sentence}"))
        self._pending.clear()
        transport = getattr(self, "transport", None)
        if transport is not None:
            transport.abort()

    def _received(self, data: bytes) -> None:
        if self.ended.done():
            return
        self.heard_at = self._clock.monotonic()
        self.heard_at_wall = self._clock.wall()
        self._inbox.segment_came(self.heard_at_wall)
        messages = self.framer.feed(data)
        if self._held and self.framer.version is not None:
            self.transport.write(self._held)
            self._held = b""
        store, wanted = self._inbox.event, self._wanted
        for message in messages:  # once the link has ended, what is left of them finds a closed inbox
            # Nearly everything is an event for the inbox; what it says is looked at later, outside of this socket.
            if message.startswith("Event: ") and "\r\nActionID: " not in message and message[7:15] not in SPEAKING:
                if wanted is not None and message[7:80].partition("\r")[0] not in wanted:
                    self.passed_over += 1
                elif not store(message):
                    self.end(Ending("overflow"))
            else:
                self._sort(message)

    def _sort(self, message: str) -> None:
        """The few messages that are not plain events."""
        headers = parse(message)
        event = header(headers, "Event")
        if event:
            self._event(event, headers, message)
        elif header(headers, "Response"):
            self._answer(headers)
        elif message.strip():
            self.malformed += 1

    def _event(self, event: str, headers: Headers, message: str) -> None:
        action_id = header(headers, "ActionID")
        waiting = self._pending.get(action_id)
        if isinstance(waiting, ListAction):
            if waiting.add_item(headers, len(message)):
                self.forget(waiting)
        elif action_id.startswith(LIST_ID):
            self.late += 1
        elif not self._inbox.event(message):
            self.end(Ending("overflow"))
        elif self.logged_in:
            self._said(event.lower())

    def _said(self, event: str) -> None:
        if event == "fullybooted":
            self.booted = True
        elif event == "shutdown":
            self.end(Ending("pbx_shutdown"))

    def _answer(self, headers: Headers) -> None:
        waiting = self._pending.get(header(headers, "ActionID"))
        if waiting is None:
            self.late += 1
            return
        yes = header(headers, "Response").lower() in SUCCESS
        if waiting.answered(Reply(yes, header(headers, "Message"), headers)):
            self.forget(waiting)
        if waiting is self.login and self.logged_in:
            # Here and not by a callback of the future: events may follow in the same segment.
            self.up_at, self.up_at_wall = self.heard_at, self.heard_at_wall
            self._inbox.link_up(self.framer.version or "")

    @property
    def hears(self) -> bool:
        """Whether this link asks the PBX for events."""
        return self._inbox.listening

    @property
    def logged_in(self) -> bool:
        """Whether the PBX said yes to the login. FullyBooted says nothing: it needs the `system` class."""
        login = self.login
        return (
            login is not None and login.future.done() and not login.future.exception() and login.future.result().success
        )


class LinkManager(panoramisk.Manager):  # type: ignore[misc,unused-ignore]
    """One connection and one login. It never tries again; its owner makes a new one for that."""

    def __init__(self, address: AmiAddress, protocol: LinkProtocol, *, events: bool) -> None:
        self._only = protocol
        tls: ssl.SSLContext | bool = address.tls or False
        super().__init__(
            host=address.host,
            port=address.port,
            username=address.username,
            secret=address.secret,
            ssl=tls,
            events="on" if events else "off",
            loop=asyncio.get_running_loop(),
            protocol_factory=lambda: protocol,
            log=log,
        )

    def connection_made(self, f: asyncio.Future[Any]) -> None:
        # Whoever awaits the connection is told of its failure; panoramisk would start over by itself.
        if f.cancelled() or f.exception() is not None or self._only.ended.done():
            return
        try:
            super().connection_made(f)
        except LinkLost:  # closed by the PBX as soon as it was open
            self._only.end(Ending("login_cut"))

    def login(self, future: asyncio.Future[Any]) -> bool:
        self.authenticated = not future.cancelled() and not future.exception() and future.result().success
        return self.authenticated

    def ping(self) -> None:
        """Its own pings are sent into the blue; the client's watchdog sends those whose answer counts."""

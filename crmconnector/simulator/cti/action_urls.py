"""The phone tells what happens: an HTTP GET for each event whose slot has a template, as GRP26xx phones send it.

Verbatim: the phone encodes nothing. A name with a space leaves a space in the request line, which is no HTTP; a
variable that it cannot fill stays as it is written (`$remote`). Nothing is sent twice because it failed.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crmconnector.simulator.phone import Phone, PhoneLine

LONGEST_TEMPLATE = 256  # a longer one is dropped without a word
TIMEOUT_SECONDS = 3.0
REMEMBERED = 200
VARIABLE = re.compile(
    r"\$(phone_ip|mac|product|program_version|display_local|display_remote|local|remote"
    r"|call-id|active_user|duration|calldirection)"
)
NO_TEXT = re.compile(r"[\x00-\x1f\x7f]")  # a name with a line end would make a second request
SLOTS = (
    *("setupCompleted", "registered", "unregistered", "registerFailed", "IPChanged", "autopFinish"),
    *("offHook", "onHook", "idleToBusy", "busyToIdle", "openDnd", "closedDnd", "openForward", "closedForward"),
    *("incomingCall", "outgoingCall", "missedCall", "establishedCall", "terminatedCall", "rejectIncomingCall"),
    *("answerNewInCall", "holdCall", "unholdCall", "mute", "unMute"),
    *("blindTransfer", "attendedTransfer", "transferFinished", "transferFailed"),
)
SLOT_OF = {"boot": "setupCompleted"}  # where an event of the phone is called otherwise


class Sent(NamedTuple):
    """One GET. `status` None = no answer in time, refused, or a template that is no HTTP address."""

    slot: str
    status: int | None


@dataclass
class Manner:
    """How the notifications of a phone arrive.

    order              in: one after the other; shuffled: each for itself, so that they may overtake each other
    delay_seconds      each is sent after some time between 0 and this (real ones: about a second)
    duplicate_percent  how many of a hundred are sent twice
    """

    order: str = "in"
    delay_seconds: float = 0.0
    duplicate_percent: float = 0.0

    def __post_init__(self) -> None:
        if self.order not in ("in", "shuffled") or not 0 <= self.delay_seconds <= 1:
            raise ValueError("The order is in or shuffled; the delay is at most 1 second.")
        if not 0 <= self.duplicate_percent <= 100:
            raise ValueError("duplicate_percent is from 0 to 100.")


class _Talk(NamedTuple):
    """What a line was about; it is needed once more when the call is over."""

    number: str = ""
    name: str = ""
    call: str = ""
    direction: str = ""
    began: float | None = None


@dataclass
class ActionUrls:
    """The notifications of one phone. Nothing runs while it has no templates."""

    phone: Phone
    seed: str = ""
    program_version: str = "1.0.13.34"
    manner: Manner = field(default_factory=Manner)
    templates: dict[str, str] = field(default_factory=dict)
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def __post_init__(self) -> None:
        self.random = random.Random(f"action urls {self.seed}")
        self._talks: dict[int, _Talk] = {}
        self._queue: deque[tuple[str, str, float]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    def set(self, templates: Mapping[str, str]) -> list[str]:
        """Save templates, as the phone's web page does; "" empties a slot. Answers the slots that hold one now.

        Raises ValueError for a slot that no phone has.
        """
        unknown = sorted(set(templates) - set(SLOTS))
        if unknown:
            raise ValueError(f"There is no slot {unknown[0]!r}; known are: {', '.join(SLOTS)}.")
        if self.hear not in self.phone.listeners:  # never heard yet, or the phone was reset
            self.templates.clear()
            self.phone.listeners.append(self.hear)
        for slot, template in templates.items():
            if len(template) <= LONGEST_TEMPLATE:
                self.templates[slot] = template
        self.templates = {slot: template for slot, template in self.templates.items() if template}
        return sorted(self.templates)

    def hear(self, _phone: Phone, event: str, line: PhoneLine | None) -> None:
        """Something happened on the phone."""
        if line is not None:
            self._remember(event, line)
        slot = SLOT_OF.get(event, event)
        if slot in self.templates:
            talk = self._talks.get(line.number, _Talk()) if line is not None else _Talk()
            # A call that is just being dialled gets its id in this same moment, only a little later.
            asyncio.get_running_loop().call_soon(self._tell, slot, line, talk)

    def _tell(self, slot: str, line: PhoneLine | None, talk: _Talk) -> None:
        if slot not in self.templates:
            return
        url = fill(self.templates[slot], self._values(line, talk))
        times = 2 if self.random.random() * 100 < self.manner.duplicate_percent else 1
        for _ in range(times):
            self._order(slot, url, self.random.uniform(0, self.manner.delay_seconds))

    def _values(self, line: PhoneLine | None, talk: _Talk) -> dict[str, str]:
        """What the variables stand for now; "" = it cannot be filled."""
        phone = self.phone
        account = phone.accounts[(line.account if line is not None else 1) - 1]
        return {
            "phone_ip": "127.0.0.1",
            "mac": phone.story.mac.replace(":", "").lower(),
            "product": phone.story.model,
            "program_version": self.program_version,
            "local": account.sip_id,
            "display_local": account.name,
            "active_user": account.sip_id,
            "remote": talk.number,
            "display_remote": talk.name,
            "call-id": talk.call or (line.leg.call.id if line is not None and line.leg is not None else ""),
            "calldirection": talk.direction,
            "duration": "" if talk.began is None else str(round(phone.pace.now() - talk.began)),
        }

    async def stop(self) -> None:
        """End what is on its way."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remember(self, event: str, line: PhoneLine) -> None:
        if line.leg is None and not line.remote_number:
            return  # the call is over; its end is still to be told
        begins = event == "outgoingCall" or line.state in ("dialing", "ringing")
        before = _Talk() if begins else self._talks.get(line.number, _Talk())
        directions = {"incomingCall": "incoming", "outgoingCall": "outgoing"}
        self._talks[line.number] = _Talk(
            line.remote_number,
            line.remote_name,
            line.leg.call.id if line.leg is not None else before.call,
            directions.get(event, before.direction),
            self.phone.pace.now() if event == "establishedCall" else before.began,
        )

    # On its way.

    def _order(self, slot: str, url: str, delay: float) -> None:
        if self.manner.order == "shuffled":
            self._start(self._send_later(slot, url, delay))
            return
        self._queue.append((slot, url, delay))
        if self._worker is None or self._worker.done():
            self._worker = self._start(self._work())

    def _start(self, deed: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(deed)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self) -> None:
        while self._queue:
            await self._send_later(*self._queue.popleft())

    async def _send_later(self, slot: str, url: str, delay: float) -> None:
        if delay:
            await self.phone.pace.sleep(delay)
        self.sent.append(Sent(slot, await get(url, f"Grandstream {self.phone.story.model} {self.program_version}")))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Verbatim: nothing is encoded, and what has no value stays as it is written."""
    return VARIABLE.sub(lambda found: NO_TEXT.sub("", values.get(found[1], "")) or found[0], template)


async def get(url: str, agent: str) -> int | None:
    """The status of a GET whose address goes out as it is, spaces and all; None = it did not work."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "http", url  # the guide's examples have no scheme
    place, slash, path = rest.partition("/")
    try:
        address = urlsplit(f"//{place}")
        host, port = address.hostname or "", address.port or 80
    except ValueError:
        return None
    if scheme.lower() != "http" or not host:
        return None
    head = f"GET {slash or '/'}{path} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _exchange(host, port, head.encode("utf-8", "replace"))
    except (OSError, TimeoutError, ValueError):
        return None


async def _exchange(host: str, port: int, head: bytes) -> int | None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(head)
        await writer.drain()
        words = (await reader.readline()).split(b" ")
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
    finally:
        writer.close()

"""The worker's own links to the PBXes: actions go out here, once each; the listener hears what became of them.

One thread with an event loop per process, begun at the first use; in it one `AmiClient` per PBX that asks for no
events. A link that nobody used for ten minutes is closed, a changed PBX row gets a new one, and a forked process begins
with none, for a socket that two processes write to would mix their actions.

What is raised is that of `crmconnector.asterisk.ami`: NotSent, Refused or Unclear. Nothing here sends again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from celery.signals import worker_process_shutdown, worker_shutdown

from crmconnector.asterisk.actions import HeaderValue
from crmconnector.asterisk.ami import AmiAddress, AmiClient, Headers, LinkLost, NotSent, Reply, Unclear
from crmconnector.common.clock import AMI_ACTION_SECONDS
from crmconnector.pbx.connection import ami_address
from crmconnector.pbx.models import Pbx

UP_SECONDS = 2.0  # so long a link that is just being made is waited for
LIST_SECONDS = 2.0  # a list that takes longer is of no use to somebody who pressed a button
IDLE_SECONDS = 600.0
LOOK_SECONDS = 0.02  # while a link is being made
CLOSE_SECONDS = 2.0
SPARE_SECONDS = 1.0  # what the loop itself may need beyond the deadlines of the link

T = TypeVar("T")
Deed = Callable[[AmiClient], Awaitable[T]]  # what is done over a link that stands
log = structlog.get_logger(__name__)


@dataclass
class _Link:
    """A client that runs, for one state of the PBX's row."""

    fingerprint: tuple[object, ...]
    client: AmiClient
    running: asyncio.Task[None]
    used_at: float = field(default_factory=time.monotonic)
    busy: int = 0


class PbxLinks:
    """The links of one process. The methods without a leading dash may be called from any of its threads."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._links: dict[int, _Link] = {}
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pbx-links", daemon=True)
        self._thread.start()

    def send_action(
        self, pbx: Pbx, name: str, headers: Mapping[str, HeaderValue], action_id: str, not_after: float | None
    ) -> Reply:
        """One action, one answer. `not_after`: by the monotonic clock; later it is not sent any more."""
        own = {**headers, "ActionID": action_id} if action_id else dict(headers)

        async def send(client: AmiClient) -> Reply:
            if not_after is not None and time.monotonic() > not_after:
                raise NotSent(f"{name}: it came too late to be sent")
            return await client.action(name, own)

        return self._over_link(pbx, name, send, AMI_ACTION_SECONDS, not_after)

    def ask_channels(self, pbx: Pbx) -> list[Headers]:
        """Every channel of the PBX as CoreShowChannels tells it. Changes nothing, so it may be asked at any time."""

        async def ask(client: AmiClient) -> list[Headers]:
            listed = await client.list_action("CoreShowChannels", {}, "CoreShowChannelsComplete", deadline=LIST_SECONDS)
            if not listed.complete:
                raise Unclear("CoreShowChannels: the list is not whole")
            return list(listed)

        return self._over_link(pbx, "CoreShowChannels", ask, LIST_SECONDS, None)

    def open_links(self) -> int:
        """How many links are kept now."""
        return len(self._links)

    def close(self) -> None:
        """End every link and the thread. Nothing is sent afterwards."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._end_all(), self._loop).result(CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)

    # --- from another thread into the loop ----------------------------------------------------------------------

    def _over_link(self, pbx: Pbx, name: str, deed: Deed[T], seconds: float, not_after: float | None) -> T:
        if self._closed:
            raise NotSent(f"{name}: this worker is stopping")
        address = _address(pbx, name)
        work = self._do(pbx.pk, pbx.fingerprint, address, name, deed, not_after)
        return self._result(work, name, UP_SECONDS + seconds + SPARE_SECONDS)

    def _result(self, work: Coroutine[Any, Any, T], name: str, seconds: float) -> T:
        """A loop that does not answer in time may still have written: that is unclear, never a reason to send again."""
        waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waiting.result(seconds)
        except (TimeoutError, CancelledError):
            waiting.cancel()
            raise Unclear(f"{name}: this worker did not learn in time what became of it") from None

    # --- in the loop ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        idle = self._loop.create_task(self._close_idle())
        self._loop.run_forever()
        idle.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(idle)
        self._loop.close()

    async def _do(
        self,
        pbx_id: int,
        fingerprint: tuple[object, ...],
        address: AmiAddress,
        name: str,
        deed: Deed[T],
        not_after: float | None,
    ) -> T:
        link = self._link(pbx_id, fingerprint, address)
        with _in_use(link):
            await _until_up(link.client, name, not_after)
            return await deed(link.client)

    def _link(self, pbx_id: int, fingerprint: tuple[object, ...], address: AmiAddress) -> _Link:
        link = self._links.get(pbx_id)
        if link is not None and link.fingerprint == fingerprint and not link.running.done():
            return link
        if link is not None:
            self._loop.create_task(_end(link))
        client = AmiClient(address, events=False)
        self._links[pbx_id] = _Link(fingerprint, client, self._loop.create_task(client.run()))
        return self._links[pbx_id]

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(self._idle_seconds / 10)
            now = time.monotonic()
            for pbx_id, link in list(self._links.items()):
                if not link.busy and now - link.used_at >= self._idle_seconds:
                    del self._links[pbx_id]
                    await _end(link)

    async def _end_all(self) -> None:
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(_end(link) for link in links))


@contextlib.contextmanager
def _in_use(link: _Link) -> Iterator[None]:
    link.busy += 1
    try:
        yield
    finally:
        link.busy -= 1
        link.used_at = time.monotonic()


async def _until_up(client: AmiClient, name: str, not_after: float | None) -> None:
    """Wait until the PBX has let us in. Raises LinkLost, at once where no try is near: a wrong secret stays wrong."""
    end = time.monotonic() + UP_SECONDS
    if not_after is not None:
        end = min(end, not_after)
    while not (state := client.state()).connected:
        left = end - time.monotonic()
        if left <= 0 or (state.next_try_at is not None and state.next_try_at - time.time() > left):
            raise LinkLost(f"{name}: there is no link to the PBX now. {state.reason}")
        await asyncio.sleep(LOOK_SECONDS)


async def _end(link: _Link) -> None:
    await link.client.close()
    await asyncio.wait({link.running}, timeout=CLOSE_SECONDS)


def _address(pbx: Pbx, name: str) -> AmiAddress:
    try:
        return ami_address(pbx)
    except OSError as error:  # a certificate that is none; ssl's errors are of this kind
        raise NotSent(f"{name}: the PBX's certificate cannot be used: {type(error).__name__}") from None


# --- the links of this process --------------------------------------------------------------------------------------

_lock = threading.Lock()
_here: PbxLinks | None = None


def send_action(
    pbx: Pbx,
    name: str,
    headers: Mapping[str, HeaderValue],
    action_id: str = "",
    *,
    not_after: float | None = None,
) -> Reply:
    """Send one action to this PBX, once, and wait for its answer. Raises ami.NotSent, ami.Refused or ami.Unclear.

    A link that is just being made is waited for, two seconds at most and never beyond `not_after` (monotonic clock).
    """
    return _links().send_action(pbx, name, headers, action_id, not_after)


def ask_channels(pbx: Pbx) -> list[Headers]:
    """Every channel that the PBX has now. Raises as `send_action` does; asking changes nothing."""
    return _links().ask_channels(pbx)


def close_links(**_: object) -> None:
    """At the end of a worker. The next use would begin anew."""
    global _here
    with _lock:
        links, _here = _here, None
    if links is not None:
        links.close()


def _links() -> PbxLinks:
    global _here
    with _lock:
        if _here is None:
            _here = PbxLinks()
        return _here


def _forget_in_child() -> None:
    """The thread stayed with the parent, and so did the right to write to its sockets."""
    global _here, _lock
    _here, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_in_child)
worker_shutdown.connect(close_links, weak=False)
worker_process_shutdown.connect(close_links, weak=False)

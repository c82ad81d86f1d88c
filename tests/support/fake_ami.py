"""A manager interface that misbehaves on request: real sockets on 127.0.0.1, and a list of all that reached it.

    async with FakeAmi(login="ignore") as pbx:
        client = AmiClient(pbx.address())

It shares no code with the adapter: its own parser, its own answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import uvloop

from crmconnector.asterisk.ami import AmiAddress, AmiClient, BackOff, Item, LinkDown, LinkUp, RawEvent

USERNAME, SECRET = "crm", "s3cret-canary-4711"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
QUICK = BackOff(first=0.02, longest=0.05, slow_first=0.2, slow_longest=0.4)
AT_ONCE = BackOff(first=0.002, longest=0.004)


def run(story: Coroutine[Any, Any, None], loop: str = "asyncio", seconds: float = 30) -> None:
    """Run one story to its end on a fresh event loop; fail when anything was reported to the loop as unhandled."""
    unhandled: list[dict[str, Any]] = []

    async def whole() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        async with asyncio.timeout(seconds):
            await story
            await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "the end of every task")

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(whole())
    assert not unhandled, unhandled


async def eventually(condition: Callable[[], object], what: str = "the condition", seconds: float = 10) -> None:
    """Wait until the condition holds."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"{what} did not come true within {seconds} s"
        await asyncio.sleep(0.005)


def event(name: str, **headers: str) -> bytes:
    """One event as bytes; header names are taken as they are."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@dataclass
class Received:
    """One action that reached the server: all its lines, in order."""

    lines: list[str]
    headers: dict[str, str]

    @property
    def name(self) -> str:
        return self.headers.get("Action", "")

    @property
    def id(self) -> str:
        return self.headers.get("ActionID", "")


class Session:
    """One accepted connection."""

    def __init__(self, server: FakeAmi, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.logged_in = False
        self.open = True

    def send(self, raw: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(self.server.bend(raw))

    def answer(self, action: Received, response: str = "Success", message: str = "", **more: str) -> None:
        lines = [f"Response: {response}", f"ActionID: {action.id}"]
        lines += [f"Message: {message}"] if message else []
        self.send("\r\n".join([*lines, *(f"{k}: {v}" for k, v in more.items())]).encode() + b"\r\n\r\n")

    def cut(self) -> None:
        """Abort the connection: what was not sent yet is lost."""
        self.open = False
        self.writer.transport.abort()

    async def serve(self) -> None:
        if self.server.banner:
            self.send(self.server.banner)
        buffer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while segment := await self.reader.read(65536):
                buffer += segment
                *complete, buffer = buffer.split(b"\r\n\r\n")
                for raw in complete:
                    await self.server.received(self, raw)
        self.open = False
        self.writer.close()


Handler = Callable[[Session, Received], Awaitable[None] | None]


@dataclass
class FakeAmi:
    """One fake PBX. Change its fields while it runs to make it misbehave."""

    banner: bytes = b"Asterisk Call Manager/11.0.0\r\n"
    login: str = "accept"  # accept, refuse, ignore, cut
    refusal: str = "Authentication failed"
    fully_booted: bool = True
    with_login: bytes = b""  # sent in the same segment as the answer to the login
    silent: bool = False  # reads and never says anything
    pings: bool = True  # answers pings
    bend: Callable[[bytes], bytes] = bytes  # what becomes of all that it sends, message by message
    tls: ssl.SSLContext | None = None
    handlers: dict[str, Handler] = field(default_factory=dict)  # by action name; others are answered Success
    actions: list[Received] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    raw: bytes = b""
    port: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> FakeAmi:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._server.close()
        for session in self.sessions:
            session.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self.sessions.append(session)
        task = asyncio.ensure_future(session.serve())
        self._tasks.append(task)

    def address(self, **changes: Any) -> AmiAddress:
        values = {"host": "127.0.0.1", "port": self.port, "username": USERNAME, "secret": SECRET, "tls": None}
        return AmiAddress(**{**values, **changes})

    @property
    def live(self) -> list[Session]:
        return [session for session in self.sessions if session.open]

    def say(self, raw: bytes) -> None:
        """Send to every live connection."""
        for session in self.live:
            session.send(raw)

    def cut(self) -> None:
        for session in self.live:
            session.cut()

    def names(self) -> list[str]:
        """The actions that came, without logins and pings."""
        return [action.name for action in self.actions if action.name not in ("Login", "Ping")]

    def count(self, name: str) -> int:
        return sum(action.name == name for action in self.actions)

    async def received(self, session: Session, raw: bytes) -> None:
        self.raw += raw + b"\r\n\r\n"
        lines = raw.decode().split("\r\n")
        headers = {key: value for key, _, value in (line.partition(": ") for line in lines)}
        action = Received(lines, headers)
        self.actions.append(action)
        if self.silent:
            return
        if action.name == "Login":
            self._log_in(session, action)
        elif action.name == "Ping":
            if self.pings:
                session.answer(action, Ping="Pong", Timestamp="1700000000.000000")
        else:
            handled = self.handlers.get(action.name, _yes)(session, action)
            if handled is not None:
                await handled

    def _log_in(self, session: Session, action: Received) -> None:
        if self.login == "cut":
            session.cut()
        elif self.login == "refuse" or (action.headers.get("Secret") != SECRET and self.login == "accept"):
            session.answer(action, "Error", self.refusal)
        elif self.login == "accept":
            session.logged_in = True
            booted = event("FullyBooted", Privilege="system,all", Status="Fully Booted") if self.fully_booted else b""
            reply = f"Response: Success\r\nActionID: {action.id}\r\nMessage: Authentication accepted\r\n\r\n"
            session.send(reply.encode() + booted + self.with_login)


def _yes(session: Session, action: Received) -> None:
    session.answer(action, "Success", "Done")


class Listener:
    """A client that runs, and everything that came out of it so far."""

    def __init__(self, client: AmiClient) -> None:
        self.client = client
        self.items: list[Item] = []
        self.reading = asyncio.Event()  # clear it to be a consumer that does not take anything
        self.reading.set()

    async def read(self) -> None:
        while True:
            await self.reading.wait()
            batch = await self.client.next_batch()
            if not batch:
                return
            self.items += batch

    @property
    def events(self) -> list[RawEvent]:
        return [item for item in self.items if isinstance(item, RawEvent)]

    @property
    def ups(self) -> list[LinkUp]:
        return [item for item in self.items if isinstance(item, LinkUp)]

    @property
    def downs(self) -> list[LinkDown]:
        return [item for item in self.items if isinstance(item, LinkDown)]

    def named(self, name: str) -> list[RawEvent]:
        return [item for item in self.events if item.headers.get("Event") == name]


@contextlib.asynccontextmanager
async def listening(address: AmiAddress, *, reading: bool = True, **options: Any) -> AsyncIterator[Listener]:
    """A running client with quick times; closed at the end."""
    listener = Listener(AmiClient(address, **{"back_off": QUICK, **options}))
    if not reading:
        listener.reading.clear()
    running = asyncio.create_task(listener.client.run())
    taking = asyncio.create_task(listener.read())
    try:
        yield listener
    finally:
        await listener.client.close()
        listener.reading.set()
        await asyncio.gather(running, taking)


async def up(listener: Listener, epoch: int = 1) -> None:
    """Wait until the link of this epoch is up."""
    await eventually(lambda: len(listener.ups) >= epoch, f"link {epoch}")


async def reason(listener: Listener, code: str) -> None:
    """Wait until the client says why there is no link."""
    await eventually(lambda: listener.client.state().reason_code == code, code)

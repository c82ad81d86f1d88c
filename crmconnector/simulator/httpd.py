"""A very small HTTP/1.1 server: one request a connection, and free to answer wrongly on purpose."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

HEAD_LIMIT, BODY_LIMIT = 16 * 1024, 64 * 1024
REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    411: "Length Required",
    413: "Payload Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str  # as it came, undecoded
    headers: dict[str, str]  # names in lower case
    body: bytes
    client: str


@dataclass(frozen=True)
class Reply:
    """What to send. `hang` = keep the connection open and never answer; `close` = close it without a word."""

    status: int | None = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut_at: int | None = None  # promise the whole body, send only this much
    hang: bool = False


HANG = Reply(status=None, hang=True)
CLOSE = Reply(status=None)
Handler = Callable[[Request], Awaitable[Reply]]


class BadRequest(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


async def read_request(reader: asyncio.StreamReader, client: str) -> Request:
    """Raises BadRequest, and what a broken connection raises."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise BadRequest(400)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if parts[0] == "POST" and "content-length" not in headers:
        raise BadRequest(411)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise BadRequest(413)
    body = await reader.readexactly(int(length))
    path, _, query = parts[1].partition("?")
    return Request(parts[0], path, query, headers, body, client)


def reply_bytes(reply: Reply) -> bytes:
    status = reply.status or 500
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines += [f"Content-Length: {len(reply.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + reply.body[: reply.cut_at]


@dataclass
class HttpDoor:
    """A listening port on 127.0.0.1 that can be shut and opened again at the same number."""

    handler: Handler
    port: int = 0
    _server: asyncio.Server | None = None
    _open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = field(default_factory=dict)

    async def open(self) -> None:
        """Port 0 = any free one; `port` says which it became."""
        if self._server is not None:
            return
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=HEAD_LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """From now on connections are refused; those which are open end."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Shut, and wait until nothing of it runs any more."""
        self.shut()
        tasks = [task for task in self._open.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away or talks no HTTP; a phone would not mind either
        except asyncio.CancelledError:
            pass  # the door closes; asyncio's stream server would log a cancelled task as an error
        finally:
            self._open.pop(writer, None)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = str(writer.get_extra_info("peername", ("?",))[0])
        try:
            reply = await self.handler(await read_request(reader, client))
        except BadRequest as error:
            reply = Reply(error.status, f"<html><body><h1>{error}</h1></body></html>".encode(), "text/html")
        if reply.hang:
            await reader.read()  # until the client gives up
            return
        if reply.status is not None:
            writer.write(reply_bytes(reply))
            await writer.drain()


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

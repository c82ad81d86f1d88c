"""A very small HTTP/1.1 server: one request a connection, and free to answer wrongly on purpose."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
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
    503: "Service Unavailable",
}
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, zero seconds: the kernel sends RST instead of FIN
Sleep = Callable[[float], Awaitable[None]]


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str  # as it came, undecoded
    headers: dict[str, str]  # names in lower case
    body: bytes
    client: str
    secure: bool = False  # it came over TLS
    is_gone: Callable[[], bool] = _never  # the client no longer waits


@dataclass(frozen=True)
class Reply:
    """What to send. `hang` = keep the connection open and never answer; status None = close it without a word."""

    status: int | None = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut_at: int | None = None  # promise the whole body, send only this much
    reset: bool = False  # … and end with a RST
    chunked: bool = False  # in chunks, and no word about the length
    byte_seconds: float = 0.0  # the body comes byte by byte, with such pauses
    hang: bool = False


HANG = Reply(status=None, hang=True)
CLOSE = Reply(status=None)
Handler = Callable[[Request], Awaitable[Reply]]


class BadRequest(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


async def read_request(reader: asyncio.StreamReader, client: str, secure: bool = False) -> Request:
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
    return Request(parts[0], path, query, headers, body, client, secure, reader.at_eof)


def head_bytes(reply: Reply) -> bytes:
    status = reply.status or 500
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines.append("Transfer-Encoding: chunked" if reply.chunked else f"Content-Length: {len(reply.body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def body_bytes(reply: Reply) -> bytes:
    body = reply.body[: reply.cut_at]
    return b"".join(_chunks(body)) if reply.chunked else body


def _chunks(body: bytes, size: int = 7) -> list[bytes]:
    """Small ones, so that a word of the JSON is torn apart."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces] + [b"0\r\n\r\n"]


@dataclass
class HttpDoor:
    """A listening port on 127.0.0.1 that can be shut and opened again at the same number."""

    handler: Handler
    port: int = 0
    tls: ssl.SSLContext | None = None
    sleep: Sleep = asyncio.sleep
    _server: asyncio.Server | None = None
    _kept: socket.socket | None = None
    _open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        """Port 0 = any free one; `port` says which it became."""
        if self._server is not None:
            return
        ear = _bound(self.port)
        self.port = ear.getsockname()[1]
        self._let_go()
        self._server = await asyncio.start_server(self._serve, sock=ear, limit=HEAD_LIMIT, ssl=self.tls)

    def shut(self) -> None:
        """From now on connections are refused; those which are open end."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._kept = _bound(self.port)
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Shut, and wait until nothing of it runs any more."""
        self.shut()
        self._let_go()
        tasks = [task for task in self._open.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

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
        method = ""
        try:
            request = await read_request(reader, client, self.tls is not None)
            method = request.method
            reply = await self.handler(request)
        except BadRequest as error:
            reply = Reply(error.status, f"<html><body><h1>{error}</h1></body></html>".encode(), "text/html")
        if reply.hang:
            await reader.read()  # until the client gives up
        elif reply.status is not None:
            await self._send(writer, reply, with_body=method != "HEAD")

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply, *, with_body: bool) -> None:
        body = body_bytes(reply) if with_body else b""
        if not reply.byte_seconds:
            writer.write(head_bytes(reply) + body)
            await writer.drain()
        else:
            writer.write(head_bytes(reply))
            for place in range(len(body)):
                await self.sleep(reply.byte_seconds)
                writer.write(body[place : place + 1])
                await writer.drain()
        if reply.reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


def _bound(port: int) -> socket.socket:
    """A socket that holds the port but does not listen: connections are refused, and nobody else gets the number."""
    ear = socket.socket()
    try:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("127.0.0.1", port))
    except OSError:
        ear.close()
        raise
    return ear


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

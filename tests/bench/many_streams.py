"""Many browsers' streams of cards read by one thread, each event stamped with the wall clock as its bytes are read."""

import json
import re
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

_EVENT = re.compile(rb"event: (\w+)\r?\ndata: (\{.*?\})\r?\n\r?\n", re.DOTALL)


class Shown(NamedTuple):
    """A card in a stream; `at` in epoch seconds."""

    at: float
    pop: int
    state: str


@dataclass
class ManyStreams:
    """Signed in by their session keys; reads until `close`."""

    address: str
    sessions: Sequence[str]
    shown: list[Shown] = field(default_factory=list)
    greeted: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        for session in self.sessions:
            self._selector.register(self._connected(session), selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _connected(self, session: str) -> socket.socket:
        place = urlsplit(self.address)
        connection = socket.create_connection((place.hostname or "", place.port or 80), timeout=60)
        # As a page does that has shown no card yet: what comes before the stream's own first read is not missed.
        head = f"GET /desk/stream?after=0 HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: sessionid={session}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def _read(self) -> None:
        buffers: dict[int, bytes] = {}
        while not self._stop.is_set():
            for key, _ in self._selector.select(timeout=0.2):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                segment = connection.recv(262_144)
                at = time.time()
                if not segment:
                    self.ended += 1
                    self._selector.unregister(connection)
                    connection.close()
                    continue
                buffers[key.fd] = self._took(buffers.get(key.fd, b"") + segment, at)

    def _took(self, buffer: bytes, at: float) -> bytes:
        """Note the whole events; what is left waits for more. The sizes of HTTP chunks between them mean nothing."""
        end = 0
        for match in _EVENT.finditer(buffer):
            end = match.end()
            if match[1] == b"hello":
                self.greeted += 1
            elif match[1] == b"card":
                card = json.loads(match[2])
                self.shown.append(Shown(at, card["pop"], card["state"]))
        return buffer[end:]

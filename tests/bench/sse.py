"""A browser's stream of cards as bytes from a socket, each event stamped when its last byte was read."""

import json
import queue
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from crmconnector.users.models import User


@dataclass(frozen=True)
class Came:
    """`at` is time.perf_counter()."""

    at: float
    name: str
    content: dict[str, Any]


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


class CardStream:
    """Reads GET /desk/stream in its own thread. The sizes of HTTP chunks are lines too, which mean nothing here."""

    def __init__(self, address: str, session: str) -> None:
        place = urlsplit(address)
        self._came: queue.SimpleQueue[Came] = queue.SimpleQueue()
        self._socket = socket.create_connection((place.hostname, place.port), timeout=60)
        head = f"GET /desk/stream HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: sessionid={session}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self, seconds: float = 15.0) -> Came:
        """The next event; raises queue.Empty when none comes."""
        return self._came.get(timeout=seconds)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _read(self) -> None:
        name = ""
        with self._socket.makefile("rb") as lines:
            for line in lines:
                at = time.perf_counter()
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    self._came.put(Came(at, name, json.loads(line[6:])))

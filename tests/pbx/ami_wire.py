"""A plain AMI client for the referee and the recorder; it shares no code with the product's own."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Headers = dict[str, str | list[str]]


@dataclass(frozen=True)
class Message:
    """One AMI message: an event or a response."""

    t: float  # seconds since the connection was opened
    headers: Headers  # a key that came more than once has a list

    def get(self, key: str) -> str:
        value = self.headers.get(key, "")
        return value if isinstance(value, str) else value[-1]

    @property
    def event(self) -> str:
        return self.get("Event")


@dataclass
class AmiWire:
    """One AMI connection with a reading thread. `messages` grows; nothing is dropped."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    messages: list[Message] = field(default_factory=list, repr=False)
    closed: bool = False

    def __post_init__(self) -> None:
        self._news = threading.Condition()
        self._ids = itertools.count(1)
        self._socket = socket.create_connection((self.host, self.port), timeout=5)
        self.opened = time.monotonic()
        # A PBX that is still starting accepts the connection and says nothing: the greeting has a deadline too.
        self._stream = self._socket.makefile("rb")
        self.greeting = self._stream.readline().decode().strip()
        self._socket.settimeout(None)
        threading.Thread(target=self._read, name="ami-wire", daemon=True).start()
        answer = self.action("Login", Username=self.username, Secret=self.secret)
        if answer.get("Response") != "Success":
            self.close()
            raise PermissionError(f"AMI login of {self.username}: {answer.get('Message')}")

    def __enter__(self) -> AmiWire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def now(self) -> float:
        """Seconds since the connection was opened: the clock of the messages."""
        return time.monotonic() - self.opened

    def action(self, name: str, *, timeout_seconds: float = 5, **fields: str) -> Message:
        """Send an action, return its response. Raises TimeoutError when none comes."""
        action_id = self.send(name, **fields)
        return self.wait(
            lambda message: not message.event and message.get("ActionID") == action_id,
            f"response to {name}",
            timeout_seconds=timeout_seconds,
        )

    def listing(self, name: str, complete: str, *, timeout_seconds: float = 5, **fields: str) -> list[Message]:
        """Send an action that answers with a list of events; return them. Raises PermissionError when refused."""
        action_id = self.send(name, **fields)
        last = self.wait(
            lambda message: (
                message.get("ActionID") == action_id
                and (message.event == complete or message.get("Response") == "Error")
            ),
            complete,
            timeout_seconds=timeout_seconds,
        )
        if last.get("Response") == "Error":
            raise PermissionError(last.get("Message"))
        return [m for m in self.messages if m.get("ActionID") == action_id and m.event and m is not last]

    def command(self, line: str) -> str:
        """Run a line of Asterisk's console; return what it printed."""
        output = self.action("Command", Command=line).headers.get("Output", "")
        return output if isinstance(output, str) else "\n".join(output)

    def send(self, name: str, **fields: str) -> str:
        action_id = f"wire-{next(self._ids)}"
        lines = [f"Action: {name}", f"ActionID: {action_id}", *(f"{key}: {value}" for key, value in fields.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return action_id

    def wait(
        self, wanted: Callable[[Message], bool], what: str, *, timeout_seconds: float = 10, since: int = 0
    ) -> Message:
        """Return the first message from index `since` that `wanted(message)` likes."""
        deadline = time.monotonic() + timeout_seconds
        index = since
        with self._news:
            while True:
                for message in self.messages[index:]:
                    if wanted(message):
                        return message
                index = len(self.messages)
                left = deadline - time.monotonic()
                if left <= 0 or (self.closed and index == len(self.messages)):
                    raise TimeoutError(f"AMI: waited in vain for {what}")
                self._news.wait(left)

    def _read(self) -> None:
        lines: list[str] = []
        with contextlib.suppress(OSError, ValueError):
            for raw in self._stream:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line:
                    lines.append(line)
                    continue
                self._take(lines)
                lines = []
        with self._news:
            self.closed = True
            self._news.notify_all()

    def _take(self, lines: list[str]) -> None:
        message = Message(round(self.now, 4), parse(lines))
        with self._news:
            self.messages.append(message)
            self._news.notify_all()


def parse(lines: list[str]) -> Headers:
    """Lines of one message -> headers; a repeated key becomes a list in the order of the wire."""
    headers: Headers = {}
    for line in lines:
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        before = headers.get(key)
        if before is None:
            headers[key] = value
        else:
            headers[key] = [*([before] if isinstance(before, str) else before), value]
    return headers

"""An office on free ports, an AMI client on a bare socket, and a CTI client."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from crmconnector.simulator.running import RunningOffice, running_office

DEADLINE = 10.0
SPEED = 20.0


def eventually(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """The first true value; fails after the deadline."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true")


class AmiWire:
    """Speaks AMI over a socket and remembers every message as a list of pairs."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._rest = b""
        self.messages: list[list[tuple[str, str]]] = []
        self.banner = self._line()

    def _line(self) -> str:
        while b"\r\n" not in self._rest:
            self._rest += self._receive()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line.decode()

    def _receive(self) -> bytes:
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        return chunk

    def send(self, **headers: str) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self._socket.sendall((lines + "\r\n").encode())

    def next(self) -> dict[str, str]:
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._receive()
        block, _, self._rest = self._rest.partition(b"\r\n\r\n")
        pairs = [(key, value) for key, _, value in (line.partition(": ") for line in block.decode().split("\r\n"))]
        self.messages.append(pairs)
        return dict(pairs)

    def until(self, event: str, **headers: str) -> dict[str, str]:
        """Read on to the next message of this event (or Response) with these headers."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            message = self.next()
            if event in (message.get("Event"), message.get("Response")) and headers.items() <= message.items():
                return message
        raise AssertionError(f"no {event} {headers}")

    def quiet(self, seconds: float) -> bool:
        """Nothing comes for a while."""
        self._socket.settimeout(seconds)
        try:
            self._rest += self._receive()
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(DEADLINE)
        return False

    def closed(self) -> bool:
        """Read to the end of the connection."""
        try:
            while True:
                self._receive()
        except ConnectionError:
            return True

    def events(self) -> list[dict[str, str]]:
        return [dict(pairs) for pairs in self.messages if pairs[0][0] == "Event"]

    def close(self) -> None:
        self._socket.close()


class Cti:
    """The CTI of one phone of the office."""

    def __init__(self, office: RunningOffice, extension: str) -> None:
        self.url = office.phone_url(extension)
        self.passcode = next(phone.user_passcode for phone in office.story.phones if phone.extension == extension)

    def get(self, function: str, timeout: float = DEADLINE, **parameters: str) -> httpx.Response:
        query = {"passcode": self.passcode, **parameters}
        return httpx.get(f"{self.url}/cgi-bin/{function}", params=query, timeout=timeout)

    def operate(self, command: str) -> Any:
        return self.get("api-phone_operation", cmd=command).json()

    def lines(self) -> list[dict[str, Any]]:
        return list(self.get("api-get_line_status").json()["body"])

    def state(self, line: int = 1) -> str:
        return str(self.lines()[line - 1]["state"])

    def status(self) -> str:
        return str(self.get("api-get_phone_status").json()["body"])


@pytest.fixture
def office() -> Iterator[RunningOffice]:
    with running_office(speed=SPEED) as running:
        yield running


@pytest.fixture
def ami_of() -> Iterator[Callable[..., AmiWire]]:
    """Opens a logged in AMI connection to an office; all are closed in the end."""
    opened: list[AmiWire] = []

    def connect(office: RunningOffice, *, login: bool = True) -> AmiWire:
        wire = AmiWire(office.ami_port)
        opened.append(wire)
        if login:
            wire.send(Action="Login", Username=office.ami_username, Secret=office.ami_secret, ActionID="login")
            wire.until("FullyBooted")
        return wire

    yield connect
    for wire in opened:
        wire.close()


@pytest.fixture
def ami(office: RunningOffice, ami_of: Callable[..., AmiWire]) -> AmiWire:
    return ami_of(office)


@pytest.fixture
def desk(office: RunningOffice) -> Cti:
    """The phone of the person who signs in: extension 204."""
    return Cti(office, "204")


@pytest.fixture
def cti_of() -> Callable[[RunningOffice, str], Cti]:
    return Cti


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return eventually

"""An office on free ports, an AMI client on a bare socket, and a CTI client."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from crmconnector.simulator.cti.functions import FUNCTIONS
from crmconnector.simulator.pace import VirtualPace
from crmconnector.simulator.pbx import Pbx
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.phone_line import PhoneLine
from crmconnector.simulator.profiles import Profile
from crmconnector.simulator.running import RunningOffice, running_office
from crmconnector.simulator.story import FIRST_DAY, StoryPhone
from crmconnector.simulator.story_loader import load_story
from crmconnector.simulator.switch import Script, ScriptedSwitch
from crmconnector.simulator.switchboard import Switchboard

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


class Bench:
    """One phone on a table: scripted far ends, a clock that stands still, no socket."""

    def __init__(self, **flags: Any) -> None:
        self._runner = asyncio.Runner()
        self.pace = VirtualPace()
        self.phone = self._make(Profile(**flags))
        self.events: list[str] = []
        self.trips: list[str] = []
        self.phone.listeners.append(lambda _phone, event, _line: self.events.append(event))
        self.phone.trip = self.trips.append

    def _make(self, profile: Profile) -> Phone:
        self.switch = ScriptedSwitch(self.pace, Script(after_seconds=1.0))
        story = StoryPhone("Anna", "C074AD000204", "GRP2614", "204", "204", 0, "user-word", admin_passcode="admin-word")
        return Phone(story, profile, self.pace, self.switch)

    def do(self, deed: Callable[..., Any], *arguments: Any) -> Any:
        async def run() -> Any:
            return deed(*arguments)

        return self._runner.run(run())

    def wait(self, seconds: float) -> None:
        self._runner.run(self.pace.advance(seconds))

    def ask(self, function: str, **values: str) -> dict[str, Any]:
        """What a CTI function answers; what it starts is not awaited."""
        answer: dict[str, Any] = self.do(FUNCTIONS[function][0], self.phone, values)[0]
        return answer

    def keys(self, keys: str) -> bool:
        """Send keys over CTI and wait until the last one is pressed. True: the phone said complete."""
        answer = self.ask("api-send_key", keys=keys)
        while self.phone.keypad.queue:
            self.wait(self.phone.profile.key_delay_seconds)
        return answer == {"response": "success", "body": "complete"}

    def dial(self, number: str, until: str = "connected") -> None:
        """Call somebody and wait for this state of the line."""
        self.ask("api-make_call", phonenumber=number)
        self.until(lambda: any((line.state, line.remote_number) == (until, number) for line in self.phone.lines))

    def ring(self, number: str = "0301", name: str = "Ada") -> None:
        self.do(self.switch.incoming, self.phone, number, name)

    def talk(self, number: str = "0301") -> None:
        """A customer calls and is answered."""
        self.ring(number)
        self.do(self.phone.accept)

    def remote_hangup(self, line: int = 1) -> bool:
        return bool(self.do(self.switch.remote_hangup, self.phone.lines[line - 1]))

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        for _ in range(int(seconds * 10)):
            if condition():
                return
            self.wait(0.1)
        raise AssertionError("it did not come true")

    def told(self, line: int = 1) -> str:
        return str(self.ask("api-get_line_status")["body"][line - 1]["state"])

    @property
    def screen(self) -> str:
        return repr(self.phone.screen)

    @property
    def look(self) -> str:
        """The phone in one line of text: the screen, lines 1 to 3, and whatever else is remarkable."""
        phone = self.phone
        notes = [
            "tone" if any(line.dtmf for line in phone.lines) else "",
            "muted" if any(line.muted for line in phone.lines) else "",
            "dnd" if phone.dnd else "",
            "locked" if phone.locked else "",
            "" if phone.audio == "speaker" else phone.audio,
            *self.trips,
        ]
        return " ".join([self.screen, *(line.state for line in phone.lines[:3]), *filter(None, notes)])

    @property
    def states(self) -> list[str]:
        return [line.state for line in self.phone.lines[:2]]

    def close(self) -> None:
        self.pace.cancel_all()
        self._runner.close()


class OfficeBench(Bench):
    """The first day's phone 204 at its switchboard, with what the PBX tells over AMI."""

    def _make(self, profile: Profile) -> Phone:
        pbx = Pbx(seed=1)
        self.told_by_pbx: list[dict[str, Any]] = []
        pbx.listeners.append(
            lambda headers: self.told_by_pbx.append({"t": self.pace.now() + 1, "headers": dict(headers)})
        )
        self.board = Switchboard(load_story(FIRST_DAY), self.pace, pbx)
        phone = self.board.phone("204")
        phone.profile = profile
        return phone

    def ring(self, number: str = "+493012345678", name: str = "Ada") -> None:
        before = len(self.board.calls)
        self.do(lambda: self.board.incoming(number, name, target="204"))
        self.until(lambda: "ringing" in self.states and len(self.board.calls) > before)

    def talk(self, number: str = "+493012345678") -> None:
        self.ring(number)
        self.do(self.phone.accept)

    def other(self, extension: str, line: int = 1) -> PhoneLine:
        """A line of a colleague's phone."""
        return self.board.phone(extension).lines[line - 1]

    @property
    def events_told(self) -> list[str]:
        return [told["headers"]["Event"] for told in self.told_by_pbx]


@pytest.fixture
def office_bench() -> Iterator[OfficeBench]:
    bench = OfficeBench()
    yield bench
    bench.close()


@pytest.fixture
def bench_of() -> Iterator[Callable[..., Bench]]:
    """Makes phones on the table; the flags are those of profiles.py."""
    made: list[Bench] = []

    def make(**flags: Any) -> Bench:
        made.append(Bench(**flags))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of()

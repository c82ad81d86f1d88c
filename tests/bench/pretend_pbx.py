"""A PBX's manager interface that plays the mix: a process of its own, so that its work is nobody else's.

    python -m tests.bench.pretend_pbx

It listens on a free port and says so on its output; orders come on its input; both are JSON, one object a line:

    -> {"port": 40123}
    <- {"do": "channels", "calls": 250}            CoreShowChannels answers with so many calls of two channels
    <- {"do": "play", "notes": "/tmp/x.json", …}   see `Play`
    -> {"drops": 0, "events": …, "bytes": …, "seconds": …, "rate": …}
    <- {"do": "placed", "extension": "201", "number": "030…"}   that phone calls out, and hangs up a second later
    <- {"do": "drop"}                              end every link, as a network would

Like Asterisk it gives up a client whose socket takes nothing for 100 ms. It shares no code with the adapter.
"""

import contextlib
import json
import select
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from tests.bench.mix import (
    RECORDINGS,
    Minter,
    Said,
    Template,
    copy_of,
    entries_of,
    event_bytes,
    mix,
    phones_of,
    stories,
)

WRITE_TIMEOUT_SECONDS = 0.1
CHUNK_BYTES = 16 * 1024
CALL_OUT_SECONDS = 1.0
BANNER = b"Asterisk Call Manager/9.0.0\r\n"
BOOTED = event_bytes({"Event": "FullyBooted", "Privilege": "system,all", "Status": "Fully Booted"})
RIGHTS = {"CoreShowChannels": "system,reporting,all", "Ping": "<none>", "QueueStatus": "<none>"}
# The last event of a play: nobody can leave a new channel out.
LAST_ID = "1999999999.1"
LAST = event_bytes({"Event": "Newchannel", "Channel": "PJSIP/last-00000000", "ChannelState": "0",
                    "Uniqueid": LAST_ID, "Linkedid": LAST_ID}) + event_bytes(
    {"Event": "Hangup", "Channel": "PJSIP/last-00000000", "ChannelState": "0", "Cause": "16", "Uniqueid": LAST_ID,
     "Linkedid": LAST_ID})  # fmt: skip


@dataclass
class Play:
    """What to play: `speed` 1 is the stream's own time, 0 as fast as it is taken. `patience`: seconds until a client
    that takes nothing is given up. `notes`: a file for {"rings": [[Linkedid, extension, epoch seconds]], "calls": …}.
    `calls_per_second`: not the mix, but one call to one phone each, every tenth to the first phone."""

    events: int = 0
    rate: float = 500.0
    speed: float = 0.0
    phones: int = 200
    seed: int = 1
    ready: bool = False  # make the whole stream before it begins
    patience: float = WRITE_TIMEOUT_SECONDS
    notes: str = ""
    calls_per_second: float = 0.0
    seconds: float = 0.0  # of such calls

    @classmethod
    def of(cls, order: dict[str, Any]) -> "Play":
        return cls(**{one.name: order[one.name] for one in fields(cls) if one.name in order})

    def stream(self) -> Iterable[Said]:
        if self.calls_per_second:
            return single_calls(self.calls_per_second, self.seconds, self.phones, self.seed)
        said = mix(self.events, rate=self.rate, phones=self.phones, seed=self.seed)
        return list(said) if self.ready else said


def single_calls(per_second: float, seconds: float, phones: int, seed: int) -> Iterator[Said]:
    """Incoming calls at a steady rate, each to another phone; every tenth to the first; rings for 3 seconds."""
    template = next(one for one in stories()["simple"] if one.name.endswith("asterisk22/inbound_timeout"))
    minter = Minter(phones_of(phones), seed)
    waiting: list[Said] = []
    for number in range(int(per_second * seconds)):
        at = number / per_second
        phone = 0 if number % 10 == 0 else 1 + number % (phones - 1)
        waiting.sort(key=lambda said: said.at)
        while waiting and waiting[0].at <= at:
            yield waiting.pop(0)
        waiting += copy_of(template, minter, at, phone)
    yield from sorted(waiting, key=lambda said: said.at)


class Client:
    """One connection; its answers and the stream share the socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.logged_in = False
        self.open = True
        self._writing = threading.Lock()

    def send(self, raw: bytes, patience: float = WRITE_TIMEOUT_SECONDS) -> bool:
        """False when the client took nothing for so long and was given up, or had gone."""
        rest = memoryview(raw)
        with self._writing, contextlib.suppress(OSError):
            while rest and self.open:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[self.connection.send(rest) :]
                    continue
                if not select.select((), (self.connection,), (), patience)[1]:
                    break
            if not rest:
                return True
        self.end()
        return False

    def end(self) -> None:
        self.open = self.logged_in = False
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def actions(self) -> Iterator[dict[str, str]]:
        buffer = b""
        with contextlib.suppress(OSError):
            while self.open:
                select.select((self.connection,), (), ())
                segment = self.connection.recv(65536)
                if not segment:
                    break
                *whole, buffer = (buffer + segment).split(b"\r\n\r\n")
                for raw in whole:
                    yield dict(line.split(": ", 1) for line in raw.decode().split("\r\n"))
        self.end()
        self.connection.close()


@dataclass
class PretendPbx:
    clients: list[Client] = field(default_factory=list)
    live: dict[bytes, bytes] = field(default_factory=dict)  # Uniqueid -> what CoreShowChannels says of it
    logins: list[float] = field(default_factory=list)  # epoch seconds of the answers
    out: deque[tuple[float, dict[str, str]]] = field(default_factory=deque)  # calls out under way, since when
    calls_out: int = 0

    def accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            client = Client(connection)
            self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: Client) -> None:
        client.send(BANNER)
        for action in client.actions():
            client.send(self._answer(client, action), patience=5)
            if action["Action"] == "Login":
                self.logins.append(time.time())
                client.logged_in = True

    def _answer(self, client: Client, action: dict[str, str]) -> bytes:
        name, told = action["Action"], {"ActionID": action.get("ActionID", "")}
        if name == "Login":
            return event_bytes({"Response": "Success", **told, "Message": "Authentication accepted"}) + BOOTED
        if name == "Ping":
            return event_bytes({"Response": "Success", **told, "Ping": "Pong", "Timestamp": f"{time.time():.6f}"})
        if name == "ListCommands":
            commands = {one: f"As its name says.  (Priv: {right})" for one, right in RIGHTS.items()}
            return event_bytes({"Response": "Success", **told, **commands})
        if name in ("CoreShowChannels", "QueueStatus"):
            return _list(told, name, list(self.live.values()) if name == "CoreShowChannels" else [])
        return event_bytes({"Response": "Error", **told, "Message": "Invalid/unknown command"})

    # --- orders -----------------------------------------------------------------------------------------------------

    def channels(self, order: dict[str, Any]) -> dict[str, Any]:
        self.live = dict(_channels(order["calls"], order.get("phones", 200)))
        return {"channels": len(self.live)}

    def placed(self, order: dict[str, Any]) -> dict[str, Any]:
        """Such a call begins; those end that have lasted a second. Without an extension only the latter."""
        now, raw = time.monotonic(), b""
        if extension := order.get("extension"):
            self.calls_out += 1
            call = _call_out(extension, order["number"], self.calls_out)
            self.out.append((now, call))
            raw = event_bytes({"Event": "Newchannel", **call, "ChannelState": "4", "ChannelStateDesc": "Ring"})
        while self.out and (self.out[0][0] < now - CALL_OUT_SECONDS or order.get("all")):
            _, over = self.out.popleft()
            raw += event_bytes({"Event": "Hangup", **over, "ChannelState": "4", "Cause": "16"})
        self.say(raw, 5.0)
        return {"out": len(self.out)}

    def drop(self, _order: dict[str, Any]) -> dict[str, Any]:
        for client in self.clients:
            client.end()
        return {}

    def play(self, order: dict[str, Any]) -> dict[str, Any]:
        wanted = Play.of(order)
        teller = Teller(self, wanted)
        stream = wanted.stream()
        while not any(client.logged_in for client in self.clients):
            time.sleep(0.01)
        teller.tell(stream)
        if wanted.notes:
            with open(wanted.notes, "w") as notes:
                json.dump({"rings": teller.rings, "calls": teller.calls}, notes)
        names = ("drops", "events", "bytes", "seconds", "rate")
        return {name: getattr(teller, name) for name in names}

    def say(self, raw: bytes, patience: float) -> int:
        """To everybody who is logged in; how many were given up."""
        listening = [client for client in self.clients if client.logged_in]
        return sum(not client.send(raw, patience) for client in listening)


class Teller:
    """Plays one stream and notes what it said and when."""

    def __init__(self, pbx: PretendPbx, wanted: Play) -> None:
        self._pbx, self._wanted = pbx, wanted
        self.drops = self.events = self.bytes = 0
        self.seconds = self.rate = 0.0
        self._clock: list[tuple[int, float]] = []  # events told so far, when
        self.rings: list[tuple[str, str, float]] = []
        self.calls: list[str] = []

    def tell(self, stream: Iterable[Said]) -> None:
        began, chunk, size = 0.0, list[Said](), 0
        for said in stream:
            began = began or time.monotonic()  # reading the recordings is no part of the stream's time
            if self._wanted.speed:
                early = began + said.at / self._wanted.speed - time.monotonic()
                if early > 0:  # what is due goes out before we sleep
                    self._send(chunk)
                    chunk, size = [], 0
                    time.sleep(early)
            chunk.append(said)
            size += len(said.raw)
            if size > CHUNK_BYTES:
                self._send(chunk)
                chunk, size = [], 0
        self._send([*chunk, Said(0.0, LAST, "", ())])
        self.seconds, self.rate = time.monotonic() - began, self._rate()

    def _rate(self) -> float:
        """Events a second in the middle half: a stream begins and ends with few calls."""
        middle = [(told, at) for told, at in self._clock if self.events / 4 <= told <= self.events * 3 / 4]
        (first, since), (last, until) = (middle[0], middle[-1]) if middle else ((0, 0.0), (self.events, self.seconds))
        return (last - first) / max(until - since, 1e-9)

    def _send(self, chunk: list[Said]) -> None:
        if not chunk:
            return
        raw = b"".join(said.raw for said in chunk)
        for said in chunk:
            self._keep_channels(said.raw)
            self.calls += said.begins
        if self._wanted.notes:
            now = time.time()
            self.rings += [(*said.ring.split(" "), now) for said in chunk if said.ring]  # type: ignore[misc]
        self.drops += self._pbx.say(raw, self._wanted.patience)
        self.events += len(chunk)
        self.bytes += len(raw)
        self._clock.append((self.events, time.monotonic()))

    def _keep_channels(self, raw: bytes) -> None:
        if raw.startswith(b"Event: Newchannel\r\n"):
            self._pbx.live[_uniqueid(raw)] = raw.partition(b"\r\n")[2]
        elif raw.startswith(b"Event: Hangup\r\n"):
            self._pbx.live.pop(_uniqueid(raw), None)


def _uniqueid(raw: bytes) -> bytes:
    return raw.partition(b"\r\nUniqueid: ")[2].partition(b"\r\n")[0]


def _call_out(extension: str, number: str, count: int) -> dict[str, str]:
    """The channel of a phone that calls out."""
    uniqueid = f"{int(time.time())}.{1_000_000 + count}"
    return {"Channel": f"PJSIP/{extension}-{count:08x}", "CallerIDNum": extension, "CallerIDName": "",
            "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>", "Context": "internal", "Exten": number,
            "Priority": "1", "Uniqueid": uniqueid, "Linkedid": uniqueid}  # fmt: skip


def _list(told: dict[str, str], name: str, items: list[bytes]) -> bytes:
    start = event_bytes({"Response": "Success", **told, "EventList": "start", "Message": "A list will follow"})
    head = f"Event: CoreShowChannel\r\nActionID: {told['ActionID']}\r\n".encode()
    complete = {"Event": f"{name}Complete", **told, "EventList": "Complete", "ListItems": str(len(items))}
    return start + b"".join(head + item for item in items) + event_bytes(complete)


def _channels(calls: int, phones: int) -> Iterator[tuple[bytes, bytes]]:
    """Every fifth call rings, the others talk: as a real PBX listed them."""
    minter = Minter(phones_of(phones), 1)
    lists = {name: _listed(name) for name in ("start_while_ringing", "start_in_mid_call")}
    for number in range(calls):
        template = lists["start_while_ringing" if number % 5 == 0 else "start_in_mid_call"]
        for said in copy_of(template, minter, float(number), number % phones):
            yield _uniqueid(said.raw), said.raw.partition(b"\r\n")[2]


def _listed(name: str) -> Template:
    entries = [one for one in entries_of(RECORDINGS / "asterisk22" / f"{name}.jsonl")
               if one["headers"]["Event"] == "CoreShowChannel"]  # fmt: skip
    for entry in entries:
        del entry["headers"]["ActionID"]
    return Template.of(name, entries)


def main() -> None:
    pbx = PretendPbx()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=pbx.accept, args=(listener,), daemon=True).start()
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    stories()  # a second or two: before the clock of any play
    deeds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "channels": pbx.channels,
        "placed": pbx.placed,
        "drop": pbx.drop,
        "play": pbx.play,
        "logins": lambda _: {"logins": pbx.logins},
    }
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(deeds[order["do"]](order)), flush=True)


if __name__ == "__main__":
    main()

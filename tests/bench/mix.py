"""One published mix of events for every figure: copies of recorded calls, woven into one stream of AMI bytes.

Of a hundred stories (published; change WEIGHTS and every figure of earlier runs is void):

    40  simple     one caller, one phone: incoming, outgoing, internal; answered or not
    25  queues     a queue rings its members, as phones or as Local channels
    20  groups     one call rings several phones at once
    10  transfers  blind and attended
     5  other      hold, a second call that waits, click-to-call and whatever else was recorded

Within a kind every recording has the same chance. Each copy has Uniqueids, Linkedids, channel serials and bridges of
its own, four phones of the pool and a caller of its own, so that calls are as distinct as in life. The recordings hold
what a manager user with `read = system,call,agent` hears, most of it noise for us: the states of devices, hints and
queue members. They lack registrations: every fiftieth event here is one. Classes that nobody should ask for (`dialplan`
with VarSet and Newexten) are not in it. The same arguments give the same bytes as long as the recordings stay.
"""

import functools
import heapq
import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crmconnector.calls.replay import calls_from_events

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
TRUNK = "PJSIP/trunk"
WEIGHTS = {"simple": 40, "queues": 25, "groups": 20, "transfers": 10, "other": 5}
KINDS = {
    "inbound": "simple", "outbound": "simple", "internal": "simple", "anonymous": "simple", "odd_name": "simple",
    "caller_like": "simple", "queue": "queues", "group": "groups", "transfer": "transfers",
}  # fmt: skip
NOISE_EVERY = 50
FIRST_PHONE = 201  # as in tests.support.office
_NOT_A_WHOLE_STORY = {"CoreShowChannel", "CoreShowChannelsComplete", "Shutdown"}
_TOKEN = re.compile(
    r"(?P<channel>(?<!\d)\d{9,10}\.\d+)"
    r"|(?P<bridge>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<serial>-[0-9a-f]{8}(?![0-9a-f]))"
    r"|(?P<phone>(?<![0-9])100[1-4](?![0-9]))"
    r"|(?P<caller>\+442079460\d{3})"
)


class Said(NamedTuple):
    """One event. `at`: seconds since the stream began."""

    at: float
    raw: bytes
    ring: str  # "Linkedid extension" when this event says that a phone rings
    begins: tuple[str, ...]  # on a story's first event: the Linkedids of the calls it tells


class _Line(NamedTuple):
    """One event of a template: bytes with places, and which tokens go there."""

    at: float
    form: bytes
    places: tuple[int, ...]
    ring: tuple[int, int] | None

    def of(self, tokens: Sequence[bytes]) -> bytes:
        return self.form % tuple([tokens[place] for place in self.places])


@dataclass(frozen=True)
class Template:
    """One recorded story with its identities taken out."""

    name: str
    lines: tuple[_Line, ...]
    tokens: tuple[tuple[str, str], ...]  # (kind, as recorded)
    calls: tuple[int, ...]  # tokens that are the Linkedid of a call

    @classmethod
    def of(cls, name: str, entries: Sequence[Mapping[str, Any]], trunks: Sequence[str] = (TRUNK,)) -> "Template":
        tokens: dict[tuple[str, str], int] = {}
        began = entries[0]["t"]
        lines = tuple(_line(entry["headers"], entry["t"] - began, tokens) for entry in entries)
        told = [call["linkedid"] for call in calls_from_events(entries, trunks=trunks)]
        return cls(name, lines, tuple(tokens), tuple(tokens["channel", linkedid] for linkedid in told))


class Minter:
    """New identities, never the same twice."""

    def __init__(self, phones: Sequence[str], seed: int) -> None:
        self._phones = phones
        self._random = random.Random(seed)
        # Two streams in one run must not tell of the same channel: each seed has ten million names of its own.
        self._channels, self._serials, self._bridges = (itertools.count(seed * 10_000_000) for _ in range(3))

    def tokens(self, template: Template, at: float, first_phone: int | None = None) -> list[bytes]:
        """One identity for each token; a story's channels keep their order of age."""
        place = self._random.randrange(len(self._phones)) if first_phone is None else first_phone
        caller = f"+442079460{self._random.randrange(1000):03d}"
        made: dict[int, str] = {}
        for index in sorted(range(len(template.tokens)), key=lambda one: _age(template.tokens[one])):
            kind, recorded = template.tokens[index]
            if kind == "channel":
                made[index] = f"{1_700_000_000 + int(at)}.{next(self._channels)}"
            elif kind == "serial":
                made[index] = f"-{next(self._serials):08x}"
            elif kind == "bridge":
                made[index] = f"{next(self._bridges):08x}-0000-4000-8000-00c04fc964ff"
            elif kind == "phone":
                made[index] = self._phones[(place + int(recorded) - 1001) % len(self._phones)]
            else:
                made[index] = caller
        return [made[index].encode() for index in range(len(template.tokens))]


def phones_of(count: int) -> list[str]:
    return [str(FIRST_PHONE + place) for place in range(count)]


def mix(events: int, *, rate: float = 500.0, phones: int = 200, seed: int = 1) -> Iterator[Said]:
    """At least so many events, `rate` of them a second in the middle; every call that begins also ends."""
    by_kind = stories()
    chance = random.Random(seed)
    minter, noise = Minter(phones_of(phones), seed), _noise(phones)
    waiting: list[tuple[float, int, Said]] = []
    order, spoken, planned, starts_at = itertools.count(), 0, 0, 0.0
    while waiting or planned < events:
        if planned < events and (not waiting or starts_at <= waiting[0][0]):
            kind = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            template = chance.choice(by_kind[kind])
            for said in copy_of(template, minter, starts_at):
                heapq.heappush(waiting, (said.at, next(order), said))
            planned += len(template.lines) * NOISE_EVERY // (NOISE_EVERY - 1)
            starts_at += len(template.lines) / rate
            continue
        said = heapq.heappop(waiting)[2]
        yield said
        spoken += 1
        if spoken % (NOISE_EVERY - 1) == 0:
            yield Said(said.at, next(noise), "", ())


def copy_of(template: Template, minter: Minter, at: float, first_phone: int | None = None) -> Iterator[Said]:
    tokens = minter.tokens(template, at, first_phone)
    calls = tuple(tokens[place].decode() for place in template.calls)
    for number, line in enumerate(template.lines):
        ring = " ".join(tokens[place].decode() for place in line.ring) if line.ring else ""
        yield Said(at + line.at, line.of(tokens), ring, calls if number == 0 else ())


@functools.cache
def stories() -> dict[str, list[Template]]:
    """Kind -> the recordings of whole calls, from every version of Asterisk that was recorded."""
    found: dict[str, list[Template]] = {kind: [] for kind in WEIGHTS}
    for path in sorted(RECORDINGS.glob("asterisk*/*.jsonl")):
        entries = _whole_story(path)
        if entries:
            kind = next((kind for word, kind in KINDS.items() if path.name.startswith(word)), "other")
            truth = path.with_name(f"{path.stem}.truth.json")
            trunks = json.loads(truth.read_text("utf-8"))["trunks"] if truth.exists() else [TRUNK]
            found[kind].append(Template.of(f"{path.parent.name}/{path.stem}", entries, trunks))
    return found


def entries_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def headers_of(raw: bytes) -> dict[str, str]:
    """The headers of one event of the mix; none of them comes twice."""
    return dict(line.split(": ", 1) for line in raw.decode().split("\r\n") if line)


def event_bytes(headers: Mapping[str, Any]) -> bytes:
    values = [(name, value) for name, told in headers.items() for value in (told if isinstance(told, list) else [told])]
    return "".join(f"{name}: {value}\r\n" for name, value in values).encode() + b"\r\n"


def _whole_story(path: Path) -> list[dict[str, Any]]:
    """The events between login and rest; nothing for a recording with a gap, a list or an open end."""
    try:
        entries = [entry for entry in entries_of(path) if entry["headers"]["Event"] != "FullyBooted"]
    except ValueError:
        return []  # it is being recorded right now
    names = [entry["headers"]["Event"] for entry in entries]
    whole = names.count("Newchannel") == names.count("Hangup") and _NOT_A_WHOLE_STORY.isdisjoint(names)
    return entries if whole else []


def _line(headers: Mapping[str, Any], at: float, tokens: dict[tuple[str, str], int]) -> _Line:
    places: list[int] = []

    def place(match: re.Match[str]) -> str:
        places.append(tokens.setdefault((str(match.lastgroup), match[0]), len(tokens)))
        return "%b"

    form = _TOKEN.sub(place, event_bytes(headers).decode().replace("%", "%%"))
    return _Line(at, form.encode(), tuple(places), _ring(headers, tokens))


def _ring(headers: Mapping[str, Any], tokens: Mapping[tuple[str, str], int]) -> tuple[int, int] | None:
    """The tokens of Linkedid and extension when a desk phone begins to ring."""
    if headers["Event"] != "Newstate" or headers["ChannelState"] != "5":
        return None
    phone = re.match(r"(?:PJSIP|SIP)/(100[1-4])-", headers["Channel"])
    return (tokens["channel", headers["Linkedid"]], tokens["phone", phone[1]]) if phone else None


def _age(token: tuple[str, str]) -> tuple[int, ...]:
    kind, recorded = token
    return tuple(map(int, recorded.split("."))) if kind == "channel" else (0,)


def _noise(phones: int) -> Iterator[bytes]:
    """Registrations, phone by phone."""
    for phone in itertools.cycle(phones_of(phones)):
        peer = {"ChannelType": "PJSIP", "Peer": f"PJSIP/{phone}", "PeerStatus": "Registered"}
        yield event_bytes({"Event": "PeerStatus", "Privilege": "system,all", **peer})
        contact = {"URI": f"sip:{phone}@127.0.0.1:5060", "ContactStatus": "Reachable", "AOR": phone}
        told = {**contact, "EndpointName": phone, "RoundtripUsec": "12345"}
        yield event_bytes({"Event": "ContactStatus", "Privilege": "system,all", **told})

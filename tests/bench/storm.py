"""Ten times the usual for ten minutes of the PBX's time, played faster than that, into a real listener and its rows.

First the usual (50 events a second), then the storm at its own pace (500), then the rest of its ten minutes as fast as
`FASTER` says. The PBX throws out a client that takes nothing for 100 ms. A card counts as shown when a process that was
woken can read its row.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

from crmconnector.calls.models import Call
from crmconnector.pbx.models import LinkGap
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import WAKE_CHANNEL
from tests.bench.figures import Figure, percentile
from tests.bench.office_of_many import BusyOffice, busy_office, extension_of
from tests.bench.pbx_process import pretend_pbx
from tests.bench.readers import rss_mb
from tests.support.processes import Process
from tests.support.table import print_table

USUAL, STORM, FASTER = 50.0, 500.0, 4.0  # events per second; times its own pace
STORM_SECONDS, USUAL_SHOWN, STORM_SHOWN = 600, 12, 20  # of the PBX's time; shown at their own pace
SETTLE_SECONDS = 60.0


@dataclass
class Told:
    """One part of the story as it went. `delays`: seconds from a ring's bytes to its card's row."""

    name: str
    events: int
    rate: float  # events a second in the middle half
    drops: int
    calls: int
    delays: list[float]
    lost: list[str]  # calls without an ended row
    peak_mb: float

    @property
    def late(self) -> float:
        return percentile(self.delays, 0.95)

    def row(self) -> list[object]:
        p50, p95 = (f"{1000 * percentile(self.delays, share):.0f}" for share in (0.5, 0.95))
        played = (self.name, f"{self.events:,}", f"{self.rate:,.0f}", self.calls, len(self.delays))
        return [*played, p50, p95, self.drops, len(self.lost), f"{self.peak_mb:.0f}"]


@dataclass
class Storm:
    usual: Told
    parts: list[Told]
    memory: tuple[float, float, float]  # MB of the listener: before, at most, after
    gaps: int


def measure(folder: Path) -> list[Figure]:
    storm = whole_storm(folder, storm_seconds=STORM_SECONDS)
    head = ("part", "events", "events/s", "calls", "cards", "p50 ms", "p95 ms", "disconnects", "calls lost", "peak MB")
    print_table(head, [told.row() for told in (storm.usual, *storm.parts)])
    before, peak, after = storm.memory
    print(f"\nlistener: {before:.0f} MB before, {peak:.0f} at most, {after:.0f} after; {storm.gaps} gaps")
    drops, lost = (sum(numbers) for numbers in zip(*((one.drops, len(one.lost)) for one in storm.parts), strict=True))
    usual, calls = storm.usual, sum(one.calls for one in storm.parts)
    return [
        *(Figure(f"{told.name}, card p95", 1000 * told.late, "ms", usual.name, 1000 * usual.late)
          for told in storm.parts),
        Figure("storm, memory of the listener at most", peak, "MB", "before", before),
        Figure("storm, memory of the listener after", after, "MB", "before", before),
        Figure("storm, disconnects", drops, "", "the usual", usual.drops),
        Figure("storm, calls without an ended row", lost, "calls", "all of them", calls),
    ]  # fmt: skip


def whole_storm(folder: Path, *, storm_seconds: int, faster: float = FASTER) -> Storm:
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(pretend_pbx())
        office = busy_office(folder, pbx)
        stack.callback(office.product.stop)
        listener = office.listener()
        eyes = stack.enter_context(watching(listener))
        before = rss_mb(listener.pid)
        usual = _part(office, eyes, "usual, 50 events/s", USUAL, 1.0, USUAL_SHOWN, folder / "1.json")
        shown = min(STORM_SHOWN, storm_seconds)
        parts = [_part(office, eyes, "storm, 500 events/s", STORM, 1.0, shown, folder / "2.json")]
        if storm_seconds > shown:
            name = f"storm, {STORM * faster:,.0f} events/s"
            parts.append(_part(office, eyes, name, STORM, faster, storm_seconds - shown, folder / "3.json"))
        peak = max(told.peak_mb for told in (usual, *parts))
        return Storm(usual, parts, (before, peak, rss_mb(listener.pid)), LinkGap.objects.count() - eyes.gaps)


def _part(
    office: BusyOffice, eyes: "Eyes", name: str, rate: float, speed: float, seconds: int, notes: Path
) -> Told:  # fmt: skip
    eyes.peak_mb = 0.0
    played = office.pbx.ask(
        "play", events=int(rate * seconds), rate=rate, speed=speed, seed=int(notes.stem), notes=str(notes)
    )
    told = json.loads(notes.read_text())
    lost = _lost(told["calls"])
    delays = eyes.delays(told["rings"])
    return Told(name, played["events"], played["rate"], played["drops"], len(told["calls"]), delays, lost, eyes.peak_mb)


def _lost(calls: list[str]) -> list[str]:
    """Calls that have no ended row when everything has come to rest."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        ended = set(Call.objects.exclude(ended_at=None).values_list("linkedid", flat=True))
        lost = [call for call in calls if call not in ended]
        if not lost or time.monotonic() > deadline:
            return lost
        time.sleep(0.1)


@dataclass
class Eyes:
    """Reads new cards when the product wakes its streams, as a web process would, and looks at the memory."""

    listener: Process
    gaps: int
    seen: dict[tuple[str, str], float] = field(default_factory=dict)  # (Linkedid, extension) -> epoch seconds
    peak_mb: float = 0.0
    _version: int = 0

    def delays(self, rings: list[tuple[str, str, float]]) -> list[float]:
        first: dict[tuple[str, str], float] = {}
        for linkedid, extension, at in rings:
            first.setdefault((linkedid, extension), at)
        return [self.seen[ring] - at for ring, at in first.items() if ring in self.seen]

    def watch(self, client: redis.Redis, stop: threading.Event) -> None:
        with client.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(WAKE_CHANNEL)
            while not stop.is_set():
                if channel.get_message(timeout=0.2):
                    self._look()
                self.peak_mb = max(self.peak_mb, rss_mb(self.listener.pid))
        connection.close()

    def _look(self) -> None:
        fields = ("version", "call__linkedid", "user__username")
        rows = list(Pop.objects.filter(version__gt=self._version).order_by("version").values_list(*fields))
        now = time.time()
        for version, linkedid, username in rows:
            self._version = version
            self.seen.setdefault((linkedid, extension_of(username)), now)


@contextlib.contextmanager
def watching(listener: Process) -> Iterator[Eyes]:
    eyes, stop = Eyes(listener, LinkGap.objects.count()), threading.Event()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        thread = threading.Thread(target=eyes.watch, args=(client, stop))
        thread.start()
        try:
            yield eyes
        finally:
            stop.set()
            thread.join(10)

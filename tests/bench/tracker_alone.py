"""The tracker on recorded streams, without sockets and rows: events per second of one core."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crmconnector.asterisk.ami_events import AmiEvent, parse
from crmconnector.calls.tracker import CallTracker
from tests.bench.figures import Figure

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "asterisk22"
TRUNKS = ["PJSIP/trunk"]
ROUNDS = 15


def measure(folder: Path) -> list[Figure]:
    lines = [path.read_text("utf-8").splitlines() for path in sorted(RECORDINGS.glob("*.jsonl"))]
    entries = [[json.loads(line) for line in stream] for stream in lines]
    events = [[event for entry in stream if (event := _parsed(entry))] for stream in entries]
    plain = _rate(lambda: [json.loads(line) for stream in lines for line in stream], sum(map(len, lines)))
    fed = _rate(lambda: [_feed(stream) for stream in events], sum(map(len, events)))
    both = _rate(lambda: [_feed([_parsed(entry) for entry in stream]) for stream in entries], sum(map(len, lines)))
    against = "json.loads of the same events"
    return [
        Figure("tracker alone", fed, "events/s", against, plain),
        Figure("headers to call events", both, "events/s", against, plain),
    ]


def _parsed(entry: dict[str, Any]) -> AmiEvent | None:
    return parse(entry["headers"], entry["t"])


def _feed(stream: Sequence[AmiEvent | None]) -> CallTracker:
    tracker = CallTracker(trunks=TRUNKS)
    for event in stream:
        if event is not None:
            tracker.feed(event)
    return tracker


def _rate(work: Callable[[], object], count: int) -> float:
    """Per second of this thread's processor time; the best of some rounds, others only make it slower."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return count / best

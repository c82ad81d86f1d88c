"""The tracker on the mix, without sockets and rows: events per second of one core."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from crmconnector.asterisk.ami_events import AmiEvent, parse
from crmconnector.calls.tracker import CallTracker
from tests.bench.figures import Figure
from tests.bench.mix import TRUNK, headers_of, mix

EVENTS, ROUNDS = 40_000, 7


def measure(folder: Path) -> list[Figure]:
    """`json.loads` of the same events: of those that tell of calls beside the tracker, of all beside the parser."""
    headers = [headers_of(said.raw) for said in mix(EVENTS)]
    events = [parse(one, at / 100) for at, one in enumerate(headers)]
    lines = [json.dumps(one) for one in headers]
    useful = [event for event in events if event is not None]
    useful_lines = [line for line, event in zip(lines, events, strict=True) if event is not None]
    fed = _rate(lambda: _feed(useful), len(useful))
    both = _rate(lambda: _feed([parse(one, at / 100) for at, one in enumerate(headers)]), len(headers))
    against = "json.loads of the same events"
    return [
        Figure("tracker alone", fed, "events/s", against, _rate(lambda: _loaded(useful_lines), len(useful))),
        Figure("headers to call events", both, "events/s", against, _rate(lambda: _loaded(lines), len(lines))),
    ]


def _loaded(lines: Sequence[str]) -> list[object]:
    return [json.loads(line) for line in lines]


def _feed(stream: Sequence[AmiEvent | None]) -> CallTracker:
    tracker = CallTracker(trunks=(TRUNK,))
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

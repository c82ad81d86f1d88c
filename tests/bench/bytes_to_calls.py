"""Bytes of the manager interface to calls, and what a million events leave in memory; both in a process of their own.

Beside it panoramisk as it is, with one callback for everything that does nothing: it knows no calls.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.pbx_process import pretend_pbx
from tests.support.processes import ROOT
from tests.support.table import print_table

EVENTS, ROUNDS = 100_000, 3
MANY = [100_000, 500_000, 1_000_000]
MEMORY_RATE = 20_000.0  # events per second: a flood without end overflows every queue, and that is another test
PATIENT = {"patience": 60.0}  # whose speed is the question must not be thrown out for it


def speed(folder: Path) -> list[Figure]:
    """Three rounds, taking turns; whoever else uses this machine only ever makes one slower."""
    rounds = [(_read("ours"), _read("panoramisk")) for _ in range(ROUNDS)]
    mine = [told["events"] / told["cpu_seconds"] for told, _ in rounds]
    theirs = [told["events"] / told["cpu_seconds"] for _, told in rounds]
    per_event = rounds[0][0]["calls"] / rounds[0][0]["events"]
    against = "panoramisk, a callback that does nothing"
    rows = [
        (number, f"{one:,.0f}", f"{two:,.0f}", f"{one / two:.2f}")
        for number, (one, two) in enumerate(zip(mine, theirs, strict=True), start=1)
    ]
    print_table(("round", "bytes to calls, events/s", "panoramisk, events/s", "ratio"), rows)
    best, middle = (max(mine), max(theirs)), (statistics.median(mine), statistics.median(theirs))
    return [
        Figure("bytes to calls, best", best[0], "events/s of a core", against, best[1]),
        Figure("bytes to calls, median", middle[0], "events/s of a core", against, middle[1]),
        Figure("bytes to calls, best", best[0] * per_event, "calls/s of a core", against, best[1] * per_event),
    ]


def memory(folder: Path) -> list[Figure]:
    told = _read("ours", *MANY)
    first, middle, last = (told["rss_mb"][str(count)] for count in MANY)
    name, against = "memory after {:,} events", f"after {MANY[0]:,}"
    return [
        Figure(name.format(MANY[1]), middle, "MB", against, first),
        Figure(name.format(MANY[2]), last, "MB", against, first),
    ]


def _read(reader: str, *counts: int) -> dict[str, Any]:
    with pretend_pbx() as pbx:
        command = [sys.executable, "-m", "tests.bench.readers", reader, str(pbx.port), *map(str, counts)]
        pace = {"rate": MEMORY_RATE, "speed": 1.0} if counts else {"ready": True}
        pbx.order("play", events=max(counts, default=EVENTS), **PATIENT, **pace)
        output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=300).stdout
        played, told = pbx.answer(), json.loads(output)
    if told.get("links", 1) != 1 or told.get("open", 0) or told["events"] < played["events"]:
        raise RuntimeError(f"not all was read: played {played}, read {told}")
    return dict(told)

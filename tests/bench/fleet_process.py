"""The process of the canned phones, as seen by whoever starts it; and what they were asked to dial."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tests.support.processes import ROOT


class Dial(NamedTuple):
    """One request to dial. `at`: time.monotonic() when the phone had read it."""

    port: int
    number: str
    at: float


@contextlib.contextmanager
def fleet_process(count: int) -> Iterator[tuple[list[int], Iterable[str]]]:
    """(ports of so many phones, the lines they say afterwards)"""
    command = [sys.executable, "-m", "tests.bench.canned_phones", str(count)]
    fleet = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert fleet.stdout is not None
        yield list(json.loads(fleet.stdout.readline())), fleet.stdout
    finally:
        fleet.kill()
        fleet.wait(10)
        for pipe in (fleet.stdin, fleet.stdout):
            if pipe is not None:
                pipe.close()


class Dials:
    """Every dial of the fleet as it is told; `heard` is called with each, in a thread of its own."""

    def __init__(self, said: Iterable[str], heard: Callable[[Dial], object]) -> None:
        self._said, self._heard = said, heard
        self.all: list[Dial] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def until(self, count: int, seconds: float) -> bool:
        """Wait for so many dials; whether they came."""
        deadline = time.monotonic() + seconds
        while len(self.all) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(self.all) >= count

    def _listen(self) -> None:
        with contextlib.suppress(ValueError):  # the pipe is closed when all is over
            for line in self._said:
                _word, port, number, at = line.split()
                dial = Dial(int(port), number, float(at))
                self.all.append(dial)
                self._heard(dial)

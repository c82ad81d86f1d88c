"""Keeps children running: starts them, starts them again with growing pauses, stops them in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.process import Child, Running, last_line, trim_log
from crmconnector.embedded.signals import Signals

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0
LOOK_SECONDS = 1.0


@dataclass
class _Place:
    """A child, its process if it runs, and when it may be started again."""

    child: Child
    running: Running | None
    failures: int = 0
    start_at: float = 0.0


class Supervisor:
    """Owns the children of one start. Nothing is given up; what happens is said once per event."""

    def __init__(self, logs: Path, signals: Signals, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._signals = signals
        self._say = say
        self._places: list[_Place] = []

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, child: Child) -> None:
        """Start a child and keep it running from now on."""
        self.adopt(Running(child, self.log(child.name)))

    def adopt(self, running: Running) -> None:
        """Keep a child running that has been started already."""
        self._places.append(_Place(running.child, running))

    def look(self) -> None:
        """One round: note who has ended, start again whose pause is over, keep the logs bounded."""
        for place in self._places:
            if place.running and place.running.exit_code() is not None:
                self._note_end(place, place.running)
            if place.running is None and time.monotonic() >= place.start_at:
                self._start_again(place)
            trim_log(self.log(place.child.name))

    def watch(self, until: Callable[[], bool] | None = None) -> bool:
        """Look again and again until the condition holds (True) or we are asked to stop (False)."""
        while not self._signals.stops:
            self.look()
            if until and until():
                return True
            self._signals.pause(min(LOOK_SECONDS if until is None else 0.1, self._next_start()))
        return False

    def stop(self, servers: int) -> None:
        """Stop in reverse order: first what uses the servers, all at once, then the first `servers` children.

        A second request to stop cuts every deadline short.
        """
        self._stop([place.running for place in reversed(self._places[servers:]) if place.running])
        for place in reversed(self._places[:servers]):
            self._stop([place.running] if place.running else [])
        self._places.clear()

    def _stop(self, children: list[Running]) -> None:
        for running in children:
            running.send(running.child.stop_signal)
        asked_at = time.monotonic()
        left = children
        while left and self._signals.stops < 2:
            left = [running for running in left if running.exit_code() is None]
            if not left or time.monotonic() > asked_at + max(running.child.stop_seconds for running in left):
                break
            self._signals.pause(0.05)
        for running in left:
            if running.exit_code() is None:
                self._say(f"{running.child.name} did not stop in time and was ended")
            running.kill_group()
            running.wait(5.0)

    def _note_end(self, place: _Place, running: Running) -> None:
        lived = time.monotonic() - running.started_at
        place.failures = 0 if lived > STEADY_AFTER_SECONDS else place.failures + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** max(place.failures - 1, 0), LONGEST_PAUSE_SECONDS)
        # What it started itself must not go on beside its successor.
        running.kill_group()
        place.running, place.start_at = None, time.monotonic() + pause
        self._complain(place, f"{_how_it_ended(running.exit_code())}, starting it again in {pause:g} s")

    def _start_again(self, place: _Place) -> None:
        try:
            place.running = Running(place.child, self.log(place.child.name))
        except (CannotStart, OSError) as refused:
            place.failures += 1
            place.start_at = time.monotonic() + LONGEST_PAUSE_SECONDS
            self._complain(place, f"could not be started: {refused}")

    def _complain(self, place: _Place, what: str) -> None:
        log = self.log(place.child.name)
        said = last_line(log)
        self._say(f"{place.child.name} {what}. Log: {log}" + (f"\n    its last line: {said}" if said else ""))

    def _next_start(self) -> float:
        waiting = [place.start_at for place in self._places if place.running is None]
        return max(min(waiting, default=time.monotonic() + LOOK_SECONDS) - time.monotonic(), 0.01)


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was ended by signal {-exit_code}"
    return f"ended with exit code {exit_code}"

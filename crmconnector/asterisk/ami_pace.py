"""The times of a link: clocks, how long to wait before the next try, when silence means death. No I/O here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Both clocks we need: one that never jumps, for durations, and the wall clock, for stamps (epoch seconds)."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass(frozen=True)
class BackOff:
    """Seconds to wait between two tries: doubling, jittered so that many workers do not knock together.

    A try that cannot soon succeed (refused login, wrong certificate) waits `slow_first` at least, which keeps us
    at six tries a minute or fewer: a FreePBX bans an address that fails more often.
    """

    first: float = 0.5
    longest: float = 30.0
    slow_first: float = 10.0
    slow_longest: float = 300.0
    settled_after: float = 10.0  # a link that lived this long was a good one: start over
    after_login: float = 2.5  # a PBX that lets us in is never left alone for longer, however often the link breaks


class Pace:
    """Remembers the failures in a row and says how long to wait before the next try."""

    def __init__(self, back_off: BackOff, jitter: Callable[[], float] = random.random) -> None:
        self._back_off = back_off
        self._jitter = jitter
        self._failures = 0
        self._slow = False

    def wait_seconds(self, *, slow: bool, link_lived: float) -> float:
        """After a try: `link_lived` is how long its link was up in seconds, 0 if it never was."""
        if slow != self._slow or link_lived >= self._back_off.settled_after:
            self._failures, self._slow = 0, slow
        doubled = float(1 << min(self._failures, 30))
        self._failures += 1
        if slow:
            # Jitter only adds: never more often than slow_first allows.
            return min(self._back_off.slow_longest, self._back_off.slow_first * doubled) * (1 + self._jitter() / 4)
        longest = self._back_off.longest
        if link_lived:
            longest = min(longest, self._back_off.after_login)
        return min(longest, self._back_off.first * doubled) * (0.5 + self._jitter() / 2)


class Watchdog:
    """Notices the half-open link: the socket looks fine and nothing will ever come again.

    Any byte counts as life. Besides, a ping must be answered some time, even while events flow: the answer may stand
    in line behind a storm of events, so that takes three times as long.
    """

    DEAF_FACTOR = 3

    def __init__(self, *, ping_every: float, silent_after: float, now: float) -> None:
        self._ping_every = ping_every
        self._silent_after = silent_after
        self.tick = min(ping_every, silent_after) / 5
        self._pinged_at = now
        self._checked_at = now
        self._awake_since = now
        self._unanswered_since: float | None = None

    def answered(self) -> None:
        """The PBX answered a ping."""
        self._unanswered_since = None

    def verdict(self, *, now: float, heard_at: float) -> str:
        """Returns "ping" (send one now), "silent" or "deaf" (give the link up), or "" (go on)."""
        if now - self._checked_at > self._silent_after / 2:
            # We ourselves stood still (stopped, swapped out): what the PBX sent meanwhile is still to be read.
            self._awake_since = now
            self._unanswered_since = None
        self._checked_at = now
        if now - max(heard_at, self._awake_since) >= self._silent_after:
            return "silent"
        if self._unanswered_since is not None and now - self._unanswered_since >= self.DEAF_FACTOR * self._silent_after:
            return "deaf"
        if now - self._pinged_at < self._ping_every:
            return ""
        self._pinged_at = now
        if self._unanswered_since is None:
            self._unanswered_since = now
        return "ping"

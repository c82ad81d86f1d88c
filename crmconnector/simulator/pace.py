"""The clock of the simulator: every wait goes through here, so that all of them can be shortened, or stopped, alike."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

SWEEP_AT = 256  # timers kept before the cancelled ones are thrown away
TURNS = 4  # of the event loop, for those a timer woke up to set their next one


class Pace:
    """Timers in seconds of the story; `speed` 10 makes a minute last six seconds."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than zero")
        self.speed = speed
        self._timers: set[asyncio.TimerHandle] = set()
        self._sweep_at = SWEEP_AT

    def now(self) -> float:
        """Story seconds since some fixed moment; only differences mean anything."""
        return asyncio.get_running_loop().time() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def later(self, seconds: float, deed: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """Run a deed after some seconds unless the handle is cancelled or the office stops."""

        def run() -> None:
            self._timers.discard(handle)
            deed(*arguments)

        handle = asyncio.get_running_loop().call_later(seconds / self.speed, run)
        self._keep(handle)
        return handle

    def cancel_all(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _keep(self, handle: asyncio.TimerHandle) -> None:
        """Now and then the cancelled ones go; looking at every timer each time is too slow for thousands of phones."""
        self._timers.add(handle)
        if len(self._timers) > self._sweep_at:
            self._timers = {timer for timer in self._timers if not timer.cancelled()}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._timers))


class VirtualPace(Pace):
    """A clock that stands still: time moves by `advance` only, so a test of five minutes lasts no time.

    Only the simulator's time is virtual. What goes over sockets needs real time, and what a test asks in between is
    answered at the standing moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._order = itertools.count()
        self._heap: list[tuple[float, int, asyncio.TimerHandle, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        handle = self.later(seconds, _wake, woken)
        try:
            await woken
        finally:
            handle.cancel()

    def later(self, seconds: float, deed: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        def run() -> None:
            deed(*arguments)

        # A ticket only: the loop never learns of it, but whoever holds it can cancel it as if it did.
        handle = asyncio.TimerHandle(self._now + max(seconds, 0.0), run, (), asyncio.get_running_loop())
        heapq.heappush(self._heap, (handle.when(), next(self._order), handle, run))
        return handle

    async def advance(self, seconds: float) -> None:
        """Let time pass: what is due runs in its order, each at its own moment; two of one moment as they were set."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        until = self._now + seconds
        await _settle()
        while self._heap and self._heap[0][0] <= until:
            self._now, _, handle, run = heapq.heappop(self._heap)
            if not handle.cancelled():
                run()
                await _settle()
        self._now = until

    def cancel_all(self) -> None:
        self._heap.clear()


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)

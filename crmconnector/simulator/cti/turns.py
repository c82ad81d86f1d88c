"""How many requests a phone works on at once, and what it does with one more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from crmconnector.simulator.httpd import CLOSE, Reply, Request
from crmconnector.simulator.profiles import Profile

Work = Callable[[], Coroutine[Any, Any, Reply]]


@dataclass(eq=False)
class _Turn:
    request: Request
    dropped: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass
class Turns:
    """`trip` is called when a request comes while the client of another still waits for its answer."""

    trip: Callable[[], None]
    _running: list[_Turn] = field(default_factory=list)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def take(self, request: Request, profile: Profile, work: Work, refused: Callable[[], Reply]) -> Reply:
        """Do the work when it is this request's turn. `refused` answers one that gets no turn."""
        if any(not turn.request.is_gone() for turn in self._running):
            self.trip()
        if self._is_full(profile):
            if profile.second_request == "503":
                return refused()
            if profile.second_request == "drop_first":
                self._drop(self._running[0])
            else:
                await self._wait(profile)
        return await self._run(_Turn(request), profile, work)

    def _is_full(self, profile: Profile) -> bool:
        return profile.max_concurrent is not None and len(self._running) >= profile.max_concurrent

    async def _wait(self, profile: Profile) -> None:
        while self._is_full(profile):
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            await mine

    def _drop(self, turn: _Turn) -> None:
        self._running.remove(turn)
        if not turn.dropped.done():
            turn.dropped.set_result(None)

    async def _run(self, turn: _Turn, profile: Profile, work: Work) -> Reply:
        self._running.append(turn)
        try:
            if profile.max_concurrent is None:
                return await work()
            return await self._run_droppable(turn, work)
        finally:
            if turn in self._running:
                self._running.remove(turn)
            self._wake_next()

    def _wake_next(self) -> None:
        while self._waiting:
            next_one = self._waiting.popleft()
            if not next_one.done():  # the others' connections were cut meanwhile
                next_one.set_result(None)
                return

    async def _run_droppable(self, turn: _Turn, work: Work) -> Reply:
        task = asyncio.create_task(work())
        both: set[asyncio.Future[Any]] = {task, turn.dropped}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else CLOSE
        finally:
            task.cancel()

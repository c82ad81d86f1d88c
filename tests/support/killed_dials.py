"""Workers killed with -9 on their way to a dial: by the phone and by the PBX, at four points of the path."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.support.ami_thread import ami_in_thread
from tests.support.dials import Asked, Ended, Switchboard, ask_to_dial, ends_of, ids, requests_by_number, wait_for_ends
from tests.support.killed import Workers, told
from tests.support.processes import eventually
from tests.support.stage import Stage

HEALTHY: Final = 4
SLOW_SECONDS: Final = 8.0  # longer than a worker lives once it has sent
# Point of the path -> steps at which a worker kills itself; "" is from outside, while it waits for the reply.
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "before the grant": ("before_grant",),
    "between grant and send": ("after_grant", "before_deed"),
    "between send and answer": ("",),
    "between answer and commit": ("after_deed",),
}
# What was granted and not sent comes last: a worker must be there in time to see that nothing happened.
KILLED_IN_TURN: Final = sorted(POINTS, key=lambda point: point == "between grant and send")


@dataclass
class Killing:
    """A stage with a listener whose workers die. Each phone is used once a turn; `by_pbx`: the last of each point's
    places ring by the PBX instead."""

    stage: Stage
    board: Switchboard
    workers: Workers
    faults: str = ""  # built into every worker; see crashing_worker
    _places: Iterator[int] = field(default_factory=count)

    def turn(self, each: int, by_pbx: int = 0) -> dict[str, list[Ended]]:
        """`each` + `by_pbx` workers killed at every point; how all commands ended. What was not yet granted is taken
        up by a healthy worker first, for else the next point's would."""
        self._places = count()
        asked: dict[str, list[Asked]] = {point: [] for point in POINTS}
        for point in KILLED_IN_TURN:
            asked[point] = self.kill(point, each, by_pbx)
            if point == "before the grant":
                self.recover(asked[point])
        self.recover([one for some in asked.values() for one in some])
        return {point: ends_of(self.board, some) for point, some in asked.items()}

    def kill(self, point: str, each: int, by_pbx: int = 0) -> list[Asked]:
        """`each` + `by_pbx` calls are asked for, and as many workers die there."""
        return self._kill(POINTS[point], self._take(each), self._take(by_pbx))

    def recover(self, asked: Sequence[Asked]) -> list[Ended]:
        """A healthy worker works until all of these have ended, and goes."""
        healthy = [self.workers.fork(f"work {self.faults}") for _ in range(HEALTHY)]
        ends = wait_for_ends(self.board, asked)
        self.dismiss(healthy)
        return ends

    def call_and_crash(self) -> list[Asked]:
        """One call by the PBX; the worker's child dies after it, and the worker itself lives on."""
        self.workers.wait_until_ready([self.workers.fork(f"crash after_deed {self.faults}")])
        asked = self._ask([], self._take(1))
        eventually(lambda: self._all_sent(asked), seconds=60, what=lambda: told(ids(asked)))
        return asked

    def freeze(self, step: str, each: int, by_pbx: int = 0) -> tuple[list[int], list[Asked]]:
        """As many workers stand still at this step: (they, the commands they were at)."""
        phones, ringing = self._take(each), self._take(by_pbx)
        pids = [self.workers.fork(f"freeze {step} {self.faults}") for _ in range(each + by_pbx)]
        self.workers.wait_until_ready(pids)
        asked = self._ask(phones, ringing)
        eventually(lambda: set(pids) == self.workers.stopped(), seconds=60, what=lambda: told(ids(asked)))
        return pids, asked

    def again(self) -> None:
        """From the first phone on: they are idle again."""
        self._places = count()

    def _kill(self, steps: Sequence[str], phones: Sequence[int], by_pbx: Sequence[int]) -> list[Asked]:
        both = len(phones) + len(by_pbx)
        orders = [f"crash {steps[turn % len(steps)]}" if steps[0] else "work" for turn in range(both)]
        pids = [self.workers.fork(f"{order} {self.faults}") for order in orders]
        self.workers.wait_until_ready(pids)
        if not steps[0]:
            return self._kill_in_mid_request(pids, phones, by_pbx)
        asked = self._ask(phones, by_pbx)
        eventually(lambda: not self._alive(pids), seconds=90, what=lambda: f"{steps} {told(ids(asked))}")
        return asked

    def _kill_in_mid_request(self, pids: Sequence[int], phones: Sequence[int], by_pbx: Sequence[int]) -> list[Asked]:
        for place in phones:
            self.stage.office.fault(str(201 + place), "slow", seconds=SLOW_SECONDS, function="api-make_call")
        self.board.slow = True
        asked = self._ask(phones, by_pbx)
        eventually(lambda: self._all_sent(asked), seconds=60, what=lambda: told(ids(asked)))
        self.dismiss(pids)
        self.board.slow = False
        return asked

    def _all_sent(self, asked: Sequence[Asked]) -> bool:
        requests = requests_by_number(self.stage)
        return all(requests[(one.extension, one.number)] or self.board.originates(one) for one in asked)

    def _ask(self, phones: Sequence[int], by_pbx: Sequence[int]) -> list[Asked]:
        asked = ask_to_dial(self.stage, phones)
        return asked + (ask_to_dial(self.stage, by_pbx, by=self.board.second_pbx) if by_pbx else [])

    def _take(self, many: int) -> list[int]:
        return [next(self._places) for _ in range(many)]

    def _alive(self, pids: Sequence[int]) -> set[int]:
        return set(pids) & set(self.workers.alive())

    def dismiss(self, pids: Sequence[int], *, in_order: bool = False) -> None:
        """kill -9; `in_order`: each ends what it is at first."""
        for pid in pids:
            self.workers.kill(pid, signal.SIGTERM if in_order else signal.SIGKILL)
        eventually(lambda: not self._alive(pids), seconds=30, what="the workers are gone")


@contextmanager
def killing(stage: Stage, workers: Workers, *, faults: str = "", listens: bool = True) -> Iterator[Killing]:
    """The listener runs and hears the office; a second PBX takes Originates. Without a listener nobody proves, ends or
    asks again: the broker alone has the word."""
    with ami_in_thread() as second:
        if listens:
            stage.product.listener()
            stage.in_step()
        yield Killing(stage, Switchboard(stage, second), workers, faults)

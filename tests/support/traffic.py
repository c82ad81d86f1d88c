"""Calls that come and go by chance: callers, people at their phones, and now and then a click on Answer."""

import random
import time
from collections.abc import Callable

from crmconnector.calls.services import CommandProblem, request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.simulator.switchboard import NoSuch
from tasks.call_control import enqueue
from tests.support.processes import eventually
from tests.support.simulated import DID, GROUP_DID, QUEUE_DID
from tests.support.stage import Stage

MOST_CALLS = 6


class Traffic:
    """One step is one deed of somebody. The seed makes the deeds the same in every run, not their moments."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.random = stage, random.Random(seed)
        self._number = 0
        self.presses = 0

    def step(self) -> None:
        deeds: list[Callable[[], None]] = [
            self._ring,
            self._ring,
            self._answer,
            self._answer,
            self._hang_up,
            self._reject,
        ]
        self.random.choice(deeds)()

    def go_on(self, seconds: float) -> None:
        """Deeds for so long; the moments are by chance because a fault must meet every kind of moment."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.step()
            time.sleep(self.random.uniform(0.0, 0.15))

    def press(self) -> None:
        """Answer is pressed on some card that rings, if there is one."""
        pops = list(Pop.objects.filter(state="ringing").select_related("leg__phone", "user"))
        if not pops:
            return
        pop = self.random.choice(pops)
        try:
            command, _ = request_answer(user=pop.user, leg=pop.leg, key=f"chaos:{self.presses}", now=utc_now())
        except CommandProblem:
            return  # it stopped ringing a moment ago
        self.presses += 1
        enqueue([command.pk])

    def end(self) -> None:
        """Everybody hangs up; returns when the office is quiet."""
        for call in self.stage.diary.live():
            self._if_it_is_there(lambda call=call: self.stage.office.remote_hangup(call))
        eventually(lambda: not self.stage.diary.live(), seconds=30, what=self.stage.diary.live)

    def _ring(self) -> None:
        if len(self.stage.diary.live()) < MOST_CALLS:
            self._number += 1
            did = self.random.choice([DID, GROUP_DID, QUEUE_DID])
            self.stage.office.incoming(f"0302312{self._number:04d}", did=did)

    def _answer(self) -> None:
        self._if_it_is_there(lambda: self.stage.office.user(self._somebody(), "answer"))

    def _reject(self) -> None:
        self._if_it_is_there(lambda: self.stage.office.user(self._somebody(), "reject"))

    def _hang_up(self) -> None:
        live = self.stage.diary.live()
        if live:
            self._if_it_is_there(lambda: self.stage.office.remote_hangup(self.random.choice(live)))

    def _somebody(self) -> str:
        return self.random.choice(self.stage.extensions)

    def _if_it_is_there(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except NoSuch:
            pass  # the call ended by itself a moment ago

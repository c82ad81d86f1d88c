"""Calls that come and go by chance: callers, people at their phones, and now and then a click on Answer."""

import random
import time
from collections.abc import Callable
from functools import partial

from crmconnector.calls.models import CallCommand
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.simulator.switchboard import NoSuch
from tasks.call_control import enqueue
from tests.support.processes import eventually
from tests.support.simulated import DID, GROUP_DID, QUEUE_DID
from tests.support.stage import Stage

MOST_CALLS = 6


class Traffic:
    """One step is one deed of somebody. The seed makes the deeds the same in every run, not their moments.

    `clicks_on` is a phone that nobody touches by hand and no other call reaches, so that a click there is answered by
    the product alone.
    """

    def __init__(self, stage: Stage, seed: int, *, clicks_on: str = "") -> None:
        self.stage, self.random = stage, random.Random(seed)
        self.clicks_on, self._clicked = clicks_on, ""
        self._number = 0

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

    def ring_and_press(self) -> None:
        """A new call for the phone kept for clicks, and Answer as soon as its card is there."""
        assert self.clicks_on, "no phone is kept for clicks"
        eventually(
            lambda: not CallCommand.objects.filter(settled=False).exists(), seconds=60, what=self.stage.product.said
        )
        self._if_it_is_there(partial(self.stage.office.remote_hangup, self._clicked))
        self._clicked = self.stage.office.incoming(self._next_number(), target=self.clicks_on)
        pops = Pop.objects.filter(call__linkedid=self._clicked, state="ringing").select_related("leg__phone", "user")
        pop = eventually(pops.first, seconds=30, what=self.stage.product.said)
        command, _ = request_answer(user=pop.user, leg=pop.leg, key=f"click:{pop.leg_id}", now=utc_now())
        enqueue([command.pk])

    def end(self) -> None:
        """Everybody hangs up; returns when the office is quiet."""
        for call in self.stage.diary.live():
            self._if_it_is_there(partial(self.stage.office.remote_hangup, call))
        eventually(lambda: not self.stage.diary.live(), seconds=30, what=self.stage.diary.live)

    def _ring(self) -> None:
        if len(self.stage.diary.live()) >= MOST_CALLS:
            return
        if self.clicks_on:
            self.stage.office.incoming(self._next_number(), target=self._somebody())
        else:
            self.stage.office.incoming(self._next_number(), did=self.random.choice([DID, GROUP_DID, QUEUE_DID]))

    def _next_number(self) -> str:
        self._number += 1
        return f"0302312{self._number:04d}"

    def _answer(self) -> None:
        self._if_it_is_there(lambda: self.stage.office.user(self._somebody(), "answer"))

    def _reject(self) -> None:
        self._if_it_is_there(lambda: self.stage.office.user(self._somebody(), "reject"))

    def _hang_up(self) -> None:
        live = [call for call in self.stage.diary.live() if call != self._clicked]
        if live:
            self._if_it_is_there(lambda: self.stage.office.remote_hangup(self.random.choice(live)))

    def _somebody(self) -> str:
        return self.random.choice([one for one in self.stage.extensions if one != self.clicks_on])

    def _if_it_is_there(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except NoSuch:
            pass  # the call ended by itself a moment ago

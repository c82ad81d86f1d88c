"""Carries out test cards: call events as a real ring brings them, through the dispatch table, under the leader's epoch.

The PBX knows nothing of these calls: their Linkedid begins with `test-`, the resync passes them over, and no phone
rings. A test ends after some seconds, or at once when a real call comes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import Error as DatabaseProblem
from django.db import transaction

from crmconnector.calls import events as ev
from crmconnector.common.clock import utc_now
from crmconnector.common.database import in_database
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.fence import Fenced
from crmconnector.pbx.models import Line, Pbx, Trunk
from crmconnector.screenpop import trials
from crmconnector.screenpop.models import PopTest
from crmconnector.screenpop.publisher import wake

LOOK_SECONDS = 0.25
CALLER_NAME = "Test, nobody is calling"
NOBODYS_NUMBER = "+12025550199"  # kept free for stories: nobody has it
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PretendedRings:
    """`run` belongs beside the writer of one term of leadership."""

    pbx: Pbx
    epoch: int

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                users = await in_database(lambda: ring_and_end(pbx=self.pbx, epoch=self.epoch, now=utc_now()))
                if users:
                    await asyncio.to_thread(wake, users)
            except DatabaseProblem as error:
                log.warning("listener.trials_not_looked_at", reason=type(error).__name__)
            except Fenced:
                raise
            except Exception:
                log.exception("listener.trial_failed", pbx=self.pbx.name)  # a fault of ours must not cost the calls


def ring_and_end(*, pbx: Pbx, epoch: int, now: datetime) -> set[int]:
    """One look: begin what was asked, end what has rung long enough. Returns the users to wake."""
    users: set[int] = set()
    for test in trials.open_trials():
        if test.taken_at is None:
            users |= _begin(pbx, epoch, test, now)
        elif test.call is None or test.call.pbx_id == pbx.pk:
            users |= _end(pbx, epoch, test, now)
    return users


def _begin(pbx: Pbx, epoch: int, test: PopTest, now: datetime) -> set[int]:
    """Nothing when this person's phone is at another PBX; its own leader takes it then."""
    if now - test.asked_at > timedelta(seconds=trials.VOID_SECONDS):
        trials.note_ended(test_id=test.pk, now=now, problem="no_listener")
        return set()
    seats = trials.seats_of_person(user_id=test.user_id, at=now)
    seat = next((seat for seat in seats if seat.pbx_id == pbx.pk), None)
    if seat is None or seat is not seats[0]:
        return set()
    if trials.is_on_a_call(user_id=test.user_id, now=now):
        trials.note_ended(test_id=test.pk, now=now, problem="on_a_call")
        return set()
    with transaction.atomic():  # taken, rung and noted, or nothing of it: no call of a test stays behind without one
        if not trials.note_taken(test_id=test.pk, now=now):
            return set()
        users = handle_batch(pbx=pbx, epoch=epoch, batch=ring_events(pbx, test, seat.endpoint, now), now=now)
        trials.note_written(test=test, linkedid=linkedid_of(test), now=utc_now())
    return users


def _end(pbx: Pbx, epoch: int, test: PopTest, now: datetime) -> set[int]:
    """After its seconds, or when a real call needs the screen. Also what a listener that died left behind."""
    busy = trials.is_on_a_call(user_id=test.user_id, now=now)
    if not busy and test.taken_at is not None and now - test.taken_at < timedelta(seconds=trials.RINGS_SECONDS):
        return set()
    users: set[int] = set()
    with transaction.atomic():
        if test.call is not None:
            users = handle_batch(pbx=pbx, epoch=epoch, batch=end_events(test, now), now=now)
        trials.note_ended(test_id=test.pk, now=now, problem="real_call" if busy else "")
    return users


def linkedid_of(test: PopTest) -> str:
    return f"test-{test.pk.hex}"


def ring_events(pbx: Pbx, test: PopTest, endpoint: str, now: datetime) -> list[ev.CallEvent]:
    """As an incoming call to the first named line tells itself, by the first trunk that is known."""
    trunk = Trunk.objects.filter(pbx=pbx, is_trunk=True).order_by("pk").values_list("endpoint", flat=True).first()
    line = Line.objects.filter(pbx=pbx).order_by("pk").values_list("did", flat=True).first()
    caller = ev.Party(trunk or "test", test.number or NOBODYS_NUMBER, CALLER_NAME)
    call, at = linkedid_of(test), now.timestamp()
    return [
        ev.CallStarted(call, at, "inbound", False, caller, line, test=True),
        ev.LegRinging(call, at, f"{call}-leg", endpoint, caller, None, line),
    ]


def end_events(test: PopTest, now: datetime) -> list[ev.CallEvent]:
    call, at = linkedid_of(test), now.timestamp()
    endpoint = test.call.legs.values_list("endpoint", flat=True).first() if test.call else None
    return [
        ev.LegEnded(call, at, f"{call}-leg", endpoint or "", "cancelled", None),
        ev.CallEnded(call, at, "cancelled", None, None),
    ]

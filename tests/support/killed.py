"""Workers that kill themselves at a named step of the answer's path, and the story that counts what was sent."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from crmconnector.calls.models import CallCommand
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.simulator.running import RunningOffice
from tasks.call_control import enqueue
from tests.support.office import RowOffice
from tests.support.processes import ROOT, Product, eventually, product_environment

BY_OURSELVES = ("before_enqueue", "during_send")  # no worker kills itself there: the story does it
# Steps that share a stage, and the ends that are right for them. What was sent is proved by the PBX; what was granted
# and never sent is told as not done; what was not yet granted is carried out by the next worker.
GROUPS = [
    (("before_enqueue", "before_grant"), {"confirmed"}),
    (("after_grant", "before_deed"), {"failed"}),
    (("during_send", "after_deed", "after_record"), {"confirmed"}),
]


class HasOffice(Protocol):
    office: RunningOffice
    rows: RowOffice
    product: Product

    def in_step(self) -> None: ...


class Workers:
    def __init__(self) -> None:
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crashing_worker"], cwd=ROOT, env=product_environment(REHEARSAL="1"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.pids: list[int] = []

    def fork(self, order: str) -> int:
        self.nursery.stdin.write(f"{order}\n")
        self.nursery.stdin.flush()
        self.pids.append(int(self.nursery.stdout.readline()))
        return self.pids[-1]

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def alive(self) -> list[int]:
        return [pid for pid in self.pids if os.path.exists(f"/proc/{pid}") and _state(pid) != "Z"]

    def stop(self) -> None:
        for pid in self.pids:
            self.kill(pid)
        self.nursery.kill()
        self.nursery.wait(10)


def kill_at(stage: HasOffice, workers: Workers, steps: Sequence[str], *, times: int) -> list[UUID]:
    """Press Answer on `times` phones per step (the stage has just so many), kill a worker at each, then let a healthy
    one work; returns the commands when all have ended."""
    count = times * len(steps)
    stage.product.listener()
    stage.in_step()
    doomed = [workers.fork(f"crash {step}") for step in steps if step not in BY_OURSELVES for _ in range(times)]
    slow = range(times) if "during_send" in steps else range(0)
    lingering = [workers.fork("work") for _ in slow]
    commands = ring_and_press(stage, slow, hand_out=count - times if "before_enqueue" in steps else count)
    eventually(lambda: len(sends(stage)) >= len(slow), seconds=60, what=lambda: told(commands))
    eventually(lambda: not set(doomed) & set(workers.alive()), seconds=60, what=lambda: told(commands))
    for pid in lingering:
        workers.kill(pid)  # in the middle of their requests: the phones answer after 8 seconds
    healthy = workers.fork("work")
    eventually(lambda: all_ended(commands), seconds=90, what=lambda: told(commands) + stage.product.said())
    assert healthy in workers.alive()
    return commands


def ring_and_press(stage: HasOffice, slow: range, *, hand_out: int) -> list[UUID]:
    """A call on every phone, Answer pressed by everybody; the first `hand_out` reach the broker at once."""
    for place in range(len(stage.rows.users)):
        if place in slow:
            stage.office.fault(str(201 + place), "slow", seconds=8.0, function="api-phone_operation")
        stage.office.incoming(f"030231255{place:02d}", target=str(201 + place))
    everybody = len(stage.rows.users)
    eventually(lambda: Pop.objects.filter(state="ringing").count() == everybody, seconds=30, what=stage.product.said)
    pops = Pop.objects.select_related("leg", "user").order_by("leg__endpoint")
    made = [request_answer(user=pop.user, leg=pop.leg, key=f"t:{pop.leg_id}", now=utc_now())[0].pk for pop in pops]
    enqueue(made[:hand_out])
    return made


def sends(stage: HasOffice, extension: str | None = None) -> list[dict[str, Any]]:
    return [row for row in stage.office.journal(extension) if "phone_operation" in row["path"]]


def sends_per_phone(stage: HasOffice) -> list[int]:
    return [len(sends(stage, extension=str(201 + place))) for place in range(len(stage.rows.users))]


def states(commands: Sequence[UUID]) -> list[tuple[str, str]]:
    return list(CallCommand.objects.filter(pk__in=commands).values_list("state", "reason_code"))


def all_ended(commands: Sequence[UUID]) -> bool:
    return not CallCommand.objects.filter(pk__in=commands, settled=False).exists()


def told(commands: Sequence[UUID]) -> str:
    return str(states(commands))


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"

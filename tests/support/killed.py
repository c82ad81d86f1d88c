"""Workers that kill themselves at a named step of the answer's path, and the story that counts what was sent."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
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

FORK_SECONDS = 60  # the nursery imports everything before its first answer
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
        self.ready: set[int] = set()  # those that take messages
        self._forked: queue.Queue[int] = queue.Queue()
        threading.Thread(target=self._read, name="nursery", daemon=True).start()

    def fork(self, order: str) -> int:
        self.nursery.stdin.write(f"{order}\n")
        self.nursery.stdin.flush()
        self.pids.append(self._forked.get(timeout=FORK_SECONDS))
        return self.pids[-1]

    def wait_until_ready(self, pids: Sequence[int]) -> None:
        """They would take a message now. On a busy machine that is a long time after they were forked."""
        eventually(lambda: set(pids) <= self.ready, seconds=180, what="the workers are ready")

    def _read(self) -> None:
        for line in self.nursery.stdout:
            word, pid = line.split()
            if word == "forked":
                self._forked.put(int(pid))
            else:
                self.ready.add(int(pid))

    def kill(self, pid: int, signal_number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)

    def alive(self) -> list[int]:
        return [pid for pid in self.pids if os.path.exists(f"/proc/{pid}") and _state(pid) != "Z"]

    def thaw(self, pid: int) -> None:
        self.kill(pid, signal.SIGCONT)

    def stopped(self) -> set[int]:
        """Who stands still (SIGSTOP)."""
        return {pid for pid in self.alive() if _state(pid) == "T"}

    def stop(self) -> None:
        for pid in self.pids:
            self.kill(pid)
        self.nursery.kill()
        self.nursery.wait(10)


def kill_at(stage: HasOffice, workers: Workers, steps: Sequence[str], *, times: int) -> list[UUID]:
    """Press Answer on `times` phones per step (the stage has just so many), kill `times` workers at each, then let a
    healthy one work; returns the commands when all have ended."""
    stage.product.listener()
    stage.in_step()
    commands: list[UUID] = []
    for place, step in enumerate(steps):
        commands += _kill_step(stage, workers, step, phones=range(place * times, (place + 1) * times))
    healthy = workers.fork("work")
    eventually(lambda: all_ended(commands), seconds=90, what=lambda: told(commands) + stage.product.said())
    assert healthy in workers.alive()
    return commands


def _kill_step(stage: HasOffice, workers: Workers, step: str, *, phones: range) -> list[UUID]:
    """As many kills as phones, and only this step's workers are there to take the work."""
    if step == "before_enqueue":
        return ring_and_press(stage, phones, hand_out=False)
    before = len(sends(stage))
    order = "work" if step in BY_OURSELVES else f"crash {step}"
    pids = [workers.fork(order) for _ in phones]
    commands = ring_and_press(stage, phones, hand_out=True, slow=step == "during_send")
    if step == "during_send":
        eventually(lambda: len(sends(stage)) == before + len(phones), seconds=60, what=lambda: told(commands))
        for pid in pids:
            workers.kill(pid)  # in the middle of their requests: the phones answer after 8 seconds
    eventually(lambda: not set(pids) & set(workers.alive()), seconds=60, what=lambda: f"{step} {told(commands)}")
    return commands


def ring_and_press(stage: HasOffice, phones: range, *, hand_out: bool, slow: bool = False) -> list[UUID]:
    """A call on each of these phones, Answer pressed by everybody; without `hand_out` the broker hears nothing."""
    for place in phones:
        if slow:
            stage.office.fault(str(201 + place), "slow", seconds=8.0, function="api-phone_operation")
        stage.office.incoming(f"030231255{place:02d}", target=str(201 + place))
    users = [stage.rows.users[place] for place in phones]
    ringing = Pop.objects.filter(state="ringing", user__in=users).select_related("leg", "user")
    eventually(lambda: ringing.count() == len(users), seconds=30, what=stage.product.said)
    made = [request_answer(user=pop.user, leg=pop.leg, key=f"t:{pop.leg_id}", now=utc_now())[0].pk for pop in ringing]
    if hand_out:
        enqueue(made)
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

"""kill -9 at each step of the answer's path, ten times each: never two sends, always an end or an honest "not sure"."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from crmconnector.calls.models import CallCommand
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from tasks.call_control import enqueue
from tests.support.processes import ROOT, eventually, product_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
TIMES = 10
# Where the kill falls -> the ends that are right there. Sent commands are proved by the PBX; unsent ones are told.
ENDS = {
    "before_enqueue": {"confirmed"},
    "before_grant": {"confirmed"},
    "after_grant": {"failed"},
    "before_deed": {"failed"},
    "during_send": {"confirmed"},
    "after_deed": {"confirmed"},
    "after_record": {"confirmed"},
}


class Workers:
    def __init__(self) -> None:
        self.nursery = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "tests.support.crashing_worker"], cwd=ROOT, env=product_environment(REHEARSAL="1"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
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


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.mark.parametrize("step", list(ENDS))
def test_a_worker_killed_at_this_step_never_makes_two_sends(stage_of, workers, step):
    stage = stage_of(phones=TIMES)
    stage.product.listener()
    stage.in_step()
    crashers = [] if step in ("before_enqueue", "during_send") else [workers.fork(f"crash {step}") for _ in range(TIMES)]
    if step == "during_send":
        crashers = [workers.fork("work") for _ in range(TIMES)]
    commands = ring_and_press(stage, step)
    if step == "during_send":
        eventually(lambda: len(sends(stage)) == TIMES, seconds=60, what=lambda: told(commands))
    for pid in crashers:
        if step != "during_send":
            eventually(lambda: pid not in workers.alive(), seconds=60, what=lambda: told(commands))
        workers.kill(pid)
    healthy = workers.fork("work")
    eventually(lambda: all_ended(commands), seconds=90, what=lambda: told(commands) + stage.product.said())
    assert healthy in workers.alive()
    assert {state for state, _ in states(commands)} <= ENDS[step], told(commands)
    per_phone = [len(sends(stage, extension=str(201 + place))) for place in range(TIMES)]
    assert max(per_phone) <= 1, "two sends"
    if step in ("after_grant", "before_deed"):
        assert sum(per_phone) == 0
    assert stage.office.tripwires() == []
    print(f"\nkilled {step}: {TIMES} commands, {sum(per_phone)} sends, ends {sorted(set(states(commands)))}")


def ring_and_press(stage, step) -> list:
    """A call on every phone, Answer pressed by everybody."""
    for place, user in enumerate(stage.rows.users):
        if step == "during_send":
            stage.office.fault(str(201 + place), "slow", seconds=8.0, function="api-phone_operation")
        stage.office.incoming(f"030231255{place:02d}", target=str(201 + place))
        eventually(lambda: Pop.objects.filter(user=user, state="ringing").exists(), what=stage.product.said)
    made = []
    for user in stage.rows.users:
        pop = Pop.objects.select_related("leg").get(user=user)
        made.append(request_answer(user=user, leg=pop.leg, key=f"t:{pop.leg_id}", now=utc_now())[0].pk)
    if step != "before_enqueue":
        enqueue(made)
    return made


def sends(stage, extension=None) -> list:
    return [row for row in stage.office.journal(extension) if "phone_operation" in row["path"]]


def states(commands) -> list[tuple[str, str]]:
    return list(CallCommand.objects.filter(pk__in=commands).values_list("state", "reason_code"))


def all_ended(commands) -> bool:
    return not CallCommand.objects.filter(pk__in=commands, settled=False).exists()


def told(commands) -> str:
    return str(states(commands))


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"

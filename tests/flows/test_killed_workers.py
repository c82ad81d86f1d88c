"""kill -9 at each step of the answer's path, ten times each: never two sends, always an end or an honest "not sure"."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
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
BY_OURSELVES = ("before_enqueue", "during_send")  # no worker kills itself there: the test does it
# Steps that share a stage, and the ends that are right for them. What was sent is proved by the PBX; what was granted
# and never sent is told as not done; what was not yet granted is carried out by the next worker.
GROUPS = [
    (("before_enqueue", "before_grant"), {"confirmed"}),
    (("after_grant", "before_deed"), {"failed"}),
    (("during_send", "after_deed", "after_record"), {"confirmed"}),
]


class Workers:
    def __init__(self) -> None:
        self.nursery = subprocess.Popen(  # noqa: S603
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


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.mark.parametrize(("steps", "right_ends"), GROUPS, ids=lambda value: "+".join(sorted(value)))
def test_workers_killed_at_these_steps_never_make_two_sends(stage_of, workers, steps, right_ends):
    count = TIMES * len(steps)
    stage = stage_of(phones=count)
    stage.product.listener()
    stage.in_step()
    doomed = [workers.fork(f"crash {step}") for step in steps if step not in BY_OURSELVES for _ in range(TIMES)]
    slow = range(TIMES) if "during_send" in steps else range(0)
    lingering = [workers.fork("work") for _ in slow]
    commands = ring_and_press(stage, slow, hand_out=count - TIMES if "before_enqueue" in steps else count)
    eventually(lambda: len(sends(stage)) >= len(slow), seconds=60, what=lambda: told(commands))
    eventually(lambda: not set(doomed) & set(workers.alive()), seconds=60, what=lambda: told(commands))
    for pid in lingering:
        workers.kill(pid)  # in the middle of their requests: the phones answer after 8 seconds
    healthy = workers.fork("work")
    eventually(lambda: all_ended(commands), seconds=90, what=lambda: told(commands) + stage.product.said())
    assert healthy in workers.alive()
    per_phone = [len(sends(stage, extension=str(201 + place))) for place in range(count)]
    print(f"\nkilled {' and '.join(steps)}: {count} commands, {sum(per_phone)} sends, ends {Counter(states(commands))}")
    assert max(per_phone) <= 1, "two sends"
    ends = {state for state, _ in states(commands)}
    assert ends <= right_ends, told(commands)
    assert sum(per_phone) == (count if right_ends == {"confirmed"} else 0)
    assert stage.office.tripwires() == []


def ring_and_press(stage, slow, *, hand_out: int) -> list:
    """A call on every phone, Answer pressed by everybody; the first `hand_out` reach the broker at once."""
    for place in range(len(stage.rows.users)):
        if place in slow:
            stage.office.fault(str(201 + place), "slow", seconds=8.0, function="api-phone_operation")
        stage.office.incoming(f"030231255{place:02d}", target=str(201 + place))
    everybody = len(stage.rows.users)
    eventually(lambda: Pop.objects.filter(state="ringing").count() == everybody, seconds=30, what=stage.product.said)
    made = []
    for pop in Pop.objects.select_related("leg", "user").order_by("leg__endpoint"):
        made.append(request_answer(user=pop.user, leg=pop.leg, key=f"t:{pop.leg_id}", now=utc_now())[0].pk)
    enqueue(made[:hand_out])
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

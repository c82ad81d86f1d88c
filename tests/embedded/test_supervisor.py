"""The supervisor in this process, with children that misbehave."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crmconnector.embedded.plan import REPOSITORY
from crmconnector.embedded.process import Child
from crmconnector.embedded.signals import Signals, listen_for_signals
from crmconnector.embedded.supervisor import Supervisor
from tests.support.supervisor import is_gone, wait_until

NOTE_PID = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid()));"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + NOTE_PID + "time.sleep(3600)"
PARENT = (
    NOTE_PID + "import subprocess; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[3]]);"
    "exec('while not os.path.exists(sys.argv[3]): time.sleep(0.01)')"
)


@dataclass
class Desk:
    supervisor: Supervisor
    signals: Signals
    folder: Path
    said: list[str] = field(default_factory=list)

    def child(self, name: str, program: str, *words: str, stop_seconds: float = 0.3) -> Child:
        command = (sys.executable, "-c", program, str(self.folder / name), *words)
        return Child(name, command, dict(os.environ), self.folder, stop_seconds=stop_seconds)

    def pid(self, name: str) -> int:
        file = self.folder / name
        wait_until(lambda: file.exists() and file.read_text(), f"{name} runs")
        return int(file.read_text())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with listen_for_signals() as signals:
        said: list[str] = []
        supervisor = Supervisor(tmp_path, signals, said.append)
        yield Desk(supervisor, signals, tmp_path, said)
        supervisor.stop(servers=0)


def test_a_child_that_ignores_the_request_is_killed_after_its_deadline(desk: Desk) -> None:
    desk.supervisor.start(desk.child("stubborn", STUBBORN))
    pid = desk.pid("stubborn")
    desk.supervisor.stop(servers=0)
    assert is_gone(pid)
    assert desk.said == ["stubborn did not stop in time and was ended"]


def test_a_second_request_to_stop_waits_for_nobody(desk: Desk) -> None:
    desk.supervisor.start(desk.child("stubborn", STUBBORN, stop_seconds=3600))
    pid = desk.pid("stubborn")
    desk.signals.stops = 2
    desk.supervisor.stop(servers=0)
    assert is_gone(pid)


def test_what_a_dead_child_left_behind_is_ended_before_it_is_started_again(desk: Desk) -> None:
    desk.supervisor.start(desk.child("parent", PARENT, NOTE_PID + "time.sleep(3600)", str(desk.folder / "grandchild")))
    grandchild = desk.pid("grandchild")
    wait_until(lambda: (desk.supervisor.look(), desk.said)[1], "the end of the parent is noted")
    wait_until(lambda: is_gone(grandchild), "the grandchild is gone")
    assert "parent ended with exit code 0, starting it again in 0.5 s" in desk.said[0]


def test_a_child_that_can_no_longer_be_started_is_said_and_tried_again(desk: Desk) -> None:
    program = desk.folder / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    desk.supervisor.start(Child("fragile", (str(program),), {}, desk.folder))
    program.unlink()
    wait_until(lambda: (desk.supervisor.look(), len(desk.said))[1] >= 2, "the failed start is said")
    assert "fragile could not be started: [Errno 2]" in desk.said[1]


def test_a_signal_ends_the_pause_at_once(desk: Desk) -> None:
    os.kill(os.getpid(), 15)
    assert desk.supervisor.watch() is False
    assert desk.signals.stops == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another account")
def test_the_account_of_the_servers_has_none_of_the_groups_of_root() -> None:
    program = (
        "from crmconnector.embedded.accounts import run_as, server_account\n"
        "account = server_account()\n"
        "print(account.gid, run_as(account, ['/usr/bin/id', '-G'], cwd='/').stdout)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, extra_groups=[0, 4, 6], capture_output=True, text=True
    )
    own, *found = done.stdout.split()
    assert found == [own], done.stderr

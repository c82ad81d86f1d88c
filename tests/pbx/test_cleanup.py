"""However the lab is ended, nothing of it stays behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.children import wait_until
from tests.pbx.run_folder import PREFIX
from tests.support.lab import Lab, LabError, lab_missing


@contextlib.contextmanager
def playing(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m tests.pbx.play` in a process of its own, its temporary files under `folder`."""
    missing = lab_missing()
    if missing:
        pytest.skip(missing)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.pbx.play"],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as play:
        assert play.stdout is not None
        said = []
        for line in play.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail("".join(said))
        try:
            yield play
        finally:
            play.kill()


def family(pid: int) -> set[int]:
    """The children of a process."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return {int(word) for word in told.split()}


def is_running(pid: int) -> bool:
    """Gone or a zombie that nobody has asked after (there may be no init to do so): not running."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_terminate_end_every_process_and_remove_the_run_folder(
    tmp_path_short: Path, ending: signal.Signals
) -> None:
    with playing(tmp_path_short) as play:
        children = family(play.pid)
        assert len(children) == 6  # the PBX, four desks, the trunk
        assert len(list(tmp_path_short.glob(f"{PREFIX}*"))) == 1
        play.send_signal(ending)
        assert play.wait(20) == 0
        assert not [pid for pid in children if is_running(pid)]
    assert list(tmp_path_short.glob(f"{PREFIX}*")) == []


def test_kill_nine_leaves_no_process_and_the_next_run_removes_the_folder(
    tmp_path_short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing(tmp_path_short) as play:
        children = family(play.pid)
        assert len(children) == 6
        play.kill()
        play.wait(10)
        wait_until(lambda: not any(is_running(pid) for pid in children), "the orphans to end")
    left = list(tmp_path_short.glob(f"{PREFIX}*"))
    assert len(left) == 1
    with playing(tmp_path_short):
        assert left[0] not in tmp_path_short.glob(f"{PREFIX}*")


def test_a_running_labs_folder_is_not_swept_by_another(tmp_path_short: Path) -> None:
    with playing(tmp_path_short):
        first = set(tmp_path_short.glob(f"{PREFIX}*"))
        with playing(tmp_path_short):
            assert first < set(tmp_path_short.glob(f"{PREFIX}*"))


def test_a_lab_that_was_stopped_says_so() -> None:
    with pytest.raises(LabError, match="not started"):
        _ = Lab().ami_port


@pytest.fixture
def tmp_path_short() -> Iterator[Path]:
    """pytest's own folder has too long a name for a socket."""
    with tempfile.TemporaryDirectory(prefix="lt-") as folder:
        yield Path(folder)

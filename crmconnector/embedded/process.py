"""One child process: how it is started, stopped, and where its output goes.

Every child is in a process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone and the order of
stopping is ours. On Linux the kernel signals the child when the supervisor dies, even by kill -9.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from crmconnector.embedded.accounts import Account

LOG_LIMIT_BYTES = 10 * 1024 * 1024
PR_SET_PDEATHSIG = 1
# Loaded here because nothing may be loaded between fork and exec.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Child:
    """What to run. `death_signal` is sent by the kernel when the supervisor dies before the child."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    account: Account | None = None
    stdin_text: str = field(default="", repr=False)
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 5.0
    death_signal: int = signal.SIGKILL
    before_start: Callable[[], None] | None = None


class Running:
    """A started child. Its output goes to the log; standard output apart from it if a file is given."""

    def __init__(self, child: Child, log: Path, output: IO[bytes] | None = None) -> None:
        if child.before_start:
            child.before_start()
        self.child = child
        self.started_at = time.monotonic()
        with open_log(log) as errors, _stdin(child.stdin_text) as stdin:
            drop = child.account.popen_arguments() if child.account else {}
            self._process = subprocess.Popen(  # noqa: S603  # our own command lists, no shell
                child.command,
                stdin=stdin,
                stdout=output or errors,
                stderr=errors,
                env=dict(child.environment),
                cwd=child.folder,
                process_group=0,
                # Runs after the change of user, which would clear the wish again.
                preexec_fn=_die_with_parent(child.death_signal),
                **drop,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Signal the child alone; does nothing when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill_group(self) -> None:
        """End the child and whatever it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.send(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Has it ended within so many seconds?"""
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, stop_signal: int | None = None) -> None:
        """Ask, wait for the child's own deadline, then kill."""
        self.send(self.child.stop_signal if stop_signal is None else stop_signal)
        if not self.wait(self.child.stop_seconds):
            self.kill_group()
            self.wait(5.0)


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, readable by its owner alone; `trim_log` may cut it while it is written."""
    trim_log(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def trim_log(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Move a grown log to `<name>.1`. Copied and cut, because the writer keeps its file open (for appending)."""
    if path.exists() and path.stat().st_size > limit_bytes:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def last_line(path: Path, pid: int | None = None) -> str:
    """The last line with something in it, cut to the width of a sentence.

    With `pid` the last that names this process, if any does: what an earlier server's sessions leave behind may be
    written into the same log after the last word of the new one.
    """
    with contextlib.suppress(OSError), path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 4096))
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        own = [line for line in lines if pid is not None and re.search(rf"\b{pid}\b", line)]
        return "".join(sign if sign.isprintable() else " " for sign in (own or lines)[-1])[:200] if lines else ""
    return ""


@contextlib.contextmanager
def _stdin(text: str) -> Iterator[IO[bytes] | int]:
    if not text:
        yield subprocess.DEVNULL
        return
    # A file without a name: a server's settings hold its password, so neither the command line nor the disk shows them.
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _die_with_parent(number: int) -> Callable[[], None] | None:
    if LIBC is None:
        return None
    libc, parent = LIBC, os.getpid()

    def wish() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we could wish
            os._exit(1)

    return wish

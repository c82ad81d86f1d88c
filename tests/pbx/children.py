"""Child processes that cannot outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PR_SET_PDEATHSIG = 1
_given_ports: set[int] = set()
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    # The kernel ends the child when its parent goes, even by kill -9; the setting survives exec.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_child(
    command: Sequence[str | Path],
    *,
    output: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (Ctrl-C reaches only us), its output in a file.

    Call it from a thread that lives as long as the child may: the kernel ends the child with that very thread.
    """
    with output.open("ab") as log:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def stop_child(child: subprocess.Popen[bytes], *, patience_seconds: float = 3) -> None:
    """Ask a child to end; end it, and all it started, if it does not."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait(10)


def wait_until(condition: Callable[[], T], what: str, *, timeout_seconds: float = 20, step_seconds: float = 0.02) -> T:
    """Return the first true answer of `condition`; raise TimeoutError naming `what` after the deadline."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_seconds:g} s in vain for: {what}")
        time.sleep(step_seconds)


def free_port(kind: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that nobody uses now and that was not given out before.

    It lies below the range from which the kernel takes ports for outgoing connections, so none of those gets it between
    this answer and its use.
    """
    chooser = int.from_bytes(os.urandom(2), "big")
    for step in range(2000):
        port = 20000 + (chooser + step * 7) % 12000
        if port in _given_ports:
            continue
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise OSError("no free port between 20000 and 32000")

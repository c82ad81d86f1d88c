"""`manage.py up`: seconds until the address is printed, with an empty state folder and with the same one again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.round_trips import timed
from tests.support.processes import ROOT, free_port

DEADLINE_SECONDS = 90.0
NOTHING = [sys.executable, "-c", "pass"]


def measure(folder: Path) -> list[Figure]:
    state = folder / "state"
    cold, warm = _start(state, folder / "cold.log"), _start(state, folder / "warm.log")
    nothing = min(timed(lambda: subprocess.run(NOTHING, check=True), times=3))
    against = "python -c pass"
    return [Figure("first start to ready", cold, "s", against, nothing),
            Figure("second start to ready", warm, "s", against, nothing)]  # fmt: skip


def _start(state: Path, log: Path) -> float:
    """Start, wait for the address, stop in order; seconds to the address."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment = clean | {"STATE_DIR": str(state), "PORT": str(free_port())}
    began = time.perf_counter()
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        while b"Open http" not in log.read_bytes():
            if up.poll() is not None or time.perf_counter() - began > DEADLINE_SECONDS:
                raise RuntimeError(f"no start:\n{log.read_text()}")
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)

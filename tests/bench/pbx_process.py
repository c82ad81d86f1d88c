"""The pretend PBX's process, as seen by whoever starts it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.processes import ROOT


class PbxProcess:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.bench.pretend_pbx"]
        self._popen = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port: int = self.answer()["port"]

    def order(self, do: str, **what: Any) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._popen.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What it says next; waits for it."""
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        if not line:
            raise RuntimeError("the pretend PBX has died")
        return dict(json.loads(line))

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        self.order(do, **what)
        return self.answer()

    def stop(self) -> None:
        self._popen.kill()
        self._popen.wait(10)
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def pretend_pbx() -> Iterator[PbxProcess]:
    started = PbxProcess()
    try:
        yield started
    finally:
        started.stop()

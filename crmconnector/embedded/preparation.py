"""The one-shot that prepares the database before anything else of the product runs."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.process import Child, Running

SHOWN_LINES = 60


def prepare(
    command: tuple[str, ...], environment: Mapping[str, str], folder: Path, log: Path, pause: Callable[[float], None]
) -> dict[str, Any]:
    """Run the command to its end; its last line of standard output is a JSON object, which is the answer.

    When it fails, everything it said is shown, and its exit code becomes ours.
    """
    log.unlink(missing_ok=True)  # only the last preparation is worth reading
    with tempfile.TemporaryFile() as output:
        running = Running(Child("prepare", command, environment, folder, stop_seconds=3.0), log, output)
        try:
            while (code := running.exit_code()) is None:
                pause(0.1)
        finally:
            running.stop()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if code != 0:
        raise CannotStart(
            f"The database could not be prepared:\n{_tail(said + _read(log))}", "", code if code > 0 else 1
        )
    return _answer(said, log)


def _answer(said: str, log: Path) -> dict[str, Any]:
    lines = [line for line in said.splitlines() if line.strip()]
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        answer = None
    if not isinstance(answer, dict):
        raise CannotStart("The database was prepared, but not how was said.", f"See {log}")
    return answer


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])

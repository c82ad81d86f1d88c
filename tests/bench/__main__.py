"""`make bench`: figures of this machine, each beside something simple measured in the same run.

    python -m tests.bench                    all of them
    python -m tests.bench --only tracker     one of them; --only may be given again
    python -m tests.bench --json FILE        also as JSON

Starts a PostgreSQL and a Valkey of its own and leaves nothing behind. The events of all figures are one published mix;
see mix.py.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.test.utils import (  # noqa: E402
    setup_databases,
    setup_test_environment,
    teardown_databases,
    teardown_test_environment,
)  # fmt: skip

from tests.bench import (  # noqa: E402
    ami_bytes,
    batch_write,
    bytes_to_calls,
    command_path,
    contact_import,
    many_desks,
    number_lookup,
    pages,
    phone_fleet,
    resync_time,
    ring_and_answer,
    second_start,
    storm,
    tracker_alone,
)  # fmt: skip
from tests.bench.figures import Figure  # noqa: E402
from tests.support.table import print_table  # noqa: E402

BENCHES: dict[str, Callable[[Path], list[Figure]]] = {
    "ami": ami_bytes.measure,
    "calls": bytes_to_calls.speed,
    "tracker": tracker_alone.measure,
    "memory": bytes_to_calls.memory,
    "batch": batch_write.measure,
    "ring": ring_and_answer.ring_to_browser,
    "answer": ring_and_answer.answer_to_proof,
    "lookup": number_lookup.measure,
    "import": contact_import.measure,
    "pages": pages.measure,
    "start": second_start.measure,
    "resync": resync_time.measure,
    "desks": many_desks.measure,
    "storm": storm.measure,
    "phone": phone_fleet.status_round_trip,
    "command": command_path.measure,
    "fleet": phone_fleet.fleet,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures of this machine.")
    parser.add_argument("--only", action="append", choices=sorted(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    wanted = asked.only or list(BENCHES)
    began = time.monotonic()
    with _empty_database():
        ran = {name: _run(name) for name in wanted}
    figures = [figure for measured in ran.values() for figure in measured or ()]
    print_table(("figure", "value", "unit", "against (same run)", "ratio"), [figure.row() for figure in figures])
    if asked.json:
        _write(figures, asked.json)
    failed = [name for name, measured in ran.items() if measured is None]
    print(f"\n{time.monotonic() - began:.0f} s in all{', not measured: ' + ', '.join(failed) if failed else ''}")
    sys.exit(bool(failed))


def _run(name: str) -> list[Figure] | None:
    """None, with the reason on the screen, when the product could not do it: the others are still worth having."""
    call_command("flush", interactive=False, verbosity=0)
    print(f"measuring {name} …", flush=True)
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        Path(folder).chmod(0o755)
        try:
            return BENCHES[name](Path(folder))
        except Exception:
            traceback.print_exc()
            return None


@contextlib.contextmanager
def _empty_database() -> Iterator[None]:
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)
        teardown_test_environment()


def _write(figures: list[Figure], path: Path) -> None:
    machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    result = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "load": os.getloadavg(), "machine": machine}
    path.write_text(json.dumps(result | {"figures": [figure.as_json() for figure in figures]}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""`make bench`: figures of this machine, each beside something simple measured in the same run.

    python -m tests.bench                    all of them, also written to bench.json
    python -m tests.bench --only tracker     one of them; --only may be given again

Starts a PostgreSQL and a Valkey of its own and leaves nothing behind.
"""

import argparse
import contextlib
import json
import os
import platform
import tempfile
import time
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
    number_lookup,
    ring_and_answer,
    second_start,
    tracker_alone,
)  # fmt: skip
from tests.bench.figures import Figure  # noqa: E402
from tests.support.table import print_table  # noqa: E402

RESULT = Path(__file__).resolve().parents[2] / "bench.json"
BENCHES: dict[str, Callable[[Path], list[Figure]]] = {
    "ami": ami_bytes.measure,
    "tracker": tracker_alone.measure,
    "batch": batch_write.measure,
    "ring": ring_and_answer.ring_to_browser,
    "answer": ring_and_answer.answer_to_proof,
    "lookup": number_lookup.measure,
    "start": second_start.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures of this machine.")
    parser.add_argument("--only", action="append", choices=sorted(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    wanted = parser.parse_args().only or list(BENCHES)
    began = time.monotonic()
    with _empty_database():
        figures = [figure for name in wanted for figure in _run(name)]
    print_table(("figure", "value", "unit", "against (same run)", "ratio"), [figure.row() for figure in figures])
    if len(wanted) == len(BENCHES):  # a part of the figures must not replace the whole
        _write(figures)
        print(f"\n{RESULT.name} written")
    print(f"\n{time.monotonic() - began:.0f} s in all")


def _run(name: str) -> list[Figure]:
    call_command("flush", interactive=False, verbosity=0)
    print(f"measuring {name} …", flush=True)
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        Path(folder).chmod(0o755)
        return BENCHES[name](Path(folder))


@contextlib.contextmanager
def _empty_database() -> Iterator[None]:
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)
        teardown_test_environment()


def _write(figures: list[Figure]) -> None:
    machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    result = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "load": os.getloadavg(), "machine": machine}
    RESULT.write_text(json.dumps(result | {"figures": [figure.as_json() for figure in figures]}, indent=2) + "\n")


if __name__ == "__main__":
    main()

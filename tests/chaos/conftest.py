"""A stage per story, and one table of all dials at the end. CHAOS_TIMES makes the long runs shorter: how often each
fault happens."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.dials import DIAL_TABLE, Ended, table_row
from tests.support.stage import Stage, opened_stage
from tests.support.table import lines_of_table

NOTED = pytest.StashKey[dict[str, list[Ended]]]()


@pytest.fixture
def stage_of(transactional_db, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Make a stage with so many phones; nothing of the product runs yet."""
    with contextlib.ExitStack() as opened:
        yield lambda phones=3: opened.enter_context(opened_stage(tmp_path, phones=phones))


@pytest.fixture
def times() -> Callable[[int], int]:
    """How often a fault happens: the story's own number, or CHAOS_TIMES."""
    return lambda usual: int(os.environ.get("CHAOS_TIMES", usual))


@pytest.fixture
def noted(request: pytest.FixtureRequest) -> Callable[[str, Sequence[Ended]], None]:
    """Keep how these commands ended, under the name of what happened, for the table at the end."""
    kept = request.config.stash.setdefault(NOTED, {})
    return lambda name, ends: kept.setdefault(name, []).extend(ends)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    kept = config.stash.get(NOTED, {})
    if not kept:
        return
    everything = [end for ends in kept.values() for end in ends]
    rows = [table_row(name, ends) for name, ends in kept.items()]
    terminalreporter.section("dials of every command")
    for line in lines_of_table(DIAL_TABLE, [*rows, table_row("all", everything)]):
        terminalreporter.write_line(line)

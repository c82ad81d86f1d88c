"""A stage per story. CHAOS_TIMES makes the long runs shorter: how often each fault happens."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.stage import Stage, opened_stage


@pytest.fixture
def stage_of(transactional_db, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Make a stage with so many phones; nothing of the product runs yet."""
    with contextlib.ExitStack() as opened:
        yield lambda phones=3: opened.enter_context(opened_stage(tmp_path, phones=phones))


@pytest.fixture
def times() -> Callable[[int], int]:
    """How often a fault happens: the story's own number, or CHAOS_TIMES."""
    return lambda usual: int(os.environ.get("CHAOS_TIMES", usual))

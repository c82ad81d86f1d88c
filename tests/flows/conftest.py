"""Whole stories: the simulated office, the product's processes, a real database and Valkey."""

import contextlib
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
def stage(stage_of: Callable[..., Stage]) -> Stage:
    return stage_of()

"""The lab for tests: started once, cleared after every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import Lab, lab_missing

HERE = Path(__file__).parent
TEST_SECONDS = 300  # the first test may have to unpack Asterisk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs the one lab: mark it, and keep all of them in one worker of pytest-xdist."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.xdist_group("lab"))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    missing = lab_missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"A build must not pass without the lab. {missing}")
    if missing:
        pytest.skip(missing)
    with Lab() as started:
        print(f"Asterisk {started.asterisk_version}")
        yield started


@pytest.fixture(autouse=True)
def quiet_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no call of one test to the next."""
    yield
    if "lab" in request.fixturenames:
        started: Lab = request.getfixturevalue("lab")
        started.quiet()

"""On a machine that cannot have the lab, tests say so; a build does not pass by leaving them out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pbx.asterisk_root import CACHE_VARIABLE, REPOSITORY

A_LAB_TEST = "tests/pbx/test_calls.py::test_a_rejected_call_ends_for_the_caller"


def run_a_lab_test_without_the_tool(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test of the lab with pytest, where nothing is unpacked and no unpacking tool is on the PATH."""
    plain = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", A_LAB_TEST],
        cwd=REPOSITORY,
        env={**plain, "PATH": str(tmp_path), CACHE_VARIABLE: str(tmp_path / "cache"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_the_lab_its_tests_are_skipped_with_the_cure(tmp_path: Path) -> None:
    ran = run_a_lab_test_without_the_tool(tmp_path)
    assert ran.returncode == pytest.ExitCode.OK
    assert "1 skipped" in ran.stdout
    assert "apt-get install" in ran.stdout


def test_without_the_lab_a_build_fails_with_the_cure(tmp_path: Path) -> None:
    ran = run_a_lab_test_without_the_tool(tmp_path, CI="true")
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert "must not pass without the lab" in ran.stdout
    assert "apt-get install" in ran.stdout

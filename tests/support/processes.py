"""The product's own processes, started as a person would start them, on the test's database."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def eventually(check: Callable[[], Any], *, seconds: float = 15.0, what: Any = "") -> Any:
    """The first true value of `check`; fails the test when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what or check}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def product_environment(**changes: str) -> dict[str, str]:
    """What a process of the product needs to work on this test's database and Valkey."""
    database = dataclasses.replace(settings.DATABASE, name=str(connection.settings_dict["NAME"]))
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "crmconnector.settings",
        "DATABASE_URL": database.url(),
        "REDIS_URL": settings.REDIS.client_url(),
        "DATABASE_POOL": "4",
        "LOG_LEVEL": "INFO",
        **changes,
    }


class Process:
    """One process of the product; its output is kept for the moment when a test fails."""

    def __init__(self, *command: str, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def kill(self) -> None:
        """kill -9, the whole group."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(10)

    def stop(self) -> None:
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class Product:
    """Starts listeners, workers and web processes and stops them all at the end."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.environment = folder, environment
        self.processes: list[Process] = []

    def listener(self) -> Process:
        return self._start("listener", sys.executable, "manage.py", "listen")

    def worker(self, threads: int = 4) -> Process:
        return self._start(
            "worker", sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "threads",
            "--concurrency", str(threads), "-Q", "phone_control", "--without-gossip", "--without-mingle",
            "--loglevel", "WARNING",
        )  # fmt: skip

    def web(self) -> tuple[Process, str]:
        """(process, address); answers requests when this returns."""
        port = free_port()
        process = self._start(
            "web", sys.executable, "-m", "uvicorn", "crmconnector.asgi:application", "--port", str(port),
            "--timeout-graceful-shutdown", "1", "--no-access-log",
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(f"{address}/healthz"), seconds=30, what=process.said)
        return process, address

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def said(self) -> str:
        return "\n".join(f"--- {process.log.name}\n{process.said()}" for process in self.processes)

    def _start(self, name: str, *command: str) -> Process:
        log = self.folder / f"{name}-{len(self.processes)}.log"
        process = Process(*command, environment=product_environment(**self.environment), log=log)
        self.processes.append(process)
        return process


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False

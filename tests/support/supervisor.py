"""Runs the supervisor of `manage.py up` in a process of its own, with small stand-ins for the product's processes.

with running_supervisor(state_folder) as up:
    up.wait_until_ready()
    up.children()          -> {"web": pid, …} as the stand-ins have noted them down
    up.stop(signal.SIGINT) -> exit code
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from crmconnector.embedded.launch import run
from crmconnector.embedded.plan import REPOSITORY, Plan, Situation
from crmconnector.embedded.process import Child
from crmconnector.embedded.sockets import free_ports

NOTE_PID = """
import json, os, sys, time
folder = os.environ["STATE_DIR"]
open(f"{folder}/logs/{sys.argv[1]}.pid", "w").write(str(os.getpid()))
open(f"{folder}/logs/{sys.argv[1]}.env", "w").write(json.dumps(dict(os.environ)))
"""
WEB = (
    NOTE_PID
    + """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        away = os.path.exists(f"{folder}/logs/pbx-is-away")
        link = {"ok": not away, "reason": "nobody answers"}
        body = json.dumps({"ready": not away, "parts": {"database": {"ok": True}, "pbx_link": link}}).encode()
        self.send_response(404 if self.path != "/readyz" else 503 if away else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
)
SLEEPER = NOTE_PID + "time.sleep(3600)"
STUBBORN = NOTE_PID + "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(3600)"
MOODY = NOTE_PID + 'print("the moon is wrong", flush=True); sys.exit(3)'
PREPARE = NOTE_PID + 'print("hello"); print(json.dumps({"rehearsal": os.environ.get("AMI_URL") is None}))'
KINDS = {"web": WEB, "sleeper": SLEEPER, "stubborn": STUBBORN, "moody": MOODY}


def main() -> None:
    """The process under test. WANTED_CHILDREN names its children as name:kind, WANTED_PREPARE is its one-shot."""
    wanted = dict(item.split(":") for item in os.environ["WANTED_CHILDREN"].split(","))
    prepare = os.environ.get("WANTED_PREPARE", PREPARE)

    def children(situation: Situation) -> list[Child]:
        return [
            Child(name, _python(KINDS[kind], name), situation.environment, REPOSITORY, stop_seconds=1.0)
            for name, kind in wanted.items()
        ]

    sys.exit(run(os.environ, Plan(prepare=_python(prepare, "prepare"), children=children)))


def _python(program: str, name: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program, name)


@dataclass
class Supervisor:
    process: subprocess.Popen[str]
    state: Path
    port: int
    screen_file: Path

    def screen(self) -> str:
        """What it has printed so far."""
        return self.screen_file.read_text()

    def wait_until_ready(self) -> None:
        wait_until(lambda: "Open http" in self.screen() or self.process.poll() is not None, "the supervisor is ready")
        assert self.process.poll() is None, self.screen()

    def child(self, name: str) -> int:
        """The process of a stand-in."""
        return int((self.state / "logs" / f"{name}.pid").read_text())

    def environment_of(self, name: str) -> dict[str, str]:
        return dict(json.loads((self.state / "logs" / f"{name}.env").read_text()))

    def family(self) -> list[psutil.Process]:
        """Every process below the supervisor."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running_supervisor(
    state: Path,
    children: str = "web:web,listener:sleeper",
    environment: Mapping[str, str] | None = None,
    **options: object,
) -> Iterator[Supervisor]:
    port = free_ports(1)[0]
    wanted = {"STATE_DIR": str(state), "PORT": str(port), "WANTED_CHILDREN": children, **(environment or {})}
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    screen = state.with_name(f"{state.name}-{port}.screen")
    command = [sys.executable, "-c", "from tests.support.supervisor import main; main()"]
    with screen.open("w") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=clean | wanted, stdout=output, stderr=output, text=True, **options
        )
    supervisor = Supervisor(process, state, port, screen)
    try:
        yield supervisor
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

"""What is started: the one-shot that prepares the database, and the children that stay."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crmconnector.embedded.process import Child

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Situation:
    """What the children's command lines depend on, once the database is prepared."""

    environment: Mapping[str, str]
    bind: str
    port: int
    rehearsal: bool


@dataclass(frozen=True)
class Plan:
    """`prepare` is a command; `children` gives the children in the order in which they start."""

    prepare: tuple[str, ...]
    children: Callable[[Situation], list[Child]]
    folder: Path = REPOSITORY


def children(situation: Situation) -> list[Child]:
    """Web, listener, worker; in a rehearsal also the pretend PBX with its phones, first: the others look for it."""
    return [
        Child(name, (sys.executable, *command), situation.environment, REPOSITORY, stop_seconds=8.0)
        for name, command in _commands(situation).items()
    ]


def _commands(situation: Situation) -> dict[str, tuple[str, ...]]:
    manage = str(REPOSITORY / "manage.py")
    web = ("-m", "uvicorn", "crmconnector.asgi:application", "--host", situation.bind, "--port", str(situation.port))
    worker = (
        "-m",
        "celery",
        "-A",
        "tasks",
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        "16",
        "-Q",
        "phone_control",
    )
    return {
        **({"simulator": (manage, "simulate")} if situation.rehearsal else {}),
        # Without the deadline an open event stream would keep the web server from ever stopping.
        "web": (*web, "--timeout-graceful-shutdown", "2", "--no-access-log"),
        "listener": (manage, "listen"),
        "worker": (*worker, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    }


PRODUCT = Plan(prepare=(sys.executable, str(REPOSITORY / "manage.py"), "prepare"), children=children)

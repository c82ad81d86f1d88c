"""A real Celery worker that kills itself with -9 at a named step of a command's path.

Started once with everything imported; each line on its standard input ("crash STEP" or "work") forks one worker, so a
test can have ten of them within a second. Each worker answers with its pid.

Steps: before_grant, after_grant, before_deed (the lines were read, nothing sent), after_deed (the phone said yes),
after_record. A kill between the request and the phone's reply is done from outside, by the test.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from tasks import call_control, phone_deeds  # noqa: E402
from tasks.celery import app  # noqa: E402


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def first(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        crash()
        return function(*args, **kwargs)

    return wrapped


def then(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        crash()

    return wrapped


def when_granted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A message that finds nothing to claim is no step of a path."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        grant = function(*args, **kwargs)
        if grant is not None:
            crash()
        return grant

    return wrapped


def made(plan: Callable[..., Any], wrap: Callable[..., Any]) -> Callable[..., Any]:
    """A plan looks at the lines and gives the deed; the kill belongs around the deed."""
    return lambda *args: wrap(plan(*args))


def arm(step: str) -> None:
    """Put the kill at the step; the code between stays the product's own."""
    plans = dict(phone_deeds.DEEDS)
    places: dict[str, Callable[[], None]] = {
        "before_grant": lambda: setattr(call_control, "grant_command", first(call_control.grant_command)),
        "after_grant": lambda: setattr(call_control, "grant_command", when_granted(call_control.grant_command)),
        "before_deed": lambda: setattr(phone_deeds, "DEEDS", {kind: made(plan, first) for kind, plan in plans.items()}),
        "after_deed": lambda: setattr(phone_deeds, "DEEDS", {kind: made(plan, then) for kind, plan in plans.items()}),
        "after_record": lambda: setattr(call_control, "record_outcome", then(call_control.record_outcome)),
    }
    places[step]()


def die_with_parent() -> None:
    """PR_SET_PDEATHSIG: no worker outlives the test, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def work() -> None:
    app.worker_main(
        ["worker", "--pool", "threads", "--concurrency", "1", "-Q", "phone_control", "--without-gossip",
         "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR", "-n", f"w{os.getpid()}@test"]
    )  # fmt: skip


def main() -> None:
    for line in sys.stdin:
        word, _, step = line.strip().partition(" ")
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            os.dup2(2, 1)  # Celery greets on standard output, which is ours
            if word == "crash":
                arm(step)
            work()
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    main()

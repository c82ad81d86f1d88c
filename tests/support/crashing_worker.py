"""A real Celery worker that kills or freezes itself at a named step of a command's path.

Started once with everything imported; each line on its standard input forks one worker, so a test can have ten of them
within a second: "work", "crash STEP" (kill -9 of itself) or "freeze STEP" (SIGSTOP of itself, once). Each is answered
with "forked PID", and with "ready PID" when it takes messages. More words on the line are faults that are built into
this worker on purpose, to see that the tests notice them: no_grant (it sends without claiming the command) and
late_acks (its message comes back when it dies).

Steps: before_grant, after_grant, before_check (the lines were read, the age of the grant not yet looked at),
before_deed (nothing sent), after_deed (phone or PBX said yes), after_record. A kill between the request and the reply
is done from outside, by the test.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import django

django.setup()

from celery.signals import worker_ready  # noqa: E402

from crmconnector.calls.models import CallCommand  # noqa: E402
from crmconnector.calls.services import Grant  # noqa: E402
from phones.lease import take_over  # noqa: E402
from tasks import call_control, pbx_deeds, phone_deeds  # noqa: E402
from tasks.celery import app  # noqa: E402

Blow = Callable[[], None]


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def once(signal_number: int) -> Blow:
    """The first that comes here, of this process and of its children, gets the signal; the others go on."""
    left = multiprocessing.Value("i", 1)

    def blow() -> None:
        with left.get_lock():
            hit, left.value = left.value, 0
        if hit:  # at this thread: one for the process stops it whenever another thread gets round to it
            signal.pthread_kill(threading.get_ident(), signal_number)

    return blow


def first(function: Callable[..., Any], blow: Blow) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        blow()
        return function(*args, **kwargs)

    return wrapped


def then(function: Callable[..., Any], blow: Blow) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        blow()
        return result

    return wrapped


def when_granted(function: Callable[..., Any], blow: Blow) -> Callable[..., Any]:
    """A message that finds nothing to claim is no step of a path."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        grant = function(*args, **kwargs)
        if grant is not None:
            blow()
        return grant

    return wrapped


def made(plan: Callable[..., Any], wrap: Callable[..., Any]) -> Callable[..., Any]:
    """A plan looks at the lines and gives the deed; the blow belongs around the deed."""
    return lambda *args: wrap(plan(*args))


def around(wrap: Callable[..., Any], whole: bool = False) -> None:
    """Around the one request to the phone, or around the whole plan before it; around each action at the PBX."""
    plans = phone_deeds.DEEDS.items()
    phone_deeds.DEEDS = {kind: wrap(plan) if whole else made(plan, wrap) for kind, plan in plans}
    pbx_deeds.send_action = wrap(pbx_deeds.send_action)


def arm(step: str, blow: Blow) -> None:
    """Put the blow at the step; the code between stays the product's own."""
    grant, record = call_control.grant_command, call_control.record
    places: dict[str, Callable[[], None]] = {
        "before_grant": lambda: setattr(call_control, "grant_command", first(grant, blow)),
        "after_grant": lambda: setattr(call_control, "grant_command", when_granted(grant, blow)),
        "before_check": lambda: before_check(blow),
        "before_deed": lambda: around(partial(first, blow=blow)),
        "after_deed": lambda: around(partial(then, blow=blow)),
        "after_record": lambda: setattr(call_control, "record", then(record, blow)),
    }
    places[step]()


def before_check(blow: Blow) -> None:
    phone_deeds.DEEDS = {kind: then(plan, blow) for kind, plan in phone_deeds.DEEDS.items()}
    pbx_deeds.send_action = first(pbx_deeds.send_action, blow)


def ungranted(*, command_id: UUID, now: datetime) -> Grant:
    """What a worker would do that claims nothing: whoever has the message takes the phone and sends."""
    command = CallCommand.objects.select_related("phone", "leg__call", "user", "pbx").get(pk=command_id)
    token = take_over(phone_id=command.phone_id, holder="no grant", now=now)
    return Grant(command, token or 0, time.monotonic())


def spoil(faults: Collection[str]) -> None:
    if "no_grant" in faults:
        call_control.grant_command = ungranted
    if "late_acks" in faults:
        call_control.look_now.acks_late = call_control.look_now.reject_on_worker_lost = True


def die_with_parent() -> None:
    """PR_SET_PDEATHSIG: no worker outlives the test, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def tell_when_ready(door: int) -> None:
    def ready(**_: object) -> None:
        os.write(door, f"ready {os.getpid()}\n".encode())

    worker_ready.connect(ready, weak=False)


def work(pool: str) -> None:
    app.worker_main(
        ["worker", "--pool", pool, "--concurrency", "1", "-Q", "phone_control", "--without-gossip",
         "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR", "-n", f"w{os.getpid()}@test"]
    )  # fmt: skip


def serve(word: str, step: str, faults: Collection[str]) -> None:
    """One worker, until it is killed. With late acknowledgement it is a child that dies, as in production: the parent
    is there to give the message back."""
    late = "late_acks" in faults
    spoil(faults)
    if word == "crash":
        arm(step, once(signal.SIGKILL) if late else crash)
    elif word == "freeze":
        arm(step, once(signal.SIGSTOP))
    work("prefork" if late else "threads")


def main() -> None:
    os.register_at_fork(after_in_child=die_with_parent)
    for line in sys.stdin:
        word, *more = line.split()
        step, faults = (more[0], more[1:]) if word != "work" else ("", more)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a worker must notice that its own child died
            tell_when_ready(os.dup(1))
            os.dup2(2, 1)  # Celery greets on standard output, which is ours
            serve(word, step, faults)
            os._exit(0)
        os.write(1, f"forked {pid}\n".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    main()

"""The story of `manage.py up`: read the environment, start servers, prepare the database, start the product, watch it.

Given DATABASE_URL or REDIS_URL, that server is used; otherwise our own is started. Everything else is generated once
and kept in the state folder.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crmconnector.embedded import readiness
from crmconnector.embedded.binaries import postgres_program, valkey_program
from crmconnector.embedded.errors import CannotStart, StopAsked
from crmconnector.embedded.plan import PRODUCT, Plan, Situation
from crmconnector.embedded.postgres import Postgres
from crmconnector.embedded.preparation import prepare
from crmconnector.embedded.servers import Server, start
from crmconnector.embedded.signals import Signals, listen_for_signals
from crmconnector.embedded.sockets import check_port_is_free, socket_folder
from crmconnector.embedded.state import StateFolder, open_state
from crmconnector.embedded.supervisor import Supervisor
from crmconnector.embedded.valkey import Valkey
from crmconnector.embedded.wishes import (
    Wishes,
    child_environment,
    read_wishes,
    rehearsal_environment,
    simulator_environment,
)

Say = Callable[[str], None]


def run(values: Mapping[str, str], plan: Plan = PRODUCT, say: Say | None = None) -> int:
    """Run until asked to stop. 0 after Ctrl-C or SIGTERM; otherwise why it could not start has been said."""
    tell = say or _print
    os.umask(0o077)
    try:
        wishes = read_wishes(values)
        state = open_state(wishes.state, wishes.needs_servers)
        with state.lock(), listen_for_signals() as signals:
            check_port_is_free(wishes.bind, wishes.port)
            _Launch(values, wishes, state, plan, signals, tell).run()
    except StopAsked:
        return 0
    except CannotStart as refused:
        tell(f"Cannot start. {refused}")
        return refused.exit_code
    return 0


class _Launch:
    """One start, from the lock of the state folder to the end."""

    def __init__(
        self, values: Mapping[str, str], wishes: Wishes, state: StateFolder, plan: Plan, signals: Signals, say: Say
    ) -> None:
        self._wishes = wishes
        self._state = state
        self._plan = plan
        self._signals = signals
        self._say = say
        self._secrets = state.secrets()
        self._environment = child_environment(values, wishes, state, self._secrets)
        self._supervisor = Supervisor(state.logs, signals, say)
        self._step_started_at = self._started_at = time.monotonic()

    def run(self) -> None:
        if self._state.moved and self._state.account:
            self._say(f"{self._wishes.state} is closed to the user {self._state.account.name}, as whom the servers run")
            self._say(f"state folder {self._state.path} instead")
        with self._sockets() as sockets:
            servers: list[Server] = []
            try:
                servers = self._servers(sockets)
                for server in servers:
                    self._start_server(server)
                self._go_on()
            finally:
                if self._signals.stops:
                    self._say("stopping")
                self._supervisor.stop(len(servers))
                if self._signals.stops:
                    self._say("stopped")

    def _go_on(self) -> None:
        simulator = simulator_environment()
        outcome = self._prepare(self._environment | simulator)
        rehearsal = outcome.get("rehearsal") is True
        added = simulator | rehearsal_environment() if rehearsal else {}
        situation = Situation(self._environment | added, self._wishes.bind, self._wishes.port, rehearsal)
        for child in self._plan.children(situation):
            self._supervisor.start(child)
        wait = readiness.Wait(self._wishes.bind, self._wishes.port, self._say)
        if self._supervisor.watch(until=wait.ready_or_answering):
            self._welcome(outcome, wait.missing)
            if wait.missing and self._supervisor.watch(until=wait.ready):
                self._say("now everything is ready")
            self._supervisor.watch()

    def _prepare(self, environment: Mapping[str, str]) -> dict[str, Any]:
        log = self._supervisor.log("prepare")
        outcome = prepare(self._plan.prepare, environment, self._plan.folder, log, self._pause)
        self._step("database prepared")
        return outcome

    @contextlib.contextmanager
    def _sockets(self) -> Iterator[Path]:
        if not self._wishes.needs_servers:
            yield self._state.path
            return
        folder = socket_folder(self._state.path, self._state.account)
        try:
            yield folder
        finally:
            # A folder in /tmp is of this start only; it is empty unless a server was killed.
            if folder.parent != self._state.path:
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _servers(self, sockets: Path) -> list[Server]:
        home, account = self._state.path, self._state.account
        servers: list[Server] = []
        if not self._wishes.redis:
            program = valkey_program(account, home)
            valkey = Valkey(program, home, sockets, account, self._secrets.queue_password)
            servers.append(valkey)
            self._environment["REDIS_URL"] = valkey.address.client_url()
        if not self._wishes.database:
            program = postgres_program(account, home)
            postgres = Postgres(program, home, sockets, account, self._secrets.database_password)
            servers.append(postgres)
            self._environment["DATABASE_URL"] = postgres.address.url()
        return servers

    def _start_server(self, server: Server) -> None:
        server.prepare()
        name = server.child().name
        self._supervisor.adopt(start(server, self._supervisor.log(name), self._pause))
        self._step(f"{name} ready")

    def _welcome(self, outcome: Mapping[str, Any], missing: tuple[str, ...]) -> None:
        self._step("web ready" if missing else "web, listener and worker ready")
        known = self._wishes.own_password or outcome.get("password_changed") is True
        password = "(the one you have set)" if known else self._environment["LOGIN_PASSWORD"]
        address = readiness.url(self._wishes.bind, self._wishes.port)
        took = time.monotonic() - self._started_at
        state = f"the pages work, still missing: {'; '.join(missing)}" if missing else f"ready in {took:.1f} s"
        self._say(f"{state}; logs in {self._state.logs}; Ctrl-C stops it\n")
        self._say(f"Open {address}   user {self._environment['LOGIN_USERNAME']}   password {password}")
        if outcome.get("rehearsal") is True:
            self._say("Rehearsal: a pretend PBX rings in a few seconds.")
            self._say("To use your own: AMI_URL=ami://user:secret@host:5038 make run")

    def _step(self, what: str) -> None:
        now = time.monotonic()
        self._say(f"{what} {now - self._step_started_at:.1f} s")
        self._step_started_at = now

    def _pause(self, seconds: float) -> None:
        self._signals.pause(seconds)
        if self._signals.stops:
            raise StopAsked


def _print(line: str) -> None:
    # The terminal may be gone (SIGHUP); stopping in order matters more than saying so.
    with contextlib.suppress(OSError):
        print(line, flush=True)  # noqa: T201  # this is the screen of `make run`

"""Our own PostgreSQL: made once, started at every start, stopped so that nothing is lost."""

import os
import re
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from crmconnector.common.addresses import DatabaseAddress
from crmconnector.embedded.accounts import Account, bare_environment, make_folder, run_as
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.process import Child, last_line

ROLE = "crmconnector"
DATABASE = "crmconnector"
SOCKET_PORT = 5432  # part of the name of the socket; no TCP port is opened
EARLIER_SERVER_SECONDS = 30.0

# Logs say what failed but no values: a failed INSERT would print phone numbers and secrets.
QUIET_LOG = {"log_error_verbosity": "terse", "log_min_error_statement": "panic", "log_checkpoints": "off"}
# Safe when the server is killed, not when the machine is. synchronous_commit stays on: else kill -9 would lose rows.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """One server: its program, the folder for its files, and the folder of its socket."""

    program: Path
    home: Path
    sockets: Path
    account: Account | None
    password: str = field(repr=False)
    durable: bool = True
    immediate_stop: ClassVar[int] = signal.SIGQUIT

    @property
    def files(self) -> Path:
        return self.home / "postgres" / "files"

    @property
    def address(self) -> DatabaseAddress:
        return DatabaseAddress(str(self.sockets), SOCKET_PORT, DATABASE, ROLE, self.password)

    def prepare(self) -> None:
        """Make the data folder if there is none; refuse one that this server cannot read."""
        make_folder(self.home / "postgres", self.account)
        if not self.files.exists():
            self._make_files()
        version = _first_line(self.files / "PG_VERSION")
        if not version:
            raise CannotStart(f"The data folder {self.files} is damaged: it has no PG_VERSION.", self._cure())
        if version != self._own_version():
            raise CannotStart(
                f"The data folder {self.files} was written by PostgreSQL {version}, "
                f"this is PostgreSQL {self._own_version()}.",
                self._cure(),
            )

    def child(self) -> Child:
        """The server as a child. SIGINT is its "fast" stop: no new work, all of it on disk, sessions ended."""
        return Child(
            name="database",
            command=(str(self.program), "-D", str(self.files), *self._options()),
            environment=bare_environment(),
            folder=Path("/"),
            account=self.account,
            stop_signal=signal.SIGINT,
            stop_seconds=30.0,
            death_signal=signal.SIGINT,
            before_start=self.end_earlier_server,
        )

    def is_ready(self, pid: int) -> bool:
        """The server writes its state into the last line of its pid file."""
        lines = _lines(self.files / "postmaster.pid")
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def end_earlier_server(self) -> None:
        """Wait for a server that outlived its supervisor, and clear a pid file that names somebody else.

        PostgreSQL clears a stale pid file itself, except when the number now belongs to another process of its account.
        Only one supervisor at a time gets here: it holds the lock of the state folder.
        """
        file = self.files / "postmaster.pid"
        first = (_lines(file) or [""])[0].strip()
        if not re.fullmatch(r"[0-9]{1,10}", first):
            return
        deadline = time.monotonic() + EARLIER_SERVER_SECONDS
        while self._is_ours(int(first)):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"An earlier PostgreSQL (process {first}) still uses {self.files} and does not stop.",
                    f"Stop it with: kill -QUIT {first}",
                )
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(first), signal.SIGINT)
            time.sleep(0.05)
        if _exists(int(first)):
            file.unlink(missing_ok=True)

    def explain(self, log: Path, pid: int) -> CannotStart:
        """Why the server with this process id ended while starting."""
        return CannotStart(
            f"PostgreSQL did not start: {last_line(log, pid) or 'it said nothing'} (log: {log}).", self._cure()
        )

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
        }
        options |= QUIET_LOG | ({} if self.durable else NOT_DURABLE)
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _make_files(self) -> None:
        # Under another name until it is complete: kill -9 in the middle must not leave half a database behind.
        part = self.files.with_name("files.part")
        shutil.rmtree(part, ignore_errors=True)
        initdb = [str(self.program.with_name("initdb")), "--pgdata", str(part), "--username", ROLE, "--auth", "trust"]
        # The built-in locale behaves the same on every machine.
        initdb += ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        # Stretching is for passwords people choose; ours are 24 random bytes and each connection would pay for it.
        initdb += ["--set", "scram_iterations=1", *([] if self.durable else ["--no-sync"])]
        self._run(initdb)
        statements = f"ALTER ROLE {ROLE} PASSWORD '{self.password}'\nCREATE DATABASE {DATABASE}\n"
        self._run([str(self.program), "--single", "-D", str(part), "-c", "log_checkpoints=off", "postgres"], statements)
        _overwrite(part / "pg_hba.conf", "local all all scram-sha-256\n")
        part.rename(self.files)

    def _run(self, command: list[str], standard_input: str | None = None) -> None:
        done = run_as(self.account, command, cwd="/", input=standard_input)
        if done.returncode != 0 or " ERROR:" in done.stderr or "FATAL:" in done.stderr:
            said = " ".join((done.stderr or done.stdout).replace(self.password, "…").split())[-400:]
            raise CannotStart(f"PostgreSQL could not make its data folder: {said}", self._cure())

    def _own_version(self) -> str:
        said = run_as(self.account, [str(self.program), "--version"], cwd="/").stdout
        found = re.search(r"\b([0-9]+)\.", said)
        return found.group(1) if found else ""

    def _is_ours(self, pid: int) -> bool:
        """Is this process a PostgreSQL on our data folder? Where /proc is missing any live process counts as ours."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return not Path("/proc/self").exists() and _exists(pid)
        return str(self.files).encode() in words and b"postgres" in words[0]

    def _cure(self) -> str:
        return (
            f"Move {self.home / 'postgres'} away to start with an empty database, put a backup in its place, "
            "or give DATABASE_URL."
        )


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text(errors="replace").splitlines()
    return []


def _first_line(path: Path) -> str:
    return (_lines(path) or [""])[0].strip()


def _overwrite(path: Path, text: str) -> None:
    # The folder belongs to the server's account: never follow a link it could have put there.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "w") as file:
        file.write(text)

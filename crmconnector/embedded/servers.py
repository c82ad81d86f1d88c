"""Our own PostgreSQL and Valkey together: for the supervisor, and for tests that want real servers.

    with temporary_servers(folder) as servers:
        servers.database_url, servers.redis_url
        servers.kill_postgres(); servers.start_postgres()

Needs no Django. The servers stop when the block ends, and on Linux also when the process that started them dies; start
them from the main thread, because the kernel takes the end of the starting thread for the end of the process.
"""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crmconnector.embedded.accounts import Account, make_folder, may_enter, server_account
from crmconnector.embedded.binaries import postgres_program, valkey_program
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.postgres import Postgres
from crmconnector.embedded.process import Running, last_line
from crmconnector.embedded.sockets import socket_folder
from crmconnector.embedded.state import fernet_key
from crmconnector.embedded.valkey import Valkey

START_SECONDS = 60.0
STILL_IN_USE = "shared memory block"
Server = Postgres | Valkey


def start(server: Server, log: Path, pause: Callable[[float], None] = time.sleep) -> Running:
    """Start a prepared server and wait until it answers. `pause` may raise to give up."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        running = Running(server.child(), log)
        try:
            while not server.is_ready(running.pid):
                if running.exit_code() is not None or time.monotonic() > deadline:
                    raise server.explain(log, running.pid)
                pause(0.01)
            return running
        except CannotStart:
            running.stop()
            # After kill -9 of PostgreSQL its sessions go on until they look up from work; a new server must wait.
            if STILL_IN_USE not in last_line(log, running.pid) or time.monotonic() > deadline:
                raise
            pause(0.1)
        except BaseException:
            running.stop()
            raise


@dataclass
class TemporaryServers:
    """Two running servers of a test. Every method returns when its effect can be seen."""

    postgres: Postgres
    valkey: Valkey
    logs: Path
    _database: Running | None = None
    _queue: Running | None = None

    @property
    def database_url(self) -> str:
        return self.postgres.address.url()

    @property
    def redis_url(self) -> str:
        return self.valkey.address.client_url()

    def start_postgres(self) -> None:
        self._database = start(self.postgres, self.logs / "database.log")

    def stop_postgres(self, immediate: bool = False) -> None:
        """Stop it in order ("fast"), or at once as a crash would, so that the next start has to recover."""
        if self._database:
            self._database.stop(self.postgres.immediate_stop if immediate else None)
        self._database = None

    def restart_postgres(self, immediate: bool = True) -> None:
        self.stop_postgres(immediate)
        self.start_postgres()

    def start_valkey(self) -> None:
        self._queue = start(self.valkey, self.logs / "queue.log")

    def stop_valkey(self) -> None:
        if self._queue:
            self._queue.stop()
        self._queue = None

    def kill_postgres(self) -> None:
        """kill -9 of the server and all its sessions."""
        if self._database:
            self._database.kill_group()
            self._database.wait(10.0)
        self._database = None

    def kill_valkey(self) -> None:
        """kill -9."""
        if self._queue:
            self._queue.kill_group()
            self._queue.wait(10.0)
        self._queue = None

    def flush(self) -> None:
        """Forget everything in Valkey, in all its databases."""
        with self.valkey.connection() as link:
            link.sendall(f"AUTH {self.valkey.password}\r\nFLUSHALL\r\n".encode())
            _expect(link, b"+OK\r\n+OK\r\n")


@contextmanager
def temporary_servers(folder: Path, durable: bool = False) -> Iterator[TemporaryServers]:
    """Start both servers with empty folders and stop them at the end.

    Their files are in a new folder inside `folder`, or in /tmp when root must hand them to an account that cannot get
    there; it is removed at the end. `durable=False` does not wait for the disk: rows survive the end of the server, not
    the end of the machine.
    """
    account = server_account()
    home = _home(folder, account)
    run = socket_folder(home, account)
    logs = make_folder(home / "logs", None)
    servers = TemporaryServers(
        postgres=Postgres(postgres_program(account, home), home, run, account, fernet_key().rstrip("="), durable),
        valkey=Valkey(valkey_program(account, home), home, run, account, fernet_key().rstrip("=")),
        logs=logs,
    )
    try:
        servers.valkey.prepare()
        servers.start_valkey()
        servers.postgres.prepare()
        servers.start_postgres()
        yield servers
    finally:
        servers.stop_valkey()
        servers.stop_postgres()
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def _home(folder: Path, account: Account | None) -> Path:
    place = folder if may_enter(account, folder) else Path(tempfile.gettempdir())
    home = Path(tempfile.mkdtemp(prefix="crm-", dir=place))
    if account:
        shutil.chown(home, group=account.gid)
        home.chmod(0o710)
    if not may_enter(account, home):
        raise CannotStart(f"The user {account and account.name} cannot get into {home}.", "Set TMPDIR=/tmp")
    return home


def _expect(link: socket.socket, answer: bytes) -> None:
    said = b""
    while len(said) < len(answer):
        piece = link.recv(4096)
        if not piece:
            break
        said += piece
    if said != answer:
        raise ConnectionError("Valkey did not do as told")

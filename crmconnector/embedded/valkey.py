"""Our own Valkey: the queue of the workers and the wake-up of the browsers' streams. Nothing of record lives there."""

import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crmconnector.common.addresses import RedisAddress
from crmconnector.embedded.accounts import Account, bare_environment, make_folder
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.process import Child, last_line


@dataclass(frozen=True)
class Valkey:
    """One server: its program, the folder for its files, and the folder of its socket."""

    program: Path
    home: Path
    sockets: Path
    account: Account | None
    password: str = field(repr=False)

    @property
    def files(self) -> Path:
        return self.home / "valkey"

    @property
    def socket_path(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def address(self) -> RedisAddress:
        return RedisAddress("", 6379, str(self.socket_path), "", self.password)

    def prepare(self) -> None:
        make_folder(self.files, self.account)

    def child(self) -> Child:
        return Child(
            name="queue",
            command=(str(self.program), "-"),
            environment=bare_environment(),
            folder=Path("/"),
            account=self.account,
            stdin_text=self._settings(),
            stop_seconds=10.0,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self, pid: int) -> bool:
        """Does the process with this number answer, and has it read its file?"""
        with suppress(OSError), self.connection() as link:
            link.sendall(f"AUTH {self.password}\r\nPING\r\nINFO server\r\nQUIT\r\n".encode())
            said = b"".join(iter(lambda: link.recv(4096), b""))
            return b"+PONG" in said and f"process_id:{pid}\r".encode() in said
        return False

    def explain(self, log: Path, pid: int) -> CannotStart:
        """Why the server with this process id ended while starting."""
        return CannotStart(
            f"Valkey did not start: {last_line(log, pid) or 'it said nothing'} (log: {log}).",
            f"Move {self.files} away: it only holds what waits in the queue, the record is in PostgreSQL. "
            "Or give REDIS_URL.",
        )

    def connection(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(1.0)
        try:
            link.connect(str(self.socket_path))
        except OSError:
            link.close()
            raise
        return link

    def _settings(self) -> str:
        return (
            f"port 0\nunixsocket {_quoted(self.socket_path)}\nunixsocketperm 700\n"
            f"dir {_quoted(self.files)}\nrequirepass {self.password}\n"
            # Every second to disk: kill -9 loses nothing that was acknowledged, a power cut about a second.
            'appendonly yes\nappendfsync everysec\nsave ""\n'
            # A full memory must refuse new work and never forget old.
            'maxmemory-policy noeviction\ndaemonize no\nlogfile ""\n'
        )


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

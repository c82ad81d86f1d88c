"""Where things listen: our servers on unix sockets in a closed folder, the web on a port that must be free."""

import errno
import socket
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from crmconnector.embedded.accounts import Account, make_folder
from crmconnector.embedded.errors import CannotStart

# The kernel's room for the path of a socket, with its closing NUL byte: 108 on Linux, 104 on BSD and macOS.
PATH_LIMIT_BYTES = 107 if sys.platform == "linux" else 103
LONGEST_NAME = ".s.PGSQL.5432"


def socket_folder(home: Path, account: Account | None) -> Path:
    """`<home>/run`, or a private folder with a short name when that path is too long or too odd for a socket."""
    usual = home / "run"
    # A comma parts hosts for the client library of PostgreSQL, which has no way to quote it.
    if len(str(usual / LONGEST_NAME).encode()) <= PATH_LIMIT_BYTES and not set(str(usual)) & set(",\"'\\%"):
        return make_folder(usual, account)
    # Made with mode 0700 and a name nobody can foresee; removed by whoever stops the servers.
    return make_folder(Path(tempfile.mkdtemp(prefix="crm-", dir="/tmp")), account)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on right now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def check_port_is_free(host: str, port: int) -> None:
    """Raise CannotStart with a cure when the web server could not listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as refused:
        raise CannotStart(*_why_not(host, port, refused)) from refused


def _why_not(host: str, port: int, refused: OSError) -> tuple[str, str]:
    if refused.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program.", f"Choose another, for example PORT={port + 1}"
    if refused.errno in (errno.EACCES, errno.EPERM):
        return f"This user may not listen on port {port}.", "Choose a port from 1024 on, for example PORT=8000"
    return f"This machine has no address {host}.", "Set BIND=127.0.0.1 for this machine alone, or BIND=0.0.0.0 for all."

"""Which system user the servers run as.

PostgreSQL refuses to run as root. A root supervisor therefore hands its servers to an account without rights that is
already there (postgres, else nobody); no account is ever made. The servers' folders then belong to that account, while
the secrets stay with root.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crmconnector.embedded.errors import CannotStart

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Arguments of subprocess that drop every right of root, the extra groups too."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(owner_of_older_files: int | None = None) -> Account | None:
    """The account for our servers; None means: as we are. Files of an earlier start keep their owner."""
    if os.geteuid() != 0:
        return None
    known = [Account(entry.pw_name, entry.pw_uid, entry.pw_gid) for entry in _entries()]
    if owner_of_older_files:
        known = [account for account in known if account.uid == owner_of_older_files] or known
    if not known:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody.",
            "Start as a normal user, or give DATABASE_URL and REDIS_URL.",
        )
    return known[0]


def _entries() -> list[pwd.struct_passwd]:
    found = []
    for name in CANDIDATES:
        try:
            found.append(pwd.getpwnam(name))
        except KeyError:
            continue
    return [entry for entry in found if entry.pw_uid != 0]


def run_as(account: Account | None, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as the account, with an environment that holds none of our secrets."""
    drop = account.popen_arguments() if account else {}
    try:
        return subprocess.run(  # noqa: S603  # our own command lists, no shell
            command, capture_output=True, text=True, errors="replace", env=bare_environment(), **drop, **options
        )
    except PermissionError as refused:
        if _may_become(account):
            raise
        raise CannotStart(
            "PostgreSQL refuses to run as root, and this machine does not let root become another user.",
            "Start as a normal user, or give DATABASE_URL and REDIS_URL.",
        ) from refused


def may_enter(account: Account | None, folder: Path) -> bool:
    """Can the account reach the folder through all the folders above it? Tried, not computed."""
    return account is None or run_as(account, ["/bin/sh", "-c", 'cd "$0"', str(folder)], cwd="/").returncode == 0


def make_folder(path: Path, account: Account | None) -> Path:
    """Make a folder of our own, closed to everybody but its owner; for a server's account when there is one."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    path.chmod(0o700)
    return path


def bare_environment() -> dict[str, str]:
    """For servers: the environment of a process can be read by everybody who shares its account."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _may_become(account: Account | None) -> bool:
    if account is None:
        return True
    try:
        subprocess.run(["/bin/true"], check=False, cwd="/", **account.popen_arguments())
    except OSError:
        return False
    return True

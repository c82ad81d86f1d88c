"""The state folder: secrets, the databases, logs. Everything that must survive a restart, and nothing else.

    secrets.json   keys, the first login, the passwords of our own servers   mode 0600
    lock           held by the supervisor that uses the folder
    logs/          one file a child
    postgres/ valkey/ run/   belong to the account of the servers

The folder itself has mode 0700. When root hands the servers to another account it is 0710 with the group of that
account, which lets it pass through to its own folders and see nothing else.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from crmconnector.embedded.accounts import Account, may_enter, server_account
from crmconnector.embedded.errors import CannotStart

SYSTEM_STATE = Path("/var/lib")
# No l, o, 0, 1: the password is read from a screen and typed.
READABLE_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass
class Secrets:
    """What was generated on the first start. `encryption_keys` are Fernet keys, newest first, parted by commas."""

    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    encryption_keys: str = field(default_factory=lambda: fernet_key(), repr=False)
    login_username: str = "admin"
    login_password: str = field(default_factory=lambda: readable_password(), repr=False)
    database_password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    queue_password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)


@dataclass(frozen=True)
class StateFolder:
    path: Path
    account: Account | None
    moved: bool = False

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def secrets(self) -> Secrets:
        """Read the secrets, making the missing ones. A damaged file is never written over: it holds the keys."""
        file = self.path / "secrets.json"
        if not file.exists() and (self.path / "postgres" / "files").exists():
            raise CannotStart(
                f"There is a database in {self.path}, but {file} with its password and the keys is gone.",
                "Put a copy of that file back, or move the whole folder away to start anew.",
            )
        try:
            known = json.loads(file.read_text()) if file.exists() else {}
            found = Secrets(**{name: str(value) for name, value in known.items() if name in Secrets.__annotations__})
        except (ValueError, AttributeError, OSError) as wrong:
            raise CannotStart(
                f"The file {file} cannot be read.",
                "It holds the keys of the stored secrets: put a copy of it back, "
                "or move the whole folder away to start anew.",
            ) from wrong
        if asdict(found).keys() - known.keys():
            _write_private(file, json.dumps(known | asdict(found), indent=1))
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. The kernel frees it when the process dies, however it dies."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise CannotStart(
                f"crmconnector already runs with the state folder {self.path} (process {holder}).",
                "Stop that one first, or start a second one with its own STATE_DIR and PORT.",
            ) from taken
        try:
            os.truncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
            yield
        finally:
            os.close(handle)


def open_state(wanted: Path, servers_needed: bool = True) -> StateFolder:
    """Make or reopen the state folder, elsewhere if the servers' account cannot get to the wanted one."""
    account = server_account(_owner_of_older_files(wanted)) if servers_needed else None
    new = not wanted.exists()
    folder = StateFolder(_ours(wanted, account), account)
    if not may_enter(account, wanted):
        if new:
            wanted.rmdir()
        name = hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:12]
        place = SYSTEM_STATE / f"crmconnector-{name}"
        account = server_account(_owner_of_older_files(place))
        folder = StateFolder(_ours(place, account), account, moved=True)
    folder.logs.mkdir(mode=0o700, exist_ok=True)
    return folder


def readable_password() -> str:
    """Twelve signs in three groups: 60 bits, easy to type."""
    return "-".join("".join(secrets.choice(READABLE_SIGNS) for _ in range(4)) for _ in range(3))


def fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _owner_of_older_files(folder: Path) -> int | None:
    try:
        return (folder / "postgres").stat().st_uid
    except OSError:
        return None


def _ours(path: Path, account: Account | None) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(path)
        if account:
            os.chown(path, 0, account.gid)
        path.chmod(0o710 if account else 0o700)
    except OSError as refused:
        raise CannotStart(
            f"The state folder {path} cannot be made or is not ours ({refused.strerror}).",
            "Name a folder of your own with STATE_DIR.",
        ) from refused
    return path


def _refuse_foreign(path: Path) -> None:
    # Closing a folder to others breaks it when it is somebody else's: think of STATE_DIR=/tmp or a home folder.
    names = {entry.name for entry in path.iterdir()} - {"logs"}
    if path.stat().st_mode & 0o002 or (names and "lock" not in names and "secrets.json" not in names):
        raise CannotStart(
            f"The folder {path} has other things in it or is open to everybody.",
            f"Name a folder for crmconnector alone, for example STATE_DIR={path / 'crmconnector'}",
        )


def _write_private(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)

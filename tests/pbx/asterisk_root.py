"""A real Asterisk, unpacked (not installed) from Debian packages into a folder of its own.

Nothing of it touches the machine: no maintainer script runs, nothing is mounted, no daemon is started. The folder is
kept between runs; it costs some 270 MB and ten to twenty seconds once. Each Debian release carries one Asterisk:
"forky" 22, "bullseye" 16, the last one in which Debian ships chan_sip.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE = "forky"
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm")
UNPACK_SECONDS = 600
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_FOLDER = Path("/etc/apt")
CACHE_VARIABLE = "CRMCONNECTOR_LAB_DIR"


class LabError(Exception):
    """The lab could not be made or did not start; the text says what to do."""


@dataclass(frozen=True)
class AsteriskRoot:
    """An unpacked Asterisk."""

    path: Path

    @property
    def libraries(self) -> list[Path]:
        """Where shared libraries lie: since Debian 12 in usr/lib/x86_64-linux-gnu (or its like) only."""
        triplet = self.loader.parent.name
        folders = [self.path / "usr/lib" / triplet, self.path / "lib" / triplet, self.path / "usr/lib"]
        return [folder for folder in folders if folder.is_dir()]

    @property
    def loader(self) -> Path:
        for libraries in ("usr/lib", "lib"):
            for found in sorted(self.path.glob(f"{libraries}/*/ld-linux-*.so.*")):
                return found
        raise LabError(f"{self.path} holds no program loader: delete that folder and try again.")

    @property
    def restarts_itself(self) -> bool:
        """Whether a restart comes back by itself: the loader must take a name for what it starts (glibc 2.33)."""
        said = subprocess.run([self.loader, "--help"], capture_output=True, text=True, timeout=30)
        return "--argv0" in said.stdout + said.stderr

    @property
    def program(self) -> Path:
        return self.path / "usr/sbin/asterisk"

    @property
    def modules(self) -> Path:
        for libraries in self.libraries:
            if (libraries / "asterisk/modules").is_dir():
                return libraries / "asterisk/modules"
        raise LabError(f"{self.path} holds no modules of Asterisk: delete that folder and try again.")

    @property
    def share(self) -> Path:
        return self.path / "usr/share/asterisk"

    @property
    def samples(self) -> Path:
        return self.path / "etc/asterisk"

    def command(self, argv0: Path) -> list[str]:
        """How to start the unpacked program with the unpacked loader; `argv0` is what it starts again on a restart."""
        named = ["--argv0", str(argv0)] if self.restarts_itself else []
        folders = ":".join(map(str, self.libraries))
        return [str(self.loader), *named, "--library-path", folders, str(self.program)]

    def version(self) -> str:
        """What Asterisk says of itself, for example `22.10.1`."""
        command = [*self.command(self.program), "-V"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        found = re.search(r"\d+(\.\d+)+", said)
        return found.group(0) if found else said.strip()


def cache_folder() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE) or REPOSITORY / ".lab").resolve()


def root_folder(suite: str = SUITE) -> Path:
    return cache_folder() / f"asterisk-{suite}"


def is_unpacked(suite: str = SUITE) -> bool:
    return (root_folder(suite) / "usr/sbin/asterisk").is_file()


def missing_for_unpacking(suite: str = SUITE) -> str | None:
    """Say what this machine cannot provide for unpacking, or None. A finished cache needs nothing more."""
    if is_unpacked(suite):
        return None
    if not Path("/etc/debian_version").is_file():
        return "The lab unpacks Asterisk from Debian packages: run it on Debian (a container will do)."
    if not KEYRING.is_file():
        return "Debian's signing keys are missing: apt-get install debian-archive-keyring."
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is missing: apt-get install --no-install-recommends mmdebstrap (`make lab` does it as root)."
    if debian_mirror() is None:
        return "No Debian mirror is configured for apt in /etc/apt: add Debian's own to sources.list."
    if os.geteuid() != 0:
        return "Unpacking the lab's Asterisk needs root once (later runs do not): run `make lab` as root."
    return None


def install_mmdebstrap(say: Callable[[str], None], suite: str = SUITE) -> None:
    """Install the unpacking tool by apt, where that is possible and not done."""
    is_there = is_unpacked(suite) or shutil.which("mmdebstrap")
    if is_there or not Path("/etc/debian_version").is_file() or os.geteuid() != 0:
        return
    say("Installing mmdebstrap (it unpacks Debian packages) with apt-get …")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "mmdebstrap"]):
        done = subprocess.run(["apt-get", "-q", *arguments], env=quiet, capture_output=True, text=True)
        if done.returncode != 0:
            raise LabError(f"apt-get {arguments[0]} failed:\n{_tail(done.stderr)}")


def unpack(say: Callable[[str], None], suite: str = SUITE) -> AsteriskRoot:
    """Return the unpacked Asterisk of that Debian release; make it first if it is not there.

    Two processes may ask at once: one makes it, the other waits. A folder that was not finished (the machine was
    switched off, the network broke) never has the final name, so it is never used.
    """
    if not is_unpacked(suite):
        with _locked(cache_folder()):
            if not is_unpacked(suite):  # somebody else may have made it while we waited
                missing = missing_for_unpacking(suite)
                if missing:
                    raise LabError(missing)
                _make(suite, say)
    return AsteriskRoot(root_folder(suite))


@dataclass(frozen=True)
class AptSource:
    """One repository that apt is told to use."""

    address: str
    suites: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_debian(self) -> bool:
        """Debian's main archive; other vendors' repositories and the security archive are listed beside it."""
        signed_by_debian = "debian-archive" in self.signed_by or self.address.rstrip("/").endswith("/debian")
        return signed_by_debian and any(re.fullmatch("[a-z]+", suite) for suite in self.suites)


def debian_mirror(apt_folder: Path = APT_FOLDER) -> str | None:
    """The mirror that this machine's apt already uses for Debian itself."""
    for source in [*_one_line_sources(apt_folder), *_deb822_sources(apt_folder)]:
        if source.is_debian:
            return source.address.rstrip("/")
    return None


def _one_line_sources(apt_folder: Path) -> Iterator[AptSource]:
    for path in [apt_folder / "sources.list", *sorted((apt_folder / "sources.list.d").glob("*.list"))]:
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            found = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line)
            if found:
                yield AptSource(found.group(2), (found.group(3),), found.group(1) or "")


def _deb822_sources(apt_folder: Path) -> Iterator[AptSource]:
    for path in sorted((apt_folder / "sources.list.d").glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", paragraph, re.MULTILINE))
            if fields.get("Enabled", "yes").strip().lower() == "no" or "deb" not in fields.get("Types", "").split():
                continue
            for address in fields.get("URIs", "").split():
                yield AptSource(address, tuple(fields.get("Suites", "").split()), fields.get("Signed-By", ""))


def _transport_options() -> str:
    """How this machine's apt reaches its mirrors (proxy, certificates): the unpacking tool does not look by itself."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(("Acquire::http", "Acquire::Retries")))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(suite: str, say: Callable[[str], None]) -> None:
    final = root_folder(suite)
    for leftover in final.parent.glob("unfinished-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    say(f"Unpacking Asterisk from Debian {suite} into {final} (once, about 270 MB) …")
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=final.parent))
    try:
        _run_mmdebstrap(suite, unfinished)
        _link_sounds(unfinished)
        _let_all_read(unfinished)
        unfinished.rename(final)
    finally:
        if unfinished.exists():
            shutil.rmtree(unfinished, ignore_errors=True)


def _run_mmdebstrap(suite: str, target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as transport:
        transport.write(_transport_options())
        transport.flush()
        command = [
            "mmdebstrap",
            "--variant=extract",
            f"--include={','.join(PACKAGES)}",
            f"--keyring={KEYRING}",
            f"--aptopt={transport.name}",
            # Signatures are checked. Only the date is not: a frozen copy of a mirror is past its own date.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=APT::Install-Recommends "false"',
            suite,
            str(target),
            str(debian_mirror()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=UNPACK_SECONDS)
    if done.returncode != 0:
        raise LabError(f"mmdebstrap could not unpack Asterisk:\n{_tail(done.stderr)}")


def _link_sounds(root: Path) -> None:
    """Make the link to the English prompts that a maintainer script would make; transfers abort without them."""
    sounds = root / "usr/share/asterisk/sounds"
    for spoken in sorted(sounds.glob("en_*")):
        (sounds / "en").symlink_to(spoken.name)
        return
    raise LabError("The unpacked Asterisk has no English prompts.")


def _let_all_read(root: Path) -> None:
    """Other users may run what root unpacked. The packaged settings are examples, with no secret in them."""
    root.chmod(0o755)
    for path in [root / "etc/asterisk", *(root / "etc/asterisk").rglob("*")]:
        if path.exists() and not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-15:])

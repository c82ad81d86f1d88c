"""Unpacking Asterisk: where from, only once, and never half. A small program stands in for the unpacking tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pbx import asterisk_root
from tests.pbx.asterisk_root import REPOSITORY, AsteriskRoot, LabError, debian_mirror, is_unpacked, root_folder, unpack

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="unpacking is only done by root")
UNPACKS = 'mkdir -p "$root/usr/sbin" "$root/usr/share/asterisk/sounds/en_US" && touch "$root/usr/sbin/asterisk"'
FAILS_HALF_WAY = f"{UNPACKS}; echo 'the network broke' >&2; exit 1"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(asterisk_root.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the PATH; `stand_in` puts an mmdebstrap there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def stand_in(tool: Path, deed: str) -> Path:
    """An mmdebstrap that notes its arguments and does `deed` with $root, the folder it was given."""
    called = tool / "called"
    program = tool / "mmdebstrap"
    # The folder is the last argument but one: suite, folder, mirror.
    find_root = 'for word in "$@"; do root=$before; before=$word; done'
    program.write_text(f'#!/bin/sh\necho "$@" >> {called}\n{find_root}\n{deed}\n')
    program.chmod(0o755)
    return called


def say_nothing(_: str) -> None:
    pass


@needs_root
def test_a_finished_unpacking_gets_its_name_and_is_used_again(cache: Path, tool: Path) -> None:
    called = stand_in(tool, UNPACKS)
    assert not is_unpacked()
    first, second = unpack(say_nothing), unpack(say_nothing)
    assert first == second
    assert first.path.parent == cache
    assert first.program.is_file()
    assert (first.share / "sounds/en").resolve().name == "en_US"
    assert len(called.read_text().splitlines()) == 1


@needs_root
def test_each_debian_release_has_a_folder_of_its_own(cache: Path, tool: Path) -> None:
    called = stand_in(tool, UNPACKS)
    usual, old = unpack(say_nothing), unpack(say_nothing, "bullseye")
    assert (usual.path.name, old.path.name) == ("asterisk-forky", "asterisk-bullseye")
    suites = [line.split()[-3] for line in called.read_text().splitlines()]
    assert suites == ["forky", "bullseye"]
    assert is_unpacked("bullseye")
    assert not is_unpacked("bookworm")


LOADER_OF_TODAY = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
LOADER_OF_BULLSEYE = "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"


def unpacked(root: Path, loader: str, modules: str, help_text: str) -> AsteriskRoot:
    """A folder as a Debian release leaves it, with a loader that has such a help text."""
    for folder in ("usr/lib/x86_64-linux-gnu", modules):
        (root / folder).mkdir(parents=True)
    (root / loader).parent.mkdir(parents=True, exist_ok=True)
    (root / loader).write_text(f"#!/bin/sh\necho '{help_text}'\n")
    (root / loader).chmod(0o755)
    return AsteriskRoot(root)


def test_a_loader_that_takes_a_name_lets_the_program_start_itself_again(tmp_path: Path) -> None:
    modules = "usr/lib/x86_64-linux-gnu/asterisk/modules"
    root = unpacked(tmp_path, LOADER_OF_TODAY, modules, "--argv0 STRING  set argv[0]")
    assert root.restarts_itself
    assert root.command(Path("/run/asterisk"))[:3] == [str(tmp_path / LOADER_OF_TODAY), "--argv0", "/run/asterisk"]
    assert root.modules == tmp_path / modules


def test_an_old_release_has_its_loader_and_modules_elsewhere_and_cannot_name_what_it_starts(tmp_path: Path) -> None:
    root = unpacked(tmp_path, LOADER_OF_BULLSEYE, "usr/lib/asterisk/modules", "--library-path PATH")
    assert not root.restarts_itself
    assert "--argv0" not in root.command(Path("/run/asterisk"))
    libraries = root.command(Path("/run/asterisk"))[2].split(":")
    folders = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib")
    assert libraries == [str(tmp_path / folder) for folder in folders]
    assert root.modules == tmp_path / "usr/lib/asterisk/modules"


@needs_root
def test_other_users_may_read_what_root_unpacked(cache: Path, tool: Path) -> None:
    stand_in(tool, f'{UNPACKS}; mkdir -p "$root/etc/asterisk"; umask 077; touch "$root/etc/asterisk/amd.conf"')
    unpacked = unpack(say_nothing)
    assert (unpacked.samples / "amd.conf").stat().st_mode & 0o777 == 0o644
    assert unpacked.path.stat().st_mode & 0o777 == 0o755


@needs_root
def test_a_half_made_unpacking_is_never_used_and_the_next_try_starts_anew(cache: Path, tool: Path) -> None:
    stand_in(tool, FAILS_HALF_WAY)
    with pytest.raises(LabError, match="the network broke"):
        unpack(say_nothing)
    assert not root_folder().exists()
    (cache / "unfinished-by-a-power-cut/usr/sbin").mkdir(parents=True)
    stand_in(tool, UNPACKS)
    unpack(say_nothing)
    assert sorted(path.name for path in cache.iterdir()) == [root_folder().name, "lock"]


@needs_root
def test_two_processes_at_once_unpack_only_once(cache: Path, tool: Path) -> None:
    called = stand_in(tool, f"sleep 0.5; {UNPACKS}")
    code = "from tests.pbx.asterisk_root import unpack; print(unpack(lambda _: None).path)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {process.communicate(timeout=60)[0].strip() for process in both}
    assert told == {str(root_folder())}
    assert len(called.read_text().splitlines()) == 1


@needs_root
def test_signatures_are_always_checked(cache: Path, tool: Path) -> None:
    called = stand_in(tool, UNPACKS)
    unpack(say_nothing)
    arguments = called.read_text()
    assert "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg" in arguments
    assert "trusted" not in arguments
    assert "llowUnauthenticated" not in arguments


def test_a_machine_without_the_tool_is_told_how_to_get_it(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install --no-install-recommends mmdebstrap" in (asterisk_root.missing_for_unpacking() or "")


def test_a_machine_that_has_unpacked_needs_no_tool(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (root_folder() / "usr/sbin").mkdir(parents=True)
    (root_folder() / "usr/sbin/asterisk").touch()
    assert asterisk_root.missing_for_unpacking() is None


VENDOR = "Types: deb\nURIs: http://vendor.example/debian-tools\nSuites: any\nSigned-By: /vendor.gpg\n"
SECURITY = "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: trixie-security\nSigned-By: {keys}\n"
MAIN = "Types: deb\nURIs: http://mirror.example/debian/\nSuites: trixie trixie-updates\nSigned-By: {keys}\n"
KEYS = {"keys": "/usr/share/keyrings/debian-archive-keyring.gpg"}


@pytest.mark.parametrize(
    ("name", "text", "mirror"),
    [
        ("sources.list", "deb http://a.example/debian trixie main", "http://a.example/debian"),
        ("sources.list", "# deb http://a.example/debian trixie main", None),
        ("sources.list", "deb-src http://a.example/debian trixie main", None),
        ("sources.list", "deb http://security.example/debian-security trixie-security main", None),
        ("sources.list.d/x.list", "deb [arch=amd64 signed-by=/k] http://b.example/debian trixie main", "http://b.example/debian"),
        ("sources.list.d/x.sources", VENDOR + "\n" + SECURITY + "\n" + MAIN, "http://mirror.example/debian"),
        ("sources.list.d/x.sources", VENDOR, None),
        ("sources.list.d/x.sources", "Enabled: no\n" + MAIN, None),
        ("sources.list.d/x.sources", MAIN.replace("mirror.example/debian/", "cache.example/repo"), "http://cache.example/repo"),
        ("nothing", "", None),
    ],
)  # fmt: skip
def test_the_mirror_is_the_one_that_apt_uses_for_debian(
    tmp_path: Path, name: str, text: str, mirror: str | None
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text.format(**KEYS))
    assert debian_mirror(tmp_path) == mirror

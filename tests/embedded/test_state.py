"""The state folder: who may read it, what survives, and what is never touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crmconnector.common.environment import Environment
from crmconnector.embedded import state as state_module
from crmconnector.embedded.accounts import may_enter, server_account
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.plan import REPOSITORY
from crmconnector.embedded.process import last_line, open_log, trim_log
from crmconnector.embedded.state import open_state

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another account")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_secrets_are_made_once_and_only_their_owner_can_read_them(state: Path) -> None:
    first = open_state(state).secrets()
    second = open_state(state).secrets()
    assert first == second
    assert mode(state / "secrets.json") == 0o600
    assert first.login_username == "admin"
    assert len(first.login_password) == 14
    assert first.login_password not in repr(first)


def test_the_folder_is_closed_and_lets_only_the_account_of_the_servers_pass(state: Path) -> None:
    folder = open_state(state)
    assert mode(state) == (0o710 if folder.account else 0o700)
    assert mode(folder.logs) == 0o700
    if folder.account:
        assert (state.stat().st_uid, state.stat().st_gid) == (0, folder.account.gid)
    assert mode(open_state(state, servers_needed=False).path) == 0o700


def test_two_folders_have_different_secrets(place: Path) -> None:
    one, other = open_state(place / "one").secrets(), open_state(place / "other").secrets()
    assert one.login_password != other.login_password
    assert one.encryption_keys != other.encryption_keys


def test_generated_keys_are_accepted_by_the_settings(state: Path) -> None:
    kept = open_state(state).secrets()
    env = Environment({"ENCRYPTION_KEYS": kept.encryption_keys, "SECRET_KEY": kept.secret_key})
    assert env.keys("ENCRYPTION_KEYS") == (kept.encryption_keys,)
    assert env.secret("SECRET_KEY", minimum_length=50) == kept.secret_key
    assert env.problems == []


def test_a_secret_of_a_later_version_is_added_and_the_others_stay(state: Path) -> None:
    kept = open_state(state).secrets()
    file = state / "secrets.json"
    known = json.loads(file.read_text())
    del known["queue_password"]
    file.write_text(json.dumps(known | {"of_tomorrow": "x"}))
    again = open_state(state).secrets()
    assert (again.encryption_keys, again.login_password) == (kept.encryption_keys, kept.login_password)
    assert json.loads(file.read_text())["queue_password"] == again.queue_password
    assert json.loads(file.read_text())["of_tomorrow"] == "x"


@pytest.mark.parametrize("damage", ["", "{", "[1]", '"x"', "\x00\xff"])
def test_a_damaged_file_of_secrets_is_refused_and_not_written_over(state: Path, damage: str) -> None:
    open_state(state).secrets()
    (state / "secrets.json").write_text(damage)
    with pytest.raises(CannotStart, match=r"cannot be read\. It holds the keys"):
        open_state(state).secrets()
    assert (state / "secrets.json").read_text() == damage


def test_a_database_without_its_keys_is_refused(state: Path) -> None:
    open_state(state).secrets()
    (state / "postgres" / "files").mkdir(parents=True)
    (state / "secrets.json").rename(state / "kept.json")
    (state / "lock").touch()
    with pytest.raises(CannotStart, match="with its password and the keys is gone"):
        open_state(state).secrets()
    assert not (state / "secrets.json").exists()


def test_a_second_holder_of_the_folder_is_told_who_has_it(state: Path) -> None:
    sentence = rf"already runs .*process {os.getpid()}.*STATE_DIR and PORT"
    with open_state(state).lock(), pytest.raises(CannotStart, match=sentence), open_state(state).lock():
        pytest.fail("two hold one folder")
    with open_state(state).lock():
        pass


def test_the_lock_is_free_again_after_kill_nine(state: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom crmconnector.embedded.state import open_state\n"
        "with open_state(Path(sys.argv[1])).lock():\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(state)]
    holder = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(CannotStart, match=f"process {holder.pid}"), open_state(state).lock():
        pytest.fail("two hold one folder")
    holder.kill()
    holder.communicate()
    with open_state(state).lock():
        pass


def test_a_folder_with_other_things_in_it_is_left_alone(place: Path) -> None:
    full = place / "home"
    full.mkdir(mode=0o755)
    full.chmod(0o755)
    (full / "letter.txt").write_text("dear")
    with pytest.raises(CannotStart, match=r"has other things in it.*STATE_DIR=.*home/crmconnector"):
        open_state(full)
    assert mode(full) == 0o755


def test_a_folder_open_to_everybody_is_left_alone(place: Path) -> None:
    shared = place / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(CannotStart, match="open to everybody"):
        open_state(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_file_in_the_place_of_the_folder_is_a_sentence(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(CannotStart, match=r"cannot be made or is not ours .* STATE_DIR"):
        open_state(place / "file")


@as_root
def test_a_folder_the_account_cannot_get_to_is_replaced_and_the_way_to_it_stays_closed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "SYSTEM_STATE", place)
    home = place / "home"
    home.mkdir(mode=0o700)
    folder = open_state(home / "checkout" / ".state")
    assert folder.moved
    assert folder.path.parent == place
    assert may_enter(folder.account, folder.path)
    assert mode(home) == 0o700
    assert not may_enter(folder.account, home)
    assert not (home / "checkout" / ".state").exists()
    kept = folder.secrets()
    assert open_state(home / "checkout" / ".state").secrets() == kept
    assert open_state(home / "other" / ".state").path != folder.path


@as_root
def test_the_account_of_older_files_is_kept(state: Path) -> None:
    open_state(state)
    (state / "secrets.json").write_text("{}")
    (state / "postgres").mkdir()
    os.chown(state / "postgres", 65534, 65534)
    account = open_state(state).account
    assert account is not None
    assert account.name == "nobody"
    assert server_account() == server_account(0)


def test_a_grown_log_is_cut_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with open_log(log) as writer:
        writer.write(b"old\n" * 1000)
        writer.flush()
        trim_log(log, limit_bytes=10_000)
        assert log.stat().st_size == 4000
        trim_log(log, limit_bytes=1000)
        writer.write(b"new\x1b[31m line\n\n")
        writer.flush()
    assert mode(log) == 0o600
    assert log.stat().st_size < 100
    assert (tmp_path / "web.log.1").read_bytes() == b"old\n" * 1000
    assert last_line(log) == "new [31m line"
    assert last_line(tmp_path / "none.log") == ""


def test_the_last_word_of_one_process_is_told_apart_from_what_others_wrote_after_it(tmp_path: Path) -> None:
    log = tmp_path / "database.log"
    log.write_text("[20] FATAL: still in use\n[201] FATAL: terminating connection\n")
    assert last_line(log, 20) == "[20] FATAL: still in use"
    assert last_line(log, 2) == last_line(log) == "[201] FATAL: terminating connection"

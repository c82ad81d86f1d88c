"""Addresses of the servers we use, written as URLs: PostgreSQL, Valkey and the manager interface of the PBX.

    read_database("postgres://user:secret@host:5432/name")  -> DatabaseAddress
    read_redis("unix://:secret@/path/to.sock?db=0")         -> RedisAddress
    read_ami("ami://user:secret@host:5038")                 -> AmiAddress

They are read strictly: a slip is refused with `Unreadable`, never guessed at. Control characters are refused after
percent-decoding too, since a line end inside an AMI secret would forge a header.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

# What libpq understands and may reasonably be set for us; anything else is a slip of the pen and is refused.
DATABASE_OPTIONS = frozenset(
    {"application_name", "channel_binding", "connect_timeout", "options", "target_session_attrs"}
)
DATABASE_OPTIONS |= {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "gssencmode", "tcp_user_timeout"}
DATABASE_OPTIONS |= {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}
REDIS_OPTIONS = frozenset({"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


class Unreadable(ValueError):
    """Says what is wrong with a value, in words that follow its name, without the value."""


@dataclass(frozen=True)
class DatabaseAddress:
    """Where PostgreSQL is. `host` starts with a slash when it is the folder of a unix socket."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    def django(self, **settings: object) -> dict[str, object]:
        """One entry of Django's DATABASES. Options in the address win over those in OPTIONS."""
        wanted = settings.pop("OPTIONS", {})
        options = {**wanted, **self.options} if isinstance(wanted, Mapping) else dict(self.options)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": str(self.port),
            "OPTIONS": options,
            **settings,
        }

    def url(self) -> str:
        """The address as `read_database` reads it, and psycopg too. Holds the secret."""
        query = dict(self.options)
        place = f"{_bracketed(self.host)}:{self.port}"
        if self.host.startswith("/"):
            query |= {"host": self.host, "port": str(self.port)}
            place = ""
        tail = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return f"postgresql://{_credentials(self.user, self.password)}{place}/{quote(self.name, safe='')}{tail}"


@dataclass(frozen=True)
class RedisAddress:
    """Where Valkey (or Redis) is: `path` of its unix socket, or `host` and `port`."""

    host: str
    port: int
    path: str
    user: str
    password: str = field(repr=False)
    database: int = 0
    tls: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def client_url(self, database: int | None = None) -> str:
        """For redis-py. Holds the secret."""
        number = self.database if database is None else database
        if self.path:
            return f"unix://{_credentials(self.user, self.password)}{quote(self.path)}?db={number}"
        return self._network_url(number)

    def broker_url(self, database: int | None = None) -> str:
        """For Celery, which spells unix sockets in its own way. Holds the secret."""
        number = self.database if database is None else database
        if self.path:
            return f"redis+socket://{_credentials(self.user, self.password)}{quote(self.path)}?virtual_host={number}"
        return self._network_url(number)

    def _network_url(self, number: int) -> str:
        # Celery refuses a TLS address that does not say whether certificates are checked.
        options = {"ssl_cert_reqs": "required"} | dict(self.options) if self.tls else {}
        tail = f"?{urlencode(options, quote_via=quote)}" if options else ""
        place = f"{_credentials(self.user, self.password)}{_bracketed(self.host)}:{self.port}/{number}"
        return f"{'rediss' if self.tls else 'redis'}://{place}{tail}"


@dataclass(frozen=True)
class AmiAddress:
    """Where the PBX's Asterisk Manager Interface is, and the manager user of `manager.conf` to log in as."""

    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    tls: bool = False


def clean(value: str) -> str:
    # Cc are control characters (a line end would forge an AMI header), Cs are bytes that are no UTF-8, Zl and Zp are
    # line ends under other names. Refused and never repaired, also after percent-decoding.
    if any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in value):
        raise Unreadable("holds a line end or another control character")
    return value


def whole_number(value: str, minimum: int, maximum: int) -> int:
    # [0-9] and not \d, which also takes digits of other scripts; the length keeps int() from its own limit.
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise Unreadable("is not a whole number")
    if not minimum <= int(value) <= maximum:
        raise Unreadable(f"is not between {minimum} and {maximum}")
    return int(value)


@dataclass(frozen=True)
class _Parts:
    """An address taken apart and percent-decoded."""

    scheme: str
    user: str
    password: str = field(repr=False)
    host: str
    port: int | None
    path: str
    query: dict[str, str] = field(repr=False)


def _split(value: str, schemes: Iterable[str]) -> _Parts:
    known = tuple(schemes)
    try:
        split = urlsplit(value)
        port, query = split.port, parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    except ValueError:
        # The first cause is usually a secret with a slash, which ends the host too early.
        raise Unreadable("is not an address; write signs like / ? # @ % in a secret as %2F %3F %23 %40 %25") from None
    if split.scheme not in known:
        raise Unreadable(f"does not start with {' or '.join(f'{scheme}://' for scheme in known)}")
    if split.fragment or value.endswith("#"):
        raise Unreadable("has a # in it; in a secret write %23")
    if port == 0:
        raise Unreadable("has port 0")
    if len(dict(query)) != len(query):
        raise Unreadable("gives one option twice")
    user, secret, host = _authority(split)
    return _Parts(split.scheme, user, secret, host, port, _decoded(split.path), {k: clean(v) for k, v in query})


def _authority(split: SplitResult) -> tuple[str, str, str]:
    # Not split.hostname: that one turns to lower case, which breaks the path of a socket.
    credentials, _, place = split.netloc.rpartition("@")
    user, _, secret = credentials.partition(":")
    host = place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
    return _decoded(user), _decoded(secret), _decoded(host)


def _decoded(value: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise Unreadable("has a % that starts no code; write %25")
    try:
        return clean(unquote(value, errors="strict"))
    except UnicodeDecodeError as wrong:
        raise Unreadable("has percent codes that are no UTF-8") from wrong


def read_database(value: str) -> DatabaseAddress:
    parts = _split(value, ("postgres", "postgresql"))
    query = dict(parts.query)
    host = query.pop("host", "") or parts.host
    port = whole_number(query.pop("port", "5432"), 1, 65535) if parts.port is None else parts.port
    name = parts.path.removeprefix("/")
    if not host or not parts.user:
        raise Unreadable("names no host or no user")
    if not name or "/" in name:
        raise Unreadable("names no database, or more than one")
    _only(query, DATABASE_OPTIONS)
    return DatabaseAddress(_host(host), port, name, parts.user, parts.password, query)


def read_redis(value: str) -> RedisAddress:
    parts = _split(value, ("redis", "rediss", "unix"))
    query = dict(parts.query)
    socket = parts.path if parts.scheme == "unix" else ""
    number = query.pop("db", "") or (parts.path.strip("/") if not socket else "") or "0"
    if parts.scheme == "unix" and (parts.host or not socket.strip("/")):
        raise Unreadable("names no socket; its path has three slashes, as in unix:///path/to.sock")
    if not socket and not parts.host:
        raise Unreadable("names no host")
    _only(query, REDIS_OPTIONS if parts.scheme == "rediss" else frozenset())
    place = (parts.host and _host(parts.host), parts.port or 6379, socket)
    return RedisAddress(
        *place, parts.user, parts.password, whole_number(number, 0, 1023), parts.scheme == "rediss", query
    )


def read_ami(value: str) -> AmiAddress:
    parts = _split(value, ("ami", "amis"))
    tls = parts.scheme == "amis"
    if not parts.host or parts.host.startswith("/"):
        raise Unreadable("names no host")
    if not parts.user or not parts.password:
        raise Unreadable("names no manager user or no secret")
    if parts.path.strip("/") or parts.query:
        raise Unreadable("goes on after the port")
    return AmiAddress(_host(parts.host), parts.port or (5039 if tls else 5038), parts.user, parts.password, tls)


def _host(host: str) -> str:
    if not host.startswith("/") and not re.fullmatch(r"[A-Za-z0-9._:%-]{1,253}", host):
        raise Unreadable("names a host with signs that no host name has")
    return host


def _only(query: Mapping[str, str], known: frozenset[str]) -> None:
    if not query.keys() <= known:
        raise Unreadable("has an option that is not known" + (f" (known: {', '.join(sorted(known))})" if known else ""))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")


def _credentials(user: str, password: str) -> str:
    if not user and not password:
        return ""
    return quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"

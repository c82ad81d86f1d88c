"""Strict, typed readers of environment variables.

    env = Environment(os.environ)
    PORT = env.port("PORT", 8000)
    DATABASE = env.database()            # DATABASE_URL -> DatabaseAddress; None and a problem when it is missing
    for problem in env.problems: ...     # str(problem) is a sentence with its cure

A reader never raises: settings are imported by every command, also by the one that shall explain what is wrong. A value
that cannot be read leaves a `Problem` behind and the default in its place; a system check shows the problems and stops
the start. An empty value counts as not given, because container files write `NAME=`.

No sentence quotes a value: nobody knows which secret was pasted behind the wrong name.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from crmconnector.common.addresses import (
    AmiAddress,
    DatabaseAddress,
    RedisAddress,
    Unreadable,
    clean,
    read_ami,
    read_database,
    read_redis,
    whole_number,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

DATABASE_FORM = "postgres://user:secret@host:5432/name (a unix socket: postgres://user@/name?host=/folder)"
REDIS_FORM = "redis://:secret@host:6379/0, rediss://… for TLS, or unix://:secret@/path/to.sock?db=0"
AMI_FORM = "ami://user:secret@host:5038, or amis://… for TLS"


class Required(Enum):
    """The default of a variable that has none."""

    YES = "required"


REQUIRED = Required.YES


@dataclass(frozen=True)
class Problem:
    """One variable that cannot be used: its name, what is wrong (never the value), and what to write instead."""

    name: str
    what_is_wrong: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name} {self.what_is_wrong}. {self.cure}"


class Environment:
    """Readers of one set of variables. Every reader gives a usable value and notes what it could not read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.problems: list[Problem] = []

    def given(self, name: str) -> bool:
        """Is the variable there and not blank?"""
        return bool(self._values.get(name, "").strip(" \t"))

    def add_problem(self, name: str, what_is_wrong: str, cure: str) -> None:
        self.problems.append(Problem(name, what_is_wrong, cure))

    def text(self, name: str, default: str = "") -> str:
        return self._read(name, default, lambda value: value, f"Set {name} to one line of plain text.")

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        known = tuple(allowed)
        return self._read(name, default, lambda value: _choice(value, known), f"Use one of: {', '.join(known)}.")

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        cure = f"Write a whole number from {minimum} to {maximum}, for example {name}={default}"
        return self._read(name, default, lambda value: whole_number(value, minimum, maximum), cure)

    def port(self, name: str, default: int) -> int:
        """A TCP port, 1 to 65535."""
        return self.integer(name, default, 1, 65535)

    def boolean(self, name: str, default: bool = False) -> bool:
        return self._read(name, default, _boolean, f"Write {name}=1 for yes or {name}=0 for no.")

    def folder(self, name: str, default: Path) -> Path:
        """An absolute folder; a leading ~ is the home folder. It need not exist yet."""
        return self._read(name, default, _folder, f"Write an absolute path, like {name}=/srv/crmconnector")

    def list_of(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """Texts parted by commas; blanks around them and empty items do not count."""
        return self._read(name, list(default), _items, f"Write {name}=one,two,three")

    def networks(self, name: str, default: Iterable[str] = ()) -> tuple[Network, ...]:
        """Address ranges in CIDR form parted by commas. A lone address is a range of one."""
        usual = tuple(ipaddress.ip_network(item) for item in default)
        return self._read(
            name, usual, _networks, f"Write ranges by their first address: {name}=192.168.10.0/24,10.1.2.3"
        )

    def secret(self, name: str, default: str | Required = REQUIRED, minimum_length: int = 1) -> str:
        """A secret of at least so many characters; required unless a default is given."""
        cure = f"Set {name} to at least {minimum_length} random characters, for example from: openssl rand -hex 32"
        return self._demand(name, default, "", lambda value: _long_enough(value, minimum_length), cure)

    def keys(self, name: str, default: tuple[str, ...] | Required = REQUIRED) -> tuple[str, ...]:
        """Fernet keys parted by commas, newest first: the first encrypts, all of them decrypt. Required as above."""
        cure = "Make a key with: openssl rand -base64 32 | tr '+/' '-_' and put it before the older ones, with a comma."
        return self._demand(name, default, (), _fernet_keys, cure)

    def database(
        self, name: str = "DATABASE_URL", default: DatabaseAddress | Required | None = REQUIRED
    ) -> DatabaseAddress | None:
        """Where PostgreSQL is; required unless a default (None, too) is given."""
        return self._demand(name, default, None, read_database, f"Write {name}={DATABASE_FORM}")

    def redis(self, name: str = "REDIS_URL", default: RedisAddress | Required | None = REQUIRED) -> RedisAddress | None:
        """Where Valkey is; required unless a default (None, too) is given."""
        return self._demand(name, default, None, read_redis, f"Write {name}={REDIS_FORM}")

    def ami(self, name: str = "AMI_URL", default: AmiAddress | None = None) -> AmiAddress | None:
        """The manager interface of the PBX; never required, a rehearsal has none."""
        return self._read(name, default, read_ami, f"Write {name}={AMI_FORM}")

    def _demand(self, name: str, default: T | Required, empty: T, reader: Callable[[str], T], cure: str) -> T:
        if isinstance(default, Required):
            if not self.given(name):
                self.add_problem(name, "is not set", cure)
            default = empty
        return self._read(name, default, reader, cure)

    def _read(self, name: str, default: T, reader: Callable[[str], T], cure: str) -> T:
        if not self.given(name):
            return default
        try:
            return reader(clean(self._values[name].strip(" \t")))
        except Unreadable as wrong:
            self.add_problem(name, str(wrong), cure)
        return default


def _choice(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise Unreadable("is none of the words it may be")
    return value


def _long_enough(value: str, at_least: int) -> str:
    if len(value) < at_least:
        raise Unreadable(f"is shorter than {at_least} characters")
    return value


def _boolean(value: str) -> bool:
    meaning = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in meaning:
        raise Unreadable("is neither yes nor no")
    return meaning[value.lower()]


def _folder(value: str) -> Path:
    try:
        path = Path(value).expanduser()
    except RuntimeError as unknown:
        raise Unreadable("names a home folder that is not known") from unknown
    if not path.is_absolute():
        raise Unreadable("is not an absolute path")
    return path


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _networks(value: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for position, item in enumerate(_items(value), start=1):
        try:
            found.append(ipaddress.ip_network(item))
        except ValueError as wrong:
            raise Unreadable(f"has an entry that is not an address range (number {position})") from wrong
    return tuple(found)


def _fernet_keys(value: str) -> tuple[str, ...]:
    keys = tuple(_items(value))
    for position, key in enumerate(keys, start=1):
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", key):
            raise Unreadable(f"has an entry that is not a key of 32 bytes in URL-safe base64 (number {position})")
    return keys

"""What the environment asks of a start, and the environment that the children get."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crmconnector.common.addresses import DatabaseAddress, RedisAddress
from crmconnector.common.environment import Environment
from crmconnector.embedded.errors import CannotStart
from crmconnector.embedded.plan import REPOSITORY
from crmconnector.embedded.sockets import free_ports
from crmconnector.embedded.state import Secrets, StateFolder


@dataclass(frozen=True)
class Wishes:
    """`database` and `redis` are None when we shall start our own."""

    bind: str
    port: int
    state: Path
    database: DatabaseAddress | None
    redis: RedisAddress | None
    own_password: bool

    @property
    def needs_servers(self) -> bool:
        return not (self.database and self.redis)


def read_wishes(values: Mapping[str, str]) -> Wishes:
    """Read what concerns the start; all problems at once. AMI_URL is only looked at, so that a slip is told early."""
    env = Environment(values)
    env.ami()
    wishes = Wishes(
        bind=env.text("BIND", "127.0.0.1"),
        port=env.port("PORT", 8000),
        state=env.folder("STATE_DIR", REPOSITORY / ".state"),
        database=env.database(default=None),
        redis=env.redis(default=None),
        own_password=env.given("LOGIN_PASSWORD"),
    )
    if env.problems:
        raise CannotStart("\n  ".join(["These settings are wrong:", *map(str, env.problems)]), "", exit_code=2)
    return wishes


def child_environment(values: Mapping[str, str], wishes: Wishes, state: StateFolder, kept: Secrets) -> dict[str, str]:
    """What every child gets. What the operator has set wins over what we have generated."""
    generated = {
        "SECRET_KEY": kept.secret_key,
        "ENCRYPTION_KEYS": kept.encryption_keys,
        "LOGIN_USERNAME": kept.login_username,
        "LOGIN_PASSWORD": kept.login_password,
    }
    given = Environment(values)
    fixed = {"BIND": wishes.bind, "PORT": str(wishes.port), "STATE_DIR": str(state.path), "PYTHONUNBUFFERED": "1"}
    return {**values, **{name: value for name, value in generated.items() if not given.given(name)}, **fixed}


def simulator_environment() -> dict[str, str]:
    """Where the pretend PBX and phones of a rehearsal will listen, and the secret to log in with."""
    ami, phones = free_ports(2)
    return {
        "SIMULATOR_AMI_PORT": str(ami),
        "SIMULATOR_PHONE_PORT": str(phones),
        "SIMULATOR_AMI_SECRET": secrets.token_hex(16),
    }


def rehearsal_environment() -> dict[str, str]:
    """In a rehearsal the product may talk to pretend phones on this machine, and to no others."""
    return {"PHONE_NETWORKS": "127.0.0.0/8", "REHEARSAL": "1"}

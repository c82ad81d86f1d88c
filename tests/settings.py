"""Settings of the test run: real PostgreSQL and Valkey of its own, started once, never those of the person's shell.

With several pytest workers the first process starts the servers; each worker gets its own database (pytest-django adds
a suffix) and its own Valkey database number.
"""

import atexit
import contextlib
import os
import tempfile
from pathlib import Path

from crmconnector.embedded.servers import TemporaryServers, temporary_servers

_stack = contextlib.ExitStack()
servers: TemporaryServers | None = None  # None in the workers of pytest-xdist: they share their parent's


def _start_servers() -> TemporaryServers:
    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-test-")))
    folder.chmod(0o755)
    started = _stack.enter_context(temporary_servers(folder))
    os.environ["CRM_TEST_DATABASE_URL"] = started.database_url
    os.environ["CRM_TEST_REDIS_URL"] = started.redis_url
    atexit.register(_stack.close)
    return started


if "CRM_TEST_DATABASE_URL" not in os.environ:
    servers = _start_servers()

_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
os.environ.update(
    DATABASE_URL=os.environ["CRM_TEST_DATABASE_URL"],
    REDIS_URL=os.environ["CRM_TEST_REDIS_URL"].replace("db=0", f"db={int(_worker) + 1}"),
    SECRET_KEY="tests-only-tests-only-tests-only-tests-only",
    ENCRYPTION_KEYS="dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    PHONE_NETWORKS="127.0.0.0/8",
    LOG_LEVEL="WARNING",
)
for _name in (
    "AMI_URL",
    "REHEARSAL",
    "DEBUG",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "LOG_JSON",
    "PORT",
    "BIND",
    "PBX_COUNTRY",
):
    os.environ.pop(_name, None)

from crmconnector.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # sign-ins by the hundred

"""A wrong setting stops the start with its name and its cure, and never shows a secret."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT, product_environment

pytestmark = pytest.mark.django_db


def check(**changes: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in product_environment(**changes).items() if value != "<unset>"}
    return subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


WRONG = {
    "DATABASE_URL": "mysql://u:CANARY-7c1@h/db",
    "SECRET_KEY": "CANARY-7c1",
    "ENCRYPTION_KEYS": "CANARY-7c1",
    "AMI_URL": "ami://user:CANARY-7c1@pbx:99999",
    "PHONE_NETWORKS": "10.0.0.0/99",
    "PORT": "eighty",
    "LOG_LEVEL": "LOUD",
    "TIME_ZONE": "Mars/Olympus",
    "DEBUG": "perhaps",
}


def test_right_settings_pass():
    done = check()
    assert done.returncode == 0, done.stderr


def test_every_wrong_setting_is_named_at_once_with_its_cure_and_without_its_value():
    done = check(**WRONG)
    assert done.returncode != 0
    assert [name for name in WRONG if f"{name}: " not in done.stderr] == []
    assert done.stderr.count("HINT") >= len(WRONG)
    assert "CANARY-7c1" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_what_must_be_given_is_asked_for_by_name():
    needed = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS")
    done = check(**dict.fromkeys(needed, "<unset>"))
    assert [name for name in needed if f"{name}: is not set" not in done.stderr] == []


def test_every_process_of_the_product_refuses_wrong_settings():
    environment = product_environment(PORT="eighty")
    uvicorn = ["-m", "uvicorn", "crmconnector.asgi:application", "--port", "1"]
    celery = ["-m", "celery", "-A", "tasks", "worker", "--pool", "solo"]
    for command in (["manage.py", "listen"], ["manage.py", "prepare"], uvicorn, celery):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode != 0, command
        assert "PORT" in done.stderr

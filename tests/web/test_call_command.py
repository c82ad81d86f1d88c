"""`manage.py call`: what it prints, how it ends, and that it goes by the same rules as the button."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import CallCommand, DialSettings
from crmconnector.common.clock import utc_now
from tests.support.office import RowOffice, make_office
from tests.support.processes import eventually, product_environment

ROOT = Path(__file__).parents[2]
NUMBER = "030 23125447"


def said(*arguments: object) -> str:
    out = StringIO()
    call_command("call", *arguments, stdout=out)
    return out.getvalue()


def test_it_asks_as_the_button_would_and_says_who_did(office: RowOffice) -> None:
    assert "requested by the phone" in said("user201", NUMBER)
    [command] = CallCommand.objects.all()
    assert (command.user, command.dial_string) == (office.users[0], "03023125447")
    events = {event.action: event.actor_name for event in AuditEvent.objects.all()}
    assert events == {"call.make_call_requested": "user201", "call.asked_by_shell": "system"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", NUMBER), "Nobody active is called nobody"),
        (("user201", "300&400"), "Not dialled"),
        (("user201", "112"), "emergency number"),
        (("user201", NUMBER, "--phone", "Phone 202"), "no longer assigned"),
        (("user201", NUMBER, "--phone", "None\x1b[2J"), "No phone is called None\ufffd[2J"),
        (("user201", NUMBER, "--account", "7"), "no account 7"),
        (("user201", NUMBER, "--wait", "1000"), "between 0 and 120"),
    ],
    ids=["nobody", "two numbers", "emergency", "another's phone", "no such phone", "no such account", "too long"],
)
def test_it_says_why_it_asked_for_nothing(office: RowOffice, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words.replace("[", r"\[")) as refused:
        said(*arguments)
    assert refused.value.returncode == 2 and not CallCommand.objects.exists()


def test_the_stop_holds_it_back_and_an_emergency_goes_when_one_is_sure(office: RowOffice) -> None:
    DialSettings.objects.create(stopped_at=utc_now(), stopped_by="boss")
    with pytest.raises(CommandError, match="stopped all dialling"):
        said("user201", NUMBER)
    assert "requested" in said("user201", "112", "--sure")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("state", "code", "words"),
    [("confirmed", 0, "Calling"), ("refused", 1, "The phone said no"), ("unknown", 3, "not sure")],
    ids=["confirmed", "refused", "unknown"],
)
def test_it_waits_and_prints_each_state_and_ends_with_its_code(state: str, code: int, words: str) -> None:
    make_office()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "call", "user201", NUMBER, "--wait", "60"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **product_environment()},
    )  # fmt: skip
    try:
        eventually(CallCommand.objects.exists, seconds=60)
        CallCommand.objects.update(state="sent", sent_at=utc_now())
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while "sent by" not in lines[-1] and lines[-1]:
            lines.append(process.stdout.readline())
        sentence = {"refused": "The phone said no.", "unknown": "We are not sure."}.get(state, "")
        CallCommand.objects.update(state=state, settled=True, ended_at=utc_now(), sentence=sentence)
        rest = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == code, rest
    assert "waiting for the PBX" in lines[-1] and f"{state} by the phone" in rest and words in rest

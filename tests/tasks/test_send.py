"""The one send: to the right call, in time, once, and every error of a phone becomes an honest outcome."""

import time

import pytest

from crmconnector.calls.models import CallCommand, Leg
from crmconnector.calls.services import grant_command, request_answer
from crmconnector.common.clock import GRANT_VALID_SECONDS, utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.simulator.running import running_office
from phones.drivers.base import LineState, LineWord
from phones.models import PhoneStatus
from tasks import call_control
from tasks.call_control import carry_out, send, wrong_line
from tests.support.canary import PASSCODE
from tests.support.processes import eventually
from tests.support.simulated import DID, rows_for, small_story
from tests.support.story import inbound_call

RINGS = LineState(1, LineWord.RINGING, "03023125447")


def test_one_ringing_line_with_the_same_caller_is_the_right_one():
    assert wrong_line([RINGS, LineState(2, LineWord.IDLE)], "+493023125447") is None
    assert wrong_line([LineState(1, LineWord.RINGING, "")], "+493023125447") is None


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([LineState(1, LineWord.IDLE)], "nothing_rings"),
        ([LineState(1, LineWord.BUSY_UNKNOWN)], "nothing_rings"),
        ([RINGS, LineState(2, LineWord.RINGING, "0301")], "several_ring"),
        ([LineState(1, LineWord.RINGING, "020 7946 0148")], "another_caller"),
    ],
)
def test_otherwise_nothing_is_sent_and_the_reason_told(lines, code):
    assert wrong_line(lines, "+493023125447").reason_code == code


@pytest.fixture
def ringing(db, tmp_path):
    """(office, rows, command): phone 201 of a simulated office rings and its user has pressed Answer."""
    with running_office(small_story(tmp_path, phones=1)) as office:
        rows = rows_for(office, ["201"])
        office.incoming("03023125447", did=DID)
        eventually(lambda: "ringing" in str(office.snapshot()["phones"]["201"]))
        batch = inbound_call(leg_endpoint="PJSIP/201", number="03023125447")
        handle_batch(pbx=rows.pbx, epoch=rows.pbx.link.epoch, batch=batch, now=utc_now())
        leg = Leg.objects.get()
        yield office, rows, request_answer(user=leg.user, leg=leg, key="k", now=utc_now())[0]


def deeds(office):
    return [row for row in office.journal("201") if "phone_operation" in row["path"]]


def carried_out(command):
    carry_out(command.pk)
    command.refresh_from_db()
    return command.state


def test_a_command_is_sent_once_however_often_it_is_handed_out(ringing):
    office, _, command = ringing
    assert carried_out(command) == "sent"
    assert carried_out(command) == "sent"
    assert len(deeds(office)) == 1


@pytest.mark.parametrize(
    ("fault", "function", "state", "sent"),
    [
        ("refuse", None, "failed", 0),
        ("silent", None, "failed", 0),  # the harmless look at the lines was not answered
        ("html", "api-phone_operation", "unknown", 1),
        ("close", "api-phone_operation", "unknown", 1),
        ("truncated", "api-phone_operation", "unknown", 1),
        ("effect_no_answer", "api-phone_operation", "unknown", 1),
        ("error_500", "api-phone_operation", "unknown", 1),
    ],
)
def test_every_fault_of_a_phone_becomes_an_honest_outcome_after_one_try(ringing, fault, function, state, sent):
    office, rows, command = ringing
    office.fault("201", fault, function=function)
    assert carried_out(command) == state
    assert len(deeds(office)) == sent
    assert command.sentence
    assert PASSCODE not in command.sentence
    assert PhoneStatus.objects.get(phone=rows.phones[0]).reachable is False


def test_a_grant_that_has_grown_old_is_not_used(ringing, monkeypatch):
    office, _, command = ringing
    grant = grant_command(command_id=command.pk, now=utc_now())
    monkeypatch.setattr(call_control.time, "monotonic", lambda: grant.granted_monotonic + GRANT_VALID_SECONDS + 0.1)
    assert send(grant).reason_code == "too_late"
    assert deeds(office) == []


def test_another_call_than_the_cards_is_not_answered(ringing):
    office, _, command = ringing
    Leg.objects.update(far_number="+442079460148")
    assert carried_out(command) == "refused"
    assert CallCommand.objects.get().reason_code == "another_caller"
    assert deeds(office) == []


def test_the_clock_of_a_grant_is_the_machines_own_not_the_days(ringing):
    _, _, command = ringing
    before = time.monotonic()
    grant = grant_command(command_id=command.pk, now=utc_now())
    assert before <= grant.granted_monotonic <= time.monotonic()

"""The whole path of one command: granted, sent once, recorded, shown; and of the one that may follow it."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from crmconnector.calls.models import CallCommand, CommandPath, CommandState, Leg
from crmconnector.calls.services import Grant, Outcome, grant_command, request_answer
from crmconnector.common.clock import utc_now
from crmconnector.common.secrets import Secret
from crmconnector.listener.dispatch import handle_batch
from crmconnector.simulator.running import RunningOffice, running_office
from phones.connection import address_of, address_policy
from phones.drivers.base import Limits, PhoneDriver
from phones.drivers.registry import open_driver
from phones.models import Phone, PhoneLease
from tasks import call_control, phone_deeds
from tasks.call_control import carry_out
from tests.support.canary import PASSCODE
from tests.support.commands import sent_command
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.simulated import DID, rows_for, small_story
from tests.support.story import inbound_call


@pytest.fixture
def ringing(db, tmp_path) -> Iterator[tuple[RunningOffice, CallCommand]]:
    """Phone 201 of a simulated office rings and its user has pressed Answer."""
    with running_office(small_story(tmp_path, phones=1)) as office:
        rows = rows_for(office, ["201"])
        office.incoming("03023125447", did=DID)
        eventually(lambda: "ringing" in str(office.snapshot()["phones"]["201"]))
        batch = inbound_call(leg_endpoint="PJSIP/201", number="03023125447")
        handle_batch(pbx=rows.pbx, epoch=rows.pbx.link.epoch, batch=batch, now=utc_now())
        leg = Leg.objects.get()
        yield office, request_answer(user=leg.user, leg=leg, key="k", now=utc_now())[0]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the simulated phone is slow as no phone is; how little we wait is proved elsewhere."""

    def waiting_long(phone: Phone) -> PhoneDriver:
        limits, passcode = Limits(connect_seconds=60.0, total_seconds=60.0), phone.passcode or Secret("")
        return open_driver(phone.vendor, address_of(phone), passcode, policy=address_policy(), limits=limits)

    monkeypatch.setattr(phone_deeds, "GRANT_VALID_SECONDS", 60.0)
    monkeypatch.setattr(phone_deeds, "driver_for", waiting_long)


def carried_out(command: CallCommand) -> str:
    carry_out(command.pk)
    command.refresh_from_db()
    return command.state


def test_a_command_is_sent_once_however_often_it_is_handed_out(ringing, patient) -> None:
    office, command = ringing
    assert carried_out(command) == "sent"
    assert carried_out(command) == "sent"
    assert len([row for row in office.journal("201") if "phone_operation" in row["path"]]) == 1
    assert PhoneLease.objects.get().held_until is None


def test_a_phone_that_answers_nothing_sensible_is_told_in_a_sentence_without_secrets(ringing) -> None:
    office, command = ringing
    office.fault("201", "html", function="api-phone_operation")
    assert carried_out(command) == "unknown"
    assert command.sentence and PASSCODE not in command.sentence


def test_the_clock_of_a_grant_is_the_machines_own_not_the_days(ringing) -> None:
    before = time.monotonic()
    grant = grant_command(command_id=ringing[1].pk, now=utc_now())
    assert grant is not None and before <= grant.granted_monotonic <= time.monotonic()


def test_a_press_that_is_not_carried_out_is_told_at_once(office: RowOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(call_control, "wake", woken.extend)
    command = asked(office)
    PhoneLease.objects.create(phone=command.phone, token=7, held_until=utc_now() + timedelta(minutes=1))
    assert (carried_out(command), woken) == ("refused", [command.user_id])


# --- the other way ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(way, what it came to) of each try; the phone's outcome is that of `OUTCOME`."""
    seen: list[tuple[str, str]] = []

    def by_phone(grant: Grant) -> Outcome:
        seen.append(("phone", grant.command.digits))
        return OUTCOME[0]

    def by_pbx(grant: Grant) -> Outcome:
        seen.append(("pbx", grant.command.digits))
        return Outcome(CommandState.SENT)

    monkeypatch.setattr(call_control, "BY", {CommandPath.PHONE: by_phone, CommandPath.PBX: by_pbx})
    return seen


OUTCOME: list[Outcome] = []
NOTHING = Outcome(CommandState.FAILED, "away", "Nobody there.", nothing_happened=True)


def asked(office: RowOffice, kind: str = "make_call", **more: object) -> CallCommand:
    columns = {"far_number": "202", "dial_string": "202", "may_fall_back": True} | more
    return sent_command(
        office, kind, state=CommandState.REQUESTED, granted_at=None, sent_at=None, token=None, **columns
    )


def test_what_surely_did_nothing_goes_the_other_way_at_once_as_a_command_of_its_own(
    office: RowOffice, tried: list[tuple[str, str]]
) -> None:
    OUTCOME[:] = [NOTHING]
    command = asked(office)
    assert carried_out(command) == "failed"
    second = command.fallback
    assert (second.state, second.path, second.far_number) == ("sent", "pbx", "202")
    assert second.not_after == command.not_after, "the person clicked once"
    carry_out(command.pk)
    assert [way for way, _ in tried] == ["phone", "pbx"]


def test_nobody_sees_the_first_way_ended_without_the_second(
    office: RowOffice, tried: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page asks until the call has ended: both rows appear at once or not at all."""
    OUTCOME[:] = [NOTHING]
    command = asked(office)
    monkeypatch.setattr(call_control, "request_fallback", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        carry_out(command.pk)
    command.refresh_from_db()
    assert command.state == "granted"


@pytest.mark.parametrize(
    ("outcome", "more"),
    [
        (Outcome(CommandState.UNKNOWN, "silent", "Perhaps.", nothing_happened=True), {}),
        (Outcome(CommandState.SENT, nothing_happened=True), {}),
        (Outcome(CommandState.FAILED, "left", "The caller left."), {}),
        (NOTHING, {"may_fall_back": False}),
        (NOTHING, {"path": CommandPath.PBX}),
    ],
    ids=["in doubt", "sent", "something happened", "not decided", "from the PBX"],
)
def test_otherwise_nothing_follows(
    office: RowOffice, tried: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, outcome: Outcome,
    more: dict[str, object],
) -> None:  # fmt: skip
    OUTCOME[:] = [outcome]
    monkeypatch.setitem(call_control.BY, CommandPath.PBX, call_control.BY[CommandPath.PHONE])  # type: ignore[arg-type]
    carry_out(asked(office, **more).pk)
    assert CallCommand.objects.count() == len(tried) == 1


def test_a_proof_that_was_quicker_than_the_refusal_leaves_nothing_to_follow(
    office: RowOffice, tried: list[tuple[str, str]]
) -> None:
    OUTCOME[:] = [NOTHING]
    command = asked(office)
    grant = grant_command(command_id=command.pk, now=utc_now())
    CallCommand.objects.update(state=CommandState.CONFIRMED)
    assert grant is not None
    assert call_control.request_fallback(command=grant.command, outcome=NOTHING, now=utc_now()) is None


@pytest.mark.parametrize("number", ["202", "112"])
def test_a_worker_that_is_in_doubt_itself_follows_nothing_up_whatever_the_row_says(
    office: RowOffice, number: str
) -> None:
    command = asked(office, far_number=number)
    CallCommand.objects.update(state=CommandState.FAILED)
    for state in (CommandState.UNKNOWN, CommandState.SENT):
        doubt = Outcome(state, nothing_happened=True)
        assert call_control.request_fallback(command=command, outcome=doubt, now=utc_now()) is None


def test_a_click_that_has_grown_old_goes_no_other_way(office: RowOffice) -> None:
    command = asked(office)
    CallCommand.objects.update(state=CommandState.FAILED)
    assert call_control.request_fallback(command=command, outcome=NOTHING, now=command.not_after) is None
    assert call_control.request_fallback(command=command, outcome=NOTHING, now=utc_now()) is not None
    assert call_control.request_fallback(command=command, outcome=NOTHING, now=utc_now()) is None, "once"

"""What a command by the desk phone comes to: the right call or none, sent once, each trouble told for what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, CommandStep, Leg
from crmconnector.calls.services import Grant, Outcome
from crmconnector.common.clock import GRANT_VALID_SECONDS, utc_now
from crmconnector.simulator.pace import VirtualPace
from phones.calibrations import begin, finish
from phones.drivers.base import Lines, LineState, LineWord
from phones.lease import take_lease
from phones.models import PhoneLease, PhoneStatus
from tasks.phone_deeds import by_phone, line_of, wrong_line
from tasks.phone_scene import Misfit
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice, make_office
from tests.support.phone_farm import running_farm
from tests.support.sequence_bench import CALLER, COLLEAGUE, Bench, FarmClock

RINGS = LineState(1, LineWord.RINGING, "03012345678")
UP = frozenset({LineWord.CONNECTED, LineWord.ON_HOLD})


def line(number: int, word: LineWord, far: str = "") -> LineState:
    return LineState(number, word, far)


def test_one_ringing_line_with_the_same_caller_is_the_right_one() -> None:
    assert wrong_line([RINGS, line(2, LineWord.IDLE)], CALLER) is None
    assert wrong_line([line(1, LineWord.RINGING)], CALLER) is None


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line(1, LineWord.IDLE)], "nothing_rings"),
        ([line(1, LineWord.BUSY_UNKNOWN)], "nothing_rings"),
        ([RINGS, line(2, LineWord.RINGING, "0301")], "several_ring"),
        ([line(1, LineWord.RINGING, "020 7946 0148")], "another_caller"),
    ],
)
def test_otherwise_nothing_is_sent_and_the_reason_told(lines: list[LineState], code: str) -> None:
    found = wrong_line(lines, CALLER)
    assert found is not None
    assert found.reason_code == code


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((line(1, LineWord.IDLE), line(2, LineWord.CONNECTED, "03012345678")), 2),
        ((line(1, LineWord.CONNECTED),), 1),
        ((line(1, LineWord.ON_HOLD, "205"), line(2, LineWord.CONNECTED, "03012345678")), 2),
        ((line(1, LineWord.ON_HOLD), line(2, LineWord.CONNECTED, "03012345678")), 2),
        ((line(1, LineWord.ON_HOLD), line(2, LineWord.CONNECTED)), "several_calls"),
        ((line(1, LineWord.CONNECTED, "020 7946 0148"),), "not_on_phone"),
        ((line(1, LineWord.BUSY_UNKNOWN, "03012345678"),), "not_on_phone"),
    ],
)
def test_the_line_that_is_meant_is_the_one_with_that_number_or_none(lines: Lines, found: int | str) -> None:
    try:
        assert line_of(lines, CALLER, UP) == found
    except Misfit as misfit:
        assert misfit.outcome.reason_code == found


WITHHELD_TALKS = (line(1, LineWord.ON_HOLD, "03012345678"), line(2, LineWord.CONNECTED))


@pytest.mark.parametrize(
    ("lines", "far", "others", "found"),
    [
        (WITHHELD_TALKS, "", (CALLER,), 2),
        (WITHHELD_TALKS, "", (), "several_calls"),
        (WITHHELD_TALKS, "", ("",), "several_calls"),
        (WITHHELD_TALKS, "", ("+442079460148",), "several_calls"),
        ((*WITHHELD_TALKS, line(3, LineWord.ON_HOLD)), "", (CALLER,), "several_calls"),
        ((line(1, LineWord.ON_HOLD, "03012345678"), line(2, LineWord.CONNECTED, "03012345678")), CALLER, (CALLER,),
         "several_calls"),
        ((line(1, LineWord.ON_HOLD, "03012345678"), line(2, LineWord.CONNECTED, "03012345678")), "", (CALLER,),
         "several_calls"),
    ],
    ids=["one is known", "none is known", "both withheld", "a third", "two unnamed", "the same twice", "none is left"],
)  # fmt: skip
def test_a_caller_without_a_number_has_the_line_that_none_of_the_other_calls_has(
    lines: Lines, far: str, others: tuple[str, ...], found: int | str
) -> None:
    try:
        assert line_of(lines, far, UP, others) == found
    except Misfit as misfit:
        assert misfit.outcome.reason_code == found


@dataclass
class Desk(Bench):
    """The phone of user 201, with rows."""

    rows: RowOffice = field(default_factory=RowOffice)  # type: ignore[arg-type]

    def grant(self, kind: str, *, far: str = CALLER, other: str = "", **changes: Any) -> Grant:
        now, phone = utc_now(), self.rows.phones[0]
        call = Call.objects.create(
            pbx=self.rows.pbx, linkedid=str(time.monotonic_ns()), direction="inbound", started_at=now
        )
        legs = [self._leg(call, number) for number in (far, other) if number and kind != "make_call"]
        token = take_lease(phone_id=phone.pk, holder="test", now=now)
        assert token is not None
        command = CallCommand.objects.create(
            kind=kind, user=self.rows.users[0], idempotency_key=str(time.monotonic_ns()), phone=phone,
            pbx=self.rows.pbx, leg=legs[0] if legs else None, other_leg=legs[1] if len(legs) > 1 else None,
            path=CommandPath.PHONE, state=CommandState.GRANTED, token=token, requested_at=now, not_after=now,
            granted_at=now, **changes,
        )  # fmt: skip
        return Grant(command, token, time.monotonic())

    def carried_out(self, kind: str, **how: Any) -> Outcome:
        outcome = by_phone(self.grant(kind, **how), clock=FarmClock(self.farm))
        PhoneLease.objects.update(held_until=None)
        return outcome

    def steps(self) -> list[tuple[str, str, str]]:
        return list(CommandStep.objects.order_by("command_id", "position").values_list("keys", "state", "observed"))

    def _leg(self, call: Call, far_number: str) -> Leg:
        return Leg.objects.create(
            call=call, pbx=self.rows.pbx, uniqueid=str(time.monotonic_ns()), endpoint="PJSIP/201",
            phone=self.rows.phones[0], user=self.rows.users[0], far_number=far_number, state="talking",
        )  # fmt: skip


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    with running_farm(1, pace=VirtualPace()) as farm:
        yield Desk(farm, farm.first, rows=make_office(phone_ports=(farm.phone_port(farm.first),)))


def test_a_call_is_answered_held_taken_back_and_hung_up_each_by_one_request(desk: Desk) -> None:
    desk.farm.incoming(desk.phone, CALLER)
    for kind, state in (("answer", "connected"), ("hold", "onhold"), ("resume", "connected"), ("hang_up", None)):
        assert desk.carried_out(kind) == Outcome(CommandState.SENT)
        assert desk.states().get(1) == state
    assert len(desk.requests()) == 4
    assert PhoneStatus.objects.get(phone=desk.rows.phones[0]).reachable is True


def test_a_ringing_call_is_rejected_and_another_one_is_not(desk: Desk) -> None:
    desk.farm.incoming(desk.phone, CALLER)
    assert desk.carried_out("reject", far="+442079460148").reason_code == "another_caller"
    assert desk.carried_out("reject").state == CommandState.SENT
    assert (desk.states(), len(desk.requests())) == ({}, 1)


def test_a_number_is_dialled_with_the_account_that_is_meant(desk: Desk) -> None:
    assert desk.carried_out("make_call", far="+49301", dial_string="00301", account=1).state == CommandState.SENT
    assert desk.requests() == ["passcode=***&phonenumber=00301&account=0"]


@pytest.mark.parametrize(
    ("situation", "code"), [("talk", "in_a_call"), ("ring", "something_rings"), ("calling", "phone_in_use")]
)
def test_a_busy_phone_says_so_and_nothing_is_dialled(desk: Desk, situation: str, code: str) -> None:
    {"talk": desk.talk, "ring": lambda: desk.farm.incoming(desk.phone, CALLER),
     "calling": lambda: desk.farm.dial(desk.phone, COLLEAGUE)}[situation]()  # fmt: skip
    outcome = desk.carried_out("make_call", far="+49301", dial_string="00301")
    assert (outcome.state, outcome.reason_code, outcome.nothing_happened) == (CommandState.REFUSED, code, False)
    assert desk.requests() == []


def test_a_held_call_is_no_reason_not_to_dial(desk: Desk) -> None:
    desk.talk()
    desk.farm.user(desk.phone, "hold")
    assert desk.carried_out("make_call", far=COLLEAGUE, dial_string=COLLEAGUE).state == CommandState.SENT


def test_of_two_calls_the_one_that_is_meant_is_hung_up_or_none(desk: Desk) -> None:
    desk.consult()
    assert desk.carried_out("hang_up").reason_code == "other_in_front"
    assert desk.requests() == []
    assert desk.carried_out("hang_up", far=COLLEAGUE).state == CommandState.SENT
    assert desk.states() == {1: "onhold"}


def test_a_caller_without_a_number_is_hung_up_beside_a_held_call_that_is_known(desk: Desk) -> None:
    desk.farm.incoming(desk.phone, "anonymous")
    desk.carried_out("answer", far="")
    desk.farm.user(desk.phone, "hold")
    assert desk.carried_out("make_call", far=COLLEAGUE, dial_string=COLLEAGUE).state == CommandState.SENT
    desk.farm.advance(2.0)
    assert desk.states() == {1: "onhold", 2: "connected"}
    assert desk.carried_out("hang_up", far="").reason_code == "several_calls", "the PBX tells of no other call"
    Leg.objects.update(ended_at=utc_now())
    desk.grant("hold", far=COLLEAGUE)  # makes the leg that the PBX tells of
    PhoneLease.objects.update(held_until=None)
    assert desk.carried_out("hang_up", far="").reason_code == "other_in_front"
    assert desk.carried_out("resume", far="").state == CommandState.SENT
    desk.farm.advance(1.0)
    Leg.objects.filter(far_number="").update(ended_at=utc_now())
    assert desk.carried_out("hang_up", far="").state == CommandState.SENT
    assert desk.states() == {2: "onhold"}


def test_of_two_calls_the_held_one_is_taken_back_by_the_key_of_its_line(desk: Desk) -> None:
    desk.consult()
    assert desk.carried_out("resume").state == CommandState.SENT
    desk.farm.advance(1.0)
    assert desk.states() == {1: "connected", 2: "onhold"}


def test_mute_is_pressed_in_a_call_only(desk: Desk) -> None:
    assert desk.carried_out("mute").reason_code == "not_on_phone"
    desk.talk()
    assert desk.carried_out("mute").state == CommandState.SENT
    desk.farm.advance(1.0)
    assert (desk.farm.farm.phone(desk.phone).lines[0].muted, desk.trips()) == (True, [])


def test_a_blind_transfer_by_keys_leaves_a_row_for_each_step(desk: Desk) -> None:
    desk.talk()
    assert desk.carried_out("blind_transfer", dial_string=COLLEAGUE) == Outcome(CommandState.SENT)
    assert desk.joined()
    assert desk.steps() == [("XFER", "seen", "1 on hold"), ("3 digits, SEND", "seen", "every line idle")]


@pytest.mark.parametrize("end", ["attended_complete", "attended_cancel", "conference"])
def test_somebody_is_asked_first_and_then_it_is_ended(desk: Desk, end: str) -> None:
    desk.talk()
    assert desk.carried_out("attended_start", dial_string=COLLEAGUE, account=1).state == CommandState.SENT
    desk.farm.advance(2.0)
    assert desk.carried_out(end, other=COLLEAGUE).state == CommandState.SENT
    desk.farm.advance(1.0)
    expected = {
        "attended_complete": {},
        "attended_cancel": {1: "connected"},
        "conference": {1: "connected", 2: "connected"},
    }
    assert (desk.states(), desk.joined()) == (expected[end], end == "attended_complete")


def test_a_cancel_after_the_second_one_has_left_takes_the_caller_back(desk: Desk) -> None:
    desk.consult()
    desk.farm.remote_hangup(desk.phone, 2)
    assert desk.carried_out("attended_cancel").state == CommandState.SENT
    assert desk.states() == {1: "connected"}


def test_tones_and_named_keys_and_nothing_else(desk: Desk) -> None:
    desk.talk()
    assert desk.carried_out("dtmf", digits="12#").state == CommandState.SENT
    assert desk.carried_out("keys", sequence="louder").state == CommandState.SENT
    assert desk.carried_out("keys", sequence="RESET").reason_code == "no_such_keys"
    desk.farm.advance(3.0)
    assert desk.farm.farm.phone(desk.phone).lines[0].dtmf == "12#"
    assert CommandStep.objects.filter(keys__contains="12").count() == 0


def test_a_number_that_has_no_keys_is_refused_before_anything_is_sent(desk: Desk) -> None:
    desk.talk()
    assert desk.carried_out("blind_transfer", dial_string="+49301").reason_code == "number_not_for_keys"
    assert desk.requests() == []


def test_a_transfer_that_fails_says_where_the_caller_is(desk: Desk) -> None:
    desk.talk()
    desk.farm.referral(COLLEAGUE, "refused")
    outcome = desk.carried_out("blind_transfer", dial_string=COLLEAGUE)
    assert (outcome.state, outcome.reason_code) == (CommandState.FAILED, "step_not_seen")
    assert "The caller is with you again." in outcome.sentence
    assert [state for _, state, _ in desk.steps()] == ["seen", "missed", "seen"]


@pytest.mark.parametrize("kind", ["blind_transfer", "hang_up"])
def test_a_lease_that_somebody_else_has_taken_stops_it_before_the_next_request(desk: Desk, kind: str) -> None:
    """A call for help may have taken it: a hang-up that was meant for the call before would end that one."""
    desk.talk()
    grant = desk.grant(kind, dial_string=COLLEAGUE)
    PhoneLease.objects.update(token=grant.token + 1)
    outcome = by_phone(grant, clock=FarmClock(desk.farm))
    assert (outcome.state, outcome.reason_code) == (CommandState.FAILED, "lease_lost")
    assert desk.requests() == []


def test_a_call_for_help_goes_out_even_without_the_lease(desk: Desk) -> None:
    grant = desk.grant("make_call", far_number="112", dial_string="112")
    PhoneLease.objects.update(token=grant.token + 1)
    assert by_phone(grant).state == CommandState.SENT
    assert len(desk.requests()) == 1


@pytest.mark.parametrize(("kind", "how"), [("hold", {}), ("blind_transfer", {"dial_string": COLLEAGUE})])
def test_a_grant_that_has_grown_old_is_not_used(desk: Desk, kind: str, how: dict[str, str]) -> None:
    desk.talk()
    grant = desk.grant(kind, **how)
    old = replace(grant, granted_monotonic=time.monotonic() - GRANT_VALID_SECONDS - 0.1)
    assert by_phone(old, clock=FarmClock(desk.farm)).reason_code == "too_late"
    assert desk.requests() == []


@pytest.mark.parametrize(
    ("fault", "function", "state", "sent", "nothing"),
    [
        ("refuse", None, "failed", 0, True),
        ("html", "api-get_line_status", "failed", 0, True),  # the harmless look
        ("html", "api-phone_operation", "unknown", 1, False),
        ("close", "api-phone_operation", "unknown", 1, False),
        ("truncated", "api-phone_operation", "unknown", 1, False),
        ("effect_no_answer", "api-phone_operation", "unknown", 1, False),
        ("error_500", "api-phone_operation", "unknown", 1, False),
    ],
)
def test_every_fault_becomes_an_honest_outcome_after_one_try(
    desk: Desk, fault: str, function: str | None, state: str, sent: int, nothing: bool
) -> None:
    desk.talk()
    desk.farm.fault(desk.phone, fault, function=function)
    outcome = desk.carried_out("hold")
    assert (outcome.state, outcome.nothing_happened) == (state, nothing)
    assert len(desk.requests()) == sent
    assert outcome.sentence
    assert PASSCODE not in outcome.sentence
    assert PhoneStatus.objects.get(phone=desk.rows.phones[0]).reachable is False


def test_a_phone_that_says_no_and_shows_no_change_surely_did_nothing(desk: Desk) -> None:
    desk.farm.profile(desk.phone, click_to_dial=False)
    outcome = desk.carried_out("make_call", far="+49301", dial_string="00301")
    assert (outcome.state, outcome.nothing_happened) == (CommandState.REFUSED, True)
    assert len(desk.requests()) == 1


def test_a_refused_passcode_stops_everything_at_once(desk: Desk) -> None:
    desk.farm.change_passcode(desk.phone, "another")
    assert desk.carried_out("make_call", far="+49301", dial_string="00301").state == CommandState.REFUSED
    desk.rows.phones[0].refresh_from_db()
    assert desk.rows.phones[0].passcode_refused_at is not None
    assert len(desk.farm.journal(desk.phone)) == 1


def test_a_phone_that_was_measured_slow_is_waited_for(desk: Desk) -> None:
    desk.farm.profile(desk.phone, status_lag_seconds=2.0)
    desk.talk()
    desk.farm.advance(5.0)
    phone = desk.rows.phones[0]
    row = begin(phone, "blind_transfer", COLLEAGUE, "root", utc_now())
    timings = [{"step": "open the transfer screen", "milliseconds": 2200}]
    finish(row.pk, "worked", "", timings, utc_now())
    assert desk.carried_out("blind_transfer", dial_string=COLLEAGUE).state == CommandState.SENT
    assert desk.joined()

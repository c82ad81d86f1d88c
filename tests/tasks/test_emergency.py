"""Help is called: whatever is stopped, held, in doubt or refused elsewhere, nothing keeps it back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from crmconnector.calls import dial_rules
from crmconnector.calls.emergency import is_for_help
from crmconnector.calls.models import CallCommand, CommandPath, CommandState, DialSettings, PathPolicy
from crmconnector.calls.services import Outcome, grant_command, record_outcome
from crmconnector.calls.wanted import CommandProblem
from crmconnector.common.clock import utc_now
from crmconnector.listener import sweeper
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.web.dial_acts import DialAsk, ask_to_call
from phones.models import Assignment, Phone, PhoneLease, PhoneStatus
from phones.seats import release_phone
from phones.services import note_passcode_refused
from tasks import call_control
from tasks.call_control import carry_out
from tests.support.commands import sent_command
from tests.support.held_rows import held_elsewhere
from tests.support.office import RowOffice

HELP = "112"


@dataclass
class Desk:
    office: RowOffice

    def call(self, key: str = "k", text: str = HELP) -> CallCommand:
        """As the person does it: one click and one confirmation."""
        asked = DialAsk(text, sure=True)
        command, _ = ask_to_call(actor=self.office.users[0], asked=asked, key=key, now=utc_now())
        return command


@pytest.fixture
def desk(office: RowOffice) -> Iterator[Desk]:
    PbxLink.objects.update(may_send=["originate"], state=PbxLink.State.CONNECTED)
    yield Desk(office)


def dial_stopped(desk: Desk) -> None:
    DialSettings.objects.create(pk=1, stopped_at=utc_now(), stopped_by="boss")


def too_often(desk: Desk) -> None:
    DialSettings.objects.create(pk=1, calls_a_minute=1)
    for _ in range(3):
        sent_command(desk.office, "make_call", far_number=HELP, dial_string=HELP, state=CommandState.CONFIRMED)


def at_night(desk: Desk) -> None:
    DialSettings.objects.create(pk=1, night_from="00:00", night_until="23:59")


def no_countries(desk: Desk) -> None:
    DialSettings.objects.create(pk=1, countries=[], premium=False)


def lease_held(desk: Desk) -> None:
    PhoneLease.objects.create(
        phone=desk.office.phones[0], token=7, held_until=utc_now() + timedelta(seconds=30), holder="order x"
    )


def breaker_open(desk: Desk) -> None:
    now = utc_now()
    PhoneStatus.objects.update_or_create(
        phone=desk.office.phones[0],
        defaults={"reachable": False, "since": now, "breaker_until": now + timedelta(minutes=5)},
    )


def passcode_refused(desk: Desk) -> None:
    note_passcode_refused(phone_id=desk.office.phones[0].pk, at=utc_now())


def passcode_refused_and_only_by_phone(desk: Desk) -> None:
    passcode_refused(desk)
    PathPolicy.objects.create(phone=None, kind="make_call", path="phone")


def pbx_away(desk: Desk) -> None:
    PbxLink.objects.update(state=PbxLink.State.DOWN)


def pbx_away_and_only_by_pbx(desk: Desk) -> None:
    pbx_away(desk)
    PathPolicy.objects.create(phone=None, kind="make_call", path="pbx")


def nothing_open(desk: Desk) -> None:
    passcode_refused(desk)
    breaker_open(desk)
    pbx_away(desk)


def an_earlier_one(desk: Desk, state: str = "granted", seconds: float = 20.0) -> None:
    sent_command(desk.office, "make_call", far_number=HELP, dial_string=HELP, state=state, seconds=seconds)


def one_in_doubt_just_now(desk: Desk) -> None:
    an_earlier_one(desk, "unknown", 3.5)


def one_that_nobody_takes(desk: Desk) -> None:
    an_earlier_one(desk, "requested")


def in_a_call(desk: Desk) -> None:
    from crmconnector.calls.models import Call, Leg

    call = Call.objects.create(pbx=desk.office.pbx, linkedid="1.1", direction="inbound", started_at=utc_now())
    Leg.objects.create(
        call=call, pbx=desk.office.pbx, uniqueid="1.2", endpoint="PJSIP/201", state="talking",
        user=desk.office.users[0], phone=desk.office.phones[0],
    )  # fmt: skip


def two_phones(desk: Desk) -> None:
    desk.office.phones[1].assignments.all().delete()
    Assignment.objects.create(
        phone=desk.office.phones[1], user=desk.office.users[0], during=(utc_now() - timedelta(days=1), None)
    )


def nothing(desk: Desk) -> None:
    pass


BEFORE: list[Callable[[Desk], None]] = [
    nothing, dial_stopped, too_often, at_night, no_countries, lease_held, breaker_open, passcode_refused,
    passcode_refused_and_only_by_phone, pbx_away, pbx_away_and_only_by_pbx, nothing_open, an_earlier_one,
    one_in_doubt_just_now, one_that_nobody_takes, in_a_call, two_phones,
]  # fmt: skip


def phone_taken_away(desk: Desk) -> None:
    release_phone(phone=desk.office.phones[0], at=utc_now())


def account_closed(desk: Desk) -> None:
    type(desk.office.users[0]).objects.filter(pk=desk.office.users[0].pk).update(is_active=False)


def prefix_changed(desk: Desk) -> None:
    Pbx.objects.update(dial_prefix="9")


MEANWHILE: list[Callable[[Desk], None]] = [
    nothing, dial_stopped, too_often, lease_held, breaker_open, passcode_refused, pbx_away, in_a_call,
    phone_taken_away, account_closed, prefix_changed,
]  # fmt: skip


@pytest.mark.parametrize("before", BEFORE, ids=lambda one: one.__name__)
def test_nothing_that_was_there_before_keeps_help_back(desk: Desk, before: Callable[[Desk], None]) -> None:
    before(desk)
    command = desk.call()
    assert (command.state, command.far_number) == ("requested", HELP)
    assert grant_command(command_id=command.pk, now=utc_now()) is not None, CallCommand.objects.get(pk=command.pk)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda one: one.__name__)
@pytest.mark.parametrize("path", ["phone", "pbx"])
def test_nothing_that_happens_between_click_and_worker_does(
    desk: Desk, meanwhile: Callable[[Desk], None], path: str
) -> None:
    command = desk.call()
    CallCommand.objects.update(path=path)
    meanwhile(desk)
    grant = grant_command(command_id=command.pk, now=utc_now())
    assert grant is not None, CallCommand.objects.get(pk=command.pk).reason_code
    assert (grant.command.dial_string, grant.command.path) == (HELP, path)


def test_the_way_that_is_open_is_taken_though_another_was_decided_on(desk: Desk) -> None:
    passcode_refused_and_only_by_phone(desk)
    assert desk.call().path == "pbx"
    PathPolicy.objects.update(path="pbx")
    pbx_away(desk)
    Phone.objects.update(passcode_refused_at=None)
    assert desk.call("other", "110").path == "phone"


def test_who_held_the_phone_sends_nothing_more(desk: Desk) -> None:
    lease_held(desk)
    command = desk.call()
    grant = grant_command(command_id=command.pk, now=utc_now())
    lease = PhoneLease.objects.get()
    assert grant is not None and (lease.token, lease.holder) == (8, f"command {command.pk}") == (
        grant.token,
        lease.holder,
    )
    record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    assert PhoneLease.objects.get().held_until is None


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_frozen_with_the_phone_does_not_keep_help_back(desk: Desk) -> None:
    lease_held(desk)
    command = desk.call()
    with held_elsewhere(lambda: PhoneLease.objects.select_for_update().get()):
        assert grant_command(command_id=command.pk, now=utc_now()) is not None


def test_another_call_waits_for_the_phone_as_ever(desk: Desk) -> None:
    lease_held(desk)
    command = desk.call(text="202")
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    assert (CallCommand.objects.get().reason_code, PhoneLease.objects.get().token) == ("phone_busy", 7)


def test_a_click_that_nobody_took_up_in_time_says_to_dial_by_hand(desk: Desk) -> None:
    command = desk.call()
    assert grant_command(command_id=command.pk, now=utc_now() + timedelta(seconds=31)) is None
    assert CallCommand.objects.get().sentence.startswith("Dial it by hand now. ")


def test_without_a_phone_it_is_said_at_once_what_to_do(desk: Desk) -> None:
    release_phone(phone=desk.office.phones[0], at=utc_now())
    with pytest.raises(CommandProblem, match="by hand") as told:
        desk.call()
    assert told.value.code == "no_phone"


@pytest.mark.parametrize(("first", "second"), [("phone", "pbx"), ("pbx", "phone")])
@pytest.mark.parametrize("state", ["refused", "failed"])
def test_when_one_way_did_nothing_the_other_follows_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, first: str, second: str, state: str
) -> None:
    tried: list[str] = []

    def fails(grant: object) -> Outcome:
        tried.append(grant.command.path)  # type: ignore[attr-defined]
        return Outcome(CommandState(state), "busy", "Your phone is in use.")

    monkeypatch.setattr(call_control, "BY", {CommandPath.PHONE: fails, CommandPath.PBX: fails})
    command = desk.call()
    CallCommand.objects.update(path=first)
    carry_out(command.pk)
    assert tried == [first, second]
    rows = list(CallCommand.objects.order_by("requested_at"))
    assert [row.state for row in rows] == [state] * 2
    assert all(row.sentence == "Dial it by hand now. Your phone is in use." for row in rows)


def test_what_may_have_dialled_is_not_followed_but_may_be_pressed_again_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = Outcome(CommandState.UNKNOWN, "silent", "It may or may not. We watch the PBX; do not press again.")
    monkeypatch.setattr(call_control, "BY", dict.fromkeys(CommandPath, lambda grant: doubt))
    first = desk.call()
    carry_out(first.pk)
    again = desk.call("again")
    assert again.pk != first.pk
    first.refresh_from_db()
    assert (first.state, first.settled) == ("unknown", True)
    assert CallCommand.objects.count() == 2


def test_a_double_click_is_still_one_call(desk: Desk) -> None:
    assert desk.call("one tab").pk == desk.call("other tab").pk


def test_who_waits_for_help_is_told_to_dial_by_hand_and_not_to_wait(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "enqueue", lambda ids: True)
    monkeypatch.setattr(sweeper, "reconcile_now", lambda ids, final: True)
    for state in ("requested", "granted", "sent"):
        CallCommand.objects.all().delete()
        command = sent_command(desk.office, "make_call", far_number=HELP, dial_string=HELP, state=state, seconds=3.5)
        sweeper.sweep()
        command.refresh_from_db()
        assert command.sentence.startswith("Dial it by hand now. "), state
        assert "do not press again" not in command.sentence


@pytest.mark.parametrize(
    ("kind", "number", "country", "helps"),
    [("make_call", "110", "DE", True), ("make_call", "110", "GB", False), ("make_call", "999", "GB", True),
     ("blind_transfer", "110", "DE", False), ("make_call", "", "DE", False)],
)  # fmt: skip
def test_a_number_is_for_help_where_its_pbx_stands_and_only_when_it_is_called(
    office: RowOffice, kind: str, number: str, country: str, helps: bool
) -> None:
    office.pbx.country = country
    assert is_for_help(sent_command(office, kind, far_number=number)) is helps


def test_only_numbers_for_help_are_let_through(desk: Desk) -> None:
    assert dial_rules.is_emergency(HELP, "DE") and not dial_rules.is_emergency("202", "DE")
    dial_stopped(desk)
    with pytest.raises(CommandProblem, match="stopped"):
        desk.call(text="030 23125 447")

"""From a text to a wanted call, with the rows; and the same brakes again just before it is sent."""

import json
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.dial_check import check_dial_now, plan_on
from crmconnector.calls.dial_rows import settings_and_recent
from crmconnector.calls.dial_rules import NoDial
from crmconnector.calls.dial_services import allow_dialling, save_brakes, stop_dialling
from crmconnector.calls.dialling import DialProblem, note_refused, wanted_call, wanted_target
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState, DialSettings
from crmconnector.calls.services import grant_command, request_command
from crmconnector.calls.wanted import CommandProblem, dial_settings
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line
from crmconnector.users.models import Role, User
from phones.models import Phone
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.plans import plan_of, tables_read_whole

BERLIN, LONDON = "030 23125447", "+44 20 7946 0148"
pytestmark = pytest.mark.django_db


@pytest.fixture
def marek(office: RowOffice) -> User:
    return User.objects.create_user("marek", full_name="Marek Rybář", role=Role.ADMINISTRATOR)


def refused(office: RowOffice, text: str, **chosen: Any) -> DialProblem:
    with pytest.raises(DialProblem) as caught:
        wanted_call(user=office.users[0], text=text, now=utc_now(), **chosen)
    return caught.value


def ask(office: RowOffice, text: str, *, at: datetime | None = None, user: User | None = None) -> CallCommand:
    """A command as the page of dialling makes it."""
    now = at or utc_now()
    wanted, _plan = wanted_call(user=user or office.users[0], text=text, now=now)
    command, made = request_command(
        user=user or office.users[0], wanted=wanted, path=CommandPath.PHONE, key=str(uuid.uuid4()), now=now
    )
    assert made
    return command


def dialled(office: RowOffice, number: str, *, ago: float, user: int = 0, **more: Any) -> CallCommand:
    at = utc_now() - timedelta(seconds=ago)
    values = {"state": CommandState.CONFIRMED, "settled": True, "kind": CommandKind.MAKE_CALL} | more
    return CallCommand.objects.create(
        user=office.users[user], phone=office.phones[user], pbx=office.pbx, far_number=number, requested_at=at,
        not_after=at + timedelta(seconds=30), idempotency_key=str(uuid.uuid4()), **values,
    )  # fmt: skip


def second_phone(office: RowOffice) -> Phone:
    phone = add_phone(office.pbx, extension="210", port=8010)
    assign_phone(phone=phone, user_id=office.users[0].pk, from_at=utc_now() - timedelta(minutes=1))
    return phone


def granted(command: CallCommand) -> bool:
    return grant_command(command_id=command.pk, now=command.requested_at) is not None


def why(command: CallCommand) -> str:
    command.refresh_from_db()
    return command.reason_code


# -- what is wanted --


def test_a_number_becomes_a_wanted_call_on_the_own_phone(office: RowOffice) -> None:
    office.pbx.dial_prefix = "0"
    office.pbx.save()
    wanted, plan = wanted_call(user=office.users[0], text=BERLIN, now=utc_now())
    assert (wanted.phone, wanted.endpoint, wanted.account) == (office.phones[0], "PJSIP/201", 1)
    assert (wanted.far_number, wanted.dial_string, wanted.pbx_id) == ("+493023125447", "003023125447", office.pbx.pk)
    assert plan.sentence == "This will dial 0 03023125447 (outside line, national)."


def test_a_line_that_is_chosen_is_dialled_in_place_of_the_prefix(office: RowOffice) -> None:
    line = Line.objects.get()
    assert refused(office, BERLIN, line=line).code == "no_such_line"
    line.dial_prefix = "*81"
    line.save()
    wanted, _plan = wanted_call(user=office.users[0], text=BERLIN, line=line, now=utc_now())
    assert wanted.dial_string == "*8103023125447"
    command, _made = request_command(
        user=office.users[0], wanted=wanted, path=CommandPath.PHONE, key="line", now=utc_now()
    )
    assert granted(command)


def test_of_several_phones_one_must_be_chosen(office: RowOffice) -> None:
    second = second_phone(office)
    problem = refused(office, BERLIN)
    assert problem.code == "which_phone" and set(problem.phones) == {office.phones[0], second} and problem.plan
    assert "Phone 201, Phone 210" in problem.sentence
    wanted, _plan = wanted_call(user=office.users[0], text=BERLIN, phone=second, now=utc_now())
    assert (wanted.phone, wanted.endpoint) == (second, "PJSIP/210")


def test_a_phone_or_account_that_is_not_ours_is_refused(office: RowOffice) -> None:
    assert refused(office, BERLIN, phone=office.phones[1]).code == "not_assigned"
    assert refused(office, BERLIN, account=3).code == "no_account"
    stranger = User.objects.create_user("stranger")
    with pytest.raises(DialProblem, match="No desk phone is assigned to you"):
        wanted_call(user=stranger, text=BERLIN, now=utc_now())


def test_a_text_that_is_no_number_says_so(office: RowOffice) -> None:
    problem = refused(office, "1-800-FLOWERS")
    assert problem.code == "letters" and problem.sentence.startswith("Not dialled: There are letters in it.")


def test_a_brake_names_who_may_change_it(office: RowOffice, marek: User) -> None:
    problem = refused(office, LONDON)
    assert problem.code == "country" and problem.sentence.endswith("Ask Marek Rybář to allow it.")
    User.objects.filter(pk=office.users[0].pk).update(role=Role.ADMINISTRATOR)
    office.users[0].refresh_from_db()
    assert refused(office, LONDON).sentence.endswith("You can allow it on the page Dialling.")
    assert problem.plan is not None and problem.plan.dial_string == "00442079460148"
    save_brakes(row=DialSettings(countries=["GB"]))
    assert wanted_call(user=office.users[0], text=LONDON, now=utc_now())[1].country == "GB"


def test_asking_writes_nothing_until_somebody_says_so(office: RowOffice) -> None:
    problem = refused(office, LONDON)
    assert AuditEvent.objects.count() == 0
    note_refused(user=office.users[0], text=LONDON, problem=problem)
    event = AuditEvent.objects.get()
    assert event.action == "dial.refused" and event.details["code"] == "country"
    assert (event.details["number"], event.details["country"]) == ("+44207946xxxx", "GB")
    note_refused(user=office.users[0], text="030 secret", problem=refused(office, "030 secret"))
    assert AuditEvent.objects.filter(details__contains={"code": "letters"}).exists()
    assert "secret" not in str(list(AuditEvent.objects.values()))


# -- emergency numbers --


def test_an_emergency_number_passes_the_stop_the_pace_and_every_wrong_choice(office: RowOffice) -> None:
    second = second_phone(office)
    stop_dialling(by="Marek", because="fraud", now=utc_now())
    save_brakes(row=DialSettings(calls_a_minute=1, night_from=time(0), night_until=time(23, 59)))
    for ago in range(6, 50, 6):
        dialled(office, "112", ago=ago)
        dialled(office, "+493023125447", ago=ago)
    user, line = office.users[0], Line.objects.get()
    for chosen in ({}, {"phone": office.phones[1]}, {"account": 9}, {"line": line}, {"phone": second}):
        for text in ("112", "110", "1-1-2"):
            assert wanted_call(user=user, text=text, now=utc_now(), **chosen)[0].emergency


def test_an_emergency_number_is_granted_while_everything_is_stopped_and_is_noted_once(office: RowOffice) -> None:
    stop_dialling(by="Marek", because="fraud", now=utc_now())
    command = ask(office, "112")
    assert check_dial_now(command, command.requested_at) is None
    assert granted(command)
    assert AuditEvent.objects.filter(action="dial.emergency", target_id=str(command.pk)).count() == 1


@pytest.mark.parametrize("state", ["requested", "granted", "sent", "unknown"])
def test_an_emergency_number_is_dialled_again_though_nobody_ever_ended_the_last_attempt(
    office: RowOffice, state: str
) -> None:
    """The sweeper may be away: an attempt that hangs must not take the place of the next one."""
    first = dialled(office, "112", ago=6, state=state, settled=False)
    second = ask(office, "112")
    first.refresh_from_db()
    assert second.pk != first.pk and granted(second)
    assert first.settled and first.state == ("cancelled" if state == "requested" else "unknown")
    assert "again" in first.sentence


def test_an_emergency_call_that_failed_is_tried_again_at_once_but_a_double_click_is_one(office: RowOffice) -> None:
    first = ask(office, "112")
    wanted, _plan = wanted_call(user=office.users[0], text="112", now=utc_now())
    twin, made = request_command(
        user=office.users[0], wanted=wanted, path=CommandPath.PHONE, key="other", now=first.requested_at
    )
    assert (twin.pk, made) == (first.pk, False)
    CallCommand.objects.filter(pk=first.pk).update(state=CommandState.FAILED, settled=True)
    assert ask(office, "112", at=first.requested_at + timedelta(seconds=1)).pk != first.pk


def test_a_call_for_help_goes_out_though_the_rules_were_changed_after_it_was_asked_for(office: RowOffice) -> None:
    office.pbx.dial_prefix = "0"
    office.pbx.save()
    command = ask(office, "112")
    office.pbx.dial_prefix = "9"
    office.pbx.save()
    assert command.dial_string == "0112" and granted(command)


def test_the_stop_lets_a_call_for_help_out_though_its_pbx_was_removed(office: RowOffice) -> None:
    stop_dialling(by="Marek", because="fraud", now=utc_now())
    for number, held in (("112", False), ("110", False), ("204", True)):
        command = dialled(office, number, ago=0, state="requested", settled=False, dial_string=number)
        CallCommand.objects.filter(pk=command.pk).update(pbx=None)
        command = CallCommand.objects.select_related("pbx", "user").get(pk=command.pk)
        assert (check_dial_now(command, utc_now()) is not None) is held, number


def test_another_number_that_hangs_keeps_its_place(office: RowOffice) -> None:
    first = dialled(office, "+493023125447", ago=6, state="sent", settled=False)
    wanted, _plan = wanted_call(user=office.users[0], text=BERLIN, now=utc_now())
    joined, made = request_command(
        user=office.users[0], wanted=wanted, path=CommandPath.PHONE, key="again", now=utc_now()
    )
    assert (joined.pk, made) == (first.pk, False)


# -- the stop --


@pytest.mark.parametrize("path", ["phone", "pbx"])
def test_what_waits_when_somebody_stops_everything_is_not_sent(office: RowOffice, path: str) -> None:
    command = ask(office, BERLIN)
    CallCommand.objects.filter(pk=command.pk).update(path=path)
    stop_dialling(by="Marek Rybář", because="fraud", now=utc_now())
    assert not granted(command) and why(command) == "stopped"
    assert "Marek Rybář stopped all dialling" in command.sentence and "(fraud)" in command.sentence
    event = AuditEvent.objects.get(action="dial.refused")
    assert event.target_id == str(command.pk) and event.details["code"] == "stopped"
    allow_dialling()
    assert granted(ask(office, LONDON.replace("+44 20 7946 0148", "030 23125448")))


def test_the_stop_lets_transfers_inside_pass_and_holds_those_outside(office: RowOffice) -> None:
    stop_dialling(by="Marek", because="", now=utc_now())
    user = office.users[0]
    for kind in (CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START, CommandKind.CONFERENCE):
        assert wanted_target(user=user, pbx=office.pbx, text="202", kind=kind, now=utc_now()).far_number == "202"
        with pytest.raises(DialProblem, match="stopped all dialling"):
            wanted_target(user=user, pbx=office.pbx, text=BERLIN, kind=kind, now=utc_now())
        inside = dialled(office, "202", ago=0, kind=kind, state="requested", settled=False, dial_string="202",
                         path="pbx")  # fmt: skip
        outside = dialled(office, "+493023125447", ago=0, kind=kind, state="requested", settled=False,
                          dial_string="03023125447")  # fmt: skip
        three = dialled(office, "", ago=0, kind=kind, state="requested", settled=False, path="pbx")
        assert not granted(outside) and why(outside) == "stopped"
        assert granted(inside) and granted(three)


def test_a_second_stop_keeps_the_first_name_and_saving_brakes_keeps_the_stop(office: RowOffice) -> None:
    now = datetime(2026, 5, 4, 8, 46, tzinfo=UTC)
    stop_dialling(by="Marek", because="fraud", now=now)
    stop_dialling(by="Ada", because="me too", now=utc_now())
    save_brakes(row=DialSettings(premium=True))
    row = dial_settings()
    assert (row.stopped_by, row.stopped_because, row.stopped_at, row.premium) == ("Marek", "fraud", now, True)


# -- the pace --


def test_the_sixth_call_of_a_minute_is_refused_with_the_seconds_to_wait(office: RowOffice) -> None:
    for place in range(5):
        dialled(office, f"+49302312541{place}", ago=50 - place)
    problem = refused(office, BERLIN)
    assert problem.code == "person_rate" and 1 <= problem.retry_after_seconds <= 11
    assert wanted_call(user=office.users[1], text=BERLIN, now=utc_now())


def test_two_people_do_not_call_one_number_six_times_a_minute(office: RowOffice) -> None:
    for place in range(5):
        dialled(office, "+493023125447", ago=50 - place, user=1 + place % 2)
    assert refused(office, BERLIN).code == "number_rate"


def test_what_was_never_sent_or_is_a_second_way_does_not_count(office: RowOffice) -> None:
    for place, state in enumerate(["refused", "expired", "cancelled"] * 2):
        dialled(office, "+493023125447", ago=40 - place, state=state)
    first = dialled(office, "+493023125447", ago=10)
    dialled(office, "+493023125447", ago=9, fallback_of=first)
    dialled(office, "+493023125447", ago=70)
    save_brakes(row=DialSettings(calls_a_minute=2))
    assert wanted_call(user=office.users[0], text=BERLIN, now=utc_now())


def test_of_six_that_were_asked_for_at_once_the_last_is_refused(office: RowOffice) -> None:
    """Every one of them was let through when it was asked for; before the sending they are counted again."""
    at, user = utc_now(), office.users[0]
    wanted = [wanted_call(user=user, text=f"030 2312544{place}", now=at)[0] for place in range(6)]
    commands = []
    for place, one in enumerate(wanted):
        now = at + timedelta(milliseconds=place)
        commands.append(request_command(user=user, wanted=one, path=CommandPath.PBX, key=one.far_number, now=now)[0])
    assert [granted(command) for command in commands] == [*[True] * 5, False]
    assert why(commands[-1]) == "person_rate"


def test_the_second_way_of_the_fifth_call_is_not_the_sixth(office: RowOffice) -> None:
    for place in range(4):
        dialled(office, f"+49302312541{place}", ago=20 - place)
    first = dialled(office, "+493023125447", ago=2, dial_string="03023125447", state="failed")
    second = dialled(office, "+493023125447", ago=0, dial_string="03023125447", path="pbx", fallback_of=first,
                     state="requested", settled=False)  # fmt: skip
    assert granted(second)


def test_dialling_through_a_range_is_stopped(office: RowOffice) -> None:
    for place in range(20):
        dialled(office, f"+4930231254{place:02}", ago=3000 - place, user=1)
    problem = refused(office, BERLIN)
    assert problem.code == "range"
    note_refused(user=office.users[0], text=BERLIN, problem=problem)
    assert AuditEvent.objects.get().details["alarm"] is True
    assert wanted_call(user=office.users[0], text="030 23125547", now=utc_now())


def test_transfers_to_outside_numbers_count_and_those_inside_do_not(office: RowOffice) -> None:
    for place in range(9):
        dialled(office, "202", ago=40 - place, kind=CommandKind.BLIND_TRANSFER)
    assert wanted_call(user=office.users[0], text=BERLIN, now=utc_now())
    for place in range(5):
        dialled(office, f"+49302312541{place}", ago=20 - place, kind=CommandKind.BLIND_TRANSFER)
    assert refused(office, BERLIN).code == "person_rate"
    assert wanted_target(
        user=office.users[0], pbx=office.pbx, text="202", kind=CommandKind.BLIND_TRANSFER, now=utc_now()
    )


# -- just before it is sent --


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"dial_string": "00371212345670"}, "rules_changed"), ({"dial_string": "903023125447"}, "rules_changed"),
     ({"dial_string": "03023125447,1"}, "rules_changed"), ({"far_number": "+371212345670"}, "unknown_number"),
     ({"far_number": "+442079460148", "dial_string": "00442079460148"}, "country"), ({"far_number": "x"}, "letters"),
     ({"far_number": "03023125447"}, "rules_changed")],
)  # fmt: skip
def test_what_is_sent_is_judged_again_as_it_is_sent(office: RowOffice, changes: dict[str, str], code: str) -> None:
    command = ask(office, BERLIN)
    CallCommand.objects.filter(pk=command.pk).update(**changes)
    assert not granted(command) and why(command) == code


def test_other_verbs_know_no_brakes(office: RowOffice) -> None:
    stop_dialling(by="Marek", because="", now=utc_now())
    command = dialled(office, "", ago=0, kind=CommandKind.DND_ON, state="requested", settled=False, path="pbx")
    assert granted(command)


def test_a_call_at_night_goes_out_and_is_noticed(office: RowOffice) -> None:
    save_brakes(row=DialSettings(night_from=time(0), night_until=time(23, 59, 59), countries=["GB"]))
    assert granted(ask(office, BERLIN))
    assert AuditEvent.objects.get().action == "dial.night"
    assert refused(office, LONDON).code == "night"


def test_the_number_is_in_no_exception_text(office: RowOffice) -> None:
    wanted, plan = wanted_call(user=office.users[0], text=BERLIN, now=utc_now())
    assert "23125447" not in repr(wanted) + repr(plan)
    with pytest.raises(CommandProblem) as caught:
        wanted_call(user=office.users[0], text="*21*030", now=utc_now())
    assert "030" not in str(caught.value)


def test_the_pace_is_counted_by_indexes_however_many_calls_there_were(office: RowOffice) -> None:
    now, user, phone = utc_now(), office.users[0], office.phones[0]
    CallCommand.objects.bulk_create(
        CallCommand(
            kind=CommandKind.MAKE_CALL, user=user, phone=phone, pbx=office.pbx, far_number=f"+4930{place:08}",
            state=CommandState.CONFIRMED, settled=True, requested_at=now - timedelta(minutes=5 + place),
            not_after=now, idempotency_key=str(place),
        )
        for place in range(20_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze calls_callcommand")
    plan = plan_on(pbx=office.pbx, text=BERLIN)
    assert not isinstance(plan, NoDial)
    with CaptureQueriesContext(connection) as seen:
        settings_and_recent(far_number=plan.far_number, user_id=user.pk, now=now)
    told = [json.dumps(plan_of(query["sql"])) for query in seen.captured_queries]
    used = "".join(told)
    assert len(told) == 1
    assert not tables_read_whole((query["sql"] for query in seen.captured_queries), {"calls_callcommand"})
    assert used.count("command_dials_of_user") == 1 and used.count("command_dials_to") == 2

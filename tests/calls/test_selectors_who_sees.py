"""Whose a call is, as the events tell it, and who may therefore see it."""

import importlib

from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, CallParty, Leg
from crmconnector.calls.selectors import calls_of, calls_seen_by
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.users.models import Role, Team
from tests.support.office import RowOffice
from tests.support.story import T0, answered_call, group_call, inbound_call
from tests.support.web_story import add_call


def told(office: RowOffice, batch: list) -> None:
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def parties(call: Call | None = None) -> list[str]:
    rows = CallParty.objects.filter(call=call) if call else CallParty.objects.all()
    return sorted(rows.values_list("user__username", flat=True))


def test_a_call_is_everybodys_whose_phone_rang(office: RowOffice) -> None:
    ring, answer, end = group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")
    told(office, ring)
    call = Call.objects.get()
    assert parties(call) == ["user201", "user202"]
    told(office, answer)
    told(office, end)
    assert parties(call) == ["user201", "user202"]
    assert set(CallParty.objects.values_list("started_at", flat=True)) == {call.started_at}
    assert [calls_of(user).count() for user in office.users] == [1, 1, 0]


def test_a_call_that_somebody_placed_is_their_own(office: RowOffice) -> None:

    caller = ev.Party(number="201", name="", endpoint="PJSIP/201")
    started = ev.CallStarted(
        call="1.1", at=T0, direction="outbound", caller=caller, dialled="03023125447", originated=False
    )
    told(office, [started])
    assert parties() == ["user201"]
    assert Call.objects.get().far_number == "+493023125447"
    assert list(calls_of(office.users[0])) == [Call.objects.get()]


def test_told_twice_and_in_pieces_each_person_is_one_row(office: RowOffice) -> None:
    batch = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    for event in [*batch, *batch]:
        told(office, [event])
    assert parties() == ["user201"]


def test_events_that_bring_nobody_new_ask_for_no_row_of_people(office: RowOffice) -> None:

    batch = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    told(office, batch[:-2])
    with CaptureQueriesContext(connection) as seen:
        told(office, batch[-1:])
    assert [one for one in seen.captured_queries if "callparty" in one["sql"]] == []


def test_the_number_of_the_other_side_is_kept_as_it_can_be_found(office: RowOffice) -> None:
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447", key="a"))
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447", key="b", restricted=True))
    assert sorted(Call.objects.values_list("far_number", flat=True)) == ["", "+493023125447"]


def test_supervisors_see_their_teams_and_agents_their_own(office: RowOffice) -> None:
    calls = [add_call(office, place=place) for place in range(3)]
    supervisor = office.users[1]
    supervisor.role = Role.SUPERVISOR
    supervisor.save()
    Team.objects.create(name="One").members.add(supervisor, office.users[2])
    Team.objects.create(name="Other").members.add(office.users[0])
    assert list(calls_seen_by(office.users[0])) == calls[:1]
    assert set(calls_seen_by(supervisor)) == set(calls[1:])
    supervisor.role = Role.ADMINISTRATOR
    assert set(calls_seen_by(supervisor)) == set(calls)


def test_the_call_of_a_test_pop_is_nobodys(office: RowOffice) -> None:
    add_call(office, test=True)
    boss = office.users[1]
    boss.role = Role.ADMINISTRATOR
    assert not calls_of(office.users[0]).exists() and not calls_seen_by(boss).exists()


def test_calls_from_before_get_their_people_and_numbers_by_the_migration(office: RowOffice) -> None:
    migration = importlib.import_module("crmconnector.calls.migrations.0006_log_at_a_million")
    call = add_call(office, place=0)
    outbound = add_call(
        office, place=1, direction="outbound", dialled="030 40506070", answered_by=None, placed_by=office.users[2]
    )
    Leg.objects.filter(call=outbound).update(user=None)
    before = sorted(CallParty.objects.filter(call=call).values_list("call", "user", "started_at"))
    CallParty.objects.all().delete()
    Call.objects.update(far_number="")
    with connection.schema_editor() as editor:
        for _again in range(2):
            migration.fill(apps, editor)
    assert sorted(CallParty.objects.filter(call=call).values_list("call", "user", "started_at")) == before
    assert parties(outbound) == ["user203"]
    assert list(Call.objects.order_by("id").values_list("far_number", flat=True)) == ["+493023125447", "+493040506070"]

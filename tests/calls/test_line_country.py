"""A line from another country: its callers show numbers as they are written there."""

from dataclasses import replace

from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from tests.support.office import RowOffice
from tests.support.story import T0, TRUNK, inbound_call

VIENNA = "+43720116123"
CALLER = ev.Party(TRUNK, "0732 7020", None, False)  # valid in Germany and in Austria: two different numbers


def told(office: RowOffice, *batch: ev.CallEvent) -> None:
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def rings(office: RowOffice, dialled: str) -> Call:
    told(office, *[_to(one, dialled) for one in inbound_call(leg_endpoint="PJSIP/201", number=CALLER.number or "")])
    return Call.objects.get()


def _to(event: ev.CallEvent, dialled: str) -> ev.CallEvent:
    return replace(event, dialled=dialled) if hasattr(event, "dialled") else event


def two_people(office: RowOffice) -> None:
    office.add_contact("Somebody in Linz", "+43 732 7020")
    office.add_contact("Somebody in Germany", "+49 732 7020")


def test_a_caller_of_a_line_from_abroad_is_read_as_written_there(office: RowOffice) -> None:
    two_people(office)
    office.pbx.lines.create(did=VIENNA, label="Wien", country="AT")
    call = rings(office, VIENNA)
    assert (call.caller_e164, call.contact and call.contact.name) == ("+437327020", "Somebody in Linz")
    assert [one["name"] for one in Pop.objects.get().payload["people"]] == ["Somebody in Linz"]


def test_a_caller_of_a_line_without_a_country_is_read_as_the_pbx_says(office: RowOffice) -> None:
    two_people(office)
    office.pbx.lines.create(did=VIENNA, label="Wien", country="AT")
    call = rings(office, "+493023125100")
    assert (call.caller_e164, call.contact and call.contact.name) == ("+497327020", "Somebody in Germany")


def test_the_line_counts_when_the_caller_is_told_again_without_it(office: RowOffice) -> None:
    two_people(office)
    office.pbx.lines.create(did=VIENNA, label="Wien", country="AT")
    nobody = ev.Party(TRUNK, None, None, False)
    told(office, ev.CallStarted("1.1", T0, "inbound", False, nobody, VIENNA))
    told(office, ev.CallChanged("1.1", T0 + 1, "inbound", CALLER, None))
    call = Call.objects.get()
    assert (call.caller_e164, call.contact and call.contact.name) == ("+437327020", "Somebody in Linz")


def test_looking_at_the_lines_costs_no_query_more(office: RowOffice) -> None:
    office.pbx.lines.create(did=VIENNA, label="Wien", country="AT")
    rings(office, VIENNA)
    again = [ev.CallChanged("1.1", T0 + 1, "inbound", CALLER, None)]
    office.pbx.refresh_from_db()
    with CaptureQueriesContext(connection) as seen:
        ledger = CallLedger(office.pbx, again)
        before = len(seen)
        ledger.apply(again[0])
        assert len(seen) == before

"""What the Call button of a call in the log calls: a number as it came or complete, and of anything else nothing."""

import pytest

from crmconnector.calls.models import Call
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from crmconnector.web.words import call_row, number_to_call
from tests.support.dial_attacks import HOSTILE
from tests.support.office import make_office
from tests.support.story import inbound_call


def came(number: str, far_number: str, e164: str = "") -> Call:
    return Call(direction="inbound", caller_number=number, caller_e164=e164, far_number=far_number)


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (came("030 23125447", "+493023125447"), "+493023125447"),
        (came("204", "204"), "204"),
        (came("", "+493023125447", "+493023125447"), "+493023125447"),
        (Call(direction="outbound", dialled="003023125447", far_number="+493023125447"), "+493023125447"),
        (Call(direction="internal", caller_number="201", dialled="204", far_number="204"), "201"),
        (Call(direction="outbound", dialled="*98", far_number="98"), ""),
        (Call(direction="inbound", caller_number="{{ 7 }}", far_number="7"), ""),
        (came("300@evil.example", "300"), ""),
        (came("03023125447,0900", "+493023125447"), ""),
    ],
    ids=["complete", "inside", "complete only", "dialled", "colleague", "code", "template", "host", "pause"],
)
def test_a_number_is_offered_complete_or_as_it_came(call: Call, number: str) -> None:
    assert number_to_call(call, dialled=call.direction == "outbound") == number


def test_the_end_of_a_long_row_of_digits_is_offered_to_nobody() -> None:
    """The column keeps the last twenty digits; they may be somebody's number."""
    long = "999900493023125447900"
    assert number_to_call(came(long, long[-20:]), dialled=False) == long


def test_no_hostile_text_that_is_no_number_is_offered() -> None:
    clean = {"two numbers", "33 digits"}  # a reader of numbers says what is wrong with them
    offered = {name for name, text in HOSTILE.items() if text and number_to_call(came(text, "7"), dialled=False)}
    assert offered == clean


@pytest.mark.django_db
def test_of_an_internal_call_each_of_the_two_is_offered_the_other() -> None:
    office = make_office()
    user = office.users[0]
    call = Call(pbx=office.pbx, direction="internal", caller_number="201", dialled="204", placed_by=user)
    shown = {row.to_call: row.who.number for row in (call_row(call, viewer=user), call_row(call))}
    assert shown == {"204": "204", "201": "201"}


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "extension"), [("304", "304"), ("{{ 7 }}", ""), ("300@evil", ""), ("*98", "")])
def test_digits_within_a_longer_text_are_nobodys_extension_on_the_card(number: str, extension: str) -> None:
    office = make_office()
    ring = inbound_call(leg_endpoint="PJSIP/201", number=number)
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, now=office.pbx.link.heard_at, batch=ring)
    assert Pop.objects.get().payload["caller"]["extension"] == extension

"""Every case runs twice: with each event once, and with each event sent twice. Both must tell the same."""

import pytest

from crmconnector.calls.events import (
    CallAnswered,
    CallChanged,
    CallEnded,
    CallStarted,
    LegAnswered,
    LegPlaced,
    LegRinging,
    Party,
)
from tests.support.ami_stream import AmiStream, dispositions, ended


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


def test_an_internal_call_has_no_trunk(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "204")
    pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea)
    assert {event.direction for event in pbx.only(CallStarted, CallChanged)} == {"internal"}


def test_a_call_out_becomes_outbound_when_the_trunk_is_dialled(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "0612345678")
    pbx.rung(bea, "1.2", "PJSIP/trunk-00000002", call=bea)
    assert [event.direction for event in pbx.only(CallStarted, CallChanged)] == ["internal", "outbound"]


def test_forwarding_to_the_outside_does_not_make_a_call_outbound(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "204")
    anna = pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea)
    pbx.dial_end(bea, anna, "NOANSWER")
    pbx.hangup(anna, 0)
    pbx.rung(bea, "1.3", "PJSIP/trunk-00000003", call=bea)
    assert {event.direction for event in pbx.only(CallStarted, CallChanged)} == {"internal"}


def test_trunks_may_be_learned_later(pbx):
    tracker = pbx.tracker
    tracker.set_trunks(["PJSIP/other"])
    pbx.caller("1.1", "PJSIP/other-00000001", "0612345678", "25101")
    pbx.caller("1.2", "PJSIP/trunk-00000001", "0612345678", "25101")
    assert [event.direction for event in pbx.only(CallStarted)] == ["inbound", "internal"]


def originate(pbx):
    """Direct Originate: the phone 201 first, with the customer's number as its caller id."""
    phone = pbx.new("1.1", "PJSIP/201-00000001", number="+31260010001")
    pbx.dial(None, phone, "201")
    pbx.rings(phone)
    return phone


def test_the_own_phone_of_a_click_to_call_is_never_a_pop(pbx):
    phone = originate(pbx)
    assert pbx.only(CallStarted) == [
        CallStarted("1.1", 1001.0, "internal", True, Party("PJSIP/201", "201", None), None)
    ]
    nobody_yet = Party(None, None, None)
    assert pbx.only(LegPlaced, LegRinging) == [LegPlaced("1.1", pbx.now, "1.1", "PJSIP/201", nobody_yet, rung=True)]
    pbx.up(phone)
    customer = pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone, number="+31260010001")
    assert pbx.only(LegRinging)[0].far == Party("PJSIP/201", "201", None)
    assert pbx.only(CallChanged)[-1].direction == "outbound"
    assert pbx.only(CallChanged)[-1].dialled == "+31260010001"
    pbx.answers(phone, customer, "b")
    assert pbx.only(CallAnswered) == [CallAnswered("1.1", pbx.now, "1.2", "PJSIP/trunk")]
    pbx.hangups(customer, phone)
    assert dispositions(pbx) == ["answered"]


def test_an_agent_who_declines_a_click_to_call_leaves_a_record(pbx):
    phone = originate(pbx)
    pbx.hangup(phone, 21)
    assert ended(pbx) == [("PJSIP/201", "rejected", None)]
    assert dispositions(pbx) == ["rejected"]


def test_a_busy_customer_of_a_click_to_call_makes_it_busy(pbx):
    phone = originate(pbx)
    pbx.up(phone)
    customer = pbx.new("1.2", "PJSIP/trunk-00000002", call=phone)
    pbx.dial(phone, customer)
    pbx.dial_end(phone, customer, "BUSY")
    pbx.hangups(customer, phone, cause=17)
    assert dispositions(pbx) == ["busy"]


def test_click_to_call_through_a_local_channel_knows_which_phone_is_first(pbx):
    """The first phone is dialled by the ;2 half; when it has answered the ;1 half dials the customer."""
    one, two = pbx.local("1.1", "1.2", "click@ctx-00000001")
    pbx.dial(None, one, "click@ctx/n")
    assert pbx.told == []
    phone = pbx.new("1.3", "PJSIP/201-00000001", call=one, number="201")
    pbx.dial(two, phone)
    pbx.rings(phone)
    pbx.up(phone)
    pbx.dial_end(two, phone, "ANSWER")
    pbx.up(two)
    pbx.enter(phone, "b")
    pbx.enter(two, "b")
    pbx.up(one)
    customer = pbx.rung(one, "1.4", "PJSIP/trunk-00000002", call=one, number="+31260010001")
    first, second = pbx.only(LegPlaced, LegRinging)
    assert (type(first), first.rung, type(second)) == (LegPlaced, True, LegRinging)
    assert second.far == Party("PJSIP/201", "201", None)
    assert second.dialled == "+31260010001"
    pbx.up(customer)
    pbx.dial_end(one, customer, "ANSWER")
    pbx.enter(customer, "c")
    pbx.enter(one, "c")
    assert {leg.endpoint for leg in pbx.only(LegAnswered)} == {"PJSIP/201", "PJSIP/trunk"}
    assert pbx.only(CallAnswered)[0].endpoint == "PJSIP/trunk"
    pbx.hangups(customer, phone, one, two)
    assert pbx.only(CallEnded)[0].talked_with == ("PJSIP/trunk",)


def test_a_call_that_comes_back_in_through_the_provider_is_two_calls(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "25101")
    pbx.rung(bea, "1.2", "PJSIP/trunk-00000002", call=bea)
    back = pbx.caller("1.3", "PJSIP/trunk-00000003", "+4930", "25101")
    pbx.rung(back, "1.4", "PJSIP/204-00000004", call=back)
    assert [(leg.call, leg.endpoint) for leg in pbx.only(LegRinging)] == [("1.1", "PJSIP/trunk"), ("1.3", "PJSIP/204")]


def test_the_callers_own_phone_did_not_take_the_call_that_it_gave_up(pbx):
    phone = originate(pbx)
    pbx.up(phone)
    line = pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone)
    pbx.dial_end(phone, line, "CANCEL")
    pbx.hangups(line, phone, cause=0)
    assert ended(pbx)[0] == ("PJSIP/trunk", "cancelled", None)
    assert dispositions(pbx) == ["cancelled"]


def test_a_phone_that_asterisk_gave_up_dialling_did_not_answer(pbx):
    """Asterisk 16 says nothing but that the channel is gone."""
    phone = originate(pbx)
    pbx.hangup(phone, 0)
    assert dispositions(pbx) == ["no_answer"]


def local_alone(pbx: AmiStream, name: str) -> None:
    """Asterisk is asked for a Local channel whose dialplan answers and ends; no phone is dialled."""
    one, two = pbx.local("1.1", "1.2", name)
    pbx.dial(None, one, name.partition("-")[0])
    pbx.up(two)
    pbx.up(one)
    pbx.hangups(two, one)


@pytest.mark.parametrize("context", ["crmconnector", "our-own-part"])
def test_a_note_written_by_our_dialplan_is_no_call(pbx, context):
    local_alone(pbx, f"dnd@{context}-00000001")
    assert pbx.told == []
    assert pbx.tracker.open_calls() == []


def test_a_note_found_by_a_list_of_channels_is_no_call_either(pbx):
    one = pbx.known("1.1", "Local/dnd@crmconnector-00000001;1", state=6)
    two = pbx.known("1.2", "Local/dnd@crmconnector-00000001;2", call=one, state=6)
    pbx.send("FullyBooted")
    pbx.listed(one, application="AppDial2")
    pbx.listed(two, application="DBdel")
    pbx.list_ends(2)
    pbx.hangups(two, one)
    assert pbx.told == []


def test_another_call_that_asterisk_began_and_that_reached_nobody_is_told(pbx):
    local_alone(pbx, "1001@internal-00000001")
    assert [type(event) for event in pbx.told] == [CallStarted, CallEnded]

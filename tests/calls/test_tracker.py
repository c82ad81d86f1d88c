"""Every case runs twice: with each event once, and with each event sent twice. Both must tell the same."""

import pytest

from crmconnector.calls.events import (
    CallAnswered,
    CallChanged,
    CallEnded,
    CallMerged,
    CallStarted,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    Party,
    QueueEntered,
    QueueLeft,
    Transfer,
)
from tests.support.ami_stream import AmiStream

ADA = Party("PJSIP/trunk", "+442079460123", None)


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


def ada_calls(pbx, uid="1.1"):
    return pbx.caller(uid, "PJSIP/trunk-00000001", "+442079460123", "25101")


def ended(pbx):
    return [(event.endpoint, event.outcome, event.answered_by) for event in pbx.only(LegEnded)]


def dispositions(pbx):
    return [event.disposition for event in pbx.only(CallEnded)]


# --- one phone ---


def test_a_call_to_a_phone_tells_its_whole_story(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada, number="204")
    pbx.answers(ada, anna, "b")
    pbx.leave(anna, "b")
    pbx.leave(ada, "b")
    pbx.hangups(anna, ada)
    assert pbx.told == [
        CallStarted("1.1", 1001.0, "inbound", False, ADA, "25101"),
        LegRinging("1.1", 1004.0, "1.2", "PJSIP/204", ADA, None, "25101"),
        LegAnswered("1.1", 1009.0, "1.2", "PJSIP/204", ADA),
        CallAnswered("1.1", 1009.0, "1.2", "PJSIP/204"),
        LegEnded("1.1", 1012.0, "1.2", "PJSIP/204", "answered", None),
        CallEnded("1.1", 1013.0, "answered", "PJSIP/204", 1.0, talked_with=("PJSIP/204",)),
    ]
    assert pbx.tracker.open_calls() == []


def test_a_caller_who_gives_up_cancels_the_leg_and_the_call(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial_end(ada, anna, "CANCEL")
    pbx.hangups(anna, ada, cause=127)
    assert ended(pbx) == [("PJSIP/204", "cancelled", None)]
    assert dispositions(pbx) == ["cancelled"]


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        ("NOANSWER", 0, "no_answer"),
        ("NOANSWER", 21, "rejected"),
        ("BUSY", 17, "busy"),
        ("CHANUNAVAIL", 20, "failed"),
        ("CONGESTION", 34, "failed"),
    ],
)
def test_dial_status_and_cause_together_tell_why_a_leg_ended(pbx, status, cause, outcome):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial_end(ada, anna, status)
    pbx.hangups(anna, ada, cause=cause)
    assert ended(pbx) == [("PJSIP/204", outcome, None)]
    assert dispositions(pbx) == [outcome]


def test_do_not_disturb_ends_without_ringing(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial(ada, anna)
    pbx.dial_end(ada, anna, "BUSY")
    pbx.hangups(anna, ada, cause=17)
    assert pbx.only(LegRinging) == []
    assert [(leg.outcome, leg.rang) for leg in pbx.only(LegEnded)] == [("busy", False)]
    assert dispositions(pbx) == ["busy"]


def test_ringing_that_comes_before_dial_begin_waits_for_who_dials(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.rings(anna)
    assert pbx.only(LegRinging) == []
    pbx.dial(ada, anna)
    assert [leg.far for leg in pbx.only(LegRinging)] == [ADA]


def test_a_lost_dial_begin_still_rings_by_dial_end(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.rings(anna)
    pbx.up(anna)
    pbx.dial_end(ada, anna, "ANSWER")
    assert [leg.far for leg in pbx.only(LegRinging)] == [ADA]


def test_a_lost_dial_begin_is_made_good_by_dial_end_even_if_nobody_answered(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.rings(anna)
    pbx.dial_end(ada, anna, "NOANSWER")
    pbx.hangup(anna, 0)
    assert [leg.far for leg in pbx.only(LegRinging)] == [ADA]
    assert [(leg.outcome, leg.rang) for leg in pbx.only(LegEnded)] == [("no_answer", True)]


def test_a_late_ringing_does_not_take_an_answer_back(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.state(anna, 5)
    assert pbx.tracker.open_calls()[0].legs[0].state == "talking"


def test_the_number_on_the_display_stands_in_for_an_unknown_caller(pbx):
    ada = pbx.caller("1.1", "PJSIP/trunk-00000001", "", "25101")
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.channels[anna]["ConnectedLineNum"] = "+442079460123"
    pbx.dial(ada, anna)
    pbx.rings(anna)
    pbx.answers(ada, anna, "b")
    assert [event.far for event in pbx.only(LegRinging, LegAnswered)] == [ADA, ADA]
    assert pbx.only(LegChanged) == []


def test_an_application_that_dials_for_a_known_caller_originates_nothing(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial(None, anna, "204")
    pbx.rings(anna)
    assert [(leg.far, leg.originated_first) for leg in pbx.only(LegRinging)] == [(ADA, False)]
    assert not pbx.tracker.open_calls()[0].originated


def test_a_phone_that_answers_without_ringing_is_told_once(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial(ada, anna)
    pbx.answers(ada, anna, "b")
    assert len(pbx.only(LegRinging)) == 1
    assert len(pbx.only(LegAnswered)) == 1


def test_dial_state_ringing_may_be_the_only_sign_of_ringing(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial(ada, anna)
    pbx.send("DialState", **pbx.channels[ada], **pbx._as("Dest", anna), DialStatus="RINGING")
    assert [leg.leg for leg in pbx.only(LegRinging)] == [anna]


def test_caller_id_set_by_the_dial_plan_is_what_the_phone_sees(pbx):
    bea = pbx.caller("1.1", "SIP/150010001-0001", "150010001", "202")
    pbx.number(bea, "201")
    anna = pbx.rung(bea, "1.2", "SIP/150010002-0002", call=bea)
    assert pbx.only(LegRinging)[0].far.number == "201"
    assert [event.caller.number for event in pbx.only(CallStarted, CallChanged)] == ["150010001", "201"]
    pbx.dial_end(bea, anna, "NOANSWER")
    pbx.hangup(anna, 0)
    pbx.number(bea, "999")
    pbx.rung(bea, "1.3", "SIP/150010003-0003", call=bea)
    assert len(pbx.only(CallChanged)) == 1


def test_withheld_presentation_makes_the_caller_restricted(pbx):
    ada = ada_calls(pbx)
    pbx.number(ada, "+442079460123", "33 (Presentation Prohibited, User Number, Passed Screen)")
    pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    far = pbx.only(LegRinging)[0].far
    assert far.restricted
    assert far.number == "+442079460123"


def test_an_unknown_number_never_overwrites_a_known_one(pbx):
    ada = ada_calls(pbx)
    pbx.number(ada, "<unknown>")
    pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    assert pbx.only(LegRinging)[0].far == ADA


def test_a_chan_sip_caller_who_begins_down_is_told_when_he_rings_us(pbx):
    bea = pbx.new("1.1", "SIP/201-0001", number="201", exten="202")
    assert pbx.told == []
    pbx.state(bea, 4)
    assert pbx.told == [CallStarted("1.1", 1001.0, "internal", False, Party("SIP/201", "201", None), "202")]


def test_hold_and_resume_are_told_once_each(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send("Hold", **pbx.channels[anna])
    assert pbx.tracker.open_calls()[0].legs[0].state == "held"
    pbx.send("Unhold", **pbx.channels[anna])
    assert [type(event) for event in pbx.only(LegHeld, LegResumed)] == [LegHeld, LegResumed]
    assert pbx.tracker.open_calls()[0].legs[0].state == "talking"


def test_voicemail_that_answers_is_not_an_answer(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial_end(ada, anna, "NOANSWER")
    pbx.hangup(anna, 0)
    pbx.up(ada)
    pbx.hangup(ada)
    assert pbx.only(CallAnswered) == []
    assert dispositions(pbx) == ["no_answer"]


def test_a_missing_phone_makes_the_call_failed(pbx):
    ada = ada_calls(pbx)
    pbx.hangup(ada, 3)
    assert dispositions(pbx) == ["failed"]


# --- several phones ---


def ring_three(pbx, ada):
    return [pbx.rung(ada, f"1.{n}", f"PJSIP/20{n}-0000000{n}", call=ada) for n in (2, 3, 4)]


def test_losers_of_a_ring_group_end_at_once_and_know_who_took_the_call(pbx):
    ada = ada_calls(pbx)
    one, two, three = ring_three(pbx, ada)
    pbx.up(two)
    pbx.dial_end(ada, one, "CANCEL")
    pbx.dial_end(ada, three, "CANCEL")
    assert ended(pbx) == [("PJSIP/202", "elsewhere", "PJSIP/203"), ("PJSIP/204", "elsewhere", "PJSIP/203")]
    pbx.dial_end(ada, two, "ANSWER")
    pbx.hangups(one, three, cause=26)
    pbx.up(ada)
    pbx.enter(two, "b")
    pbx.enter(ada, "b")
    assert [leg.endpoint for leg in pbx.only(LegAnswered)] == ["PJSIP/203"]
    pbx.hangups(two, ada)
    assert len(pbx.only(LegEnded)) == 3
    assert dispositions(pbx) == ["answered"]


def test_a_group_that_nobody_answers_has_no_elsewhere(pbx):
    ada = ada_calls(pbx)
    phones = ring_three(pbx, ada)
    for phone in phones:
        pbx.dial_end(ada, phone, "CANCEL")
    pbx.hangups(*phones, ada, cause=0)
    assert {outcome for _, outcome, _ in ended(pbx)} == {"cancelled"}


def test_one_member_rejects_and_the_others_ring_on(pbx):
    ada = ada_calls(pbx)
    one, two, three = ring_three(pbx, ada)
    pbx.dial_end(ada, one, "NOANSWER")
    pbx.hangup(one, 21)
    assert ended(pbx) == [("PJSIP/202", "rejected", None)]
    assert [leg.state for leg in pbx.tracker.open_calls()[0].legs] == ["ringing", "ringing"]
    pbx.hangups(two, three, ada)


def test_two_phones_of_one_user_are_two_legs(pbx):
    ada = ada_calls(pbx)
    desk = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    soft = pbx.rung(ada, "1.3", "PJSIP/204-00000003", call=ada)
    assert [leg.leg for leg in pbx.only(LegRinging)] == [desk, soft]
    pbx.up(soft)
    pbx.dial_end(ada, desk, "CANCEL")
    assert ended(pbx) == [("PJSIP/204", "elsewhere", "PJSIP/204")]


def local_member(pbx, ada, number):
    """A queue or group member behind a Local channel: A -> ;1 = ;2 -> phone."""
    one, two = pbx.local(f"1.{number}1", f"1.{number}2", f"20{number}@from-queue-{number}", call=ada)
    pbx.dial(ada, one)
    phone = pbx.rung(two, f"1.{number}3", f"PJSIP/20{number}-000000{number}3", call=ada)
    pbx.rings(one)
    return one, two, phone


def test_phones_behind_local_channels_see_the_real_caller_and_local_is_never_shown(pbx):
    ada = ada_calls(pbx)
    local_member(pbx, ada, 2)
    local_member(pbx, ada, 3)
    assert [(leg.endpoint, leg.far) for leg in pbx.only(LegRinging)] == [("PJSIP/202", ADA), ("PJSIP/203", ADA)]
    assert not any("Local" in repr(event) for event in pbx.told)


def test_the_winner_behind_a_local_channel_is_known_to_the_losers(pbx):
    ada = ada_calls(pbx)
    one2, two2, phone2 = local_member(pbx, ada, 2)
    one3, two3, phone3 = local_member(pbx, ada, 3)
    pbx.up(phone2)
    pbx.dial_end(two2, phone2, "ANSWER")
    pbx.up(two2)
    pbx.up(one2)
    pbx.dial_end(ada, one3, "CANCEL")
    pbx.dial_end(two3, phone3, "CANCEL")
    assert ended(pbx) == [("PJSIP/203", "elsewhere", "PJSIP/202")]
    pbx.dial_end(ada, one2, "ANSWER")
    pbx.hangups(phone3, one3, two3, cause=26)
    pbx.enter(phone2, "b2")
    pbx.enter(two2, "b2")
    assert pbx.only(LegAnswered) == []
    pbx.enter(one2, "b1")
    pbx.enter(ada, "b1")
    assert [leg.far for leg in pbx.only(LegAnswered)] == [ADA]
    # Local optimisation: the phone takes the place of the ;1 half.
    pbx.leave(phone2, "b2")
    pbx.leave(one2, "b1")
    pbx.enter(phone2, "b1", swap=one2)
    pbx.leave(two2, "b2")
    pbx.hangups(one2, two2)
    assert pbx.only(LegChanged) == []
    assert len(pbx.only(LegAnswered)) == 1
    pbx.leave(phone2, "b1")
    pbx.hangups(phone2, ada)
    assert dispositions(pbx) == ["answered"]
    assert pbx.only(CallEnded)[0].talked_with == ("PJSIP/202",)


def test_call_confirmation_that_is_not_given_is_not_an_answer(pbx):
    ada = ada_calls(pbx)
    one, two, phone = local_member(pbx, ada, 2)
    pbx.up(phone)
    pbx.dial_end(two, phone, "ANSWER")
    pbx.hangup(phone)
    pbx.hangup(two)
    pbx.dial_end(ada, one, "NOANSWER")
    pbx.hangups(one, ada)
    assert ended(pbx) == [("PJSIP/202", "answered_unconnected", None)]
    assert pbx.only(CallAnswered, LegAnswered) == []
    assert dispositions(pbx) == ["no_answer"]


def test_one_who_has_not_confirmed_yet_has_not_taken_the_call(pbx):
    ada = ada_calls(pbx)
    _, two2, phone2 = local_member(pbx, ada, 2)
    _, two3, phone3 = local_member(pbx, ada, 3)
    pbx.up(phone2)
    pbx.dial_end(two3, phone3, "CANCEL")
    pbx.hangup(phone3, 0)
    assert ended(pbx) == [("PJSIP/203", "cancelled", None)]
    assert two2 != two3


def test_a_forwarding_phone_does_not_decide_how_the_call_ended(pbx):
    ada = ada_calls(pbx)
    anna = pbx.new("1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial(ada, anna)
    pbx.dial_end(ada, anna, "CANCEL", Forward="205@internal")
    pbx.hangup(anna, 0)
    bert = pbx.rung(ada, "1.3", "PJSIP/205-00000003", call=ada)
    pbx.dial_end(ada, bert, "NOANSWER")
    pbx.hangups(bert, ada, cause=0)
    assert [leg.endpoint for leg in pbx.only(LegRinging)] == ["PJSIP/205"]
    assert dispositions(pbx) == ["no_answer"]


# --- queues ---


def test_a_queue_call_names_its_queue_and_the_real_caller(pbx):
    ada = ada_calls(pbx)
    pbx.up(ada)
    pbx.queue("Join", ada, "support")
    assert pbx.only(CallAnswered) == []
    assert pbx.tracker.open_calls()[0].state == "waiting"
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    _, _, phone = local_member(pbx, ada, 3)
    assert [(leg.queue, leg.far) for leg in pbx.only(LegRinging)] == [("support", ADA), ("support", ADA)]
    pbx.up(anna)
    pbx.dial_end(ada, phone, "CANCEL")
    pbx.dial_end(ada, phone, "CANCEL")
    pbx.dial_end(ada, anna, "ANSWER")
    pbx.enter(anna, "b")
    pbx.enter(ada, "b")
    pbx.queue("Leave", ada, "support")
    assert ended(pbx) == [("PJSIP/203", "elsewhere", "PJSIP/204")]
    assert pbx.only(QueueEntered, QueueLeft) == [
        QueueEntered(ada, pbx.only(QueueEntered)[0].at, "support"),
        QueueLeft(ada, pbx.now, "support", False),
    ]


def test_second_ring_of_a_queue_member_is_a_new_leg_of_the_same_call(pbx):
    ada = ada_calls(pbx)
    pbx.queue("Join", ada, "support")
    for uid in ("1.2", "1.3"):
        anna = pbx.rung(ada, uid, f"PJSIP/204-0000000{uid[-1]}", call=ada)
        pbx.dial_end(ada, anna, "NOANSWER")
        pbx.hangup(anna, 0)
    assert [leg.leg for leg in pbx.only(LegRinging)] == ["1.2", "1.3"]
    assert {leg.call for leg in pbx.only(LegRinging)} == {ada}


@pytest.mark.parametrize("abandon_event", [True, False])
def test_a_caller_who_leaves_the_queue_by_hanging_up_abandoned_it(pbx, abandon_event):
    ada = ada_calls(pbx)
    pbx.up(ada)
    pbx.queue("Join", ada, "support")
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial_end(ada, anna, "CANCEL")
    if abandon_event:
        pbx.queue("Abandon", ada, "support")
        pbx.queue("Leave", ada, "support")
    pbx.hangups(anna, ada, cause=0)
    assert [event.abandoned for event in pbx.only(QueueLeft)] == [True]
    assert ended(pbx) == [("PJSIP/204", "cancelled", None)]
    assert dispositions(pbx) == ["abandoned"]


def test_agent_called_tells_the_queue_when_the_join_was_missed(pbx):
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    pbx.send("AgentCalled", **pbx.channels[ada], Queue="support")
    pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    assert pbx.only(LegRinging)[0].queue == "support"


# --- direction, originate ---


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
    assert [leg.originated_first for leg in pbx.only(LegRinging)] == [True]
    pbx.up(phone)
    customer = pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone, number="+31260010001")
    assert [leg.originated_first for leg in pbx.only(LegRinging)] == [True, False]
    assert pbx.only(LegRinging)[1].far == Party("PJSIP/201", "201", None)
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
    first, second = pbx.only(LegRinging)
    assert (first.originated_first, second.originated_first) == (True, False)
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


# --- transfers, pickup, parking, conference ---


def test_blind_transfer_rings_the_target_with_the_caller(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send(
        "BlindTransfer", **pbx._as("Transferer", anna), **pbx._as("Transferee", ada), Result="Success", Extension="205"
    )
    pbx.leave(anna, "b")
    pbx.leave(ada, "b")
    pbx.hangup(anna)
    bert = pbx.rung(ada, "1.3", "PJSIP/205-00000003", call=ada)
    assert pbx.only(LegRinging)[-1].far == ADA
    pbx.answers(ada, bert, "c")
    pbx.hangups(bert, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blind", "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)
    assert pbx.only(CallEnded)[0].answered_by == "PJSIP/204"
    assert pbx.only(CallEnded)[0].talked_with == ("PJSIP/204", "PJSIP/205")


def test_a_blind_transfer_that_nobody_answers_is_not_ok(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send("BlindTransfer", **pbx._as("Transferer", anna), **pbx._as("Transferee", ada), Result="Success")
    pbx.hangups(anna, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blind", "PJSIP/204", None, False),)


def test_a_transfer_that_comes_back_to_who_made_it_is_not_ok(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send("BlindTransfer", **pbx._as("Transferer", anna), **pbx._as("Transferee", ada), Result="Success")
    pbx.leave(anna, "b")
    pbx.leave(ada, "b")
    pbx.hangup(anna)
    again = pbx.rung(ada, "1.3", "PJSIP/204-00000003", call=ada)
    pbx.answers(ada, again, "c")
    pbx.hangups(again, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blind", "PJSIP/204", None, False),)


def test_a_consultation_given_up_within_the_same_call_was_not_answered_elsewhere(pbx):
    """A transfer by feature code: Anna dials Bert under Ada's Linkedid, and gives up."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    bert = pbx.rung(anna, "1.3", "PJSIP/205-00000003", call=ada)
    pbx.dial_end(anna, bert, "CANCEL")
    pbx.hangup(bert, 0)
    assert ended(pbx) == [("PJSIP/205", "cancelled", None)]


def test_a_call_that_was_told_is_not_merged_into_one_that_was_not(pbx):
    silent = pbx.new("1.1", "PJSIP/204-00000001")
    ada = ada_calls(pbx, uid="1.5")
    pbx.dial(ada, silent)
    pbx.rings(silent)
    assert pbx.only(CallMerged) == []
    assert {event.call for event in pbx.told} == {ada}


def consult(pbx):
    """Ada talks with Anna, who calls Bert from a second line."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    line2 = pbx.caller("1.3", "PJSIP/204-00000003", "204", "205")
    bert = pbx.rung(line2, "1.4", "PJSIP/205-00000004", call=line2)
    return ada, anna, line2, bert


def test_attended_transfer_merges_the_calls_and_bert_sees_ada(pbx):
    ada, anna, line2, bert = consult(pbx)
    pbx.answers(line2, bert, "c")
    pbx.linked(ada, ada)
    pbx.leave(ada, "b")
    pbx.enter(ada, "c", swap=line2)
    assert [(event.leg, event.far) for event in pbx.only(LegChanged)] == [(bert, ADA)]
    pbx.send(
        "AttendedTransfer",
        **pbx._as("OrigTransferer", anna),
        **pbx._as("SecondTransferer", line2),
        Result="Success",
        DestType="Bridge",
    )
    for uid in (line2, bert):
        pbx.linked(uid, ada)
    pbx.leave(line2, "c")
    pbx.leave(anna, "b")
    pbx.hangups(line2, anna)
    assert [(event.call, event.into) for event in pbx.only(CallMerged)] == [("1.3", "1.1")]
    assert [(event.call, event.leg, event.far) for event in pbx.only(LegChanged)] == [("1.1", bert, ADA)]
    pbx.hangups(bert, ada)
    last = pbx.only(CallEnded)
    assert [event.call for event in last] == ["1.1"]
    assert last[0].transfers == (Transfer("attended", "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)
    assert pbx.tracker.open_calls() == []


@pytest.mark.parametrize("answered", [True, False])
def test_blonde_transfer_changes_the_number_on_the_ringing_phone(pbx, answered):
    ada, anna, line2, bert = consult(pbx)
    pbx.send(
        "AttendedTransfer",
        **pbx._as("OrigTransferer", anna),
        **pbx._as("SecondTransferer", line2),
        Result="Success",
        DestType="App",
        DestApp="Dial",
    )
    pbx.dial_end(line2, bert, "NOANSWER")
    pbx.linked(bert, ada)
    pbx.dial(ada, bert)
    pbx.leave(anna, "b")
    pbx.leave(ada, "b")
    pbx.hangups(anna, line2)
    assert [leg.endpoint for leg in pbx.only(LegRinging)] == ["PJSIP/204", "PJSIP/205"]
    assert [(event.leg, event.far) for event in pbx.only(LegChanged)] == [(bert, ADA)]
    if not answered:
        pbx.hangups(bert, ada, cause=0)
        assert ended(pbx)[-1] == ("PJSIP/205", "cancelled", None)
        return
    pbx.answers(ada, bert, "c")
    pbx.hangups(bert, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blonde", "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)


@pytest.mark.parametrize("pickup_event", [True, False])
def test_a_picked_up_call_pops_on_the_picker_and_is_elsewhere_for_the_phone_that_rang(pbx, pickup_event):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    picker = pbx.caller("1.3", "PJSIP/205-00000003", "205", "*8")
    pbx.up(picker)
    if pickup_event:
        pbx.send("Pickup", **pbx.channels[picker], **pbx._as("Target", anna))
    pbx.dial_end(ada, anna, "CANCEL")
    pbx.dial(ada, picker)
    pbx.dial_end(ada, picker, "ANSWER")
    pbx.hangup(anna, 26)
    pbx.up(ada)
    pbx.enter(picker, "b")
    pbx.linked(picker, ada)
    pbx.enter(ada, "b")
    assert [(leg.endpoint, leg.picked_up, leg.far) for leg in pbx.only(LegRinging)] == [
        ("PJSIP/204", False, ADA),
        ("PJSIP/205", True, ADA),
    ]
    assert ended(pbx) == [("PJSIP/204", "elsewhere", "PJSIP/205")]
    assert [(event.call, event.into) for event in pbx.only(CallMerged)] == [("1.3", "1.1")]
    pbx.hangups(picker, ada)
    assert [(event.call, event.picked_up, event.answered_by) for event in pbx.only(CallEnded)] == [
        ("1.1", True, "PJSIP/205")
    ]


def test_parked_callers_do_not_talk_with_each_other(pbx):
    ada = ada_calls(pbx)
    eve = pbx.caller("1.2", "PJSIP/trunk-00000002", "+4930", "25101")
    for uid in (ada, eve):
        pbx.up(uid)
        pbx.enter(uid, "park", kind="parking", technology="holding_bridge")
    assert pbx.only(CallAnswered, CallMerged) == []
    pbx.hangups(ada, eve)
    assert dispositions(pbx) == ["no_answer", "no_answer"]


def test_callers_in_a_conference_are_calls_of_their_own(pbx):
    uids = [pbx.caller(f"1.{n}", f"PJSIP/20{n}-0000000{n}", f"20{n}", "800") for n in (1, 2, 3)]
    announcer = pbx.new("1.9", "CBAnn/800-00000009;1", state=6)
    for uid in (announcer, *uids):
        pbx.up(uid)
        pbx.enter(uid, "conference", kind="base", technology="softmix")
    pbx.hangups(*uids, announcer)
    assert pbx.only(CallMerged) == []
    assert [(event.call, event.disposition) for event in pbx.only(CallEnded)] == [
        ("1.1", "answered"),
        ("1.2", "answered"),
        ("1.3", "answered"),
    ]
    assert not any("CBAnn" in repr(event) for event in pbx.told)


def test_a_masquerade_keeps_the_endpoint_of_the_channel(pbx):
    ada = ada_calls(pbx)
    pbx.send("Rename", Uniqueid=ada, Channel="PJSIP/trunk-00000001", Newname="PJSIP/trunk-00000001<MASQ>")
    pbx.channels[ada]["Channel"] = "PJSIP/trunk-00000001<MASQ>"
    pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    assert pbx.only(LegRinging)[0].far.endpoint == "PJSIP/trunk"


def test_endpoint_names_may_contain_dashes(pbx):
    pbx.caller("1.1", "PJSIP/front-desk-2-0000000a", "201", "204")
    assert pbx.only(CallStarted)[0].caller.endpoint == "PJSIP/front-desk-2"

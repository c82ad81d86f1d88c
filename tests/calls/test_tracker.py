"""Every case runs twice: with each event once, and with each event sent twice. Both must tell the same."""

import pytest

from crmconnector.calls.events import (
    CallAnswered,
    CallChanged,
    CallEnded,
    CallStarted,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegHeld,
    LegPlaced,
    LegResumed,
    LegRinging,
    Party,
)
from tests.support.ami_stream import ADA, AmiStream, ada_calls, dispositions, ended


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


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
        ("BUSY", 17, "rejected"),  # it rang, so it was not busy: somebody pressed reject
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


def test_a_carrier_may_ring_first_and_then_say_busy(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "0612345678")
    line = pbx.rung(bea, "1.2", "PJSIP/trunk-00000002", call=bea)
    pbx.dial_end(bea, line, "BUSY")
    pbx.hangups(line, bea, cause=17)
    assert ended(pbx) == [("PJSIP/trunk", "busy", None), ("PJSIP/201", "busy", None)]
    assert dispositions(pbx) == ["busy"]


def test_a_phone_whose_dial_end_was_lost_rejected_by_its_cause(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.hangups(anna, ada, cause=17)
    assert ended(pbx) == [("PJSIP/204", "rejected", None)]


def test_an_echo_of_a_channel_that_is_gone_brings_nothing_to_life(pbx):
    gone = pbx.known("1.9", "Local/204@from-queue-00000009;1", call="1.8")
    pbx.send("NewConnectedLine", **pbx.channels[gone])
    pbx.send("NewCallerid", **pbx.channels[gone])
    assert pbx.told == []
    assert pbx.tracker.open_calls() == []
    assert not pbx.tracker._picture.channels


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
    assert [leg.far for leg in pbx.only(LegPlaced, LegRinging)] == [ADA]
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
    assert pbx.told == [
        CallStarted("1.1", 1001.0, "internal", False, Party("SIP/201", "201", None), "202"),
        LegPlaced("1.1", pbx.now, "1.1", "SIP/201", Party(None, "202", None)),
    ]


def test_hold_and_resume_are_told_once_each(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send("Hold", **pbx.channels[anna])
    assert pbx.tracker.open_calls()[0].legs[0].state == "held"
    pbx.send("Unhold", **pbx.channels[anna])
    assert [type(event) for event in pbx.only(LegHeld, LegResumed)] == [LegHeld, LegResumed]
    assert pbx.tracker.open_calls()[0].legs[0].state == "talking"


def test_whoever_is_led_out_of_a_consultation_into_a_conference_holds_nobody_any_more(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.send("Hold", **pbx.channels[anna])
    pbx.leave(anna, "b")
    pbx.enter(anna, "consultation")
    assert len(pbx.only(LegHeld)) == 1 and not pbx.only(LegResumed)
    pbx.leave(ada, "b")
    pbx.enter(ada, "room", kind="base", technology="softmix")
    pbx.leave(anna, "consultation")
    pbx.enter(anna, "room", kind="base", technology="softmix")
    assert [event.endpoint for event in pbx.only(LegResumed)] == ["PJSIP/204"]


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


def test_who_hung_up_before_the_bridge_was_made_talked_with_nobody(pbx):
    """Call confirmation on SIP: the phone hangs up without pressing 1, and is put through all the same for no time."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.up(anna)
    pbx.send("HangupRequest", **pbx.channels[anna])
    pbx.dial_end(ada, anna, "ANSWER")
    pbx.enter(anna, "b")
    pbx.enter(ada, "b")
    pbx.leave(anna, "b")
    pbx.hangups(anna, ada)
    assert ended(pbx) == [("PJSIP/204", "answered_unconnected", None)]
    assert dispositions(pbx) == ["no_answer"]

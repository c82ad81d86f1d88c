"""The phone that began a call: placed, through, held, transferred, ended; told as a leg of its own.

Every case runs twice: with each event once, and with each event sent twice. Both must tell the same.
"""

import pytest

from crmconnector.calls.events import (
    CallEnded,
    CallMerged,
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
from tests.support.ami_stream import AmiStream, ada_calls

NUMBER = "0612345678"
BEA = "1.1"


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


def bea_calls(pbx: AmiStream, number: str = NUMBER, uid: str = BEA) -> str:
    return pbx.caller(uid, "PJSIP/201-00000001", "201", number)


def line_out(pbx: AmiStream, bea: str) -> str:
    return pbx.rung(bea, "1.2", "PJSIP/trunk-00000002", call=bea)


def of_bea(pbx: AmiStream, uid: str = BEA) -> list[tuple[str, object]]:
    """What is told of the phone that began the call, with what it sees or how it came out."""
    kinds = (LegPlaced, LegChanged, LegAnswered, LegHeld, LegResumed, LegEnded)
    return [
        (type(event).__name__, getattr(event, "outcome", None) or getattr(getattr(event, "far", None), "number", None))
        for event in pbx.only(*kinds)
        if event.leg == uid
    ]


def test_who_dials_is_told_at_once_with_the_number_that_is_wanted(pbx):
    bea_calls(pbx)
    assert [type(event) for event in pbx.told] == [CallStarted, LegPlaced]
    assert pbx.told[1] == LegPlaced(BEA, pbx.now, BEA, "PJSIP/201", Party(None, NUMBER, None))


def test_a_call_out_is_placed_answered_and_ended(pbx):
    bea = bea_calls(pbx)
    line = line_out(pbx, bea)
    pbx.answers(bea, line, "b")
    pbx.hangups(line, bea)
    assert of_bea(pbx) == [("LegPlaced", NUMBER), ("LegAnswered", NUMBER), ("LegEnded", "answered")]
    assert isinstance(pbx.told[-1], CallEnded)


def test_the_number_that_was_dialled_stays_whatever_the_carrier_was_sent(pbx):
    bea = bea_calls(pbx, "90612345678")
    line = pbx.rung(bea, "1.2", "PJSIP/trunk-00000002", call=bea, number="+31612345678")
    pbx.answers(bea, line, "b")
    assert [leg.far for leg in pbx.only(LegAnswered) if leg.leg == bea] == [Party("PJSIP/trunk", "90612345678", None)]


@pytest.mark.parametrize(("status", "cause", "outcome"), [("BUSY", 17, "busy"), ("NOANSWER", 0, "no_answer")])
def test_a_call_out_that_is_not_answered_ends_as_the_other_end_did(pbx, status, cause, outcome):
    bea = bea_calls(pbx)
    line = line_out(pbx, bea)
    pbx.dial_end(bea, line, status)
    pbx.hangups(line, bea, cause=cause)
    assert of_bea(pbx) == [("LegPlaced", NUMBER), ("LegEnded", outcome)]


def test_who_gives_up_has_cancelled(pbx):
    bea = bea_calls(pbx)
    line = line_out(pbx, bea)
    pbx.dial_end(bea, line, "CANCEL")
    pbx.hangups(line, bea, cause=127)
    assert of_bea(pbx)[-1] == ("LegEnded", "cancelled")


def test_a_number_that_the_dial_plan_does_not_have_has_failed(pbx):
    bea = bea_calls(pbx, "999999")
    pbx.hangup(bea, 1)
    assert of_bea(pbx) == [("LegPlaced", "999999"), ("LegEnded", "failed")]


def test_who_talked_with_a_menu_only_was_connected_to_nobody(pbx):
    bea = bea_calls(pbx, "*97")
    pbx.up(bea)
    pbx.hangup(bea)
    assert of_bea(pbx)[-1] == ("LegEnded", "answered_unconnected")


def test_an_internal_call_has_a_leg_for_each_of_the_two(pbx):
    bea = bea_calls(pbx, "204")
    anna = pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea, number="204")
    pbx.answers(bea, anna, "b")
    pbx.hangups(anna, bea)
    assert [(leg.leg, leg.far.number) for leg in pbx.only(LegAnswered)] == [(anna, "201"), (bea, "204")]
    assert [(leg.leg, leg.outcome) for leg in pbx.only(LegEnded)] == [(anna, "answered"), (bea, "answered")]
    assert [leg.leg for leg in pbx.only(LegRinging)] == [anna]


def test_a_line_to_the_outside_places_nothing(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.hangups(anna, ada)
    assert pbx.only(LegPlaced) == []
    assert {event.leg for event in pbx.only(LegAnswered, LegEnded)} == {anna}


def test_hold_and_resume_of_the_caller_are_those_of_the_placed_leg(pbx):
    bea = bea_calls(pbx)
    line = line_out(pbx, bea)
    pbx.answers(bea, line, "b")
    pbx.send("Hold", **pbx.channels[bea])
    pbx.send("Unhold", **pbx.channels[bea])
    assert [name for name, _ in of_bea(pbx)] == ["LegPlaced", "LegAnswered", "LegHeld", "LegResumed"]


def test_the_phone_that_asterisk_rings_first_learns_the_number_when_that_is_dialled(pbx):
    phone = pbx.new(BEA, "PJSIP/201-00000001", number=NUMBER)
    pbx.dial(None, phone, "201")
    pbx.rings(phone)
    pbx.up(phone)
    line = pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone, number=NUMBER)
    pbx.answers(phone, line, "b")
    pbx.hangups(line, phone)
    assert [leg.rung for leg in pbx.only(LegPlaced)] == [True]
    told = [("LegPlaced", None), ("LegChanged", NUMBER), ("LegAnswered", NUMBER), ("LegEnded", "answered")]
    assert of_bea(pbx) == told
    assert [leg.leg for leg in pbx.only(LegRinging)] == [line]


def test_whom_the_callee_puts_through_is_who_the_caller_sees_then(pbx):
    bea = bea_calls(pbx, "204")
    anna = pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea, number="204")
    pbx.answers(bea, anna, "b")
    transferer, transferee = pbx._as("Transferer", anna), pbx._as("Transferee", bea)
    pbx.send("BlindTransfer", **transferer, **transferee, Result="Success", Extension="205")
    pbx.leave(anna, "b")
    pbx.hangup(anna)
    bert = pbx.rung(bea, "1.3", "PJSIP/205-00000003", call=bea, number="205")
    pbx.answers(bea, bert, "c")
    assert of_bea(pbx) == [("LegPlaced", "204"), ("LegAnswered", "204"), ("LegChanged", "205")]


def test_a_consultation_is_a_placed_leg_that_goes_over_into_the_first_call(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    second = pbx.caller("2.1", "PJSIP/204-00000003", "204", "205")
    bert = pbx.rung(second, "2.2", "PJSIP/205-00000004", call=second, number="205")
    pbx.answers(second, bert, "c")
    originals = {**pbx._as("OrigTransferer", anna), **pbx._as("SecondTransferer", second)}
    parties = {**pbx._as("Transferee", ada), **pbx._as("TransferTarget", bert)}
    pbx.send("AttendedTransfer", **originals, **parties, Result="Success", DestType="Bridge", DestBridgeUniqueid="b")
    pbx.hangups(anna, second)
    assert [(event.call, event.into) for event in pbx.only(CallMerged)] == [("2.1", "1.1")]
    assert of_bea(pbx, second) == [("LegPlaced", "205"), ("LegAnswered", "205"), ("LegEnded", "answered")]
    assert [event.call for event in pbx.only(LegEnded) if event.leg == second] == ["1.1"]


def test_who_picks_a_call_up_ends_once_as_the_leg_that_took_it(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    bea = bea_calls(pbx, "*8", uid="2.1")
    pbx.send("Pickup", **pbx.channels[bea], **pbx._as("Target", anna))
    pbx.up(bea)
    pbx.hangups(anna, bea, ada)
    assert [leg.leg for leg in pbx.only(LegPlaced)] == [bea]
    assert [leg.leg for leg in pbx.only(LegRinging) if leg.picked_up] == [bea]
    assert [event.leg for event in pbx.only(LegEnded)].count(bea) == 1


def test_a_caller_found_after_a_gap_is_told_with_what_it_does_now(pbx):
    bea = pbx.known(BEA, "PJSIP/201-00000001", state=6, number="201", exten="204")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call=bea, number="204")
    pbx.send("FullyBooted")
    pbx.listed(bea, bridge="b", application="Dial")
    pbx.listed(anna, bridge="b", application="AppDial")
    pbx.list_ends(2)
    assert of_bea(pbx) == [("LegPlaced", "204"), ("LegAnswered", "204")]


def test_a_caller_whose_end_fell_into_a_gap_ended_unseen(pbx):
    bea_calls(pbx)
    pbx.send("FullyBooted")
    pbx.list_ends(0)
    assert of_bea(pbx) == [("LegPlaced", NUMBER), ("LegEnded", "unseen")]


def test_whom_the_caller_asks_before_handing_over_does_not_take_the_first_partys_place(pbx):
    bea = bea_calls(pbx, "204")
    anna = pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea, number="204")
    pbx.answers(bea, anna, "b")
    pbx.leave(bea, "b")
    bert = pbx.rung(bea, "1.3", "PJSIP/205-00000003", call=bea, number="205")
    pbx.answers(bea, bert, "c")
    assert of_bea(pbx) == [("LegPlaced", "204"), ("LegAnswered", "204")]


def test_whom_the_dial_plan_calls_after_the_first_party_left_is_who_the_caller_sees(pbx):
    bea = bea_calls(pbx, "204")
    anna = pbx.rung(bea, "1.2", "PJSIP/204-00000002", call=bea, number="204")
    pbx.answers(bea, anna, "b")
    pbx.hangup(anna)
    bert = pbx.rung(bea, "1.3", "PJSIP/205-00000003", call=bea, number="205")
    pbx.answers(bea, bert, "c")
    assert of_bea(pbx) == [("LegPlaced", "204"), ("LegAnswered", "204"), ("LegChanged", "205")]


def test_a_number_learned_while_they_talk_changes_nothing_of_whom_the_phone_sees(pbx):
    phone = pbx.new(BEA, "PJSIP/201-00000001", number=NUMBER)
    pbx.dial(None, phone, "201")
    pbx.rings(phone)
    pbx.up(phone)
    line = pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone)
    pbx.answers(phone, line, "b")
    pbx.rung(phone, "1.3", "PJSIP/205-00000003", call=phone, number="205")
    assert of_bea(pbx) == [("LegPlaced", None), ("LegAnswered", None)]


def test_a_caller_whose_call_became_part_of_one_without_a_caller_is_placed_once(pbx):
    bert = pbx.known("1.2", "PJSIP/205-00000002", state=6, call="1.1", number="205")
    pbx.enter(bert, "b")
    bea = bea_calls(pbx, "205", uid="2.1")
    pbx.linked(bea, "1.1")
    pbx.state(bea, 4)
    assert [leg.leg for leg in pbx.only(LegPlaced)] == [bea]


def test_a_phone_that_was_not_told_yet_does_not_change_either(pbx):
    phone = pbx.new(BEA, "PJSIP/201-00000001", number=NUMBER)
    pbx.dial(None, phone, "201")
    pbx.rung(phone, "1.2", "PJSIP/trunk-00000002", call=phone, number=NUMBER)
    assert of_bea(pbx) == []


def test_a_busy_line_is_busy_though_the_dial_plan_had_answered_the_caller_before(pbx):
    bea = bea_calls(pbx)
    pbx.up(bea)
    line = line_out(pbx, bea)
    pbx.dial_end(bea, line, "BUSY")
    pbx.hangups(line, bea, cause=17)
    assert of_bea(pbx)[-1] == ("LegEnded", "busy")


def test_a_consultation_that_was_put_through_while_it_rang_did_not_give_up(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    second = pbx.caller("2.1", "PJSIP/204-00000003", "204", "205")
    bert = pbx.rung(second, "2.2", "PJSIP/205-00000004", call=second, number="205")
    originals = {**pbx._as("OrigTransferer", anna), **pbx._as("SecondTransferer", second)}
    pbx.send("AttendedTransfer", **originals, **pbx._as("Transferee", ada), Result="Success", DestType="App")
    pbx.hangups(second, anna)
    pbx.answers(ada, bert, "c")
    assert of_bea(pbx, second) == [("LegPlaced", "205"), ("LegEnded", "answered_unconnected")]

"""Every case runs twice: with each event once, and with each event sent twice. Both must tell the same."""

import pytest

from crmconnector.calls.events import (
    CallAnswered,
    CallEnded,
    CallMerged,
    CallStarted,
    CallTransferred,
    LegChanged,
    LegEnded,
    LegRinging,
    Transfer,
)
from tests.support.ami_stream import ADA, AmiStream, ada_calls, dispositions, ended


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


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
        pbx.dial_end(ada, bert, "CANCEL")
        pbx.hangups(bert, ada, cause=0)
        assert ended(pbx)[-1] == ("PJSIP/205", "cancelled", None)
        return
    pbx.answers(ada, bert, "c")
    pbx.hangups(bert, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blonde", "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)


def test_a_blonde_transfer_without_a_new_dial_changes_the_number_all_the_same(pbx):
    """Between two PJSIP phones Asterisk puts the caller in the transferer's place and dials nobody again."""
    ada, anna, line2, bert = consult(pbx)
    pbx.send(
        "AttendedTransfer",
        **pbx._as("OrigTransferer", anna),
        **pbx._as("SecondTransferer", line2),
        **pbx._as("Transferee", ada),
        Result="Success",
        DestType="App",
        DestApp="Dial",
    )
    pbx.leave(anna, "b")
    pbx.hangup(anna)
    pbx.leave(ada, "b")
    pbx.hangup(line2)
    assert [(event.leg, event.far) for event in pbx.only(LegChanged)] == [(bert, ADA)]
    pbx.answers(ada, bert, "c")
    pbx.hangups(bert, ada)
    assert pbx.only(CallEnded)[0].transfers == (Transfer("blonde", "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)


@pytest.mark.parametrize("answered", [True, False])
def test_a_transfer_by_feature_code_is_worked_out_from_the_bridge(pbx, answered):
    """One channel transfers, and Asterisk names nobody else: Bert stands behind the half that is with Ada now."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.leave(anna, "b")
    one, two = pbx.local("1.11", "1.12", "205@internal-00000001", call=ada)
    pbx.enter(anna, "consult")
    pbx.enter(one, "consult")
    bert = pbx.rung(two, "1.3", "PJSIP/205-00000003", call=ada)
    if answered:
        pbx.answers(two, bert, "c")
        pbx.up(one)
        assert not [leg for leg in pbx.only(LegChanged) if leg.leg == anna]  # asking is not handing over
    pbx.leave(anna, "consult")
    pbx.leave(one, "consult")
    pbx.enter(one, "b")
    pbx.send(
        "AttendedTransfer",
        **pbx._as("OrigTransferer", anna),
        **pbx._as("SecondTransferer", anna),
        **pbx._as("Transferee", ada),
        Result="Success",
        DestType="Bridge",
        DestBridgeUniqueid="b",
    )
    if not answered:
        pbx.answers(two, bert, "c")
    pbx.hangups(anna, one, two, bert, ada)
    kind = "attended" if answered else "blonde"
    assert pbx.only(CallEnded)[0].transfers == (Transfer(kind, "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)


@pytest.mark.parametrize("attended", [True, False])
def test_a_local_half_is_never_a_party_of_a_transfer(pbx, attended):
    """Ada came in through a pair of halves that stays: the event names the half, people name Ada."""
    ada = ada_calls(pbx)
    one, two = pbx.local("1.11", "1.12", "204@stays-00000001", call=ada)
    pbx.dial(ada, one)
    anna = pbx.rung(two, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(two, anna, "b")
    pbx.answers(ada, one, "a")
    line2 = pbx.caller("1.3", "PJSIP/204-00000003", "204", "205")
    bert = pbx.rung(line2, "1.4", "PJSIP/205-00000004", call=line2)
    if attended:
        pbx.answers(line2, bert, "c")
        pbx.send(
            "AttendedTransfer",
            **pbx._as("OrigTransferer", anna),
            **pbx._as("SecondTransferer", line2),
            **pbx._as("Transferee", two),
            **pbx._as("TransferTarget", bert),
            Result="Success",
            DestType="Bridge",
        )
    else:
        pbx.hangups(bert, line2)
        pbx.send("BlindTransfer", **pbx._as("Transferer", anna), **pbx._as("Transferee", two), Result="Success")
        pbx.leave(anna, "b")
        pbx.hangup(anna)
        carl = pbx.rung(two, "1.5", "PJSIP/205-00000005", call=ada)
        pbx.answers(two, carl, "d")
    pbx.hangups(*[uid for uid in pbx.channels if uid not in (bert, line2) or attended])
    kind = "attended" if attended else "blind"
    assert [event.transfers for event in pbx.only(CallEnded) if event.transfers] == [
        (Transfer(kind, "PJSIP/204", ("PJSIP/trunk", "PJSIP/205"), True),)
    ]


def test_a_pickup_through_a_local_channel_is_elsewhere_for_the_phone_that_rang(pbx):
    """The halves between say that they are up only after the phone has hung up, with a cause that tells nothing."""
    ada = ada_calls(pbx)
    one, two = pbx.local("1.11", "1.12", "204@group-00000001", call=ada)
    pbx.dial(ada, one)
    anna = pbx.rung(two, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.rings(one)
    picker = pbx.caller("1.3", "PJSIP/205-00000003", "205", "204")
    pbx.up(picker)
    pbx.dial_end(two, anna, "CANCEL")
    pbx.dial(two, picker)
    pbx.hangup(anna, 0)
    assert ended(pbx) == [("PJSIP/204", "elsewhere", "PJSIP/205")]


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


@pytest.mark.parametrize("linked_first", [True, False])
def test_who_takes_a_parked_caller_back_gets_a_card(pbx, linked_first):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    pbx.leave(anna, "b")
    pbx.leave(ada, "b")
    pbx.enter(ada, "park", kind="parking", technology="holding_bridge")
    pbx.hangup(anna)
    bert = pbx.caller("1.3", "PJSIP/205-00000003", "205", "701")
    pbx.up(bert)
    if linked_first:
        pbx.linked(bert, ada)
    pbx.leave(ada, "park")
    pbx.enter(bert, "c")
    pbx.enter(ada, "c")
    assert [(leg.endpoint, leg.picked_up, leg.far) for leg in pbx.only(LegRinging)][1:] == [("PJSIP/205", True, ADA)]
    pbx.hangups(bert, ada)
    assert [(call.answered_by, call.picked_up, call.talked_with) for call in pbx.only(CallEnded)] == [
        ("PJSIP/204", False, ("PJSIP/204", "PJSIP/205"))
    ]


def test_two_callers_who_are_put_together_are_no_legs(pbx):
    """Anna answered both and connects them with each other: neither was dialled, neither is answered by the other."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    eve = pbx.caller("2.1", "PJSIP/trunk-00000005", "+12025550123", "25101")
    line2 = pbx.rung(eve, "2.2", "PJSIP/204-00000006", call=eve)
    pbx.answers(eve, line2, "c")
    pbx.leave(ada, "b")
    pbx.leave(line2, "c")
    pbx.enter(ada, "c", swap=line2)
    pbx.hangups(anna, line2)
    pbx.linked(eve, ada)
    pbx.number(eve, "+12025550123")
    pbx.hangups(eve, ada)
    assert {leg.endpoint for leg in pbx.only(LegEnded)} == {"PJSIP/204"}


def test_who_is_put_through_took_nothing_over_though_its_talk_fell_into_a_gap(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    bea = pbx.caller("2.1", "PJSIP/201-00000005", "201", "204")
    pbx.up(bea)
    pbx.leave(anna, "b")
    pbx.enter(bea, "b", swap=anna)
    assert [leg.endpoint for leg in pbx.only(LegRinging)] == ["PJSIP/204"]


def test_a_phone_replaced_without_any_word_was_answered_elsewhere(pbx):
    """INVITE with Replaces: the phone's channel goes before anything names the taker."""
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.hangup(anna, 0)
    assert ended(pbx) == [("PJSIP/204", "elsewhere", None)]


def test_a_phone_whose_caller_is_just_hanging_up_was_not_replaced(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.send("HangupRequest", **pbx.channels[ada])
    pbx.hangup(anna, 0)
    assert ended(pbx) == [("PJSIP/204", "cancelled", None)]


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


def test_a_blind_transfer_is_told_when_it_happens_and_once(pbx):
    ada = ada_calls(pbx)
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.answers(ada, anna, "b")
    both = {**pbx._as("Transferer", anna), **pbx._as("Transferee", ada)}
    pbx.send("BlindTransfer", **both, Result="Invalid Extension", Extension="999")
    assert pbx.only(CallTransferred) == []
    pbx.send("BlindTransfer", **both, Result="Success", Extension="205")
    assert pbx.told[-1] == CallTransferred(ada, pbx.now, anna, "PJSIP/204", "blind", to="205")
    pbx.hangups(anna, ada)
    assert len(pbx.only(CallTransferred)) == 1


def test_two_who_are_put_together_are_told_with_both_ends_of_who_did_it(pbx):
    ada, anna, second, bert = consult(pbx)
    pbx.answers(second, bert, "c")
    originals = {**pbx._as("OrigTransferer", anna), **pbx._as("SecondTransferer", second)}
    parties = {**pbx._as("Transferee", ada), **pbx._as("TransferTarget", bert)}
    pbx.send("AttendedTransfer", **originals, **parties, Result="Success", DestType="Bridge", DestBridgeUniqueid="b")
    assert pbx.only(CallTransferred) == [CallTransferred(ada, pbx.now, anna, "PJSIP/204", "attended", second)]


def test_a_transfer_within_a_call_that_nobody_heard_begin_tells_its_start_first(pbx):
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call="1.1")
    pbx.send("BlindTransfer", **pbx._as("Transferer", anna), Result="Success", Extension="205")
    assert [type(event) for event in pbx.told] == [CallStarted, CallTransferred]

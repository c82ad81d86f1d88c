"""Every case runs twice: with each event once, and with each event sent twice. Both must tell the same."""

import pytest

from crmconnector.calls.events import (
    CallAnswered,
    CallEnded,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegRinging,
    QueueEntered,
    QueueLeft,
)
from tests.support.ami_stream import ADA, AmiStream, ada_calls, dispositions, ended, local_member


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


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
    pbx.send("HangupRequest", **pbx.channels[ada])
    pbx.dial_end(ada, anna, "CANCEL")
    if abandon_event:
        pbx.queue("Abandon", ada, "support")
        pbx.queue("Leave", ada, "support")
    pbx.hangups(anna, ada, cause=0)
    assert [event.abandoned for event in pbx.only(QueueLeft)] == [True]
    assert ended(pbx) == [("PJSIP/204", "cancelled", None)]
    assert dispositions(pbx) == ["abandoned"]


def test_a_caller_whom_the_queue_gave_up_was_not_answered(pbx):
    """Asterisk says "abandoned" here too; but the caller goes on, to an announcement for example."""
    ada = ada_calls(pbx)
    pbx.up(ada)
    pbx.queue("Join", ada, "support")
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    pbx.dial_end(ada, anna, "NOANSWER")
    pbx.dial_end(ada, anna, "CANCEL")  # the queue says both
    pbx.queue("Abandon", ada, "support")
    pbx.queue("Leave", ada, "support")
    pbx.hangup(anna, 0)
    pbx.hangup(ada, 16)
    assert ended(pbx) == [("PJSIP/204", "no_answer", None)]
    assert dispositions(pbx) == ["no_answer"]


def test_agent_called_tells_the_queue_when_the_join_was_missed(pbx):
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    pbx.send("AgentCalled", **pbx.channels[ada], Queue="support")
    pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    assert pbx.only(LegRinging)[0].queue == "support"

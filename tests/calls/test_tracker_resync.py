import pytest

from crmconnector.asterisk.ami_events import CoreShowChannel, parse
from crmconnector.calls.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    LegAnswered,
    LegChanged,
    LegEnded,
    LegPlaced,
    LegRinging,
    Party,
    QueueEntered,
)
from tests.support.ami_stream import ADA, AmiStream


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def pbx(request):
    return AmiStream("PJSIP/trunk", repeat=request.param)


def ringing(pbx):
    ada = pbx.caller("1.1", "PJSIP/trunk-00000001", "+442079460123", "25101")
    return ada, pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)


def test_a_call_that_is_not_in_the_list_has_ended_unseen(pbx):
    ada, anna = ringing(pbx)
    pbx.send("FullyBooted")
    pbx.list_ends(0)
    assert [(leg.leg, leg.outcome) for leg in pbx.only(LegEnded)] == [(anna, "unseen")]
    assert [(call.call, call.disposition) for call in pbx.only(CallEnded)] == [(ada, "unseen")]
    assert pbx.tracker.open_calls() == []


def test_a_call_that_is_still_there_is_not_told_again(pbx):
    ada, anna = ringing(pbx)
    before = list(pbx.told)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(2)
    assert pbx.told == before


def test_an_answer_in_the_gap_is_told_by_the_list(pbx):
    ada, anna = ringing(pbx)
    pbx.send("FullyBooted")
    for uid in (ada, anna):
        pbx.channels[uid]["ChannelState"] = "6"
    pbx.listed(ada, bridge="b", application="Dial")
    pbx.listed(anna, bridge="b", application="AppDial")
    pbx.list_ends(2)
    assert [leg.far for leg in pbx.only(LegAnswered)] == [ADA]
    assert len(pbx.only(LegRinging)) == 1
    pbx.hangups(anna, ada)
    assert [call.disposition for call in pbx.only(CallEnded)] == ["answered"]


def test_the_loser_that_vanished_in_the_gap_was_answered_elsewhere(pbx):
    ada, anna = ringing(pbx)
    bert = pbx.rung(ada, "1.3", "PJSIP/205-00000003", call=ada)
    pbx.up(bert)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.listed(bert, application="AppDial")
    pbx.list_ends(2)
    assert [(leg.leg, leg.outcome, leg.answered_by) for leg in pbx.only(LegEnded)] == [(anna, "elsewhere", "PJSIP/205")]


def test_an_unknown_call_that_rings_is_told_once(pbx):
    pbx.send("FullyBooted")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=4, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=5, call=ada)
    pbx.listed(anna, application="AppDial")
    pbx.listed(ada, application="Dial")
    pbx.list_ends(2)
    assert pbx.told == [
        CallStarted(ada, pbx.now, "inbound", False, ADA, "25101"),
        LegRinging(ada, pbx.now, anna, "PJSIP/204", ADA, None, "25101"),
    ]


def test_an_unknown_call_that_talks_is_answered_without_ringing(pbx):
    pbx.send("FullyBooted")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call=ada)
    pbx.listed(ada, bridge="b", application="Queue", application_data="support")
    pbx.listed(anna, bridge="b", application="AppDial")
    pbx.list_ends(2)
    assert pbx.told == [
        CallStarted(ada, pbx.now, "inbound", False, ADA, "25101"),
        LegAnswered(ada, pbx.now, anna, "PJSIP/204", ADA),
        CallAnswered(ada, pbx.now, anna, "PJSIP/204"),
    ]


def test_local_halves_are_paired_by_name(pbx):
    pbx.send("FullyBooted")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    one = pbx.known("1.2", "Local/204@q-00000001;1", state=6, call=ada)
    two = pbx.known("1.3", "Local/204@q-00000001;2", state=6, call=ada)
    anna = pbx.known("1.4", "PJSIP/204-00000002", state=6, call=ada)
    pbx.listed(ada, bridge="b", application="Queue")
    pbx.listed(one, bridge="b", application="AppQueue")
    pbx.listed(two, bridge="c", application="Dial")
    pbx.listed(anna, bridge="c", application="AppDial")
    pbx.list_ends(4)
    assert [leg.far for leg in pbx.only(LegAnswered)] == [ADA]
    assert pbx.only(CallAnswered)[0].endpoint == "PJSIP/204"


def test_a_queue_found_in_the_list_is_named_and_its_losers_know_the_winner(pbx):
    pbx.send("FullyBooted")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=5, call=ada)
    bert = pbx.known("1.3", "PJSIP/205-00000003", state=5, call=ada)
    pbx.listed(ada, application="Queue", application_data="support,t,,,30")
    pbx.listed(anna, application="AppQueue")
    pbx.listed(bert, application="AppQueue")
    pbx.list_ends(3)
    assert [(leg.far, leg.queue) for leg in pbx.only(LegRinging)] == [(ADA, "support"), (ADA, "support")]
    assert [event.queue for event in pbx.only(QueueEntered)] == ["support"]
    pbx.up(bert)
    pbx.dial_end(ada, anna, "CANCEL")
    assert [(leg.endpoint, leg.outcome, leg.answered_by) for leg in pbx.only(LegEnded)] == [
        ("PJSIP/204", "elsewhere", "PJSIP/205")
    ]


def test_what_happened_after_the_list_was_asked_stands(pbx):
    ada, anna = ringing(pbx)
    pbx.send("FullyBooted")
    pbx.hangups(anna, ada)
    eve = pbx.caller("1.5", "PJSIP/trunk-00000005", "+4930", "25101")
    pbx.listed(ada, application="Dial")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(2)
    assert [call.call for call in pbx.tracker.open_calls()] == [eve]
    assert len(pbx.only(CallEnded)) == 1


def test_an_incomplete_list_ends_nothing(pbx):
    ada, anna = ringing(pbx)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.list_ends(2)
    assert pbx.only(CallEnded, LegEnded) == []
    assert anna in {leg.leg for call in pbx.tracker.open_calls() for leg in call.legs}


def test_a_second_end_of_the_list_ends_nothing(pbx):
    ada, _ = ringing(pbx)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.list_ends(2)
    pbx.list_ends()
    assert pbx.only(CallEnded, LegEnded) == []


def test_an_answer_after_the_list_was_asked_is_not_undone_by_it(pbx):
    ada, anna = ringing(pbx)
    pbx.send("FullyBooted")
    before = {uid: dict(pbx.channels[uid]) for uid in (ada, anna)}
    pbx.answers(ada, anna, "b")
    answered_at, now = pbx.only(CallAnswered)[0].at, {uid: dict(pbx.channels[uid]) for uid in (ada, anna)}
    pbx.channels.update(before)
    pbx.listed(ada, application="Dial")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(2)
    pbx.channels.update(now)
    pbx.hangup(anna)
    ended_at = pbx.now
    pbx.now += 100
    pbx.hangup(ada)
    assert pbx.only(CallEnded)[0].talk_seconds == ended_at - answered_at
    assert not pbx.tracker._picture.bridges


def test_a_conversation_that_ended_in_the_gap_leaves_no_bridge_behind(pbx):
    ada, anna = ringing(pbx)
    pbx.answers(ada, anna, "b")
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Playback")
    pbx.list_ends(1)
    assert not pbx.tracker._picture.bridges
    pbx.hangup(ada)
    assert [call.disposition for call in pbx.only(CallEnded)] == ["answered"]


def test_a_hangup_of_an_unknown_channel_tells_nothing_and_buries_it():
    pbx = AmiStream("PJSIP/trunk")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123")
    pbx.hangup(ada)
    pbx.up(ada)
    assert pbx.told == []
    assert pbx.tracker.open_calls() == []


def test_fully_booted_without_a_list_ends_nothing(pbx):
    ringing(pbx)
    pbx.send("FullyBooted")
    assert len(pbx.tracker.open_calls()) == 1


def test_a_shutdown_of_the_pbx_ends_every_call(pbx):
    ada, anna = ringing(pbx)
    pbx.send("Shutdown")
    pbx.hangups(anna, ada)
    assert [call.disposition for call in pbx.only(CallEnded)] == ["unseen"]


def line(stream, uid):
    event = parse({"Event": "CoreShowChannel", **stream.channels[uid]}, stream.now)
    assert isinstance(event, CoreShowChannel)
    return event


def test_resync_by_call_ends_what_is_not_listed_even_long_after_a_fully_booted():
    """The listener hears FullyBooted once at login and compares again after every gap."""
    pbx = AmiStream("PJSIP/trunk")
    pbx.send("FullyBooted")
    ringing(pbx)
    told = pbx.tracker.resync([], 2_000.0)
    assert [type(event) for event in told] == [LegEnded, CallEnded]


def test_resync_by_call_spares_what_began_after_begin_resync():
    pbx = AmiStream("PJSIP/trunk")
    ada, _ = ringing(pbx)
    pbx.tracker.begin_resync(2_000.0)
    eve = pbx.caller("1.5", "PJSIP/trunk-00000005", "+4930", "25101")
    pbx.tracker.resync([line(pbx, ada)], 2_001.0)
    assert [call.call for call in pbx.tracker.open_calls()] == [ada, eve]
    pbx.tracker.resync([], 2_002.0)
    assert pbx.tracker.open_calls() == []


def test_a_start_in_mid_call_tells_the_answer_but_no_old_ringing():
    pbx = AmiStream("PJSIP/trunk")
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=6, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call=ada)
    pbx.enter(ada, "b")
    pbx.enter(anna, "b")
    assert [type(event) for event in pbx.told] == [CallStarted, LegAnswered, CallAnswered]
    pbx.hangups(anna, ada)
    assert pbx.tracker.open_calls() == []


def test_a_start_while_it_rings_tells_the_ringing_with_what_the_phone_shows():
    pbx = AmiStream("PJSIP/trunk")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=5, call="1.1")
    pbx.channels[anna]["ConnectedLineNum"] = "+442079460123"
    pbx.rings(anna)
    assert [(leg.leg, leg.far) for leg in pbx.only(LegRinging)] == [(anna, Party(None, "+442079460123", None))]


def test_events_of_a_channel_that_has_hung_up_raise_nothing_from_the_dead():
    pbx = AmiStream("PJSIP/trunk")
    ada, anna = ringing(pbx)
    pbx.hangups(anna, ada)
    told = list(pbx.told)
    pbx.up(anna)
    pbx.dial_end(ada, anna, "ANSWER")
    pbx.enter(anna, "b")
    pbx.hangups(ada, anna)
    assert pbx.told == told
    assert pbx.tracker.open_calls() == []


def test_a_call_that_lost_its_caller_and_won_a_phone_in_the_gap_goes_on(pbx):
    ada = pbx.caller("1.1", "PJSIP/trunk-00000001", "+442079460123", "25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=5, call=ada)
    pbx.send("FullyBooted")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(1)
    pbx.hangup(anna)
    assert [call.call for call in pbx.only(CallStarted)] == [ada]
    assert [call.call for call in pbx.only(CallEnded)] == [ada]


def test_a_phone_that_asterisk_itself_dials_is_known_from_the_list(pbx):
    phone = pbx.known("1.1", "PJSIP/201-00000001", state=5, number="+31260010001")
    pbx.send("FullyBooted")
    pbx.listed(phone, application="AppDial2")
    pbx.list_ends(1)
    assert [(leg.leg, leg.rung) for leg in pbx.only(LegPlaced, LegRinging)] == [(phone, True)]


def test_a_click_to_call_through_a_local_channel_is_known_from_the_list(pbx):
    """Nobody but Asterisk begins a call with a Local channel: the phone behind it is the caller's own, never a card."""
    one = pbx.known("1.1", "Local/201@click-00000001;1", call="1.1")
    two = pbx.known("1.2", "Local/201@click-00000001;2", state=4, call="1.1")
    inner = pbx.known("1.3", "Local/201@route-00000002;1", call="1.1")
    outer = pbx.known("1.4", "Local/201@route-00000002;2", state=4, call="1.1")
    phone = pbx.known("1.5", "PJSIP/201-00000001", state=5, call="1.1", number="201")
    pbx.send("FullyBooted")
    for uid in (one, two, inner, outer):
        pbx.listed(uid)
    pbx.listed(phone, application="AppDial")
    pbx.list_ends(5)
    assert [(event.call, event.originated) for event in pbx.only(CallStarted)] == [("1.1", True)]
    assert [(leg.leg, leg.rung) for leg in pbx.only(LegPlaced, LegRinging)] == [(phone, True)]


def test_a_dial_made_before_the_list_and_told_after_it_still_makes_an_originated_call(pbx):
    phone = pbx.known("1.1", "PJSIP/201-00000001", state=0, number="+31260010001")
    pbx.send("FullyBooted")
    pbx.listed(phone)
    pbx.list_ends(1)
    pbx.dial(None, phone, "201")
    pbx.rings(phone)
    assert [(leg.leg, leg.rung) for leg in pbx.only(LegPlaced, LegRinging)] == [(phone, True)]


def transferred_while_listed(pbx):
    """Ada left, Bea handed her callee Anna over to Bert: the list shows whom Bert's phone names."""
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "204")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call=bea, number="204")
    bert = pbx.known("1.3", "PJSIP/205-00000003", state=0, call=bea, number="205")
    pbx.channels[bert]["ConnectedLineNum"] = "204"
    pbx.send("FullyBooted")
    pbx.listed(anna, application="AppDial")
    pbx.listed(bert, application="AppDial")
    pbx.list_ends(2)
    return anna, bert


def test_a_phone_found_in_the_list_rings_for_the_party_that_it_shows(pbx):
    _, bert = transferred_while_listed(pbx)
    pbx.rings(bert)
    assert [(leg.leg, leg.far.endpoint, leg.far.number) for leg in pbx.only(LegRinging)] == [(bert, "PJSIP/204", "204")]


def test_a_guess_of_who_dials_gives_way_to_the_event_that_names_another(pbx):
    _, bert = transferred_while_listed(pbx)
    pbx.rings(bert)
    carl = pbx.caller("1.4", "PJSIP/206-00000004", "206", "205")
    pbx.dial_end(carl, bert, "ANSWER")
    assert [(leg.leg, leg.far.number) for leg in pbx.only(LegChanged)] == [(bert, "206")]


def test_who_has_hung_up_is_not_shown_to_a_phone_that_rings(pbx):
    bea = pbx.caller("1.1", "PJSIP/201-00000001", "201", "204")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=6, call=bea, number="204")
    bert = pbx.known("1.3", "PJSIP/205-00000003", state=0, call=bea, number="205")
    pbx.send("FullyBooted")
    pbx.listed(anna, application="AppDial")
    pbx.listed(bert, application="AppDial")
    pbx.list_ends(2)
    pbx.rings(bert)
    assert [leg.far.number for leg in pbx.only(LegRinging)] == [None]


def test_a_phone_that_nobody_dials_any_more_gets_no_card(pbx):
    """What is left of a click-to-call in the moment after its reject."""
    phone = pbx.known("1.2", "PJSIP/204-00000002", state=5, call="1.1")
    pbx.send("FullyBooted")
    pbx.listed(phone, application="AppDial")
    pbx.list_ends(1)
    pbx.hangup(phone, 21)
    assert pbx.only(LegRinging) == []
    assert pbx.tracker.open_calls() == []


def test_a_click_to_call_of_which_only_the_first_half_is_left_is_still_the_callers_own(pbx):
    one, two = pbx.local("1.1", "1.2", "201@click-00000001")
    phone = pbx.known("1.5", "PJSIP/201-00000001", state=5, call=one, number="201")
    pbx.send("FullyBooted")
    pbx.channels[one]["ChannelState"] = "5"
    pbx.listed(one, application="AppDial2")
    pbx.listed(phone, application="AppDial")
    pbx.list_ends(2)
    pbx.hangups(one, two, phone, cause=21)
    assert [(leg.leg, leg.rung) for leg in pbx.only(LegPlaced, LegRinging)] == [(phone, True)]


def test_a_phone_whose_end_of_dial_fell_into_the_gap_was_not_replaced(pbx):
    """Its dialler is a guess, and so the silence before its hang-up proves nothing."""
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=4, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=5, call=ada)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(2)
    pbx.hangup(anna, 0)
    assert [(leg.leg, leg.outcome) for leg in pbx.only(LegEnded)] == [(anna, "cancelled")]


def test_a_dial_told_after_the_list_is_no_guess(pbx):
    ada = pbx.known("1.1", "PJSIP/trunk-00000001", state=4, number="+442079460123", exten="25101")
    anna = pbx.known("1.2", "PJSIP/204-00000002", state=0, call=ada)
    pbx.send("FullyBooted")
    pbx.listed(ada, application="Dial")
    pbx.listed(anna, application="AppDial")
    pbx.list_ends(2)
    pbx.dial(ada, anna)
    pbx.rings(anna)
    pbx.hangup(anna, 0)
    assert [(leg.leg, leg.outcome) for leg in pbx.only(LegEnded)] == [(anna, "elsewhere")]

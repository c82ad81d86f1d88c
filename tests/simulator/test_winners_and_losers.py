"""Ring groups and queues: several phones ring, one wins."""

import pytest


@pytest.fixture
def ringing(office, wait_until):
    def wait(*extensions):
        def all_ring():
            phones = office.snapshot()["phones"]
            return all(phones[extension]["status"] == "ringing" for extension in extensions)

        wait_until(all_ring, f"{extensions} ringing")

    return wait


def test_the_first_of_a_group_wins_and_the_other_was_answered_elsewhere(office, ami, desk, cti_of, ringing):
    office.incoming("03023125201", did="+493023125110")
    ringing("204", "207")
    assert desk.operate("acceptcall")["body"] is True
    lost = ami.until("DialEnd")
    assert (lost["DialStatus"], lost["DestChannel"][:9]) == ("CANCEL", "PJSIP/207")
    assert ami.until("DialEnd")["DialStatus"] == "ANSWER"
    assert ami.until("Hangup")["Cause"] == "26"
    assert cti_of(office, "207").state() == "idle"
    assert cti_of(office, "207").operate("acceptcall") == {"response": "error", "body": False}
    assert next(iter(office.snapshot()["calls"].values()))["answered_by"] == "204"


def test_a_member_who_rejects_leaves_the_others_ringing(office, ami, desk, ringing):
    office.incoming("03023125201", did="+493023125110")
    ringing("204", "207")
    desk.operate("rejectcall")
    assert ami.until("DialEnd")["DestChannel"].startswith("PJSIP/204")
    ringing("207")
    assert len(office.snapshot()["calls"]) == 1


def test_when_all_reject_the_caller_hears_busy(office, ami, ringing):
    office.incoming("03023125201", did="+493023125110")
    ringing("204", "207")
    office.user("204", "reject")
    office.user("207", "reject")
    last = [ami.until("Hangup") for _ in range(3)][-1]
    assert (last["Channel"][:20], last["Cause"]) == ("PJSIP/carrier-berlin", "17")


def test_a_queue_answers_the_caller_before_any_member_rings(office, ami):
    office.incoming("03023125201", did="+493023125120")
    joined = ami.until("QueueCallerJoin")
    assert (joined["ChannelStateDesc"], joined["Queue"], joined["Position"], joined["Count"]) == ("Up", "600", "1", "1")
    called = [ami.until("AgentCalled")["Interface"] for _ in range(3)]
    assert called == ["PJSIP/204", "PJSIP/205", "PJSIP/206"]


def test_a_queues_losers_get_two_dial_ends_and_the_winner_is_connected(office, ami, desk, ringing):
    office.incoming("03023125201", did="+493023125120")
    ringing("204", "205", "206")
    desk.operate("acceptcall")
    connect = ami.until("AgentConnect")
    assert (connect["Interface"], connect["MemberName"]) == ("PJSIP/204", "Alex Sommer")
    ends = [(event["DestChannel"][:9], event["DialStatus"]) for event in ami.events() if event["Event"] == "DialEnd"]
    assert ends.count(("PJSIP/205", "CANCEL")) == ends.count(("PJSIP/206", "CANCEL")) == 2
    assert ends.count(("PJSIP/204", "ANSWER")) == 1
    names = [event["Event"] for event in ami.events()]
    assert names.index("QueueCallerLeave") < names.index("AgentConnect")


def test_a_caller_who_leaves_the_queue_is_abandoned(office, ami):
    call = office.incoming("03023125201", did="+493023125120")
    ami.until("DialState")
    office.remote_hangup(call)
    gone = ami.until("QueueCallerAbandon")
    assert (gone["Position"], gone["OriginalPosition"]) == ("1", "1")
    ami.until("QueueCallerLeave", Count="0")
    assert ami.until("Hangup", Channel=gone["Channel"])["Cause"] == "0"


def test_a_queue_rings_again_when_nobody_answers(office, ami, wait_until):
    office.incoming("03023125201", did="+493023125120")
    first = ami.until("DialBegin")["DestUniqueid"]
    ami.until("AgentRingNoAnswer")
    again = ami.until("DialBegin")["DestUniqueid"]
    assert again != first
    wait_until(lambda: office.snapshot()["phones"]["204"]["status"] == "ringing")


def test_a_queue_whose_members_all_reject_tries_again(office, ami, ringing):
    office.incoming("03023125201", did="+493023125120")
    ringing("204", "205", "206")
    for extension in ("204", "205", "206"):
        office.user(extension, "reject")
    ringing("204", "205", "206")
    assert len(office.snapshot()["calls"]) == 1
    rang = ami.until("AgentRingNoAnswer")["RingTime"]
    assert int(rang) >= 19_000  # the second round was not cut short by the first one's timer


def test_a_colleague_answers_as_scripted_when_nobody_does(office, ami):
    helper = {"extension": "206", "deed": "answer", "after_seconds": 2}
    office.incoming("03023125201", did="+493023125120", colleagues=[helper])
    assert ami.until("AgentConnect")["Interface"] == "PJSIP/206"


def test_a_scripted_colleague_does_nothing_once_another_has_answered(office, ami, desk, ringing):
    helper = {"extension": "206", "deed": "answer", "after_seconds": 20}
    office.incoming("03023125201", did="+493023125120", colleagues=[helper], talk_seconds=60)
    ringing("204", "206")
    desk.operate("acceptcall")
    ami.until("AgentComplete", Interface="PJSIP/204", Reason="caller")
    assert [event["Interface"] for event in ami.events() if event["Event"] == "AgentConnect"] == ["PJSIP/204"]


def test_a_scripted_colleague_who_rejected_by_hand_does_not_answer_any_more(office, ami, ringing):
    helper = {"extension": "207", "deed": "answer", "after_seconds": 10}
    call = office.incoming("03023125201", did="+493023125110", colleagues=[helper], gives_up_after=20)
    ringing("204", "207")
    office.user("207", "reject")
    ami.until("Hangup", Uniqueid=call)
    ends = [(event["DestChannel"][:9], event["DialStatus"]) for event in ami.events() if event["Event"] == "DialEnd"]
    assert ends == [("PJSIP/207", "BUSY"), ("PJSIP/204", "CANCEL")]


def test_a_caller_who_is_answered_no_longer_gives_up(office, ami, desk, ringing):
    office.incoming("03023125201", did="+493023125120", gives_up_after=10, talk_seconds=40)
    ringing("204")
    desk.operate("acceptcall")
    assert int(ami.until("AgentComplete")["TalkTime"]) >= 39


def test_a_phone_that_is_not_registered_gets_no_channel(office, ami, ringing):
    office.profile("204", registered=False)
    office.incoming("03023125201", did="+493023125110")
    ringing("207")
    assert [name[:9] for name in office.snapshot()["channels"][1:]] == ["PJSIP/207"]
    office.incoming("03023125202", target="204")
    assert ami.until("Hangup")["CallerIDNum"] == "03023125202"


def test_two_callers_wait_in_one_queue_one_behind_the_other(office, ami):
    office.incoming("03023125201", did="+493023125120")
    office.incoming("03023125202", did="+493023125120")
    ami.until("QueueCallerJoin")
    assert ami.until("QueueCallerJoin")["Position"] == "2"
    ami.send(Action="QueueStatus", ActionID="q")
    assert ami.until("QueueParams")["Calls"] == "2"
    entries = [ami.until("QueueEntry")["CallerIDNum"] for _ in range(2)]
    assert entries == ["03023125201", "03023125202"]

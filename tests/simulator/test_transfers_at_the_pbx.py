"""A call handed over by keys, in the office with its PBX: the lines, and the calls as our own tracker reads them."""

import pytest

from crmconnector.calls.replay import calls_from_events
from crmconnector.simulator.story import FarEnd

CUSTOMER = "+493012345678"


def stories(office):
    """The finished and running calls that the product makes of what the PBX told."""
    calls = calls_from_events(office.told_by_pbx, trunks=["PJSIP/carrier-berlin"])
    return [call for call in calls if call["merged_into"] is None]


def transfers(office):
    [call] = stories(office)
    return [(one["kind"], one["by"], one["connects"]) for one in call["transfers"]]


def trunk_and(extension):
    return [f"PJSIP/{extension}", "PJSIP/carrier-berlin"]


def test_a_blind_transfer_rings_the_colleague_and_joins_him_with_the_customer(office_bench):
    office_bench.talk()
    office_bench.keys("XFER:2:0:5:SEND")
    office_bench.until(lambda: office_bench.other("205").state == "ringing")
    assert office_bench.look == "idle idle idle idle"
    assert office_bench.other("205").remote_number == CUSTOMER
    office_bench.do(office_bench.board.phone("205").accept)
    assert office_bench.other("205").state == "connected"
    [(kind, by, connects)] = transfers(office_bench)
    assert (kind, by, sorted(connects)) == ("blind", "PJSIP/204", trunk_and("205"))


def test_a_blind_transfer_of_a_call_the_desk_dialled_takes_the_far_end_along(office_bench):
    office_bench.do(office_bench.board.far_ends.update, {"00442079460123": office_bench.board.story.far_end_default})
    office_bench.dial("00442079460123")
    office_bench.keys("XFER:2:0:5:SEND")
    office_bench.until(lambda: office_bench.other("205").state in ("ringing", "connected"))
    assert (office_bench.look, office_bench.other("205").remote_number) == ("idle idle idle idle", "00442079460123")


def test_a_blind_transfer_may_leave_the_house(office_bench):
    office_bench.talk()
    office_bench.keys("XFER:" + ":".join("00442079460123") + ":SEND")
    office_bench.until(lambda: "BlindTransfer" in office_bench.events_told)
    assert office_bench.look == "idle idle idle idle"
    office_bench.until(lambda: [call.phase for call in office_bench.board.calls.values()] == ["talking"])
    [(kind, by, connects)] = transfers(office_bench)
    assert (kind, by, connects) == ("blind", "PJSIP/204", ["PJSIP/carrier-berlin"] * 2)


@pytest.mark.parametrize("outcome", ["refused", "busy", "silent"])
def test_a_blind_transfer_the_pbx_does_not_take_leaves_the_customer_on_hold(office_bench, outcome):
    office_bench.board.referrals["205"] = outcome
    office_bench.talk()
    office_bench.keys("XFER:2:0:5:SEND")
    office_bench.wait(8)
    assert (office_bench.look, office_bench.other("205").state) == ("incall onhold idle idle", "idle")
    assert office_bench.events_told.count("BlindTransfer") == 0


def test_a_customer_who_hangs_up_just_before_the_refer_is_gone(office_bench):
    office_bench.talk()
    office_bench.keys("XFER:2:0:5:SEND")
    [call] = office_bench.board.calls.values()
    office_bench.do(call.remote_hangup)
    office_bench.wait(8)
    assert (office_bench.look, office_bench.board.is_quiet) == ("idle idle idle idle", True)


def test_a_colleague_who_does_not_want_the_customer_ends_the_call(office_bench):
    office_bench.talk()
    office_bench.keys("XFER:2:0:6:SEND")
    office_bench.until(lambda: office_bench.other("206").state == "ringing")
    office_bench.do(office_bench.board.phone("206").reject)
    assert (office_bench.board.pbx.channels, office_bench.board.is_quiet) == ({}, True)


def consult(office, extension="205"):
    office.talk()
    office.keys("XFER:" + ":".join(extension) + ":SOFT3")
    office.until(lambda: office.other(extension).state in ("ringing", "connected"))


def test_an_attended_transfer_joins_customer_and_colleague_in_one_call(office_bench):
    consult(office_bench)
    office_bench.do(office_bench.board.phone("205").accept)
    office_bench.until(lambda: office_bench.states == ["onhold", "connected"])
    office_bench.keys("XFER:LINE1")
    assert office_bench.look == "idle idle idle idle"
    other = office_bench.other("205")
    assert (other.state, other.remote_number) == ("connected", CUSTOMER)
    assert len(office_bench.board.calls) == 1
    [(kind, by, connects)] = transfers(office_bench)
    assert (kind, by, sorted(connects)) == ("attended", "PJSIP/204", trunk_and("205"))
    [bridge] = {id(channel.bridge): channel.bridge for channel in office_bench.board.pbx.channels.values()}.values()
    assert len(bridge.channels) == 2
    assert not any(channel.hears_music for channel in bridge.channels)
    told = office_bench.events_told
    assert told.index("Hold") < told.index("Unhold") < told.index("AttendedTransfer")


@pytest.mark.parametrize("who", ["customer", "colleague"])
def test_the_joined_call_ends_cleanly_whoever_hangs_up(office_bench, who):
    consult(office_bench)
    office_bench.do(office_bench.board.phone("205").accept)
    office_bench.until(lambda: office_bench.states == ["onhold", "connected"])
    office_bench.keys("XFER:LINE1")
    [call] = office_bench.board.calls.values()
    assert office_bench.do(call.remote_hangup if who == "customer" else office_bench.board.phone("205").end)
    assert (office_bench.board.pbx.channels, office_bench.board.is_quiet) == ({}, True)
    assert all(call["ended"] for call in stories(office_bench))


def test_a_call_put_through_while_it_rings_rings_on_for_the_customer(office_bench):
    consult(office_bench, "206")
    office_bench.keys("XFER:LINE1")
    other = office_bench.other("206")
    assert (office_bench.look, other.state, other.remote_number) == ("idle idle idle idle", "ringing", CUSTOMER)
    office_bench.do(office_bench.board.phone("206").accept)
    assert other.state == "connected"
    [(kind, by, connects)] = transfers(office_bench)
    assert (kind, by, sorted(connects)) == ("blonde", "PJSIP/204", trunk_and("206"))
    office_bench.do(office_bench.board.phone("206").end)
    assert office_bench.board.is_quiet


def test_a_conference_is_mixed_by_the_phone_and_leaves_both_calls_up(office_bench):
    consult(office_bench)
    office_bench.do(office_bench.board.phone("205").accept)
    office_bench.until(lambda: office_bench.states == ["onhold", "connected"])
    office_bench.keys("CONF:LINE1")
    assert (office_bench.states, len(office_bench.board.calls)) == (["connected", "connected"], 2)
    assert office_bench.events_told.count("Unhold") == 1


def test_a_queue_hears_that_its_member_handed_the_caller_over(office_bench):
    queue = office_bench.board.story.pbx.queues[0]
    office_bench.do(lambda: office_bench.board.incoming(CUSTOMER, target=queue.extension))
    office_bench.until(lambda: office_bench.states[0] == "ringing")
    office_bench.do(office_bench.phone.accept)
    office_bench.keys("XFER:2:0:7:SEND")
    office_bench.wait(0.5)
    [complete] = [told["headers"] for told in office_bench.told_by_pbx if told["headers"]["Event"] == "AgentComplete"]
    assert complete["Reason"] == "transfer"


def test_a_restart_loses_the_phones_calls_and_the_pbx_knows(office_bench):
    office_bench.talk()
    office_bench.do(office_bench.phone.reboot)
    assert office_bench.board.pbx.channels == {}
    office_bench.told_by_pbx.clear()
    office_bench.do(lambda: office_bench.board.incoming(CUSTOMER, target="204"))
    office_bench.wait(1)
    assert office_bench.states == ["idle", "idle"]
    assert office_bench.events_told.count("Newchannel") == 1  # the caller's: nobody is there to be dialled


def test_a_call_of_the_desk_that_nobody_takes_shows_failed(office_bench):
    office_bench.do(office_bench.board.far_ends.update, {"0049301": FarEnd("busy", 0.5)})
    office_bench.dial("0049301", "failed")
    office_bench.wait(3)
    assert office_bench.look == "idle idle idle idle"

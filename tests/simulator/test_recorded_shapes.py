"""The simulator's AMI against recordings of a real Asterisk 22: the same headers in the same order."""

import json
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parents[1] / "recordings" / "asterisk22"
# Not pretended: media statistics, hints and the state of queue members.
NOISE = {"RTCPReceived", "RTCPSent", "ExtensionStatus", "QueueMemberStatus", "DeviceStateChange", "FullyBooted"}


def recorded(name):
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["headers"] for line in lines]


def told(ami):
    return [dict(pairs) for pairs in ami.messages if pairs[0][0] == "Event"]


def shape(events, roles):
    """Who did what, without the numbers that differ from run to run."""
    steps = []
    for event in events:
        if event["Event"] in NOISE:
            continue
        party = next((role for prefix, role in roles.items() if event.get("Channel", "").startswith(prefix)), "")
        other = next((role for prefix, role in roles.items() if event.get("DestChannel", "").startswith(prefix)), "")
        facts = ("ChannelStateDesc", "DialStatus", "Cause", "TechCause", "BridgeNumChannels")
        steps.append((event["Event"], party, other, *(event.get(fact) for fact in facts)))
    return steps


REAL = {"PJSIP/trunk": "outside", "PJSIP/100": "phone"}
PRETENDED = {"PJSIP/carrier": "outside", "PJSIP/20": "phone"}


def answered_then(ami, office, desk, deed):
    office.incoming("+12025550123", target="204")
    ami.until("DialState")
    desk.operate("acceptcall")
    ami.until("BridgeEnter", BridgeNumChannels="2")
    deed()


def play_inbound_answered(office, ami, desk):
    answered_then(ami, office, desk, office.remote_hangup)


def play_inbound_missed(office, ami, desk):
    office.incoming("+442079460123", target="204")
    ami.until("DialState")
    office.remote_hangup()


def play_inbound_timeout(office, ami, desk):
    office.incoming("+442079460123", target="204")


def play_rejected(office, ami, desk):
    office.incoming("+12025550123", target="204")
    ami.until("DialState")
    desk.operate("rejectcall")


def play_hold_and_resume(office, ami, desk):
    office.incoming("+12025550123", target="204")
    ami.until("DialState")
    for command in ("acceptcall", "holdcall", "holdcall", "endcall"):
        desk.operate(command)


def play_outbound_answered(office, ami, desk):
    office.far_end("00442079460456", "answer", 1)
    office.dial("204", "00442079460456")
    ami.until("BridgeEnter", BridgeNumChannels="2")
    desk.operate("endcall")


def play_outbound_missed(office, ami, desk):
    office.far_end("00442079460456", "no_answer", 3600)
    office.dial("204", "00442079460456")
    ami.until("DialState")
    desk.operate("cancel")


def play_internal(office, ami, desk):
    office.dial("204", "207")
    ami.until("BridgeEnter", BridgeNumChannels="2")
    desk.operate("endcall")


def play_group_missed(office, ami, desk):
    office.incoming("+442079460123", did="+493023125110")
    ami.until("DialState")
    ami.until("DialState")
    office.remote_hangup()


def play_queue_answered(office, ami, desk):
    office.incoming("+442079460123", did="+493023125120")
    for _ in range(3):
        ami.until("DialState")
    desk.operate("acceptcall")
    ami.until("BridgeEnter", BridgeNumChannels="2")
    desk.operate("endcall")


def play_queue_abandoned(office, ami, desk):
    office.incoming("+442079460123", did="+493023125120")
    for _ in range(3):
        ami.until("DialState")
    office.remote_hangup()


PLAYS = {
    "inbound_answered_caller_ends": play_inbound_answered,
    "inbound_missed": play_inbound_missed,
    "inbound_timeout": play_inbound_timeout,
    "inbound_rejected_busy": play_rejected,
    "hold_and_resume": play_hold_and_resume,
    "outbound_answered": play_outbound_answered,
    "outbound_missed": play_outbound_missed,
    "internal": play_internal,
    "group_missed": play_group_missed,
    "queue_answered": play_queue_answered,
    "queue_abandoned": play_queue_abandoned,
}


def played(name, office, ami, desk, wait_until):
    PLAYS[name](office, ami, desk)
    wait_until(lambda: not office.snapshot()["channels"])
    ami.send(Action="Ping")
    ami.until("Success")
    return told(ami)


@pytest.mark.parametrize("name", PLAYS)
def test_every_event_has_the_headers_of_the_recording_in_its_order(office, ami, desk, wait_until, name):
    allowed = {}
    for event in recorded(name):
        allowed.setdefault(event["Event"], set()).add(tuple(event))
    for event in played(name, office, ami, desk, wait_until):
        assert tuple(event) in allowed.get(event["Event"], {tuple(event)}), event["Event"]


@pytest.mark.parametrize("name", [name for name in PLAYS if not name.startswith("group")])
def test_the_same_things_happen_to_the_same_parties_as_in_the_recording(office, ami, desk, wait_until, name):
    """Compared as a bag: Asterisk's threads make the order of neighbours a matter of luck."""
    real = shape(recorded(name), REAL)
    pretended = shape(played(name, office, ami, desk, wait_until), PRETENDED)
    assert sorted(map(str, pretended)) == sorted(map(str, real))


SPINE = {"Newchannel", "DialBegin", "DialEnd", "BridgeCreate", "BridgeEnter", "HangupRequest", "BridgeLeave"}


@pytest.mark.parametrize("name", ["inbound_answered_caller_ends", "outbound_answered", "internal"])
def test_the_order_of_an_answered_call_is_that_of_the_recording(office, ami, desk, wait_until, name):
    """Only the events whose order Asterisk fixes; Ringing, connected line and the hangups come from other threads."""
    real = [step for step in shape(recorded(name), REAL) if step[0] in SPINE]
    pretended = shape(played(name, office, ami, desk, wait_until), PRETENDED)
    assert [step for step in pretended if step[0] in SPINE] == real


def test_a_queue_tells_dial_begin_before_the_member_knows_who_calls(office, ami):
    office.incoming("+442079460123", did="+493023125120")
    called, begin = ami.until("AgentCalled"), ami.until("DialBegin")
    assert (called["DestConnectedLineNum"], called["DestExten"]) == ("+442079460123", "600")
    assert (begin["DestConnectedLineNum"], begin["DestExten"]) == ("<unknown>", "s")
    assert begin["DialString"] == "PJSIP/204"

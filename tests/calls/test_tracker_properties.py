"""What must hold for any stream: nothing raises, nothing stays, nothing is told twice."""

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.events import (
    CallAnswered,
    CallEnded,
    CallMerged,
    CallStarted,
    LegAnswered,
    LegEnded,
    LegPlaced,
    LegRinging,
)
from crmconnector.calls.picture import Picture
from crmconnector.calls.replay import calls_from_events
from crmconnector.calls.tracker import CallTracker
from tests.support.ami_stream import AmiStream

FOLDER = Path(__file__).parent.parent / "recordings" / "asterisk22"
STREAMS = {
    path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    for path in sorted(FOLDER.glob("*.jsonl"))
}
TRUNKS = ["PJSIP/trunk"]
UIDS = ["1.1", "1.2", "1.3", "1.4", "1.5", "2.1"]
NAMES = [
    "PJSIP/trunk-00000001",
    "PJSIP/204-00000002",
    "Local/204@q-00000001;1",
    "Local/204@q-00000001;2",
    "CBAnn/1;1",
    "odd",
    "PJSIP/204-00000002<ZOMBIE>",
]
EVENTS = [
    "Newchannel Newstate NewCallerid NewConnectedLine DialBegin DialState DialEnd BridgeEnter BridgeLeave Hangup",
    "LocalBridge Rename Hold Unhold QueueCallerJoin QueueCallerLeave QueueCallerAbandon AgentCalled BlindTransfer",
    "AttendedTransfer Pickup OriginateResponse FullyBooted Shutdown CoreShowChannel CoreShowChannelsComplete Nonsense",
]
PREFIXES = ["", "Dest", "LocalOne", "LocalTwo", "Transferer", "Transferee", "OrigTransferer", "SecondTransferer"]
PREFIXES += ["TransferTarget", "Target"]

wild_text = st.one_of(st.text(max_size=12), st.sampled_from(["<unknown>", "", "\\", "\x00", "\ud800"]))


@st.composite
def messages(draw):
    """An event of any kind about a handful of channels, some of its headers missing or absurd."""
    message = {"Event": draw(st.sampled_from(" ".join(EVENTS).split()))}
    for prefix in PREFIXES:
        if draw(st.booleans()):
            message[prefix + "Uniqueid"] = draw(st.sampled_from(UIDS))
            message[prefix + "Channel"] = draw(st.sampled_from(NAMES))
            message[prefix + "Linkedid"] = draw(st.sampled_from(UIDS))
            message[prefix + "ChannelState"] = draw(st.sampled_from(["0", "4", "5", "6", "x"]))
            message[prefix + "CallerIDNum"] = draw(wild_text)
    for key, values in (
        ("DialStatus", ["ANSWER", "CANCEL", "NOANSWER", "BUSY", "RINGING", "?"]),
        ("BridgeUniqueid", ["b", "c"]),
        ("BridgeId", ["b", ""]),
        ("BridgeType", ["basic", "base", "parking"]),
        ("BridgeTechnology", ["simple_bridge", "holding_bridge"]),
        ("SwapUniqueid", UIDS),
        ("Queue", ["q", "r"]),
        ("Cause", ["0", "16", "17", "21", "26", "-1", "²"]),
        ("Result", ["Success", "Fail"]),
        ("DestType", ["Bridge", "App", "Fail", "Link"]),
        ("Newname", NAMES),
        ("Application", ["AppDial", "Park", "Dial"]),
        ("ListItems", ["0", "1", "9"]),
        ("Timestamp", ["1795387268.5", "nan", "1e999"]),
    ):
        if draw(st.booleans()):
            message[key] = draw(st.sampled_from(values))
    return message


def feed(tracker, entries):
    told = []
    for entry in entries:
        event = parse(entry.get("headers", entry), entry.get("t", 1.0))
        if event is not None:
            told += tracker.feed(event)
    return told


def uids_in(entries):
    found = set()
    for entry in entries:
        headers = entry.get("headers", entry)
        found |= {value for key, value in headers.items() if key.lower().endswith("uniqueid") and "Bridge" not in key}
    return sorted(found)


def hang_all_up(tracker, entries):
    return feed(tracker, [{"Event": "Hangup", "Uniqueid": uid, "Cause": "16"} for uid in uids_in(entries)])


def assert_well_told(told):
    """At most one of each, nothing about a call after its end, every start with an end."""
    starts = Counter(event.call for event in told if isinstance(event, CallStarted))
    ends = Counter(event.call for event in told if isinstance(event, CallEnded | CallMerged))
    assert set(starts.values()) <= {1}
    assert starts == ends
    for kind in (LegRinging, LegPlaced, LegAnswered, LegEnded):
        assert set(Counter(event.leg for event in told if isinstance(event, kind)).values()) <= {1}
    assert set(Counter(event.call for event in told if isinstance(event, CallAnswered)).values()) <= {1}
    over = set()
    begun = set()
    for event in told:
        assert event.call not in over
        if isinstance(event, CallStarted):
            begun.add(event.call)
        assert event.call in begun
        if isinstance(event, CallEnded | CallMerged):
            over.add(event.call)


def assert_empty(picture: Picture):
    assert not picture.channels
    assert not picture.bridges
    assert not picture.calls
    assert not picture._names


@given(st.lists(messages(), max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_stream_raises_leaves_a_ghost_or_tells_twice(stream):
    tracker = CallTracker(trunks=TRUNKS)
    told = feed(tracker, stream) + hang_all_up(tracker, stream)
    assert tracker.open_calls() == []
    assert_empty(tracker._picture)
    assert_well_told(told)


@given(st.sampled_from(sorted(STREAMS)), st.randoms(use_true_random=False), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
def test_recordings_shuffled_cut_and_doubled_leave_no_ghost(name, random, data):
    stream = list(STREAMS[name])
    start = data.draw(st.integers(0, len(stream) - 1))
    stream = stream[start:] + stream[: data.draw(st.integers(0, 20))]
    for _ in range(data.draw(st.integers(0, 30))):  # swap neighbours: events that come a little out of order
        index = random.randrange(len(stream))
        stream.insert(random.randrange(len(stream)), stream[index])
    tracker = CallTracker(trunks=TRUNKS)
    told = feed(tracker, stream) + hang_all_up(tracker, stream)
    assert_empty(tracker._picture)
    assert_well_told(told)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_recording_with_every_event_twice_tells_the_same(name):
    stream = STREAMS[name]
    once = calls_from_events(stream, trunks=TRUNKS)
    assert bool(once) == any("Linkedid" in entry["headers"] for entry in stream)
    assert calls_from_events([entry for entry in stream for _ in range(2)], trunks=TRUNKS) == once
    assert calls_from_events(stream + stream, trunks=TRUNKS) == once


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_recording_may_be_entered_anywhere(name):
    stream = STREAMS[name]
    for start in range(len(stream)):
        tracker = CallTracker(trunks=TRUNKS)
        told = feed(tracker, stream[start:])
        assert_well_told(told)
        assert_empty(tracker._picture)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_gap_with_a_resync_leaves_no_ghost_and_pops_nothing_twice(name):
    """The link is lost at any moment and comes back when all is over."""
    stream = STREAMS[name]
    for cut in range(0, len(stream), 3):
        tracker = CallTracker(trunks=TRUNKS)
        told = feed(tracker, [*stream[:cut], {"Event": "FullyBooted"}, {"Event": "CoreShowChannelsComplete"}])
        assert_empty(tracker._picture)
        assert_well_told(told)


def test_ended_calls_are_forgotten_but_their_graves_are_bounded(monkeypatch):
    monkeypatch.setattr("crmconnector.calls.picture._GRAVES", 10)
    pbx = AmiStream()
    for number in range(30):
        pbx.hangup(pbx.caller(f"5.{number}", "PJSIP/204-00000002", "204", "205"))
    assert len(pbx.tracker._picture._dead_channels) == 10
    assert len(pbx.tracker._picture._dead_calls) == 10
    assert_empty(pbx.tracker._picture)


def one_day_later(entry, day):
    """The same event with other ids, as if the story happened again."""
    text = json.dumps(entry["headers"])
    return json.loads(re.sub(r"\b(\d{10})(?=\.\d)", lambda found: str(int(found[1]) + day * 86_400), text))


def test_thousands_of_calls_leave_nothing_behind(capsys):
    headers = [one_day_later(entry, day) for day in range(4) for stream in STREAMS.values() for entry in stream]
    events = [event for event in (parse(one, 1.0) for one in headers) if event is not None]
    tracker = CallTracker(trunks=TRUNKS)
    begun = time.process_time()
    told = sum(len(tracker.feed(event)) for event in events)
    rate = len(events) / max(time.process_time() - begun, 1e-9)
    with capsys.disabled():
        print(f"\ntracker alone: {rate:,.0f} events a second, {told} call events of {len(events)} events")
    assert told > 20 * len(STREAMS)
    assert_empty(tracker._picture)

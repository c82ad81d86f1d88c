import json
import subprocess
import sys
from pathlib import Path

import pytest

from crmconnector.calls.replay import calls_from_events
from tests.support.ami_stream import AmiStream

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "tests" / "recordings" / "asterisk22"
TRUNKS = ["PJSIP/trunk"]
KEYS = {
    "linkedid",
    "originated",
    "direction",
    "caller",
    "dialled",
    "rang",
    "answered_by",
    "talked_with",
    "transfers",
    "merged_into",
    "picked_up",
    "disposition",
    "ended",
    "started_at",
    "answered_at",
    "ended_at",
    "pops",
}


def recorded(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def replayed(name):
    return calls_from_events(recorded(name), trunks=TRUNKS)


def test_a_replayed_call_has_the_agreed_shape_and_is_json():
    (call,) = replayed("inbound_answered")
    assert set(call) == KEYS
    assert json.loads(json.dumps(call)) == call


def test_headers_alone_are_enough_and_leave_times_unknown():
    bare = [entry["headers"] for entry in recorded("inbound_answered")]
    (call,) = calls_from_events(bare, trunks=TRUNKS)
    assert (call["started_at"], call["answered_at"], call["ended_at"]) == (None, None, None)
    (timed,) = replayed("inbound_answered")
    for key in ("started_at", "answered_at", "ended_at"):
        assert timed.pop(key) is not None
        call.pop(key)
    assert call == timed


def test_the_timestamp_header_is_better_than_the_time_of_arrival():
    entry = {"Event": "Newchannel", "Channel": "PJSIP/1-00000001", "Uniqueid": "1.1", "ChannelState": "4"}
    (call,) = calls_from_events([{**entry, "Timestamp": "1795387268.125"}], trunks=[])
    assert call["started_at"] == 1795387268.125


def test_a_ring_group_lists_every_phone_that_rang():
    (call,) = replayed("group_answered")
    assert {leg["endpoint"]: leg["outcome"] for leg in call["rang"]} == {
        "PJSIP/1001": "elsewhere",
        "PJSIP/1002": "answered",
        "PJSIP/1003": "elsewhere",
    }
    assert call["answered_by"] == "PJSIP/1002"
    assert [pop["number"] for pop in call["pops"]] == ["+442079460123"] * 3


def test_a_busy_phone_neither_rang_nor_popped():
    (call,) = replayed("inbound_busy")
    assert (call["rang"], call["pops"], call["disposition"]) == ([], [], "busy")


def test_the_first_phone_of_an_originated_call_neither_rang_nor_popped():
    (call,) = replayed("originate_answered")
    assert call["originated"]
    assert call["caller"]["endpoint"] == "PJSIP/1001"
    assert call["pops"] == []
    assert [leg["endpoint"] for leg in call["rang"]] == ["PJSIP/trunk"]


def test_an_attended_transfer_is_told_on_the_older_call_and_pops_the_new_party():
    older, younger = replayed("transfer_attended")
    assert younger["merged_into"] == older["linkedid"]
    assert (younger["ended"], younger["disposition"]) == (True, "answered")
    assert older["transfers"] == [
        {"kind": "attended", "by": "PJSIP/1001", "connects": ["PJSIP/trunk", "PJSIP/1002"], "ok": True}
    ]
    assert older["talked_with"] == ["PJSIP/1001", "PJSIP/1002"]
    pops = [*younger["pops"], *older["pops"]]
    assert {"endpoint": "PJSIP/1002", "number": "1001"} in younger["pops"]
    assert {"endpoint": "PJSIP/1002", "number": "+442079460123"} in older["pops"]
    assert len(pops) == 3


def test_a_blind_transfer_names_who_was_put_together():
    (call,) = replayed("transfer_blind")
    assert call["transfers"] == [
        {"kind": "blind", "by": "PJSIP/1001", "connects": ["PJSIP/trunk", "PJSIP/1002"], "ok": True}
    ]


def test_a_pickup_pops_on_the_picker_who_did_not_ring():
    pbx = AmiStream()
    ada = pbx.caller("1.1", "PJSIP/trunk-00000001", "+4420", "25101")
    anna = pbx.rung(ada, "1.2", "PJSIP/204-00000002", call=ada)
    picker = pbx.caller("1.3", "PJSIP/205-00000003", "205", "*8")
    pbx.up(picker)
    pbx.send("Pickup", **pbx.channels[picker], **pbx._as("Target", anna))
    pbx.dial_end(ada, anna, "CANCEL")
    pbx.hangup(anna, 26)
    pbx.enter(picker, "b")
    pbx.enter(ada, "b")
    pbx.hangups(picker, ada)
    call, own = calls_from_events(pbx.sent, trunks=TRUNKS)
    assert call["picked_up"]
    assert call["rang"] == [{"endpoint": "PJSIP/204", "outcome": "elsewhere"}]
    assert call["pops"] == [
        {"endpoint": "PJSIP/204", "number": "+4420"},
        {"endpoint": "PJSIP/205", "number": "+4420"},
    ]
    assert (own["merged_into"], own["disposition"], own["pops"]) == ("1.1", "transferred", [])


def test_a_call_that_goes_on_is_open():
    stream = recorded("inbound_answered")
    talking = next(i for i, entry in enumerate(stream) if entry["headers"]["Event"] == "BridgeLeave")
    (call,) = calls_from_events(stream[:talking], trunks=TRUNKS)
    assert (call["ended"], call["disposition"], call["answered_by"]) == (False, "answered", "PJSIP/1001")
    assert call["talked_with"] == ["PJSIP/1001"]


def test_a_call_lost_in_a_gap_was_answered_if_we_saw_the_answer():
    lost, later = replayed("gap_one_ends_one_rings")
    assert (lost["ended"], lost["disposition"]) == (True, "answered")
    assert [pop["endpoint"] for pop in later["pops"]] == ["PJSIP/1001"]


@pytest.mark.parametrize("junk", [None, 7, "text", [], {"headers": None}, {"t": "x", "headers": {"Event": ["Hangup"]}}])
def test_junk_in_a_recording_is_passed_over(junk):
    assert len(calls_from_events([junk, *recorded("internal"), junk], trunks=TRUNKS)) == 1


def test_replay_imports_without_django_or_its_settings():
    code = "import sys, crmconnector.calls.replay; assert not any(name.startswith('django') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env={"PYTHONPATH": str(ROOT)})


OUTCOMES = {"answered", "elsewhere", "cancelled", "no_answer", "busy", "rejected", "answered_unconnected", None}
DISPOSITIONS = {"answered", "busy", "rejected", "no_answer", "cancelled", "abandoned", "failed", "transferred", None}


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/recordings/*/*.jsonl")), ids=lambda path: path.stem)
def test_only_the_agreed_words_are_used(path):
    stream = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    trunks = json.loads(path.with_suffix(".truth.json").read_text("utf-8"))["trunks"]
    for cut in (len(stream), len(stream) // 2):
        lost = [] if cut == len(stream) else [{"Event": "FullyBooted"}, {"Event": "CoreShowChannelsComplete"}]
        for call in calls_from_events([*stream[:cut], *lost], trunks=trunks):
            assert {leg["outcome"] for leg in call["rang"]} <= OUTCOMES
            assert call["disposition"] in DISPOSITIONS
            assert {one["kind"] for one in call["transfers"]} <= {"blind", "attended", "blonde"}

"""Every recording cut anywhere and resumed after a gap of any length: nothing stays open, nobody is told twice."""

import json
from collections import Counter
from pathlib import Path

import pytest

from crmconnector.calls.replay import calls_from_events
from tests.support.cut_stream import with_gap

FOLDER = Path(__file__).parent.parent / "recordings"
# Gaps tried in one recording; a long one is cut in larger steps. The same stories on an older Asterisk get fewer.
MOST_GAPS = {"asterisk22": 40, "asterisk16": 10, "asterisk16sip": 10}
# These have a gap of their own, or begin in mid-call: what the PBX would have listed cannot be worked out from them.
OWN_GAPS = ("gap_", "start_", "pbx_")
RECORDINGS = [path for path in sorted(FOLDER.glob("*/*.jsonl")) if not path.stem.startswith(OWN_GAPS)]
NOISE = [
    {"Event": "VarSet", "Channel": "PJSIP/1001-00000001", "Uniqueid": "1.1", "Variable": "X", "Value": "1"},
    {"Event": "SomethingNew", "Uniqueid": "1.1"},
    {"Event": "Newstate"},
    {"Event": "DialEnd", "DestUniqueid": ""},
    {"Event": "ExtensionStatus", "Exten": "1001", "Status": "8"},
    {},
]


def recorded(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def trunks_of(path):
    return json.loads(path.with_suffix(".truth.json").read_text("utf-8"))["trunks"]


def gaps_of(path, length):
    step = max(1, int(length / (2 * MOST_GAPS[path.parent.name]) ** 0.5))
    return [(lost, back) for lost in range(0, length + 1, step) for back in range(lost, length + 1, step)]


def pops(calls):
    return Counter(pop["endpoint"] for call in calls for pop in call["pops"])


@pytest.mark.parametrize("applications", [True, False], ids=["with applications", "without"])
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stream_with_a_gap_has_no_open_call_no_ghost_and_no_second_card(path, applications):
    stream, trunks = recorded(path), trunks_of(path)
    whole = calls_from_events(stream, trunks=trunks)
    known, most = {call["linkedid"] for call in whole}, pops(whole)
    for lost, back in gaps_of(path, len(stream)):
        cut = calls_from_events(with_gap(stream, lost, back, applications=applications), trunks=trunks)
        assert all(call["ended"] for call in cut), (lost, back)
        assert {call["linkedid"] for call in cut} <= known, (lost, back)
        assert pops(cut) <= most, (lost, back)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_gap_in_which_nothing_happened_changes_nothing(path):
    stream, trunks = recorded(path), trunks_of(path)
    whole = calls_from_events([entry["headers"] for entry in stream], trunks=trunks)
    for lost in range(0, len(stream), max(3, len(stream) // MOST_GAPS[path.parent.name])):
        assert calls_from_events(with_gap(stream, lost, lost), trunks=trunks) == whole, lost


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_noise_between_the_events_changes_nothing(path):
    stream, trunks = recorded(path), trunks_of(path)
    noisy = [one for place, entry in enumerate(stream) for one in (entry, NOISE[place % len(NOISE)])]
    assert calls_from_events(noisy, trunks=trunks) == calls_from_events(stream, trunks=trunks)

"""`manage.py replay`, as a user sends us a bug."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from crmconnector.calls.replay import calls_from_events

FOLDER = Path(__file__).parent.parent / "recordings/asterisk22"
RECORDING = FOLDER / "transfer_attended.jsonl"


def said(*arguments):
    out = io.StringIO()
    call_command("replay", *arguments, stdout=out)
    return out.getvalue()


def test_json_is_what_the_library_tells():
    events = [json.loads(line) for line in RECORDING.read_text("utf-8").splitlines()]
    told = json.loads(said(str(RECORDING), "--json", "--trunks", "PJSIP/trunk"))
    assert told == json.loads(json.dumps(calls_from_events(events, trunks=["PJSIP/trunk"])))


def test_a_timeline_tells_each_call_with_its_steps_and_cards():
    lines = said(str(RECORDING), "--trunks", "PJSIP/trunk").splitlines()
    heads = [line for line in lines if line.startswith("Call ")]
    assert len(heads) == 2
    assert "inbound from +442079460123 to +493023125101; answered" in heads[0]
    assert "attended transfer by PJSIP/1001" in heads[0]
    assert "card for PJSIP/1002 with +442079460123" in heads[0]
    assert "became part of call 1" in heads[1]
    assert any(line.endswith("PJSIP/1001 holds") for line in lines)


def test_lines_to_the_outside_are_guessed_from_the_contexts_unless_they_are_given(tmp_path):
    event = {"Event": "Newchannel", "Uniqueid": "1.1", "ChannelState": "4", "Channel": "SIP/carrier-0000000a"}
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{**event, "Context": "from-trunk", "Exten": "100"}]))
    assert json.loads(said(str(path), "--json"))[0]["direction"] == "inbound"
    assert json.loads(said(str(path), "--json", "--trunks", "SIP/other"))[0]["direction"] == "internal"
    assert "Lines to the outside: SIP/carrier" in said(str(path))


def test_a_call_that_goes_on_and_a_time_of_day_are_told(tmp_path):
    event = {"Event": "Newchannel", "Uniqueid": "1.1", "ChannelState": "4", "Channel": "SIP/1001-0000000a"}
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{**event, "Timestamp": "1795387309.25"}]))
    told = said(str(path))
    assert "still going on" in told
    assert "2026-11-22" in told


@pytest.mark.parametrize("content", [None, b"not a recording"])
def test_a_file_that_cannot_be_replayed_is_told_with_its_reason(tmp_path, content):
    path = tmp_path / "bad"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be replayed"):
        said(str(path))

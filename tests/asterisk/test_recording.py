import io
import json
import re
from pathlib import Path

import pytest

from crmconnector.asterisk.recording import NotARecording, Redaction, read_recording
from crmconnector.calls.replay import calls_from_events

FOLDER = Path(__file__).parent.parent / "recordings/asterisk22"
EVENTS = [json.loads(line)["headers"] for line in (FOLDER / "transfer_attended.jsonl").read_text("utf-8").splitlines()]
TRUNKS = ["PJSIP/trunk"]


def as_bytes(events, end="\r\n"):
    return "".join(end.join(f"{key}: {value}" for key, value in one.items()) + end * 2 for one in events).encode()


def as_json_lines(events):
    return "".join(json.dumps(one) + "\n" for one in events).encode()


BANNER = b"Asterisk Call Manager/11.0.0\r\n"
REPLY = b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
FORMS = {
    "bytes of the socket": BANNER + REPLY + as_bytes(EVENTS),
    "bytes without a banner": as_bytes(EVENTS),
    "bytes whose line ends an editor changed": as_bytes(EVENTS, "\n"),
    "bytes cut off after the last header": as_bytes(EVENTS)[:-2],
    "a JSON list": json.dumps(EVENTS).encode(),
    "a JSON list with a byte order mark": b"\xef\xbb\xbf" + json.dumps(EVENTS).encode(),
    "JSON lines": as_json_lines(EVENTS),
    "JSON lines with a broken one": b'{"Event": "Hangup", \n' + as_json_lines(EVENTS) + b"[1]\nnull\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_recording_tells_the_same_calls(form):
    read = list(read_recording(io.BytesIO(FORMS[form])))
    assert calls_from_events(read, trunks=TRUNKS) == calls_from_events(EVENTS, trunks=TRUNKS)


def test_the_times_of_a_recording_are_kept():
    timed = as_json_lines([{"t": 7.5, "headers": EVENTS[0]}])
    assert list(read_recording(io.BytesIO(timed))) == [{"t": 7.5, "headers": EVENTS[0]}]


@pytest.mark.parametrize("rubbish", [b"", b"\x00\x01\x02", b"hello\n", b"[1, 2", b"[" * 100_000, b"<html>"])
def test_a_file_that_is_no_recording_is_refused_in_words(rubbish):
    with pytest.raises(NotARecording, match=r"\w+ \w+"):
        list(read_recording(io.BytesIO(rubbish)))


def test_a_json_list_too_large_to_read_whole_is_refused(monkeypatch):
    monkeypatch.setattr("crmconnector.asterisk.recording.MAX_LIST_BYTES", 10)
    with pytest.raises(NotARecording, match="one event a line"):
        list(read_recording(io.BytesIO(json.dumps(EVENTS).encode())))


# --- redaction ---


def redacted(*events):
    redaction = Redaction()
    return [kept for one in events if (kept := redaction.redacted(one)) is not None]


def test_a_redacted_recording_tells_the_same_story_of_other_people():
    told = calls_from_events(redacted(*EVENTS), trunks=TRUNKS)
    true = calls_from_events(EVENTS, trunks=TRUNKS)
    assert [(call["disposition"], call["rang"], call["transfers"]) for call in told] == [
        (call["disposition"], call["rang"], call["transfers"]) for call in true
    ]
    assert [len(call["pops"]) for call in told] == [len(call["pops"]) for call in true]


def test_no_number_and_no_name_of_the_true_one_is_left():
    text = json.dumps(redacted(*EVENTS), ensure_ascii=False)
    assert "Anna" in json.dumps(EVENTS)
    assert "442079460123" in json.dumps(EVENTS)
    for true in ("Anna", "Ada", "Ben", "460123", "125101"):
        assert true not in re.sub(r'"(\w*(Uniqueid|Linkedid))": "[^"]*"', "", text)


def test_the_same_number_is_replaced_by_the_same_however_it_is_written():
    (one,) = redacted(
        {
            "Event": "DialBegin",
            "CallerIDNum": "+1 (415) 555-0167",
            "Exten": "14155550167",
            "DialString": "PJSIP/4155550167@trunk",
            "DestChannel": "Local/4155550167@out-0000001a;1",
            "Uniqueid": "1795387309.83",
        }
    )
    digits = [re.sub(r"\D", "", one[key])[-6:] for key in ("CallerIDNum", "Exten")]
    assert digits[0] == digits[1] != "550167"
    assert one["CallerIDNum"].startswith("+1 (415) 5")
    assert one["DialString"] == f"PJSIP/4155{digits[0]}@trunk"
    assert one["DestChannel"] == f"Local/4155{digits[0]}@out-0000001a;1"
    assert one["Uniqueid"] == "1795387309.83"


def test_extensions_addresses_and_what_tells_nothing_of_calls():
    kept = redacted(
        {"Event": "VarSet", "Variable": "SECRET", "Value": "x"},
        {"Event": "UserEvent", "UserEvent": "Card", "Number": "4111111111111111"},
        {"Event": "Newchannel", "CallerIDNum": "1001", "AccountCode": "secret", "ChanVariable": ["a=b"]},
        {"Event": "DialBegin", "DialString": "1001/sip:1001@198.51.100.7:5060", "CallerIDName": ["Ada", "Ada"]},
        {"Event": 7},
    )
    assert kept == [
        {"Event": "Newchannel", "CallerIDNum": "1001"},
        {"Event": "DialBegin", "DialString": "1001/sip:1001@192.0.2.1:5060", "CallerIDName": ["Name 1", "Name 1"]},
    ]


def test_two_recordings_cannot_be_joined_by_their_numbers():
    event = {"Event": "Newstate", "CallerIDNum": "+442079460123"}
    assert len({redacted(event)[0]["CallerIDNum"] for _ in range(8)}) > 1

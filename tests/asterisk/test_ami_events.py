import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.asterisk.ami_events import (
    AttendedTransfer,
    BlindTransfer,
    BridgeEnter,
    CoreShowChannel,
    CoreShowChannelsComplete,
    DialBegin,
    DialEnd,
    FullyBooted,
    Hangup,
    LocalBridge,
    NewCallerid,
    NewChannel,
    OriginateResponse,
    Pickup,
    QueueCallerJoin,
    Rename,
    parse,
)

FOLDER = Path(__file__).parent.parent / "recordings" / "asterisk22"
CHANNEL = {
    "Event": "Newchannel",
    "Channel": "PJSIP/204-0000001a",
    "ChannelState": "4",
    "CallerIDNum": "+442079460123",
    "CallerIDName": "Ada Smith",
    "ConnectedLineNum": "<unknown>",
    "ConnectedLineName": "<unknown>",
    "Exten": "25101",
    "Uniqueid": "1795387254.0",
    "Linkedid": "1795387254.0",
}


def channel(**headers):
    event = parse({**CHANNEL, **headers}, 5.0)
    assert isinstance(event, NewChannel)
    return event.channel


def test_a_new_channel_becomes_typed_facts():
    event = parse(CHANNEL, 5.0)
    assert isinstance(event, NewChannel)
    assert event.at == 5.0
    facts = event.channel
    assert (facts.uniqueid, facts.linkedid, facts.name) == ("1795387254.0", "1795387254.0", "PJSIP/204-0000001a")
    assert (facts.state, facts.number, facts.caller_name, facts.exten) == (4, "+442079460123", "Ada Smith", "25101")
    assert (facts.connected_number, facts.connected_name, facts.restricted) == (None, None, None)


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (r"O\'Neil", "O'Neil"),
        (r"Zed \"Zed\"", 'Zed "Zed"'),
        (r"a\\b", r"a\b"),
        (r"a\\nb", r"a\nb"),  # an escaped backslash and an n: unescaped once, not twice
        (r"tab\there", "tab\there"),
        (r"bell\ahere", "bellhere"),  # a control character, dropped
        ("Zoë 🎉", "Zoë 🎉"),
        ("<script>", "<script>"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("right\u202eto left", "rightto left"),
        ("half \ud83d surrogate", "half  surrogate"),
        ("trailing \\", "trailing \\"),
        ("<unknown>", None),
        ("", None),
        ("\x00", None),
    ],
)
def test_names_are_unescaped_once_and_cleaned(wire, name):
    assert channel(CallerIDName=wire).caller_name == name


def test_names_and_numbers_are_cut_at_80_characters():
    facts = channel(CallerIDName="n" * 120, CallerIDNum="1" * 120)
    assert (len(facts.caller_name), len(facts.number)) == (80, 80)


@pytest.mark.parametrize("number", ["+1 (415) 555-0167", "0049-30-1234", "*43"])
def test_numbers_stay_as_written(number):
    assert channel(CallerIDNum=number).number == number


@pytest.mark.parametrize("number", ["anonymous", "Anonymous", "private", "withheld"])
def test_a_word_in_place_of_the_number_means_withheld(number):
    assert channel(CallerIDNum=number).restricted is True


@pytest.mark.parametrize(
    ("presentation", "restricted"),
    [
        ("33 (Presentation Prohibited, User Number, Passed Screen)", True),
        ("1 (Presentation Allowed, Passed Screen)", False),
        ("67 (Number Unavailable)", False),
    ],
)
def test_presentation_decides_whether_the_number_is_withheld(presentation, restricted):
    event = parse({**CHANNEL, "Event": "NewCallerid", "CID-CallingPres": presentation}, 5.0)
    assert isinstance(event, NewCallerid)
    assert event.channel.restricted is restricted
    assert event.channel.number == "+442079460123"


def test_a_repeated_header_gives_its_first_value():
    assert channel(CallerIDNum=["+4420", "+4930"]).number == "+4420"
    assert channel(CallerIDNum=[]).number is None


def test_the_timestamp_header_beats_the_time_of_arrival():
    event = parse({**CHANNEL, "Timestamp": "1795387254.5"}, 5.0)
    assert event is not None
    assert event.at == 1795387254.5


@pytest.mark.parametrize("stamp", ["", "soon", "nan", "inf", "-1", "1e999", "١٢", "1" * 400])
def test_an_absurd_timestamp_is_ignored(stamp):
    event = parse({**CHANNEL, "Timestamp": stamp}, 5.0)
    assert event is not None
    assert event.at == 5.0


@pytest.mark.parametrize("state", ["", "x", "-1", "4.0", "٤", "9" * 400])
def test_an_absurd_state_is_harmless(state):
    facts = channel(ChannelState=state)
    assert facts.state is None or facts.state > 6


def test_a_dial_by_asterisk_itself_has_no_source():
    dest = {"DestUniqueid": "1.2", "DestChannel": "PJSIP/204-00000002", "DestChannelState": "0"}
    own = parse({"Event": "DialBegin", **dest, "DialString": "204"}, 5.0)
    assert isinstance(own, DialBegin)
    assert (own.source, own.dest.uniqueid, own.dial_string) == (None, "1.2", "204")
    other = parse({**CHANNEL, "Event": "DialBegin", **dest}, 5.0)
    assert isinstance(other, DialBegin)
    assert other.source is not None


def test_dial_end_tells_status_and_forward():
    event = parse({"Event": "DialEnd", "DestUniqueid": "1.2", "DialStatus": "CANCEL", "Forward": "205@in"}, 5.0)
    assert isinstance(event, DialEnd)
    assert (event.status, event.forward) == ("CANCEL", "205@in")


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({**CHANNEL, "Event": "BridgeEnter", "BridgeUniqueid": "b"}, BridgeEnter),
        ({**CHANNEL, "Event": "Hangup", "Cause": "17"}, Hangup),
        ({"Event": "LocalBridge", "LocalOneUniqueid": "1.1", "LocalTwoUniqueid": "1.2"}, LocalBridge),
        ({"Event": "Rename", "Uniqueid": "1.1", "Newname": "PJSIP/204-2"}, Rename),
        ({**CHANNEL, "Event": "QueueCallerJoin", "Queue": "600"}, QueueCallerJoin),
        ({**CHANNEL, "Event": "Pickup", "TargetUniqueid": "1.2"}, Pickup),
        ({"Event": "BlindTransfer", "TransfererUniqueid": "1.1", "Result": "Success"}, BlindTransfer),
        ({"Event": "FullyBooted"}, FullyBooted),
        ({**CHANNEL, "Event": "CoreShowChannel", "BridgeId": ""}, CoreShowChannel),
        ({"Event": "CoreShowChannelsComplete", "ListItems": "3"}, CoreShowChannelsComplete),
    ],
)
def test_each_event_has_its_type_and_needs_its_ids(headers, kind):
    assert isinstance(parse(headers, 5.0), kind)
    for key in [key for key in headers if key.endswith(("niqueid", "Queue", "Newname"))]:
        without = {name: value for name, value in headers.items() if name != key}
        assert parse(without, 5.0) is None, key


@pytest.mark.parametrize(
    ("dest_type", "result", "rings", "succeeded"),
    [
        ("Bridge", "Success", False, True),
        ("App", "Success", True, True),
        ("Fail", "Success", False, False),
        ("Threeway", "Success", False, True),
        ("Bridge", "Fail", False, False),
    ],
)
def test_an_attended_transfer_tells_whether_the_target_still_rings(dest_type, result, rings, succeeded):
    headers = {"Event": "AttendedTransfer", "OrigTransfererUniqueid": "1.2", "SecondTransfererUniqueid": "1.3"}
    event = parse({**headers, "DestType": dest_type, "Result": result}, 5.0)
    assert isinstance(event, AttendedTransfer)
    assert (event.target_rings, event.succeeded) == (rings, succeeded)
    assert (event.transferee, event.target) == (None, None)


def test_a_failed_originate_has_no_channel():
    headers = {"Event": "OriginateResponse", "Response": "Failure", "Reason": "3", "Uniqueid": "<unknown>"}
    event = parse({**headers, "ActionID": "attempt-7"}, 5.0)
    assert event == OriginateResponse(5.0, "attempt-7", False, 3, None)


@pytest.mark.parametrize("event", ["Newexten", "VarSet", "RTCPSent", "", "hangup"])
def test_events_of_no_use_are_passed_over(event):
    assert parse({**CHANNEL, "Event": event}, 5.0) is None
    assert parse({}, 5.0) is None


values = st.one_of(st.text(max_size=30), st.lists(st.text(max_size=5), max_size=3), st.none(), st.integers())


@pytest.mark.parametrize("odd", [{}, {"a": 1}, [[]], [], [None], 7, 1.5, None, True, ["x", "y"]], ids=repr)
def test_a_recording_made_by_hand_may_hold_anything(odd):
    for key in (
        "Uniqueid",
        "Channel",
        "Linkedid",
        "ChannelState",
        "CallerIDNum",
        "CallerIDName",
        "CID-CallingPres",
        "Exten",
    ):
        event = {"Event": "Newstate", "Uniqueid": "1.1", "Channel": "SIP/1-1", key: odd}
        assert parse(event, 1.0) is None or parse(event, 1.0).channel.uniqueid in ("1.1", "x")


@given(
    st.sampled_from(["Newchannel", "DialEnd", "AttendedTransfer", "CoreShowChannel"]),
    st.dictionaries(st.sampled_from([*CHANNEL, "DestUniqueid", "Timestamp", "Cause", "Queue"]), values),
)
def test_no_headers_make_it_raise(event, headers):
    parse({**headers, "Event": event}, 5.0)


def test_every_event_of_the_recordings_that_we_follow_is_understood():
    followed = {"Newchannel", "Newstate", "DialBegin", "DialEnd", "BridgeEnter", "BridgeLeave", "Hangup", "LocalBridge"}
    seen = set()
    for path in FOLDER.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            headers = json.loads(line)["headers"]
            if headers["Event"] in followed:
                assert parse(headers, 0.0) is not None, headers
                seen.add(headers["Event"])
    assert seen == followed

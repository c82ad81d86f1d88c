"""Real calls through the real PBX, worked by the phones' CTI face; what happened is asked of the PBX itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.pbx.ami_wire import AmiWire, Message
from tests.pbx.children import wait_until
from tests.support.lab import Lab, LabPhone

LONDON, LONDON_OFFICE, WASHINGTON = "+442079460123", "+442079460456", "+12025550123"
GROUP = ("1001", "1002", "1003")


def cti(phone: LabPhone, function: str, query: str = "", passcode: str | None = None) -> dict[str, Any]:
    """Send one CTI command as the guide writes it; return the phone's answer."""
    address = f"http://{phone.cti_host}:{phone.cti_port}/cgi-bin/{function}"
    asked = f"passcode={phone.passcode if passcode is None else passcode}{query}"
    answer: dict[str, Any] = httpx.get(f"{address}?{asked}", timeout=5).json()
    return answer


def operate(phone: LabPhone, command: str) -> Any:
    return cti(phone, "api-phone_operation", f"&cmd={command}")["body"]


def press(phone: LabPhone, keys: str) -> Any:
    return cti(phone, "api-send_key", f"&keys={keys}")["body"]


def first_line(phone: LabPhone) -> dict[str, Any]:
    line: dict[str, Any] = cti(phone, "api-get_line_status")["body"][0]
    return line


def channels(wire: AmiWire) -> list[Message]:
    return wire.listing("CoreShowChannels", "CoreShowChannelsComplete")


def talking(wire: AmiWire) -> set[str]:
    """The endpoints whose channels hear another one."""
    return {channel.get("Channel").rpartition("-")[0] for channel in channels(wire) if channel.get("BridgeId")}


def wait_talking(wire: AmiWire, *endpoints: str) -> None:
    wait_until(lambda: talking(wire) == set(endpoints), f"{endpoints} to talk in the PBX")


def test_a_call_from_outside_is_answered_and_ended_through_the_cti_face(lab: Lab) -> None:
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    phone.wait_state("ringing")
    line = first_line(phone)
    assert (line["state"], line["remotenum"], line["remotename"]) == ("ringing", LONDON, "Ada Smith")
    assert cti(phone, "api-get_phone_status")["body"] == "ringing"

    assert operate(phone, "acceptcall") is True
    with lab.truth() as truth:
        wait_talking(truth, "PJSIP/1001", "PJSIP/trunk")
        assert first_line(phone)["state"] == "connected"

        assert operate(phone, "endcall") is True
        lab.trunk.wait_state("idle")
        wait_until(lambda: not channels(truth), "no channel left")
    assert cti(phone, "api-get_phone_status") == {"response": "success", "body": "available", "misc": "0"}


def test_a_rejected_call_ends_for_the_caller(lab: Lab) -> None:
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON)
    phone.wait_state("ringing")
    assert operate(phone, "rejectcall") is True
    lab.trunk.wait_state("idle")
    assert phone.state() == "idle"


def test_the_ring_group_rings_three_phones_and_stops_when_one_answers(lab: Lab) -> None:
    group = [lab.phones[extension] for extension in GROUP]
    lab.trunk.call(lab.did_group, from_number=LONDON)
    for phone in group:
        phone.wait_state("ringing")
    operate(group[1], "acceptcall")
    group[0].wait_state("idle")
    group[2].wait_state("idle")
    with lab.truth() as truth:
        wait_talking(truth, "PJSIP/1002", "PJSIP/trunk")
    assert lab.phones["1004"].timeline() == []


@pytest.mark.parametrize("queue", ["did_queue", "did_queue_local"])
def test_a_queue_rings_its_members_and_connects_the_one_who_answers(lab: Lab, queue: str) -> None:
    lab.trunk.call(getattr(lab, queue), from_number=LONDON)
    for extension in GROUP:
        lab.phones[extension].wait_state("ringing")
    operate(lab.phones["1003"], "acceptcall")
    with lab.truth() as truth:
        wait_until(lambda: {"PJSIP/1003", "PJSIP/trunk"} <= talking(truth), "1003 to talk with the caller")
    lab.phones["1001"].wait_state("idle")


def test_click_to_call_dials_the_outside_world_which_sees_the_main_number(lab: Lab) -> None:
    phone = lab.phones["1001"]
    number = LONDON_OFFICE.replace("+", "%2B")
    assert cti(phone, "api-make_call", f"&phonenumber={number}")["body"] is True
    lab.trunk.wait_state("ringing")
    assert lab.trunk.lines()[0]["dialled"] == LONDON_OFFICE
    assert lab.trunk.lines()[0]["remote_number"] == lab.main_number
    assert first_line(phone)["state"] == "calling"
    lab.trunk.answer()
    phone.wait_state("connected")


def test_a_caller_whose_number_is_one_of_our_extensions_still_comes_from_the_trunk(lab: Lab) -> None:
    lab.trunk.call(lab.did_direct, from_number="1002", from_name="Not Ben")
    lab.phones["1001"].wait_state("ringing")
    with lab.truth() as truth:
        assert any(channel.get("Channel").startswith("PJSIP/trunk-") for channel in channels(truth))
        assert not any(channel.get("Channel").startswith("PJSIP/1002-") for channel in channels(truth))


def test_a_wrong_passcode_moves_nothing_and_the_journal_keeps_no_passcode(lab: Lab) -> None:
    phone = lab.phones["1002"]
    before = len(phone.journal())
    refused = cti(phone, "api-make_call", "&phonenumber=1003", passcode="guess")
    assert refused["response"] == "error"
    assert phone.state() == "idle"
    cti(phone, "api-get_accounts")
    written = phone.journal()[before:]
    assert [entry["path"] for entry in written] == ["/cgi-bin/api-make_call", "/cgi-bin/api-get_accounts"]
    assert written[0]["parameters"] == {"passcode": "***", "phonenumber": "1003"}
    assert phone.passcode not in str(written)
    assert "guess" not in str(written)


def test_a_registered_phone_says_so_in_its_accounts(lab: Lab) -> None:
    account = cti(lab.phones["1001"], "api-get_accounts")["body"][0]
    assert (account["sip_id"], account["reg"]) == ("1001", 1)


def test_an_operation_without_a_call_is_refused(lab: Lab) -> None:
    phone = lab.phones["1001"]
    for command in ("acceptcall", "rejectcall", "endcall", "holdcall", "cancel", "dance"):
        assert operate(phone, command) is False, command
    assert press(phone, "HOLD") == "unknown"
    assert press(phone, "1:0:NOSUCHKEY") == "unknown"


def test_hold_silences_the_line_and_hold_again_takes_it_back(lab: Lab) -> None:
    phone = connected_with_london(lab)
    with lab.truth() as truth:
        since = len(truth.messages)
        assert operate(phone, "holdcall") is True
        truth.wait(lambda message: message.event == "Hold", "Hold", since=since)
        assert first_line(phone)["state"] == "onhold"
        assert operate(phone, "holdcall") is True
        truth.wait(lambda message: message.event == "Unhold", "Unhold", since=since)
    assert first_line(phone)["state"] == "connected"


def test_digit_keys_are_heard_as_tones_by_the_far_end(lab: Lab) -> None:
    phone = connected_with_london(lab)
    assert press(phone, "4:2:%23") == "complete"
    wait_until(lambda: lab.trunk.lines()[0]["digits_heard"] == "42#", "the tones at the far end")


def test_keys_dial_a_number(lab: Lab) -> None:
    assert press(lab.phones["1001"], "1:0:0:4:SEND") == "complete"
    lab.phones["1004"].wait_state("ringing")


def test_a_blind_transfer_by_keys_connects_the_caller_with_a_third(lab: Lab) -> None:
    phone = connected_with_london(lab)
    assert press(phone, "XFER:1:0:0:2:SEND") == "complete"
    lab.phones["1002"].wait_state("ringing")
    operate(lab.phones["1002"], "acceptcall")
    with lab.truth() as truth:
        wait_talking(truth, "PJSIP/1002", "PJSIP/trunk")
    phone.wait_state("idle")


def test_an_attended_transfer_by_keys_connects_the_caller_with_the_one_who_was_asked(lab: Lab) -> None:
    phone = connected_with_london(lab)
    assert cti(phone, "api-make_call", "&phonenumber=1002")["body"] is True
    lab.phones["1002"].wait_state("ringing")
    operate(lab.phones["1002"], "acceptcall")
    phone.wait_state("connected")
    assert press(phone, "XFER") == "complete"
    phone.wait_state("idle")
    with lab.truth() as truth:
        wait_talking(truth, "PJSIP/1002", "PJSIP/trunk")


def test_a_phone_that_talks_can_take_a_second_call_by_its_line_key(lab: Lab) -> None:
    phone = connected_with_london(lab)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON)
    phone.wait_state("ringing")
    assert press(phone, "LINE2") == "complete"
    wait_until(
        lambda: [line["state"] for line in phone.lines()] == ["onhold", "connected"],
        "the first call on hold, the second connected",
    )


def connected_with_london(lab: Lab) -> LabPhone:
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    phone.wait_state("ringing")
    phone.answer()
    phone.wait_state("connected")
    lab.trunk.wait_state("connected")
    return phone

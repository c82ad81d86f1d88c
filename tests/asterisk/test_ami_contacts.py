"""Registrations as Asterisk 16 and 22 tell them. The headers are those of the lab's PBX, with other addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.asterisk.ami_contacts import (
    MAX_AGENT,
    Contact,
    address_of,
    contact_from_values,
    contact_of,
    contacts_by_endpoint,
    is_empty_list,
    names_in,
    peer_from_values,
    technology_and_name,
    value_of,
)

ROW = {
    "Event": "ContactList", "ActionID": "wire-3", "ObjectType": "contact",
    "ObjectName": "1001;@94bd246729cb814d9beaa637a72d49c6", "ViaAddr": "192.0.2.31", "QualifyTimeout": "3.000000",
    "Qualify2xxOnly": "false", "CallId": "USSQKUChExAkym464vMvE11WGA8bqcK1", "RegServer": "", "PruneOnBoot": "no",
    "Path": "", "Endpoint": "1001", "ViaPort": "20959", "AuthenticateQualify": "no",
    "Uri": "sip:1001@192.0.2.30:20959;ob", "QualifyFrequency": "60", "UserAgent": "Grandstream GRP2614 1.0.13.24",
    "ExpirationTime": "1795409223", "OutboundProxy": "", "Status": "Reachable", "RoundtripUsec": "615",
}  # fmt: skip


def test_a_contact_is_read_as_asterisk_22_tells_it():
    assert contact_of(ROW) == Contact("PJSIP/1001", "Grandstream GRP2614 1.0.13.24", "192.0.2.30", True)


@pytest.mark.parametrize(
    ("status", "reachable"),
    [("Reachable", True), ("NonQualified", True), ("Unknown", True), ("", True),
     ("Unavail", False), ("Unreachable", False), ("Removed", False)],
)  # fmt: skip
def test_a_phone_that_is_never_asked_is_taken_for_there(status: str, reachable: bool):
    assert contact_of({**ROW, "Status": status}).reachable is reachable


def test_without_an_endpoint_the_contacts_own_name_tells_it():
    assert contact_of({**ROW, "Endpoint": "", "ObjectName": "trunk@@5f4dcc3b"}).endpoint == "PJSIP/trunk"
    assert contact_of({**ROW, "Endpoint": ""}).endpoint == "PJSIP/1001"


def test_several_contacts_of_one_endpoint_stay_together_and_other_events_are_passed_over():
    rows = [ROW, {**ROW, "UserAgent": "Zoiper"}, {**ROW, "Endpoint": "1002"}, {"Event": "EndpointList"}, {}]
    assert {name: len(found) for name, found in contacts_by_endpoint(rows).items()} == {
        "PJSIP/1001": 2, "PJSIP/1002": 1,
    }  # fmt: skip


def test_a_user_agent_is_cleaned_and_cut():
    evil = "Grand\x00stream\u202e GRP\x1b[31m" + "x" * 500
    agent = contact_of({**ROW, "UserAgent": evil}).user_agent
    assert agent.startswith("Grandstream GRP[31mx") and len(agent) == MAX_AGENT


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:1001@192.0.2.30:20959;ob", "192.0.2.30"),
        ("sip:192.0.2.30", "192.0.2.30"),
        ("sip:1001@[2001:db8::7]:5060", "2001:db8::7"),
        ("sip:1001@phone.example.net:5060", None),
        ("sip:1001@999.0.2.30:5060", None),
        ("sip:1001@0.0.0.0:5060", None),
        ("sip:1001@192.0.2.30.example.net", None),
        ("", None),
    ],
)
def test_only_a_literal_address_is_one(uri: str, address: str | None):
    assert address_of(uri) == address


def test_without_a_literal_uri_the_via_address_counts():
    assert contact_of({**ROW, "Uri": "sip:1001@phone.local"}).address == "192.0.2.31"


def test_an_empty_list_is_told_as_a_refusal_by_asterisk_16():
    assert is_empty_list("No Contacts found") and not is_empty_list("Permission denied")


def test_names_that_could_end_a_function_are_never_asked_about():
    assert technology_and_name("PJSIP/1001") == ("PJSIP", "1001")
    for endpoint in ("PJSIP/1001)", "PJSIP/${SHELL(id)}", "IAX2/1001", "PJSIP/", "1001", "PJSIP/a,b"):
        assert technology_and_name(endpoint) == ("", "")
    assert names_in("1001, 1002,x),${A},") == ["1001", "1002"]
    assert names_in("1001;@94bd,sip:1001@192.0.2.30", contacts=True) == ["1001;@94bd", "sip:1001@192.0.2.30"]
    assert len(names_in(",".join("abcdefghij"))) == 5


def test_single_values_make_the_same_contact():
    told = {"user_agent": "Grandstream GRP2614 1.0.13.24", "uri": "sip:1001@192.0.2.30:5060", "status": "Unreachable"}
    assert contact_from_values("PJSIP/1001", told) == Contact(
        "PJSIP/1001", "Grandstream GRP2614 1.0.13.24", "192.0.2.30", False
    )


@pytest.mark.parametrize(
    ("values", "reachable"),
    [
        ({"status": "OK (2 ms)", "useragent": "lab-phone", "ip": "192.0.2.30"}, True),
        ({"status": "Unmonitored", "useragent": "lab-phone", "ip": "192.0.2.30"}, True),
        ({"status": "UNREACHABLE", "useragent": "lab-phone", "ip": "192.0.2.30"}, False),
        ({"status": "UNKNOWN", "useragent": "", "ip": "(null)"}, None),
        ({"status": "UNKNOWN", "useragent": "", "ip": "0.0.0.0"}, None),
    ],
)
def test_peers_of_the_old_driver_are_read_too(values: dict, reachable: bool | None):
    peer = peer_from_values("SIP/1001", values)
    assert peer is None if reachable is None else (peer.reachable, peer.address) == (reachable, "192.0.2.30")


def test_an_answer_without_a_value_is_none():
    assert value_of({"Response": "Success", "Message": "Done"}) is None
    assert value_of({"Response": "Success", "Value": ""}) == ""


NAMES = ("Event", "Endpoint", "ObjectName", "Uri", "UserAgent", "Status", "ViaAddr")
VALUES = st.text(max_size=60) | st.lists(st.text(max_size=9), max_size=3) | st.just("ContactList")


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_no_text_of_a_stranger_makes_it_fail(headers: dict):
    contacts_by_endpoint([{**headers, "Event": "ContactList"}, headers])

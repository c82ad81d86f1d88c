"""The actions of the verbs: nothing but what was meant ever comes out, whatever goes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmconnector.asterisk import actions, call_actions
from crmconnector.asterisk.ami import BadHeader
from crmconnector.asterisk.call_actions import Action, Dial

UID, OTHER = "1700000000.12", "pbx-berlin-1700000001.3"
COMMAND = "0f8fad5b-d9cb-469f-a165-70867728950e"
DIAL = Dial("PJSIP/204", "+442079460123", "+442079460123", "204", "from-internal", COMMAND, "crmconnector")
EVIL = [
    "1\r\nVariable: X=1", "1\r\n\r\nAction: Command", "\n", "\x00", "\x0b", "\x85", "\u2028", "1\n", "", " 1",
    "300&Local/0019005551212@from-internal", "300@evil.example", "300,30,TtWw", "300|30", "${SHELL(id)}", "300/n",
    "PJSIP/101/sip:x@y", "300^400", "1&2", ";", "`", "/.*/", "/PJSIP/", "../..", "a" * 200, "１２３", "٣٤٦", "²",
]  # fmt: skip


def made(place: str, value: str) -> Action:
    """An action with this value in one place, and right ones in all others."""
    return MAKERS[place](value)


MAKERS: dict[str, Callable[[str], Action]] = {
    "hang up": call_actions.hang_up,
    "blind, who": lambda value: call_actions.blind_transfer(value, number="204", context="inside"),
    "blind, whom": lambda value: call_actions.blind_transfer(UID, number=value, context="inside"),
    "blind, where": lambda value: call_actions.blind_transfer(UID, number="204", context=value),
    "ask first": lambda value: call_actions.ask_first(UID, number=value, context="inside"),
    "back": call_actions.back_to_caller,
    "together": lambda value: call_actions.put_together(UID, value),
    "park": lambda value: call_actions.park(value, own_channel="PJSIP/204-0000001a"),
    "park, own": lambda value: call_actions.park(UID, own_channel=value),
    "tone": lambda value: call_actions.play_tone(UID, value),
    "tone, who": lambda value: call_actions.play_tone(value, "1"),
    "mute": lambda value: call_actions.mute(value, on=True),
    "room": lambda value: call_actions.into_room(UID, room=value, snippet="crmconnector"),
    "room, where": lambda value: call_actions.into_room(UID, room="000000000001", snippet=value),
    "room, other": lambda value: call_actions.into_room(UID, value or "x", room="000000000001", snippet="crm"),
    "dnd": lambda value: call_actions.do_not_disturb(value, on=True, snippet="crmconnector", command=COMMAND),
    "dnd, where": lambda value: call_actions.do_not_disturb("204", on=True, snippet=value, command=COMMAND),
    "dnd?": call_actions.is_undisturbed,
    **{
        f"call, {field}": lambda value, field=field: call_actions.call_from_phone(replace(DIAL, **{field: value}))  # type: ignore[misc]
        for field in ("endpoint", "number", "shown", "own", "context", "command")
    },
    "call, snippet": lambda value: call_actions.call_from_phone(replace(DIAL, snippet=value or ";")),
}


@pytest.mark.parametrize("place", sorted(MAKERS))
@pytest.mark.parametrize("value", EVIL, ids=ascii)
def test_what_does_not_belong_in_a_place_is_refused(place: str, value: str) -> None:
    with pytest.raises(BadHeader) as refusal:
        made(place, value)
    assert len(value) < 3 or value not in str(refusal.value)


@given(place=st.sampled_from(sorted(MAKERS)), value=st.text(max_size=60))
@example(place="hang up", value=UID)
@example(place="hang up", value=OTHER)
@example(place="call, number", value="+442079460123")
@example(place="room", value="123456789012")
def test_what_goes_out_reads_back_as_what_went_in(place: str, value: str) -> None:
    try:
        action = made(place, value)
    except BadHeader:
        return
    sent = actions.encode(actions.build(action.name, action.headers, "mine").items())
    assert not any(byte < 32 and byte not in b"\r\n" for byte in sent)
    lines = sent.decode().split("\r\n")
    assert lines[-2:] == ["", ""] and "" not in lines[:-2]
    wanted = [("Action", action.name), ("ActionID", "mine")]
    for name, told in action.headers.items():
        wanted += [(name, each) for each in ([told] if isinstance(told, str) else told)]
    assert [tuple(line.split(": ", 1)) for line in lines[:-2]] == wanted


def test_the_phone_is_called_first_and_dials_through_our_dialplan() -> None:
    headers = call_actions.call_from_phone(DIAL).headers
    assert headers["Channel"] == "PJSIP/204" and headers["Async"] == "true"
    assert (headers["Context"], headers["Exten"]) == ("crmconnector", "call")
    assert headers["CallerID"] == '"+442079460123" <+442079460123>'
    assert {"CRM_FROM=204", "CRM_TO=+442079460123", "CRM_CONTEXT=from-internal"} < set(headers["Variable"])


def test_without_our_dialplan_the_own_number_is_given_so_that_nobody_is_shown_their_own() -> None:
    headers = call_actions.call_from_phone(replace(DIAL, snippet="")).headers
    assert (headers["Context"], headers["Exten"]) == ("from-internal", "+442079460123")
    assert headers["CallerID"] == '"+442079460123" <204>'


def test_only_where_the_driver_knows_the_headers_are_they_given() -> None:
    told = call_actions.call_from_phone(replace(DIAL, endpoint="SIP/204")).headers["Variable"]
    assert not any("PJSIP_HEADER" in variable for variable in told)

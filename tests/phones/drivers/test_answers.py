"""What a phone's answer means, from bytes: profiles of real models, and whatever else may come."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phones.drivers.base import LineWord, PhoneWord
from phones.drivers.errors import PhoneError, Reason, Unclear
from phones.drivers.grandstream.answers import accounts_of, envelope_of, lines_of, phone_state_of


def answer(body: object, response: str = "success") -> bytes:
    return json.dumps({"response": response, "body": body}).encode()


def line(number: object = 1, state: object = "idle", **more: object) -> dict[str, object]:
    return {"line": number, "state": state, **more}


@pytest.mark.parametrize("key", ["remotenumber", "remotenum", "remote_number"])
def test_the_other_number_is_read_under_every_name_phones_give_it(key: str) -> None:
    [found] = lines_of(envelope_of(answer([line(state="connected", **{key: "+4930123"})])))
    assert found.remote_number == "+4930123"


def test_the_guides_own_example_is_read() -> None:
    example = [
        {"line": number, "conf": 1, "state": "idle", "acct": 0, "active": 0, "remotename": "", "remotenum": ""}
        for number in range(1, 9)
    ]
    found = lines_of(envelope_of(answer(example)))
    assert [(each.line, each.state) for each in found] == [(number, LineWord.IDLE) for number in range(1, 9)]
    assert found[0].raw == example[0]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *[("idle", LineWord.IDLE), ("Ringing", LineWord.RINGING), ("dialing", LineWord.DIALING)],
        *[("calling", LineWord.CALLING), ("connected", LineWord.CONNECTED), ("onhold", LineWord.ON_HOLD)],
        ("failed", LineWord.FAILED),
        *[(word, LineWord.BUSY_UNKNOWN) for word in ("transfered", "conference", "", "idle?", None, 0, False, [])],
    ],
)
def test_a_state_we_do_not_know_is_never_taken_for_idle(word: object, state: LineWord) -> None:
    [found] = lines_of(envelope_of(answer([line(state=word)])))
    assert found.state is state


def test_a_line_without_a_state_is_not_taken_for_idle() -> None:
    assert lines_of(envelope_of(answer([{"line": 1}])))[0].state is LineWord.BUSY_UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        *[[], {}, "idle", None, True, [1], [None], [[]], [{}], [line("x")], [line(True)], [line(0)], [line(65)]],
        *[[line(-1)], [line(1.5)], [line("١")], [line(1), line(1)], [line(1), line("1")]],
        [line(number) for number in range(1, 66)],
    ],
    ids=repr,
)
def test_unbelievable_lines_are_not_reported_at_all(body: object) -> None:
    with pytest.raises(Unclear) as caught:
        lines_of(envelope_of(answer(body)))
    assert caught.value.reason is Reason.NOT_THE_EXPECTED_JSON


def test_numbers_and_names_come_without_control_characters_and_in_bounded_length() -> None:
    item = line(remotenumber="\x1b[31m" + "1" * 500, remotename="Eve\r\n\u202eadmin\x00")
    [found] = lines_of(envelope_of(answer([item])))
    assert found.remote_number == "[31m" + "1" * 60
    assert found.remote_name == "Eveadmin"


def test_numbers_that_come_as_json_numbers_are_read_and_not_shown_by_repr() -> None:
    [found] = lines_of(envelope_of(answer([line("2", remotenum=3501, remotename="Ann")])))
    assert (found.line, found.remote_number, found.remote_name) == (2, "3501", "Ann")
    assert "3501" not in repr(found)
    assert "Ann" not in repr(found)


def test_names_in_latin_1_do_not_spoil_the_answer() -> None:
    raw = '{"response":"success","body":[{"line":1,"state":"ringing","remotename":"Müller"}]}'.encode("latin-1")
    assert lines_of(envelope_of(raw))[0].remote_name == "Müller"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *[("available", PhoneWord.AVAILABLE), ("busy", PhoneWord.BUSY), ("ringing", PhoneWord.RINGING)],
        *[("oncall", PhoneWord.BUSY), ("", PhoneWord.BUSY), ("whatever", PhoneWord.BUSY)],
    ],
)
def test_a_phone_is_free_only_when_it_says_so(word: str, state: PhoneWord) -> None:
    assert phone_state_of(envelope_of(answer(word))).state is state


def test_the_same_key_twice_with_the_same_value_is_no_contradiction() -> None:
    assert envelope_of(b'{"response":"success","body":true,"body":true}')["body"] is True


@pytest.mark.parametrize(
    ("said", "registered"),
    [
        *[(yes, True) for yes in (1, "1", True, "true", "True", "01")],
        *[
            (no, False)
            for no in (0, "0", False, "false", "", None, 2, -1, "yes", "registered", [1], {"status": "0"}, 1.0)
        ],
    ],
    ids=repr,
)
def test_an_account_is_registered_only_when_the_phone_says_so(said: object, registered: bool) -> None:
    [found] = accounts_of(envelope_of(answer([{"id": 1, "reg": said}])))
    assert found.registered is registered


@pytest.mark.parametrize(
    "body",
    [
        *[{}, "idle", None, True, [1], [None], [{}], [{"reg": 1}], [{"id": 0}], [{"id": 17}], [{"id": True}]],
        *[[{"id": 1.5}], [{"id": "١"}], [{"id": 1}, {"id": 1}], [{"id": 1}, {"id": "1"}]],
        [{"id": number} for number in range(1, 18)],
    ],
    ids=repr,
)
def test_unbelievable_accounts_are_not_reported_at_all(body: object) -> None:
    with pytest.raises(Unclear) as caught:
        accounts_of(envelope_of(answer(body)))
    assert caught.value.reason is Reason.NOT_THE_EXPECTED_JSON


def test_a_phone_without_accounts_is_believed_and_texts_of_accounts_are_cleaned() -> None:
    assert accounts_of(envelope_of(answer([]))) == ()
    item = {
        "id": "2",
        "reg": "1",
        "sip_id": 204,
        "sip_server": "pbx\r\n" + "x" * 500,
        "name": "Zoë\x00\u202e",
        "auto_cfg": 1,
    }
    [found] = accounts_of(envelope_of(answer([item])))
    assert (found.account, found.sip_id, found.sip_server, found.name) == (2, "204", "pbx" + "x" * 61, "Zoë")
    assert "Zoë" not in repr(found)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()) | anything.map(answer))
def test_no_answer_makes_anything_but_a_phone_error(raw: bytes) -> None:
    for read in (dict, lines_of, accounts_of, phone_state_of):
        try:
            read(envelope_of(raw))
        except PhoneError as error:
            assert error.__context__ is None


@given(anything)
def test_no_line_is_idle_unless_the_phone_wrote_idle(state: object) -> None:
    assume("Infinity" not in json.dumps(state) and "NaN" not in json.dumps(state))  # no JSON: refused as a whole
    [found] = lines_of(envelope_of(answer([line(state=state)])))
    said_idle = isinstance(state, str) and state.strip().lower() == "idle"
    nested = isinstance(state, dict)
    assert nested or (found.state is LineWord.IDLE) == said_idle

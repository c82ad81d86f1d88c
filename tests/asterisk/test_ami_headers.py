"""The choke point: what may become a header of an action, and what an AMI address may hold."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.asterisk.actions import MAX_HEADERS, MAX_LINE_BYTES, HeaderValue, build, encode
from crmconnector.asterisk.ami import AmiAddress, BadHeader, NotSent

names = st.from_regex(r"\A[A-Za-z][A-Za-z0-9_-]{0,20}\Z")
values = st.text(max_size=120)


def reread(raw: bytes) -> list[tuple[str, str]]:
    """As Asterisk reads: lines by CR LF, a name up to the first colon, one action up to the first empty line."""
    head, end, rest = raw.decode().partition("\r\n\r\n")
    assert end and not rest, "more than one action"
    return [(line.partition(": ")[0], line.partition(": ")[2]) for line in head.split("\r\n")]


@given(st.dictionaries(names, values, min_size=1, max_size=10))
def test_whatever_is_let_through_arrives_as_it_was_or_not_at_all(headers: dict[str, str]) -> None:
    try:
        raw = encode(headers.items())
    except BadHeader:
        return
    assert reread(raw) == list(headers.items())
    assert len(raw.decode().splitlines()) == len(headers) + 1, "a reader that knows other line ends sees more lines"


def test_names_of_all_languages_are_let_through() -> None:
    assert reread(encode([("CallerID", "Zoë 山田 🙂 <1001>")])) == [("CallerID", "Zoë 山田 🙂 <1001>")]


@pytest.mark.parametrize("name", ["", "A B", "A:B", "Ä", "A" * 65, "1A", "A\n", "A\r\nB", " A"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadHeader):
        encode([(name, "x")])


@pytest.mark.parametrize("value", [5, None, b"x", 1.5, {"a": "b"}])
def test_a_value_that_is_no_text_is_refused(value: HeaderValue) -> None:
    with pytest.raises(BadHeader):
        encode([("Timeout", value)])


def test_a_line_as_long_as_asterisk_may_read_is_the_longest() -> None:
    room = MAX_LINE_BYTES - len("Data: ")
    encode([("Data", "x" * room)])
    for value in ("x" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(BadHeader, match="bytes"):
            encode([("Data", value)])


def test_more_headers_than_asterisk_keeps_are_refused() -> None:
    encode([("Variable", ["a=b"] * MAX_HEADERS)])
    with pytest.raises(BadHeader, match="headers"):
        encode([("Variable", ["a=b"] * (MAX_HEADERS + 1))])


@pytest.mark.parametrize(
    "headers",
    [
        {"Action": "Command"},
        {"aCTION": "Command"},
        {"Channel": "a", "channel": "b"},
        {"ActionID": "a", "actionid": "b"},
    ],
)
def test_a_header_given_twice_or_a_second_action_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadHeader):
        build("Hangup", headers, "id")


def test_the_callers_own_actionid_takes_the_place_of_ours() -> None:
    assert build("Originate", {"actionid": "attempt-7"}, "ours") == {"Action": "Originate", "actionid": "attempt-7"}
    assert build("Originate", {}, "ours") == {"Action": "Originate", "ActionID": "ours"}


@pytest.mark.parametrize(
    "changes",
    [
        {"host": ""},
        {"port": 0},
        {"port": 65536},
        {"username": "crm\r\nEvents: off"},
        {"secret": "canary\n4711"},
        {"secret": "canary" * 200},
        {"tls": "False"},
    ],
)
def test_an_address_that_could_never_work_is_refused_where_it_is_made(changes: dict[str, object]) -> None:
    with pytest.raises(NotSent) as refused:
        AmiAddress(**{"host": "pbx", "port": 5038, "username": "crm", "secret": "canary", "tls": None, **changes})  # type: ignore[arg-type]
    assert "canary" not in str(refused.value)


def test_an_address_does_not_show_its_secret() -> None:
    address = AmiAddress("pbx", 5039, "crm", "canary", ssl.create_default_context())
    assert "canary" not in repr(address) and "crm" in repr(address)

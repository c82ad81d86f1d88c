"""From bytes to messages to headers, however the bytes were cut and whatever they are."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmconnector.asterisk.ami_wire import GIVE_UP_AT, MESSAGE_LIMIT, Framer, WireFault, header, parse
from tests.support.fake_ami import LOOPS, FakeAmi, event, eventually, listening, run, up

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
both_loops = pytest.mark.parametrize("loop", LOOPS)


def read(*segments: bytes) -> list[str]:
    framer = Framer()
    messages = [message for segment in (BANNER, *segments) for message in framer.feed(segment)]
    assert framer.version == "11.0.0"
    return messages


def test_names_in_utf8_survive_a_cut_at_every_byte() -> None:
    raw = "Event: NewCallerid\r\nCallerIDName: Zoë 山田 🙂\r\nUniqueid: 1.1\r\n\r\n".encode() * 2
    whole = read(raw)
    assert parse(whole[0])["CallerIDName"] == "Zoë 山田 🙂"
    for cut in range(len(raw)):
        assert read(raw[:cut], raw[cut:]) == whole
    assert read(*(raw[n : n + 1] for n in range(len(raw)))) == whole


@given(st.lists(st.integers(min_value=1, max_value=70), max_size=40), st.integers(min_value=0, max_value=3))
def test_any_cutting_gives_the_same_messages(sizes: list[int], extra_line_ends: int) -> None:
    names = ["Zoë".encode(), "Müller".encode("latin-1"), b"Ada\0 Smith", b""]
    raw = b"".join(b"Event: E\r\nA: %b\r\nEmpty: \r\n\r\n%b" % (name, b"\r\n" * extra_line_ends) for name in names)
    pieces, rest = [], BANNER + raw
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    framer = Framer()
    messages = [parse(m) for piece in (*pieces, rest) for m in framer.feed(piece) if m.strip()]
    assert [m["A"] for m in messages] == ["Zoë", "Müller", "Ada Smith", ""]
    assert all(m["Empty"] == "" for m in messages)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Zoë".encode(), "Zoë"),
        ("Müller".encode("latin-1"), "Müller"),
        ("André".encode("latin-1"), "André"),  # looks like UTF-8 that was cut
        ("Zoë Müller".encode()[:-5], "Zoë M"),  # is UTF-8 that was cut: Asterisk cuts long names at a byte
        (b"\xff\xfe", "ÿþ"),
    ],
)
def test_a_name_in_another_encoding_does_not_garble_its_neighbour(raw: bytes, name: str) -> None:
    (message,) = read(b"Event: E\r\nCallerIDName: " + raw + b"\r\nConnectedLineName: " + "Ö".encode() + b"\r\n\r\n")
    assert parse(message) == {"Event": "E", "CallerIDName": name, "ConnectedLineName": "Ö"}


def test_headers_keep_what_panoramisk_loses() -> None:
    assert parse("Event: TestEvent\r\nState: A\r\nState: B\r\nState: C")["State"] == ["A", "B", "C"]
    assert parse("Event: E\r\nAccountCode: ") == {"Event": "E", "AccountCode": ""}
    assert parse("Event: E\r\nAccountCode:") == {"Event": "E", "AccountCode": ""}
    assert parse("Event: E\r\nNoSpace:value") == {"Event": "E", "NoSpace": "value"}
    assert parse("\r\nEvent: E\r\nno header at all\r\nApplication: a: b") == {"Event": "E", "Application": "a: b"}
    assert parse("Event: E\r\nCallerIDName: O\\'Neil") == {"Event": "E", "CallerIDName": "O\\'Neil"}
    assert parse("Event: E\r\nName: one\u2028two\x85three") == {"Event": "E", "Name": "one\u2028two\x85three"}
    assert parse("") == {}


def test_a_header_is_found_whatever_its_case() -> None:
    headers = parse("Event: E\r\nUniqueID: 1.1\r\nState: a\r\nState: b")
    assert (header(headers, "Uniqueid"), header(headers, "State"), header(headers, "None")) == ("1.1", "a", "")


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_no_bytes_whatever_make_the_parser_raise(junk: bytes) -> None:
    framer = Framer()
    framer.feed(BANNER)
    for message in framer.feed(junk + b"\r\n\r\n"):
        headers = parse(message)
        assert "\0" not in repr(headers)
        header(headers, "Event")


@pytest.mark.parametrize("size", [MESSAGE_LIMIT - 500, 2 * MESSAGE_LIMIT, GIVE_UP_AT // 2])
@pytest.mark.parametrize("segment", [1000, 70_000, 262_144, 10_000_000])
def test_of_a_message_too_long_the_whole_first_lines_are_kept_and_the_next_is_whole(size: int, segment: int) -> None:
    long = b"Event: VarSet\r\nUniqueid: 1.1\r\nValue: " + b"x" * size + b"\r\nLast: y\r\n\r\n"
    raw = long + event("Hangup", Uniqueid="1.1")
    framer = Framer()
    framer.feed(BANNER)
    messages = []
    for start in range(0, len(raw), segment):
        messages += framer.feed(raw[start : start + segment])
        assert len(framer._buffer) <= MESSAGE_LIMIT + segment
    first, second = (parse(message) for message in messages)
    assert second == {"Event": "Hangup", "Uniqueid": "1.1"}
    if size > MESSAGE_LIMIT:
        assert (first, framer.oversized) == ({"Event": "VarSet", "Uniqueid": "1.1"}, 1)
    else:
        assert (first["Last"], framer.oversized) == ("y", 0)


@pytest.mark.parametrize("length", range(MESSAGE_LIMIT - 4, MESSAGE_LIMIT + 5))
def test_at_the_limit_every_cutting_gives_the_same_message(length: int) -> None:
    message = b"Event: E\r\nA: b\r\nC: "
    raw = message + b"x" * (length - len(message)) + b"\r\n\r\n"
    whole = read(raw)
    for cut in range(len(raw) - 9, len(raw)):
        assert read(raw[:cut], raw[cut:]) == whole


def test_a_stream_without_any_end_is_given_up_with_little_memory() -> None:
    framer = Framer()
    framer.feed(BANNER)
    segment = b"x" * 65536
    tracemalloc.start()
    with pytest.raises(WireFault, match="oversize"):
        for _ in range(32 * 1024 * 1024 // len(segment)):
            framer.feed(segment)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MESSAGE_LIMIT


@both_loops
def test_thirty_two_megabytes_without_an_end_cost_the_link_and_nothing_else(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            for _ in range(32):
                pbx.live[0].send(b"x" * 1024 * 1024)
                await asyncio.sleep(0)
                if listener.downs:
                    break
            await up(listener, 2)
            assert listener.downs[0].reason_code == "oversize"
            assert listener.client.state().oversized == 1

    run(story(), loop)


@both_loops
def test_one_poisoned_event_in_a_thousand_costs_neither_the_link_nor_its_neighbours(loop: str) -> None:
    poison = [
        event("VarSet", Value="x" * 1024 * 1024),
        b"Event: TestEvent\r\nState: A\r\nState: B\r\n\r\n",
        b"Event: \xff\xfe\0\r\n\xff: \r\n\r\n",
        b"Event:\r\n\r\n",
        b"no header at all\r\n\r\n",
        b": \r\n\r\n\r\n\r\n\r\n",
        b"Response: Success\r\nMessage: nobody asked\r\n\r\n",
        b"Response: Success\r\nActionID: unknown\r\n\r\n",
        b"Event: OriginateResponse\r\nActionID: somebody-elses\r\nUniqueid: <unknown>\r\n\r\n",
        b"Event: CoreShowChannel\r\nActionID: crm-list/old\r\n\r\n",
        b"Response: Follows\r\nPrivilege: Command\r\nCore debug\n--END COMMAND--\r\n\r\n",
        b"Event: Hangup\r\nDuration: -1\r\nCause: \r\n\r\n",
    ]

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            for number in range(1000):
                pbx.say(event("Newstate", Number=str(number)))
                if number % 80 == 40:
                    pbx.say(poison[number // 80 % len(poison)])
            await eventually(lambda: len(listener.named("Newstate")) == 1000, "all thousand events")
            assert not listener.downs
            sequences = [found.sequence for found in listener.events]
            assert sequences == list(range(1, len(sequences) + 1))
            state = listener.client.state()
            assert (state.oversized, state.malformed, state.late) == (1, 3, 4)

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("size", [1, 2, 3, 7, 59])
def test_a_whole_session_in_tiny_segments_loses_nothing(size: int, loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            raw = event("NewCallerid", CallerIDName="Zoë 山田 🙂") * 10
            for start in range(0, len(raw), size):
                pbx.say(raw[start : start + size])
                await asyncio.sleep(0)
            await eventually(lambda: len(listener.named("NewCallerid")) == 10)
            assert {str(e.headers["CallerIDName"]) for e in listener.named("NewCallerid")} == {"Zoë 山田 🙂"}

    run(story(), loop)

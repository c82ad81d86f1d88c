"""The same office on Asterisk 16, with chan_pjsip and with chan_sip: `pytest -m "lab and slow"`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pbx.asterisk_server import ASTERISK16, ASTERISK16SIP, Variant
from tests.pbx.record import record
from tests.pbx.stories import STORIES
from tests.pbx.tape import Tape
from tests.pbx.test_recordings import events, truth
from tests.support.lab import Lab, lab_missing

pytestmark = pytest.mark.slow  # a second system to unpack


@pytest.fixture(scope="module", params=[ASTERISK16, ASTERISK16SIP], ids=lambda variant: variant.name)
def old(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An office on Asterisk 16."""
    variant: Variant = request.param
    missing = lab_missing(variant)
    if missing and os.environ.get("CI"):
        pytest.fail(f"A build must not pass without the lab. {missing}")
    if missing:
        pytest.skip(missing)
    with Lab(variant=variant) as started:
        yield started


@pytest.fixture(autouse=True)
def no_call_is_left(old: Lab) -> Iterator[None]:
    yield
    old.quiet()


def heard(lab: Lab, name: str) -> list[dict[str, str]]:
    """Live through a story; what the product's user saw of it, each header once."""
    tape = Tape(lab)
    tape.connect()
    STORIES[name](lab)
    tape.finish()
    return [{key: message.get(key) for key in message.headers} for message in tape.messages]


def answered(seen: list[dict[str, str]]) -> list[str]:
    """The endpoints whose ringing ended with an answer."""
    ends = [one for one in seen if one["Event"] == "DialEnd" and one["DialStatus"] == "ANSWER"]
    return [one["DestChannel"].rpartition("-")[0] for one in ends]


def test_it_is_asterisk_16_and_has_one_driver_for_sip(old: Lab) -> None:
    assert old.asterisk_version.startswith("16.")
    with old.truth() as wire:
        modules = wire.command("module show like chan_")
    wanted, unwanted = ("chan_sip", "chan_pjsip") if old.variant is ASTERISK16SIP else ("chan_pjsip", "chan_sip")
    assert wanted in modules
    assert unwanted not in modules


def test_a_call_from_outside_reaches_the_desk_by_the_name_of_its_driver(old: Lab) -> None:
    technology = old.variant.technology
    assert old.trunk.endpoint == f"{technology}/trunk"
    assert answered(heard(old, "inbound_answered")) == [f"{technology}/1001"]


def test_a_queue_rings_its_members(old: Lab) -> None:
    seen = heard(old, "queue_answered")
    rang = {one["DestChannel"].rpartition("-")[0] for one in seen if one["Event"] == "DialBegin"}
    assert rang == {f"{old.variant.technology}/{extension}" for extension in ("1001", "1002", "1003")}


def test_the_pbx_can_be_asked_to_call_for_a_desk(old: Lab) -> None:
    assert answered(heard(old, "originate_answered"))[-1] == f"{old.variant.technology}/trunk"


@pytest.mark.parametrize("story", ["transfer_attended", "transfer_blind"])
def test_a_call_is_passed_on(old: Lab, story: str) -> None:
    assert f"{old.variant.technology}/1002" in answered(heard(old, story))


def test_a_recording_says_when_events_happened_only_where_asked(old: Lab, tmp_path: Path) -> None:
    record(old, "inbound_answered_other_clock", tmp_path)
    record(old, "inbound_answered", tmp_path)
    stamped, plain = (events(tmp_path / f"inbound_answered{more}.jsonl") for more in ("_other_clock", ""))
    assert {event["headers"]["Event"] for event in stamped if "Timestamp" not in event["headers"]} == {"FullyBooted"}
    assert not any("Timestamp" in event["headers"] for event in plain)
    assert truth(tmp_path / "inbound_answered.jsonl")["trunks"] == [old.trunk.endpoint]


def test_after_an_administrators_restart_the_supervisor_starts_it_again(old: Lab) -> None:
    port, pid = old.ami_port, old.server.pid
    old.restart_asterisk()
    assert old.ami_port == port
    assert old.server.pid not in (None, pid)
    old.trunk.call(old.did_queue, from_number="+442079460123")
    old.phones["1001"].wait_state("ringing")

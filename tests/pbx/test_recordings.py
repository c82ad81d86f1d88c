"""The recordings that are kept in the repository: whole, honest, and of nobody real."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.stories import STORIES
from tests.pbx.stories_with_gaps import GAP_STORIES

FOLDER = REPOSITORY / "tests/recordings/asterisk22"
RECORDINGS = sorted(FOLDER.glob("*.jsonl"))
# Ranges that the regulators of Germany, Britain and North America keep free for fiction; 9 gets an outside line.
FICTION = re.compile(r"(?:\+|9)?(493023125\d{3}|442079460\d{3}|120255501\d\d)")
MOMENT = re.compile(r"\b1[78]\d{8}(\.\d+)?\b")  # seconds since 1970; a Uniqueid begins with them
LONG_NUMBER = re.compile(r"(?<![\d.])\+?\d{9,}(?![\d.]*\d)")


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def truth(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))
    return told


def endpoint(channel: str) -> str:
    return channel.rpartition("-")[0]


def test_every_story_is_recorded_and_every_recording_has_its_story() -> None:
    assert {path.stem for path in RECORDINGS} == {*STORIES, *GAP_STORIES}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_holds_events_in_the_order_of_time(path: Path) -> None:
    recorded = events(path)
    times = [event["t"] for event in recorded]
    assert times == sorted(times)
    assert times[0] >= 0
    assert all(event["headers"].get("Event") for event in recorded)
    # RTCPReceived and its like come by the hundred and tell nothing about calls.
    assert not {"TestEvent", "RTCPReceived", "VarSet"} & {event["headers"]["Event"] for event in recorded}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_holds_no_real_number_and_nothing_of_the_machine(path: Path) -> None:
    for file in (path, path.with_suffix(".truth.json")):
        text = MOMENT.sub("", file.read_text(encoding="utf-8"))
        strange = [number for number in LONG_NUMBER.findall(text) if not FICTION.fullmatch(number)]
        assert strange == []
        assert not re.search(r"/(tmp|root|home|usr|var)/|ecret", text)
        assert str(REPOSITORY) not in text


@pytest.mark.parametrize("path", [p for p in RECORDINGS if p.stem in STORIES], ids=lambda path: path.stem)
def test_the_phones_and_the_pbx_tell_the_same_story(path: Path) -> None:
    """Every desk that rang, and every party that talked, by the phones' own account, is in the stream."""
    headers = [event["headers"] for event in events(path)]
    phones = truth(path)["phones"]
    rang = {name for name, seen in phones.items() if any(entry["event"] == "ringing" for entry in seen)}
    assert rang == {endpoint(h["Channel"]) for h in headers if rings(h)}
    # A caller who waits in a queue is connected with its music; for desks it takes a partner.
    talked = {name for name, seen in phones.items() if any(entry["event"] == "connected" for entry in seen)}
    bridged = {endpoint(h["Channel"]) for h in headers if h["Event"] == "BridgeEnter"}
    assert desks(talked) == desks(bridged)
    assert len([h for h in headers if h["Event"] == "Newchannel"]) == len(
        [h for h in headers if h["Event"] == "Hangup"]
    )


def desks(endpoints: set[str]) -> set[str]:
    return {name for name in endpoints if name.startswith("PJSIP/100")}


def rings(headers: dict[str, str]) -> bool:
    real = not headers.get("Channel", "").startswith("Local/")
    return real and headers["Event"] == "Newstate" and headers["ChannelStateDesc"] == "Ringing"

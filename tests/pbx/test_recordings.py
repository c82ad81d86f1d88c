"""The recordings that are kept in the repository: whole, honest, and of nobody real."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.asterisk_server import VARIANTS
from tests.pbx.record import LEFT_OUT, RECORDINGS, STAMPED, stories_of
from tests.pbx.stories import STORIES
from tests.pbx.stories_with_gaps import GAP_STORIES
from tests.pbx.told_otherwise import ON_CHAN_SIP

PATHS = sorted(path for name in VARIANTS for path in (RECORDINGS / name).glob("*.jsonl"))
WITHOUT_GAPS = [path for path in PATHS if path.stem not in GAP_STORIES]
# Ranges that the regulators of Germany, Britain and North America keep free for fiction; 9 gets an outside line.
FICTION = re.compile(r"(?:\+|9)?(493023125\d{3}|442079460\d{3}|120255501\d\d)")
MOMENT = re.compile(r"\b1[78]\d{8}(\.\d+)?\b")  # seconds since 1970; a Uniqueid begins with them
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")  # the name of a bridge; may hold ten digits in a row
LONG_NUMBER = re.compile(r"(?<![\d.])\+?\d{9,}(?![\d.]*\d)")


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def truth(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))
    return told


def endpoint(channel: str) -> str:
    return channel.rpartition("-")[0]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_story_is_recorded_and_every_recording_has_its_story(variant: str) -> None:
    assert sorted(path.stem for path in PATHS if path.parent.name == variant) == sorted(stories_of(variant))


def test_no_exception_is_kept_for_a_story_that_is_gone() -> None:
    assert {*ON_CHAN_SIP, *STAMPED.values()} <= {*STORIES}
    assert {name for left_out in LEFT_OUT.values() for name in left_out} <= {*STORIES, *GAP_STORIES}


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_recording_names_phones_as_its_kind_of_pbx_does(path: Path) -> None:
    variant, told = VARIANTS[path.parent.name], truth(path)
    assert told["asterisk"].split(".")[0] in variant.name
    assert told["trunks"] == [f"{variant.technology}/trunk"]
    used = {h["Channel"].partition("/")[0] for h in (event["headers"] for event in events(path)) if "Channel" in h}
    assert {name.partition("/")[0] for name in told["phones"]} <= {variant.technology}
    assert used & {"PJSIP", "SIP"} <= {variant.technology}


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_only_the_recording_of_another_clock_says_when_events_happened(path: Path) -> None:
    # The greeting to a login is no news of the PBX: it never has the time.
    news = [event["headers"] for event in events(path) if event["headers"]["Event"] != "FullyBooted"]
    assert {"Timestamp" in headers for headers in news} == {path.stem in STAMPED}


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_recording_holds_events_in_the_order_of_time(path: Path) -> None:
    recorded = events(path)
    times = [event["t"] for event in recorded]
    assert times == sorted(times)
    assert times[0] >= 0
    assert all(event["headers"].get("Event") for event in recorded)
    # RTCPReceived and its like come by the hundred and tell nothing about calls.
    assert not {"TestEvent", "RTCPReceived", "VarSet"} & {event["headers"]["Event"] for event in recorded}


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_recording_holds_no_real_number_and_nothing_of_the_machine(path: Path) -> None:
    for file in (path, path.with_suffix(".truth.json")):
        text = MOMENT.sub("", UUID.sub("", file.read_text(encoding="utf-8")))
        strange = [number for number in LONG_NUMBER.findall(text) if not FICTION.fullmatch(number)]
        assert strange == []
        assert not re.search(r"/(tmp|root|home|usr|var)/|ecret", text)
        assert str(REPOSITORY) not in text


@pytest.mark.parametrize("path", WITHOUT_GAPS, ids=named)
def test_the_phones_and_the_pbx_tell_the_same_story(path: Path) -> None:
    """Every desk that rang, and every party that talked, by the phones' own account, is in the stream."""
    headers = [event["headers"] for event in events(path)]
    phones = truth(path)["phones"]
    rang = {name for name, seen in phones.items() if any(entry["event"] == "ringing" for entry in seen)}
    assert rang == {endpoint(h["Channel"]) for h in headers if rings(h)}
    # Who waits in a queue, confirms a call or listens in is connected with the PBX alone, in no bridge.
    talked = {name for name, seen in phones.items() if any(entry["event"] == "connected" for entry in seen)}
    bridged = {endpoint(h["Channel"]) for h in headers if h["Event"] == "BridgeEnter"}
    up = {endpoint(h["Channel"]) for h in headers if h["Event"] == "Newstate" and h["ChannelStateDesc"] == "Up"}
    assert desks(bridged) <= desks(talked) <= desks(up)
    assert len([h for h in headers if h["Event"] == "Newchannel"]) == len(
        [h for h in headers if h["Event"] == "Hangup"]
    )


def desks(endpoints: set[str]) -> set[str]:
    return {name for name in endpoints if re.match(r"(PJ)?SIP/100\d", name)}


def rings(headers: dict[str, str]) -> bool:
    real = not headers.get("Channel", "").startswith("Local/")
    return real and headers["Event"] == "Newstate" and headers["ChannelStateDesc"] == "Ringing"

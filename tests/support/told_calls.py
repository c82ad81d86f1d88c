"""What people would tell of the calls in a recording, in short form, to be compared with what was replayed.

Endpoints are written short: `1001`, `trunk`. A key that is left out is not compared. Calls are A, B, … in the order in
which they began.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crmconnector.calls.replay import calls_from_events

Told = dict[str, Any]
ANY: Any = object()  # something must be there, but people would not agree on what
MAIN_NUMBER = "+493023125100"
RECORDINGS = Path(__file__).parent.parent / "recordings"
TRUNKS = {"asterisk22": "PJSIP/trunk", "asterisk16": "PJSIP/trunk", "asterisk16sip": "SIP/trunk"}  # by kind of PBX


def takes(stories: Iterable[str]) -> list[tuple[str, str]]:
    """(kind of PBX, story) for each recording there is; some kinds cannot live through some stories."""
    return [(pbx, name) for pbx in TRUNKS for name in stories if (RECORDINGS / pbx / f"{name}.jsonl").exists()]


def replayed(pbx: str, name: str) -> list[Told]:
    """The calls that the tracker tells of a recording."""
    lines = (RECORDINGS / pbx / f"{name}.jsonl").read_text("utf-8").splitlines()
    return calls_from_events([json.loads(line) for line in lines], trunks=[TRUNKS[pbx]])


def truth_of(pbx: str, name: str) -> Told:
    """What the phones themselves lived through."""
    truth: Told = json.loads((RECORDINGS / pbx / f"{name}.truth.json").read_text("utf-8"))
    return truth


def call(caller: str, number: str | None, dialled: str | None, **more: Any) -> Told:
    """One call. `number` or `dialled` None: not compared.

    rang and pops: desk -> what happened there, in order (`"answered"` is short for `["answered"]`); talked: desks as a
    text with blanks; transfers: (kind, by, "one other" or None for nobody, ok); merged: the letter of a call.
    """
    told: Told = {
        "direction": "inbound" if caller == "trunk" else "internal",
        "originated": False,
        "caller": caller,
        "rang": {},
        "by": None,
        "talked": "",
        "transfers": [],
        "picked_up": False,
        "merged": None,
        "ended": True,
        "pops": {},
        **more,
    }
    known = {"number": number, "dialled": dialled}
    return {key: value for key, value in {**told, **_known(known)}.items() if value is not ANY}


def folded(caller: str, into: str) -> Told:
    """A call that nobody would tell of as one: it was only the way to join another. It may be left out."""
    return {"caller": caller, "merged": into, "may_be_left_out": True}


def _known(more: Mapping[str, Any]) -> Told:
    return {key: value for key, value in more.items() if value is not None}


def differences(told: Sequence[Mapping[str, Any]], replayed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines that say where the replayed calls are not what people tell; none if all is well."""
    letters = {one["linkedid"]: chr(ord("A") + number) for number, one in enumerate(replayed)}
    short = [_short(one, letters) for one in replayed]
    if len(short) < len(told):
        told = [one for one in told if not one.get("may_be_left_out")]
    lines = [] if len(told) == len(short) else [f"{len(told)} calls are told, {len(short)} were replayed"]
    for letter, one, other in zip("ABCDEF", told, short, strict=False):
        lines += [
            f"{letter} {key}: told {_plain(key, value)!r}, replayed {other[key]!r}"
            for key, value in one.items()
            if key != "may_be_left_out" and not _same(_plain(key, value), other[key])
        ]
    return lines


def rings_told(told: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How often each desk rang by what people tell; that of a phone that was to be rung first counts too."""
    rang: dict[str, int] = defaultdict(int)
    for one in told:
        for desk, seen in _plain("rang", one.get("rang", {})).items() if one.get("rang") is not ANY else ():
            rang[desk] += len(seen)
        if one.get("originated"):
            rang[one["caller"]] += 1
    return {desk: times for desk, times in rang.items() if desk != "trunk"}


def rings_lived(truth: Mapping[str, Any]) -> dict[str, int]:
    """How often each desk rang by its own diary, as `record` keeps it."""
    diaries = {str(_desk(endpoint)): diary for endpoint, diary in truth["phones"].items()}
    rang = {desk: sum(seen["event"] == "ringing" for seen in diary) for desk, diary in diaries.items()}
    return {desk: times for desk, times in rang.items() if times and desk != "trunk"}


def calls_lived(folder: Path, name: str) -> dict[str, int]:
    """How many calls each desk made by its own diary. A desk that the PBX rang first, to dial for it, made one too."""
    truth = json.loads((folder / f"{name}.truth.json").read_text("utf-8"))
    made: dict[str, int] = defaultdict(int)
    for endpoint, diary in truth["phones"].items():
        made[str(_desk(endpoint))] += sum(seen["event"] == "calling" for seen in diary)
    if name.startswith("originate_"):
        rings = [(seen["t"], endpoint) for endpoint in truth["phones"] for seen in truth["phones"][endpoint]
                 if seen["event"] == "ringing"]  # fmt: skip
        for _, endpoint in sorted(rings)[:1]:
            made[str(_desk(endpoint))] += 1
    return {desk: times for desk, times in made.items() if times and desk != "trunk"}


def desks_that_called(folder: Path, name: str) -> set[str]:
    return set(calls_lived(folder, name))


def _short(one: Mapping[str, Any], letters: Mapping[str, str]) -> Told:
    caller = one["caller"] or {"endpoint": None, "number": None, "name": None, "restricted": None}
    return {
        "direction": one["direction"],
        "originated": one["originated"],
        "caller": _desk(caller["endpoint"]),
        "number": caller["number"],
        "name": (caller["name"] or "").strip(),
        "dialled": one["dialled"],
        "rang": _by_desk(one["rang"], "outcome"),
        "by": _desk(one["answered_by"]),
        "talked": sorted(str(_desk(endpoint)) for endpoint in one["talked_with"]),
        "transfers": [(t["kind"], _desk(t["by"]), _pair(t["connects"]), t["ok"]) for t in one["transfers"]],
        "picked_up": one["picked_up"],
        "merged": letters.get(one["merged_into"], one["merged_into"]),
        "disposition": one["disposition"],
        "ended": one["ended"],
        "pops": _by_desk(one["pops"], "number"),
    }


def _plain(key: str, value: Any) -> Any:
    """The short form of a told value, written out."""
    if key in ("rang", "pops"):
        return {desk: [seen] if isinstance(seen, str) or seen is ANY else seen for desk, seen in value.items()}
    if key == "talked":
        return sorted(value.split())
    if key == "transfers":
        return [(kind, by, sorted(both.split()) if isinstance(both, str) else both, ok) for kind, by, both, ok in value]
    return value


def _same(told: Any, replayed: Any) -> bool:
    if told is ANY:
        return True
    if isinstance(told, dict) and isinstance(replayed, dict):
        return told.keys() == replayed.keys() and all(_same(told[key], replayed[key]) for key in told)
    if isinstance(told, list | tuple) and isinstance(replayed, list | tuple):
        return len(told) == len(replayed) and all(map(_same, told, replayed))
    return bool(told == replayed)


def _by_desk(entries: Sequence[Mapping[str, Any]], key: str) -> dict[str | None, list[Any]]:
    """Phones of a group ring in any order; what one desk saw has an order."""
    found: dict[str | None, list[Any]] = defaultdict(list)
    for entry in entries:
        found[_desk(entry["endpoint"])].append(entry[key])
    return dict(found)


def _pair(connects: Sequence[str] | None) -> list[str] | None:
    return sorted(str(_desk(endpoint)) for endpoint in connects) if connects else None


def _desk(endpoint: str | None) -> str | None:
    return endpoint.partition("/")[2] if endpoint else endpoint

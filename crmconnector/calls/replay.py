"""A recorded stream of AMI events -> the calls it tells, as plain dictionaries.

Runs the same code as the live product; imports without Django settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls import events as ev
from crmconnector.calls.snapshot import OpenCall
from crmconnector.calls.tracker import CallTracker

Told = dict[str, Any]
Recorded = Mapping[str, Any]


def calls_from_events(events: Iterable[Recorded], *, trunks: Collection[str]) -> list[Told]:
    """The calls of a stream, in the order in which they began.

    An event is a dictionary of headers, or a line of a recording: `{"t": seconds, "headers": {…}}`. Times are those of
    the Timestamp header or of the recording; a stream without either has null times. Nothing raises.
    """
    tracker = CallTracker(trunks=trunks)
    story = _Story(frozenset(trunks))
    for told in _told(tracker, events):
        story.take(told)
    for call in tracker.open_calls():
        story.still_open(call)
    return story.calls()


def told_from_events(events: Iterable[Recorded], *, trunks: Collection[str]) -> Iterator[ev.CallEvent]:
    """The call events of a stream, as the rest of the product would hear them."""
    return _told(CallTracker(trunks=trunks), events)


def _told(tracker: CallTracker, events: Iterable[Recorded]) -> Iterator[ev.CallEvent]:
    for entry in events:
        headers, at = _unpack(entry)
        event = parse(headers, at)
        if event is not None:
            yield from tracker.feed(event)


def _unpack(entry: object) -> tuple[Mapping[str, Any], float]:
    if not isinstance(entry, Mapping):
        return {}, 0.0
    headers = entry.get("headers", entry)
    stamp = entry.get("t", 0.0)
    at = float(stamp) if isinstance(stamp, int | float) and not isinstance(stamp, bool) else 0.0
    return (headers if isinstance(headers, Mapping) else {}), at


# The agreed shape has fewer words: a phone that rang and could not be reached did not answer; unseen is not known.
_OUTCOMES: dict[str, str | None] = {"failed": "no_answer", "unseen": None}


class _Story:
    """Collects call events into the dictionaries of calls."""

    def __init__(self, trunks: Collection[str]) -> None:
        self._trunks = trunks
        self._calls: dict[str, Told] = {}
        self._rang: dict[str, Told] = {}  # by leg
        self._still_rings: dict[str, str] = {}  # leg -> call
        self._seen: dict[str, str | None] = {}  # by leg: the number on its card

    def calls(self) -> list[Told]:
        return list(self._calls.values())

    def take(self, told: ev.CallEvent) -> None:
        react = _REACTIONS.get(type(told))
        if react is not None:
            react(self, self._call(told.call), told)

    def _call(self, key: str) -> Told:
        return self._calls.setdefault(key, _blank(key))

    def started(self, call: Told, told: ev.CallStarted) -> None:
        call["originated"] = told.originated
        call["started_at"] = told.at or None
        self.changed(call, told)

    def changed(self, call: Told, told: ev.CallStarted | ev.CallChanged) -> None:
        call["direction"] = told.direction
        call["caller"] = _party(told.caller)
        call["dialled"] = told.dialled

    def ringing(self, call: Told, told: ev.LegRinging) -> None:
        if not told.picked_up:
            self._rang[told.leg] = {"endpoint": told.endpoint, "outcome": None}
            call["rang"].append(self._rang[told.leg])
            self._still_rings[told.leg] = told.call
        self._pop(call, told.leg, told.endpoint, told.far)

    def shown(self, call: Told, told: ev.LegChanged | ev.LegAnswered) -> None:
        if told.leg in self._seen and told.far.number != self._seen[told.leg]:
            self._pop(call, told.leg, told.endpoint, told.far)

    def leg_answered(self, call: Told, told: ev.LegAnswered) -> None:
        self._still_rings.pop(told.leg, None)
        self.shown(call, told)

    def leg_ended(self, _call: Told, told: ev.LegEnded) -> None:
        self._still_rings.pop(told.leg, None)
        if told.leg in self._rang:
            self._rang[told.leg]["outcome"] = _OUTCOMES.get(told.outcome, told.outcome)

    def answered(self, call: Told, told: ev.CallAnswered) -> None:
        call["answered_at"] = told.at or None
        call["answered_by"] = told.endpoint

    def merged(self, call: Told, told: ev.CallMerged) -> None:
        call["merged_into"] = told.into
        call["ended"] = True
        call["ended_at"] = told.at or None
        call["talked_with"] = list(told.talked_with)
        call["disposition"] = "transferred" if call["answered_by"] is None else "answered"
        for leg in [leg for leg, rings_for in self._still_rings.items() if rings_for == told.call]:
            self._still_rings[leg] = told.into  # put through while it rings: from now on it rings for the other call
            self._call(told.into)["rang"].append(self._rang[leg])

    def ended(self, call: Told, told: ev.CallEnded) -> None:
        call["ended"] = True
        call["ended_at"] = told.at or None
        unseen = "answered" if told.answered_by is not None else None
        call["disposition"] = told.disposition if told.disposition != "unseen" else unseen
        _outcome(call, told)

    def still_open(self, call: OpenCall) -> None:
        known = self._call(call.call)
        _outcome(known, call)
        if call.answered_by is not None:
            known["disposition"] = "answered"

    def _pop(self, call: Told, leg: str, endpoint: str, far: ev.Party) -> None:
        self._seen[leg] = far.number
        if endpoint not in self._trunks:
            call["pops"].append({"endpoint": endpoint, "number": far.number})


def _blank(key: str) -> Told:
    return {
        "linkedid": key,
        "originated": False,
        "direction": None,
        "caller": None,
        "dialled": None,
        "rang": [],
        "answered_by": None,
        "talked_with": [],
        "transfers": [],
        "merged_into": None,
        "picked_up": False,
        "disposition": None,
        "ended": False,
        "started_at": None,
        "answered_at": None,
        "ended_at": None,
        "pops": [],
    }


def _party(party: ev.Party) -> Told:
    return {
        "endpoint": party.endpoint,
        "number": party.number,
        "name": party.name,
        "restricted": party.restricted,
    }


def _outcome(call: Told, told: ev.CallEnded | OpenCall) -> None:
    call["answered_by"] = told.answered_by
    call["talked_with"] = list(told.talked_with)
    call["picked_up"] = told.picked_up
    call["transfers"] = [
        {"kind": t.kind, "by": t.by, "connects": list(t.connects) if t.connects else None, "ok": t.ok}
        for t in told.transfers
    ]


_REACTIONS: dict[type, Callable[[_Story, Told, Any], None]] = {
    ev.CallStarted: _Story.started,
    ev.CallChanged: _Story.changed,
    ev.LegRinging: _Story.ringing,
    ev.LegChanged: _Story.shown,
    ev.LegAnswered: _Story.leg_answered,
    ev.LegEnded: _Story.leg_ended,
    ev.CallAnswered: _Story.answered,
    ev.CallMerged: _Story.merged,
    ev.CallEnded: _Story.ended,
}

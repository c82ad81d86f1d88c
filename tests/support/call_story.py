"""Call events as short lines, without times and ids: what a test can compare and a person can read."""

from collections.abc import Iterable
from typing import Any

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.timeline import words
from crmconnector.calls.tracker import CallTracker


def lines_of(recording: Iterable[dict[str, Any]], *, trunks: Iterable[str]) -> list[str]:
    """The call events of a recording; calls are named A, B, … in the order in which they begin."""
    tracker = CallTracker(trunks=list(trunks))
    names: dict[str, str] = {}
    lines = []
    for entry in recording:
        event = parse(entry["headers"], entry["t"])
        for told in tracker.feed(event) if event is not None else []:
            name = names.setdefault(told.call, chr(ord("A") + len(names)))
            lines.append(f"{name} {words(told, names)}")
    return [*lines, *(f"{names[call.call]} still open" for call in tracker.open_calls())]

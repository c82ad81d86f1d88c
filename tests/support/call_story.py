"""Call events as short lines, without times and ids: what a test can compare and a person can read."""

from collections.abc import Iterable
from typing import Any

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls import events as ev
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
            lines.append(f"{name} {_words(told, names)}")
    return [*lines, *(f"{names[call.call]} still open" for call in tracker.open_calls())]


def _words(told: ev.CallEvent, names: dict[str, str]) -> str:
    match told:
        case ev.CallStarted():
            kind = f"{told.direction} originated" if told.originated else told.direction
            return f"started {kind} from {_party(told.caller)} to {told.dialled}"
        case ev.CallChanged():
            return f"changed {told.direction} from {_party(told.caller)} to {told.dialled}"
        case ev.QueueEntered():
            return f"waits in {told.queue}"
        case ev.QueueLeft():
            return f"leaves {told.queue}" + (" abandoned" if told.abandoned else "")
        case ev.LegRinging():
            notes = [note for note in ("originated_first", "picked_up") if getattr(told, note)]
            notes += [f"queue {told.queue}"] if told.queue else []
            return " ".join([f"{told.endpoint} rings for {_party(told.far)}", *notes])
        case ev.LegChanged():
            return f"{told.endpoint} has {_party(told.far)} now"
        case ev.LegAnswered():
            return f"{told.endpoint} talks with {_party(told.far)}"
        case ev.LegHeld():
            return f"{told.endpoint} holds"
        case ev.LegResumed():
            return f"{told.endpoint} resumes"
        case ev.LegEnded():
            by = f" by {told.answered_by}" if told.answered_by else ""
            return f"{told.endpoint} ended {told.outcome}{by}" + ("" if told.rang else " without ringing")
        case ev.CallAnswered():
            return f"answered by {told.endpoint}"
        case ev.CallMerged():
            return f"merged into {names[told.into]}"
        case ev.CallEnded():
            return f"ended {told.disposition}"


def _party(party: ev.Party) -> str:
    words = [party.endpoint or "-", party.number or "-"]
    return " ".join([*words, "restricted"] if party.restricted else words)

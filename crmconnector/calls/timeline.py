"""Call events as words that a person can read: what happened, one line an event."""

from __future__ import annotations

from collections.abc import Mapping

from crmconnector.calls import events as ev


def words(told: ev.CallEvent, names: Mapping[str, str]) -> str:
    """One event without its call and its time. `names`: what to call each call, by its key."""
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
            notes = ["picked_up"] if told.picked_up else []
            notes += [f"queue {told.queue}"] if told.queue else []
            return " ".join([f"{told.endpoint} rings for {_party(told.far)}", *notes])
        case ev.LegPlaced():
            return f"{told.endpoint} calls {_party(told.far)}" + (" rung first" if told.rung else "")
        case ev.LegChanged():
            return f"{told.endpoint} has {_party(told.far)} now"
        case ev.LegAnswered():
            return f"{told.endpoint} talks with {_party(told.far)}"
        case ev.LegHeld():
            return f"{told.endpoint} holds"
        case ev.LegResumed():
            return f"{told.endpoint} resumes"
        case ev.CallTransferred():
            return f"{told.endpoint} hands over {told.kind}" + (f" to {told.to}" if told.to else "")
        case ev.CallParked():
            return f"waits parked at {told.place}"
        case _:
            return _end_in_words(told, names)


def _end_in_words(told: ev.LegEnded | ev.CallAnswered | ev.CallMerged | ev.CallEnded, names: Mapping[str, str]) -> str:
    match told:
        case ev.LegEnded():
            by = f" by {told.answered_by}" if told.answered_by else ""
            return f"{told.endpoint} ended {told.outcome}{by}" + ("" if told.rang else " without ringing")
        case ev.CallAnswered():
            return f"answered by {told.endpoint}"
        case ev.CallMerged():
            return f"merged into {names.get(told.into, told.into)}"
        case ev.CallEnded():
            return f"ended {told.disposition}"


def _party(party: ev.Party) -> str:
    shown = [party.endpoint or "-", party.number or "-"]
    return " ".join([*shown, "restricted"] if party.restricted else shown)

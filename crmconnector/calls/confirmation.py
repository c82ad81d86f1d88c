"""Which command does a call event prove?

A phone's "success" is a hint; what the PBX saw is the proof.
"""

from __future__ import annotations

from dataclasses import dataclass

from crmconnector.calls.events import CallEvent, LegAnswered, LegEnded, LegOutcome


@dataclass(frozen=True, slots=True)
class Proof:
    """It happened. `at` is epoch seconds, `evidence` a sentence for people."""

    leg: str
    at: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Disproof:
    """It did not happen and will not any more."""

    leg: str
    at: float
    evidence: str


_WHY_NOT: dict[LegOutcome, str] = {
    "elsewhere": "The call was answered on another phone",
    "cancelled": "The caller hung up before the phone answered",
    "no_answer": "The phone rang until the PBX gave up",
    "busy": "The phone said that it is busy",
    "rejected": "The phone rejected the call",
    "answered_unconnected": "The phone picked up but was never connected with the other party",
    "failed": "The PBX could not reach the phone",
}


def proof_of_answer(leg: str, event: CallEvent) -> Proof | Disproof | None:
    """Was `leg` answered? Proved by audio with another party, disproved by the leg's end; None: not told."""
    if isinstance(event, LegAnswered) and event.leg == leg:
        return Proof(leg, event.at, f"The PBX connected {event.endpoint} with the other party.")
    if not isinstance(event, LegEnded) or event.leg != leg or event.outcome == "unseen":
        return None  # a leg that was gone after a gap may have been answered in it
    if event.outcome == "answered":
        return Proof(leg, event.at, f"The PBX says that {event.endpoint} had answered when its part of the call ended.")
    why = _WHY_NOT[event.outcome]
    if event.outcome == "elsewhere" and event.answered_by is not None:
        why = f"The call was answered on {event.answered_by}"
    return Disproof(leg, event.at, f"{why} ({event.endpoint}).")

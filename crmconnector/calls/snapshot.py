"""What is going on now: the tracker's picture as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crmconnector.asterisk.ami_events import RINGING, UP
from crmconnector.calls.events import Direction, Party, Transfer
from crmconnector.calls.story import Call, Leg, transfers_of

LegState = Literal["dialling", "ringing", "up", "talking", "held"]
CallState = Literal["new", "waiting", "ringing", "talking"]


@dataclass(frozen=True, slots=True)
class OpenLeg:
    leg: str
    endpoint: str
    state: LegState
    far: Party
    queue: str | None
    originated_first: bool


@dataclass(frozen=True, slots=True)
class OpenCall:
    """`waiting`: the caller is connected to a menu, a queue or music; `talking`: with a person."""

    call: str
    state: CallState
    started_at: float
    direction: Direction
    originated: bool
    caller: Party
    dialled: str | None
    queue: str | None
    answered_at: float | None
    answered_by: str | None
    legs: tuple[OpenLeg, ...]
    transfers: tuple[Transfer, ...]
    talked_with: tuple[str, ...]
    picked_up: bool


def snapshot(call: Call) -> OpenCall:
    legs = tuple(_leg(leg) for leg in call.legs.values() if not leg.ended)
    caller = call.caller_channel
    return OpenCall(
        call=call.key,
        state=_state(call, legs),
        started_at=call.started_at,
        direction=call.direction,
        originated=call.originated,
        caller=call.caller,
        dialled=call.dialled,
        queue=caller.queue if caller is not None else None,
        answered_at=call.answered_at,
        answered_by=call.answered_by,
        legs=legs,
        transfers=transfers_of(call),
        talked_with=tuple(call.talked_with),
        picked_up=call.picked_up,
    )


def _leg(leg: Leg) -> OpenLeg:
    channel = leg.channel
    return OpenLeg(channel.uid, channel.endpoint, _leg_state(leg), leg.far, leg.queue, leg.first)


def _leg_state(leg: Leg) -> LegState:
    channel = leg.channel
    if channel.held:
        return "held"
    if channel.state == UP:
        return "talking" if leg.answered else "up"
    return "ringing" if channel.state == RINGING else "dialling"


def _state(call: Call, legs: tuple[OpenLeg, ...]) -> CallState:
    if any(leg.state in ("talking", "held") for leg in legs):
        return "talking"
    if any(leg.state == "ringing" for leg in legs):
        return "ringing"
    caller = call.caller_channel
    return "waiting" if caller is not None and caller.state == UP else "new"

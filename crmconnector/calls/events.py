"""What the rest of the product hears about calls.

`call` is the key of a call for good: the Linkedid under which it began. `at` is epoch seconds. `leg` is the Uniqueid of
one party's channel; `endpoint` is that channel's name without its last part (`PJSIP/204`). Local channels never appear.

Order within one call: CallStarted first, CallEnded (or CallMerged) last. Of a leg: LegRinging (LegPlaced for the phone
that began the call), LegAnswered if it was, LegEnded. A leg that never rang (a busy phone, do not disturb) has a
LegEnded only, with `rang=False`. A leg found talking after a reconnect has LegAnswered without LegRinging. After
CallMerged the legs go on under `into`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["inbound", "outbound", "internal"]
LegOutcome = Literal[
    "answered",
    "elsewhere",
    "cancelled",
    "no_answer",
    "busy",
    "rejected",
    "answered_unconnected",  # picked up, but never had audio with another person (call confirmation not given)
    "failed",
    "unseen",  # it was gone after a gap in which we were not connected
]
CallDisposition = Literal[
    "answered",
    "busy",
    "rejected",
    "no_answer",
    "cancelled",
    "abandoned",  # the caller gave up waiting in a queue
    "failed",
    "transferred",  # a consultation or pickup call that another call took over before it was answered
    "unseen",  # it ended while we were not connected
]
TransferKind = Literal["blind", "attended", "blonde"]


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call. `number` is as Asterisk wrote it; if `restricted`, do not look it up."""

    endpoint: str | None
    number: str | None
    name: str | None
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """`by` handed over at `at`; `connects` are the endpoints that were put together, None until they are."""

    kind: TransferKind
    by: str
    connects: tuple[str, str] | None
    ok: bool
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class CallStarted:
    call: str
    at: float
    direction: Direction
    originated: bool
    caller: Party
    dialled: str | None
    test: bool = False  # pretended by us, to try a person's screen: nobody calls


@dataclass(frozen=True, slots=True)
class CallChanged:
    """Better facts, learned later."""

    call: str
    at: float
    direction: Direction
    caller: Party
    dialled: str | None


@dataclass(frozen=True, slots=True)
class QueueEntered:
    call: str
    at: float
    queue: str


@dataclass(frozen=True, slots=True)
class QueueLeft:
    call: str
    at: float
    queue: str
    abandoned: bool


@dataclass(frozen=True, slots=True)
class LegRinging:
    """A phone rings, or was answered at once without ringing. `far` is the real party whom this phone should see."""

    call: str
    at: float
    leg: str
    endpoint: str
    far: Party
    queue: str | None
    dialled: str | None
    picked_up: bool = False  # this phone did not ring: it took the call from another


@dataclass(frozen=True, slots=True)
class LegPlaced:
    """A phone of ours began this call: it dialled, or Asterisk rang it first to dial for it (`rung`).

    `leg` is the Uniqueid of the caller's channel. `far` is the number it wants, as far as that is known; whoever
    answers is told by LegAnswered.
    """

    call: str
    at: float
    leg: str
    endpoint: str
    far: Party
    rung: bool = False


@dataclass(frozen=True, slots=True)
class LegChanged:
    call: str
    at: float
    leg: str
    endpoint: str
    far: Party


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """This leg has audio with another real party; merely picking up is not enough."""

    call: str
    at: float
    leg: str
    endpoint: str
    far: Party


@dataclass(frozen=True, slots=True)
class LegHeld:
    """The party at `leg` put the other one on hold."""

    call: str
    at: float
    leg: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class LegResumed:
    call: str
    at: float
    leg: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class CallTransferred:
    """`endpoint` hands the other party over: the PBX took it, whether somebody there answers is told later.

    `leg` is the Uniqueid of its end of the call, `other_leg` that of its consultation ("" = none, or the same). `to`:
    the extension it was sent to without asking.
    """

    call: str
    at: float
    leg: str
    endpoint: str
    kind: TransferKind
    other_leg: str = ""
    to: str | None = None


@dataclass(frozen=True, slots=True)
class CallParked:
    """The other party waits in the PBX, with nobody: who dials `place` gets it. Who parked it may be there still."""

    call: str
    at: float
    place: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    call: str
    at: float
    leg: str
    endpoint: str
    outcome: LegOutcome
    answered_by: str | None
    rang: bool = True


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The first real answer."""

    call: str
    at: float
    leg: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class CallMerged:
    """`call` is from now on part of the older call `into`: no CallEnded follows, its legs go on under `into`."""

    call: str
    at: float
    into: str
    talked_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallEnded:
    """`talk_seconds` runs from the first answer to the end of the last conversation."""

    call: str
    at: float
    disposition: CallDisposition
    answered_by: str | None
    talk_seconds: float | None
    transfers: tuple[Transfer, ...] = ()
    talked_with: tuple[str, ...] = ()
    picked_up: bool = False


CallEvent = (
    CallStarted
    | CallChanged
    | QueueEntered
    | QueueLeft
    | LegRinging
    | LegPlaced
    | LegChanged
    | LegAnswered
    | LegHeld
    | LegResumed
    | CallTransferred
    | CallParked
    | LegEnded
    | CallAnswered
    | CallMerged
    | CallEnded
)

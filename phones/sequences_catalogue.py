"""The sequences themselves: transfers, conference, tones, click-to-call, and keys that have a name. Pure.

No real GRP26xx was at hand when these were written: they follow the vendor's guide and what manuals of sister phones
and other people's experience tell. That is why a sequence is calibrated on a phone of the same model and firmware
before it is offered for it.

Attended: the caller is put on hold and the second number is called like any other. Nothing depends on the transfer
screen then, and no digit is ever keyed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from crmconnector.common.marked import gettext_noop as _
from phones.drivers.base import LineWord
from phones.sequences import (
    BEGUN,
    DIALLING,
    FAILED,
    GONE,
    HELD,
    IDLE,
    ON_ITS_WAY,
    TALKING,
    UP_OR_CALLING,
    Certainty,
    Deed,
    Mishap,
    Picture,
    Sequence,
    Step,
    Why,
)

CALIBRATED: Final = ("blind_transfer", "attended_start", "attended_complete", "attended_cancel", "conference")
KEY_SECONDS: Final = 0.7  # the slowest phone known presses a key in this time
SCREEN_SECONDS: Final = 1.5  # until the transfer screen shows
SETTLE_SECONDS: Final = 1.0  # a screen that cannot be seen in the lines
NETWORK_SECONDS: Final = 10.0  # until the network has told the phone how a transfer went
MOST_STEP_SECONDS: Final = 25.0  # less than the phone's lease, which is renewed before each step only
LATE_SECONDS: Final = 3.5  # so late some phones tell what their lines do
MEASURED_TIMES: Final = 3.0  # a step may take so many times what was measured
# The alphabet of keys: + has none.
_KEYED: Final = re.compile(r"[0-9*#]{1,32}")
_TONES: Final = re.compile(r"[0-9*#]{1,40}")

_ONE_CALL: Final = Picture(TALKING, IDLE, IDLE)
_ONE_HELD: Final = Picture(HELD, IDLE)
_BOTH: Final = Picture(HELD, TALKING)
_ENDED: Final = Picture(IDLE, IDLE)
_DIALLING_OR_NOT: Final = IDLE | ON_ITS_WAY
_CALLER_LEFT: Final = Mishap(Picture(GONE, IDLE), Why.CALLER_GONE)
_COLLEAGUE_LEFT: Final = Mishap(Picture(HELD, GONE), Why.COLLEAGUE_GONE)
_CALLER_LEFT_TWO: Final = Mishap(Picture(GONE, TALKING | HELD), Why.CALLER_GONE)
_SWAPPED: Final = Mishap(Picture(TALKING, HELD), Why.SWAPPED)


def _line_key(line: int, name: str, before: Picture, after: Picture, **how: object) -> Step:
    return replace(Step(name, Deed.KEYS, before, after, keys=(f"LINE{line}",)), **how)  # type: ignore[arg-type]


def _end_other() -> Step:
    return Step(
        _("end the second call"), Deed.END_OTHER, Picture(HELD, BEGUN), Picture(HELD | TALKING, GONE),
        skip=(Picture(HELD | TALKING, GONE),), expected="second call over",
        mishaps=(Mishap(Picture(GONE, BEGUN), Why.CALLER_GONE, Certainty.UNSURE),),
    )  # fmt: skip


def _take_back(own: int) -> Step:
    return _line_key(
        own, _("take the caller back"), Picture(HELD, GONE), Picture(TALKING, GONE),
        skip=(Picture(TALKING, GONE),), looks=2, expected="caller connected",
        mishaps=(Mishap(Picture(GONE, GONE), Why.CALLER_GONE),),
    )  # fmt: skip


def blind_transfer(own: int, number: str) -> Sequence:
    """Hand the connected caller of line `own` over to a number, by the transfer screen. ValueError: not for keys."""
    digits = _digits(number)
    seconds = min(NETWORK_SECONDS + KEY_SECONDS * (len(digits) + 1), MOST_STEP_SECONDS)
    steps = (
        Step(
            _("open the transfer screen"), Deed.KEYS, _ONE_CALL, Picture(HELD, IDLE | DIALLING),
            keys=("XFER",), mishaps=(_CALLER_LEFT,), deadline_seconds=SCREEN_SECONDS, looks=2,
            expected="caller on hold",
        ),
        Step(
            _("enter the number and send it"), Deed.KEYS, Picture(HELD, IDLE | DIALLING, IDLE), _ENDED,
            keys=(*digits, "SEND"), digits=len(digits), deadline_seconds=seconds, poll_seconds=0.5,
            expected="line free",
            mishaps=(
                Mishap(Picture(TALKING, IDLE), Why.TRANSFER_FAILED, lasting_seconds=LATE_SECONDS),
                # The caller left before the keys were pressed: they dialled.
                Mishap(Picture(FAILED, IDLE), Why.DIALLED_INSTEAD),
                # The phone is set to ask first: the caller still waits and somebody else is being called.
                Mishap(Picture(HELD, UP_OR_CALLING | FAILED), Why.LINES_CHANGED),
            ),
        ),
    )  # fmt: skip
    return Sequence("blind_transfer", own, steps, abort=(_end_other(), _take_back(own)), number=number)


def attended_start(own: int, number: str, account: int | None = None) -> Sequence:
    """Put the caller on hold and call somebody else on another line."""
    steps = (
        Step(
            _("put the caller on hold"), Deed.HOLD, _ONE_CALL, _ONE_HELD, skip=(_ONE_HELD,), looks=2,
            mishaps=(_CALLER_LEFT,), expected="caller on hold",
        ),
        Step(
            _("call the other one"), Deed.DIAL, Picture(HELD, IDLE, GONE), Picture(HELD, UP_OR_CALLING),
            deadline_seconds=4.0, expected="second call on its way",
            mishaps=(
                Mishap(Picture(HELD, FAILED), Why.DIAL_FAILED),
                Mishap(Picture(TALKING, BEGUN | HELD | GONE), Why.TAKEN_BACK, Certainty.UNSURE),
                Mishap(Picture(GONE, BEGUN | HELD | GONE), Why.CALLER_GONE, Certainty.UNSURE),
            ),
        ),
    )  # fmt: skip
    back = (_end_other(), _take_back(own))
    return Sequence("attended_start", own, steps, abort=back, number=number, account=account)


def attended_complete(own: int, other: int) -> Sequence:
    """Put the held caller and the one asked together; both lines of the phone end."""
    gone = (_COLLEAGUE_LEFT, _CALLER_LEFT_TWO, _SWAPPED)
    steps = (
        Step(
            _("press transfer"), Deed.KEYS, replace(_BOTH, rest=IDLE), Picture(HELD, TALKING | HELD), keys=("XFER",),
            done=_ENDED, mishaps=gone, looks=2, settle_seconds=SETTLE_SECONDS, expected="both calls, or both over",
        ),
        _line_key(
            own, _("choose the caller's line"), Picture(HELD, TALKING | HELD, IDLE), _ENDED, mishaps=gone,
            deadline_seconds=5.0, expected="both lines free",
        ),
    )  # fmt: skip
    return Sequence("attended_complete", own, steps, other=other, abort=(_take_back(own),))


def attended_cancel(own: int, other: int) -> Sequence:
    """End the second call and go back to the caller."""
    steps = (
        _line_key(
            other, _("bring the second call to the front"), Picture(HELD | TALKING, HELD), _BOTH,
            skip=(Picture(HELD | TALKING, GONE), Picture(HELD, BEGUN)), expected="second call connected",
        ),
        _end_other(),
        _take_back(own),
    )  # fmt: skip
    return Sequence("attended_cancel", own, steps, other=other, abort=(_take_back(own),), wants_caller=True)


def conference(own: int, other: int) -> Sequence:
    """All three talk; the phone mixes, so it must stay."""
    gone = (_COLLEAGUE_LEFT, _CALLER_LEFT_TWO, _SWAPPED)
    together = Picture(TALKING, TALKING)
    steps = (
        Step(
            _("press conference"), Deed.KEYS, replace(_BOTH, rest=IDLE), _BOTH, keys=("CONF",), done=together,
            mishaps=gone, looks=2, settle_seconds=SETTLE_SECONDS, expected="both calls there",
        ),
        _line_key(
            own, _("choose the caller's line"), replace(_BOTH, rest=IDLE), together, mishaps=gone, looks=2,
            expected="both connected",
        ),
    )  # fmt: skip
    return Sequence("conference", own, steps, other=other, abort=(_take_back(own),))


def tones(own: int, digits: str) -> Sequence:
    """DTMF for the one connected caller. When he has left meanwhile the same keys would dial: that is taken back."""
    if not _TONES.fullmatch(digits):
        raise ValueError("not tones")
    quiet = IDLE | HELD
    step = Step(
        _("send the tones"), Deed.KEYS, Picture(TALKING, IDLE, quiet), Picture(TALKING, IDLE), keys=tuple(digits),
        digits=len(digits), tones=True, looks=2, expected="caller still connected",
        mishaps=(Mishap(Picture(GONE | ON_ITS_WAY, _DIALLING_OR_NOT), Why.CALLER_GONE, Certainty.UNSURE),),
    )  # fmt: skip
    undo = Step(
        _("take the number back"), Deed.CANCEL, Picture(GONE | ON_ITS_WAY, _DIALLING_OR_NOT, IDLE), _ENDED,
        skip=(Picture(GONE, IDLE),), expected="line free",
    )  # fmt: skip
    return Sequence("dtmf", own, (step,), abort=(undo,))


def click_to_call(number: str, account: int | None = None, line: int | None = None) -> Sequence:
    """Call a number. With a `line` (from 1) on that one, by its key and digits; ValueError: no number for keys.

    Without: by the phone's own command, on the line that it chooses. Calls on hold are left alone.
    """
    quiet = IDLE | HELD
    beside = IDLE | HELD | FAILED | frozenset({LineWord.RINGING})
    failed = Mishap(Picture(IDLE, FAILED, beside), Why.DIAL_FAILED)
    if line is None:
        dial = Step(
            _("dial"), Deed.DIAL, Picture(IDLE, IDLE, quiet), Picture(IDLE, UP_OR_CALLING, beside), mishaps=(failed,),
            expected="call on its way",
        )  # fmt: skip
        return Sequence("click_to_call", 0, (dial,), number=number, account=account)
    digits = _digits(number)
    steps = (
        _line_key(line, _("dial tone on the line"), Picture(IDLE, IDLE, quiet), Picture(IDLE, DIALLING, quiet),
                  looks=2, expected="dial tone"),
        Step(
            _("enter the number and send it"), Deed.KEYS, Picture(IDLE, DIALLING, quiet),
            Picture(IDLE, UP_OR_CALLING, beside), keys=(*digits, "SEND"), digits=len(digits), mishaps=(failed,),
            expected="call on its way",
            deadline_seconds=min(3.0 + KEY_SECONDS * (len(digits) + 1), MOST_STEP_SECONDS),
        ),
    )  # fmt: skip
    undo = Step(_("take the number back"), Deed.CANCEL, Picture(IDLE, DIALLING, IDLE), _ENDED, expected="line free")
    return Sequence("click_to_call", 0, steps, other=line, abort=(undo,), number=number)


def _swap(own: int) -> Sequence:
    """Take this caller back; whoever is connected is put on hold by the phone."""
    step = _line_key(
        own, _("take the caller back"), Picture(HELD, IDLE, IDLE | HELD | TALKING), Picture(TALKING, IDLE, IDLE | HELD),
        mishaps=(Mishap(Picture(GONE, IDLE, IDLE | HELD | TALKING), Why.CALLER_GONE),), expected="caller connected",
    )  # fmt: skip
    return Sequence("swap", own, (step,))


def _one_key(name: str, key: str, told: str, before: Picture) -> Callable[[int], Sequence]:
    step = Step(told, Deed.KEYS, before, before, keys=(key,), expected="call as it was")
    return lambda own: Sequence(name, own, (step,))


# Keys that a person may ask for by name, for the call on line `own`. There is no other way to send a key.
NAMED: Final[Mapping[str, Callable[[int], Sequence]]] = MappingProxyType(
    {
        "swap": _swap,
        "louder": _one_key("louder", "VUP", _("louder"), Picture(TALKING | HELD)),
        "quieter": _one_key("quieter", "VDOWN", _("quieter"), Picture(TALKING | HELD)),
        "mute": _one_key("mute", "MUTE", _("press mute"), Picture(TALKING, IDLE, IDLE | HELD)),
    }
)


def timed(sequence: Sequence, measured: Mapping[str, int]) -> Sequence:
    """With the deadlines of a phone that was measured, in milliseconds by step; a slow one is waited for longer."""
    steps = tuple(_timed(step, measured.get(step.name, 0) / 1000) for step in sequence.steps)
    return replace(sequence, steps=steps)


def _timed(step: Step, seconds: float) -> Step:
    longer = min(max(step.deadline_seconds, MEASURED_TIMES * seconds), MOST_STEP_SECONDS)
    return replace(step, deadline_seconds=max(longer, step.deadline_seconds))


def _digits(number: str) -> tuple[str, ...]:
    if not _KEYED.fullmatch(number):
        raise ValueError("no number for keys")
    return tuple(number)

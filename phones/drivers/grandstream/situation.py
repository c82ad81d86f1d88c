"""What a phone's lines show, and which deeds mean in it what their names say. Pure: line states in, refusals out.

Most of the phone's commands name no line: the phone acts on the line that it looks at, and some commands do the
opposite of what was meant when the state is another one ("hold" takes a held call back). So every deed is checked
against the lines seen a moment ago; where it is not certain which line it would hit, it is refused before any packet.
"""

from collections import Counter
from collections.abc import Collection
from enum import StrEnum
from typing import Final

from phones.drivers.base import Lines, LineState, LineWord
from phones.drivers.errors import NothingSent, Reason


class Situation(StrEnum):
    """The phone as a whole, as far as it decides what a key does.

    The second half cannot be seen in the lines: it is what keys of the same list have made of the phone.
    """

    IDLE = "idle"
    RINGING = "ringing"  # one call rings and nothing else is up
    DIALING = "dialing"  # a number is being entered and nothing else is up
    SECOND_NUMBER = "second_number"  # a number is being entered while calls are held
    CALLING = "calling"  # one call on its way and nothing else
    CONNECTED = "connected"  # one call and nothing else
    HELD = "held"  # one held call and nothing else; the transfer screen looks like this too
    TWO_CALLS = "two_calls"  # one connected, others held
    SEVERAL = "several"  # any other mixture
    UNKNOWN = "unknown"  # some line has failed or says a word we do not know: it is in use

    DIAL_SCREEN = "dial_screen"  # dial tone, nothing entered yet
    NUMBER_ENDED = "number_ended"  # after #, which sends the number on most phones and is a part of it on others
    MENU = "menu"
    AFTERWARDS = "afterwards"  # after a key that changes what others do, in a way we can only see by looking


_ALONE: Final = {
    LineWord.RINGING: Situation.RINGING,
    LineWord.DIALING: Situation.DIALING,
    LineWord.CALLING: Situation.CALLING,
    LineWord.CONNECTED: Situation.CONNECTED,
    LineWord.ON_HOLD: Situation.HELD,
}
_IN_FRONT: Final = frozenset({LineWord.DIALING, LineWord.CALLING, LineWord.CONNECTED})
_BESIDE_HELD_ONES: Final = {LineWord.CONNECTED: Situation.TWO_CALLS, LineWord.DIALING: Situation.SECOND_NUMBER}


def situation_of(lines: Lines) -> Situation:
    """NothingSent when nobody has looked: of no line at all one could say that every one is idle."""
    if not lines:
        raise NothingSent(Reason.LINES_UNKNOWN)
    used = Counter(line.state for line in lines if line.state is not LineWord.IDLE)
    if not used:
        return Situation.IDLE
    if any(word not in _ALONE for word in used):
        return Situation.UNKNOWN
    if used.total() == 1:
        return _ALONE[next(iter(used))]
    held = used.pop(LineWord.ON_HOLD, 0)
    if held and used.total() == 1:
        return _BESIDE_HELD_ONES.get(next(iter(used)), Situation.SEVERAL)
    return Situation.SEVERAL


def check_accept(lines: Lines) -> None:
    """Answering names no line: exactly one must ring."""
    _exactly_one(lines, {LineWord.RINGING}, none=Reason.NOTHING_RINGS, several=Reason.SEVERAL_RING)


def check_reject(lines: Lines) -> None:
    """Other calls may be up; refusing touches only what rings, and exactly one must."""
    check_accept(lines)


def check_end(lines: Lines, *, beside_held: bool = False) -> None:
    """The phone ends the call that it looks at, so there must be exactly one, and nothing that rings.

    `beside_held`: held calls may wait beside it. The phone looks at the one that is not held.
    """
    situation_of(lines)
    if beside_held and _of(lines, _IN_FRONT):
        lines = tuple(line for line in lines if line.state is not LineWord.ON_HOLD)
    used = _of(lines, set(LineWord) - {LineWord.IDLE})
    ringing = _of(lines, {LineWord.RINGING})
    if len(used) > 1:
        raise NothingSent(Reason.SEVERAL_CALLS)
    if not used or ringing:
        raise NothingSent(Reason.NOTHING_TO_END)


def check_hold(lines: Lines) -> None:
    """The command is a toggle: with nothing connected it would take a held call back."""
    _exactly_one(lines, {LineWord.CONNECTED}, none=Reason.NOTHING_TO_HOLD, several=Reason.SEVERAL_CALLS)
    if _of(lines, {LineWord.BUSY_UNKNOWN}):
        raise NothingSent(Reason.SEVERAL_CALLS)


def check_resume(lines: Lines) -> None:
    """The same toggle the other way round; with a call up it would put that one on hold instead."""
    _exactly_one(lines, {LineWord.ON_HOLD}, none=Reason.NOTHING_TO_RESUME, several=Reason.SEVERAL_CALLS)
    if _of(lines, set(LineWord) - {LineWord.IDLE, LineWord.ON_HOLD, LineWord.RINGING, LineWord.FAILED}):
        raise NothingSent(Reason.IN_A_CALL)


def check_cancel(lines: Lines) -> None:
    """ "Reject or cancel", says the guide: while anything rings it would turn that caller away."""
    situation_of(lines)
    if _of(lines, {LineWord.RINGING}):
        raise NothingSent(Reason.SOMETHING_RINGS)
    dialled = {LineWord.DIALING, LineWord.CALLING}
    _exactly_one(lines, dialled, none=Reason.NOTHING_TO_CANCEL, several=Reason.SEVERAL_CALLS)
    if _of(lines, {LineWord.CONNECTED, LineWord.BUSY_UNKNOWN}):
        raise NothingSent(Reason.SEVERAL_CALLS)


def check_idle(lines: Lines) -> None:
    """For what takes the whole phone away: every line must be idle, and said so."""
    if situation_of(lines) is not Situation.IDLE:
        raise NothingSent(Reason.IN_A_CALL)


def _of(lines: Lines, words: Collection[LineWord]) -> list[LineState]:
    return [line for line in lines if line.state in words]


def _exactly_one(lines: Lines, words: Collection[LineWord], *, none: Reason, several: Reason) -> None:
    situation_of(lines)
    found = _of(lines, words)
    if not found:
        raise NothingSent(none)
    if len(found) > 1:
        raise NothingSent(several)

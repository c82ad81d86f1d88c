"""Key sequences: several requests one after another, each sent only from a state of the lines that was seen. Pure.

    next_move(sequence, position, lines, elapsed)  -> Send | Wait | Done | Abort | Stop

A phone says "success" before it presses a key, it may be slow, somebody may press a key on it meanwhile, the other
party may hang up. So nothing goes on by the clock alone: a step waits until the lines show what it was to bring about,
and a deadline ends it. No step is ever sent twice. The worst that could happen is a digit that was meant for the
transfer screen and is heard by the customer as a tone: it is sent only while no line is connected.

A caller who may be on hold is never hung up: when a sequence breaks off, its abort steps take him back, by the key of
his line.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from phones.drivers.base import Lines, LineState, LineWord

POLL_SECONDS: Final = 0.25
# Words that some phones say for a line; the guide does not have them, so the driver takes them for "in use, unknown".
SPELLINGS: Final = {
    "transfer": LineWord.ON_HOLD,  # the transfer screen is open
    "transfered": LineWord.ON_HOLD,  # handed over, and the network has not said yet how it went
    "transferred": LineWord.ON_HOLD,
    "conference": LineWord.CONNECTED,
}
IDLE: Final = frozenset({LineWord.IDLE})
FAILED: Final = frozenset({LineWord.FAILED})
GONE: Final = IDLE | FAILED
HELD: Final = frozenset({LineWord.ON_HOLD})
TALKING: Final = frozenset({LineWord.CONNECTED})
DIALLING: Final = frozenset({LineWord.DIALING})
ON_ITS_WAY: Final = frozenset({LineWord.DIALING, LineWord.CALLING})
UP_OR_CALLING: Final = frozenset({LineWord.CALLING, LineWord.CONNECTED})
BEGUN: Final = DIALLING | UP_OR_CALLING
UNKNOWN_WORD: Final = frozenset({LineWord.BUSY_UNKNOWN})
ANYTHING: Final = frozenset(LineWord)


class Deed(StrEnum):
    """What a step asks of the driver; one request."""

    KEYS = "keys"
    HOLD = "hold"
    DIAL = "dial"
    END_OTHER = "end_other"  # the call beside the held one
    CANCEL = "cancel"


class Why(StrEnum):
    """Why a sequence did not come to its end; stable codes for rows. The sentences are in `SENTENCES`."""

    NOT_THE_STATE = "not_the_state"
    CALLER_GONE = "caller_gone"
    COLLEAGUE_GONE = "colleague_gone"
    TAKEN_BACK = "taken_back"
    SWAPPED = "swapped"
    LINES_CHANGED = "lines_changed"
    DIAL_FAILED = "dial_failed"
    TRANSFER_FAILED = "transfer_failed"
    DIALLED_INSTEAD = "dialled_instead"
    NOT_SEEN = "step_not_seen"
    SILENT = "phone_silent"
    AWAY = "phone_was_away"
    REFUSED = "phone_refused"
    LEASE_LOST = "lease_lost"
    TOO_LATE = "too_late"


class Certainty(StrEnum):
    """What is known when a sequence breaks off."""

    NOTHING = "nothing"  # no key was sent
    NOT_DONE = "not_done"  # something was sent; what was wanted surely has not come about
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the lines must show: the user's end of the call, that of the second call, and every other line.

    `other` matches a missing second line as idle.
    """

    own: frozenset[LineWord] = ANYTHING
    other: frozenset[LineWord] = IDLE
    rest: frozenset[LineWord] = frozenset({LineWord.IDLE, LineWord.FAILED, LineWord.RINGING})

    def shows(self, own: LineWord, other: LineWord, rest: Iterable[LineWord]) -> bool:
        return own in self.own and other in self.other and all(word in self.rest for word in rest)


@dataclass(frozen=True, slots=True)
class Mishap:
    """A state that ends a sequence: what it is called, and what is known of the deed then.

    `lasting_seconds`: it counts only after it was seen for so long, because some phones tell their lines late.
    """

    picture: Picture
    why: Why
    certainty: Certainty = Certainty.NOT_DONE
    lasting_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One request and what it is to bring about.

    `before`: it is sent only from this. `after`: awaited until `deadline_seconds` after it was sent, in `looks` looks
    one after another, and not before `settle_seconds`: keys are pressed after the phone has answered. `skip`: it is not
    needed then. `done`: the whole sequence is then at its end. `mishaps`: end it at once, once two looks agree.
    `digits`: how many of the keys are digits of a number, which nobody on a line may hear.
    """

    name: str
    deed: Deed
    before: Picture
    after: Picture
    keys: tuple[str, ...] = field(default=(), repr=False)
    digits: int = 0
    tones: bool = False
    skip: tuple[Picture, ...] = ()
    done: Picture | None = None
    mishaps: tuple[Mishap, ...] = ()
    deadline_seconds: float = 3.0
    settle_seconds: float = 0.0
    poll_seconds: float = POLL_SECONDS
    looks: int = 1
    expected: str = ""

    @property
    def keys_told(self) -> str:
        """The keys for people and rows; of digits only how many."""
        if self.deed is not Deed.KEYS:
            return self.deed.value
        named = list(self.keys[self.digits :])
        return ", ".join([f"{self.digits} digits", *named] if self.digits else named)


@dataclass(frozen=True, slots=True)
class Sequence:
    """`own`, `other`: line numbers, from 1; `other` None: the line on which the second call will begin.

    `number`: what is dialled in it; `account`: with which account of the phone, from 1. `own` 0: there is no call yet.
    `caller`: the number at the other end of the own line when it began. `wants_caller`: to have him back is all.
    """

    name: str
    own: int
    steps: tuple[Step, ...]
    other: int | None = None
    abort: tuple[Step, ...] = ()
    number: str = field(default="", repr=False)
    account: int | None = None
    caller: str = field(default="", repr=False)
    wants_caller: bool = False

    @property
    def takes_back(self) -> bool:
        """Its abort steps bring the caller back; otherwise they only take back a number that was entered."""
        return any(step.deed is Deed.KEYS for step in self.abort)

    def begun_with(self, lines: Lines) -> "Sequence":
        """With the caller whom the phone shows now."""
        return replace(self, caller=_number_on(lines, self.own))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sequence is: the step from 0, whether it was sent, and what was made of the lines until now."""

    step: int = 0
    sent: bool = False
    other: int | None = None
    seen: int = 0  # looks in a row that showed what is awaited
    doubt: Why | None = None  # the last look showed this mishap …
    doubt_since: float = 0.0  # … for the first time so many seconds after the step was sent
    acted: bool = False  # some step was sent
    away: bool = False  # nobody was at the phone's address since the step was sent: it has restarted


@dataclass(frozen=True, slots=True)
class Send:
    step: Step
    lines: Lines
    position: Position


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float
    position: Position


@dataclass(frozen=True, slots=True)
class Done:
    position: Position


@dataclass(frozen=True, slots=True)
class Abort:
    """It cannot go on and the caller waits: `sequence` takes him back; each of its steps again from a seen state."""

    sequence: Sequence
    why: Why
    certainty: Certainty
    position: Position


@dataclass(frozen=True, slots=True)
class Stop:
    """It ends here and nothing more is sent."""

    why: Why
    certainty: Certainty
    position: Position


Move = Send | Wait | Done | Abort | Stop


def next_move(sequence: Sequence, position: Position, lines: Lines | None, elapsed: float) -> Move:
    """What to do now. `lines`: as just seen; None when the phone gave no believable answer, () when nobody was there to
    ask, as while it restarts. `elapsed`: seconds since the step of `position` was sent."""
    if not lines:
        return _not_seen(sequence, position, elapsed, away=lines is not None)
    told = as_told(lines)
    position = _with_other(sequence, position, told)
    return _watch(sequence, position, told, elapsed) if position.sent else _begin(sequence, position, told)


def as_told(lines: Lines) -> Lines:
    """The lines with the words of richer phones understood; the driver, on its own, takes them for unknown."""
    return tuple(_respelt(line) for line in lines)


def words_told(lines: Lines) -> str:
    """The lines in use, for rows: "1 connected, 2 on hold"."""
    used = [f"{line.line} {line.state.value.replace('_', ' ')}" for line in lines if line.state is not LineWord.IDLE]
    return ", ".join(used) or "every line idle"


def broken_off(sequence: Sequence, position: Position, lines: Lines, why: Why, certainty: Certainty) -> Move:
    """Abort when something was sent and its first step of abort may be sent from these lines, Stop otherwise."""
    stop = Stop(why, certainty, position)
    if not sequence.abort or not position.acted:
        return stop
    back = replace(sequence, steps=sequence.abort, abort=(), other=position.other)
    first = _begin(back, Position(other=position.other), as_told(lines))
    return Abort(back, why, certainty, position) if isinstance(first, Send) else stop


def _begin(sequence: Sequence, position: Position, lines: Lines) -> Move:
    """The step has not been sent: skip it, send it, or end here because the lines are not what they must be."""
    if position.step >= len(sequence.steps):
        return Done(position)
    step = sequence.steps[position.step]
    if any(_matches(picture, sequence, position, lines) for picture in step.skip):
        return _begin(sequence, _next(position), lines)
    if not _matches(step.before, sequence, position, lines) or _would_be_heard(step, lines):
        return _not_ready(sequence, position, lines)
    return Send(step, lines, replace(position, sent=True, acted=True, seen=0, doubt=None, away=False))


def _not_ready(sequence: Sequence, position: Position, lines: Lines) -> Move:
    if not position.acted:
        return Stop(Why.NOT_THE_STATE, Certainty.NOTHING, position)
    own = _word(lines, sequence.own)
    why = {LineWord.IDLE: Why.CALLER_GONE, LineWord.CONNECTED: Why.TAKEN_BACK}.get(own, Why.LINES_CHANGED)
    return broken_off(sequence, position, lines, why, Certainty.NOT_DONE)


def _watch(sequence: Sequence, position: Position, lines: Lines, elapsed: float) -> Move:
    """The step was sent: what do the lines make of it?"""
    step = sequence.steps[position.step]
    if step.done is not None and _matches(step.done, sequence, position, lines):
        return _finished(position)
    if _matches(step.after, sequence, position, lines):
        return _awaited(sequence, position, lines, elapsed)
    position = replace(position, seen=0)
    mishap = next((one for one in step.mishaps if _matches(one.picture, sequence, position, lines)), None)
    # One look may be late or wrong: two must agree.
    again = mishap is not None and position.doubt is mishap.why
    if mishap is not None and again and elapsed - position.doubt_since >= mishap.lasting_seconds:
        return broken_off(sequence, position, lines, mishap.why, mishap.certainty)
    if elapsed >= step.deadline_seconds:
        return broken_off(sequence, position, lines, Why.NOT_SEEN, Certainty.UNSURE)
    since = position.doubt_since if again else elapsed
    return Wait(step.poll_seconds, replace(position, doubt=mishap.why if mishap else None, doubt_since=since))


def _next(position: Position) -> Position:
    return Position(position.step + 1, other=position.other, acted=position.acted)


def _awaited(sequence: Sequence, position: Position, lines: Lines, elapsed: float) -> Move:
    """The lines show what was awaited. Not yet enough looks, or too early: look again."""
    step = sequence.steps[position.step]
    position = replace(position, seen=position.seen + 1, doubt=None)
    if position.away:
        return Stop(Why.AWAY, Certainty.UNSURE, position)
    if position.seen < step.looks or elapsed < step.settle_seconds:
        return Wait(step.poll_seconds, position)
    return _begin(sequence, _next(position), lines)


def _finished(position: Position) -> Move:
    """A phone that was away in between has restarted: that its lines are idle then tells nothing."""
    return Stop(Why.AWAY, Certainty.UNSURE, position) if position.away else Done(position)


def _not_seen(sequence: Sequence, position: Position, elapsed: float, *, away: bool) -> Move:
    if not position.acted:
        return Stop(Why.SILENT, Certainty.NOTHING, position)
    step = sequence.steps[min(position.step, len(sequence.steps) - 1)]
    if elapsed >= step.deadline_seconds:
        return Stop(Why.SILENT, Certainty.UNSURE, position)
    return Wait(step.poll_seconds, replace(position, seen=0, doubt=None, away=position.away or away))


def _would_be_heard(step: Step, lines: Lines) -> bool:
    """Digits of a number while a line is connected, or may be: somebody would hear them."""
    exposed = TALKING | UNKNOWN_WORD
    return bool(step.digits) and not step.tones and any(line.state in exposed for line in lines)


def _with_other(sequence: Sequence, position: Position, lines: Lines) -> Position:
    """The second call's line, as soon as it shows itself: the first besides our own that is being dialled."""
    if position.other is not None:
        return position
    if sequence.other is not None:
        return replace(position, other=sequence.other)
    begun = [line.line for line in lines if line.line != sequence.own and _is_ours(sequence, line)]
    return replace(position, other=begun[0]) if begun and position.sent else position


def _is_ours(sequence: Sequence, line: LineState) -> bool:
    """A call that the person took meanwhile on another line is not the one that we dialled."""
    if line.state in ON_ITS_WAY | {LineWord.FAILED}:
        return True
    return line.state is LineWord.CONNECTED and not differ(line.remote_number, sequence.number)


def _matches(picture: Picture, sequence: Sequence, position: Position, lines: Lines) -> bool:
    own, other = _own_word(sequence, lines), _word(lines, position.other)
    rest = [line.state for line in lines if line.line not in (sequence.own, position.other)]
    return picture.shows(own, other, rest)


def _own_word(sequence: Sequence, lines: Lines) -> LineWord:
    """A caller who has left is gone, although the phone may have begun another call on the same line: with what was
    meant for the transfer screen."""
    word, number = _word(lines, sequence.own), _number_on(lines, sequence.own)
    # Keys that were pressed before he left are not in the number, so it may be a part of what was sent.
    dialled = bool(number) and number in sequence.number and number != sequence.caller
    return LineWord.FAILED if dialled and word in UP_OR_CALLING else word


def _number_on(lines: Lines, number: int) -> str:
    return next((line.remote_number for line in lines if line.line == number), "")


def _word(lines: Lines, number: int | None) -> LineWord:
    return next((line.state for line in lines if line.line == number), LineWord.IDLE)


def _respelt(line: LineState) -> LineState:
    raw = line.raw.get("state")
    word = SPELLINGS.get(raw.strip().lower()) if isinstance(raw, str) else None
    return replace(line, state=word) if word is not None and line.state is LineWord.BUSY_UNKNOWN else line


def differ(one: str, another: str) -> bool:
    """Whether two writings of a number surely mean different numbers: compared by their last six digits."""
    first = "".join(char for char in one if char.isdecimal())
    second = "".join(char for char in another if char.isdecimal())
    if len(first) < 3 or len(second) < 3:
        return False
    length = min(6, len(first), len(second))
    return first[-length:] != second[-length:]

"""Runs a sequence on a phone: look, ask `next_move`, send at most one request, look again. Plain Python.

Whoever runs it hands in a diary: it writes each step down before its request is sent, and proves that the phone is
still ours. An answer that is missing or not understood is not an end: what the lines show afterwards tells.
"""

import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from phones.drivers.base import KeyPlan, Lines, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused
from phones.sequences import (
    Abort,
    Certainty,
    Deed,
    Done,
    Move,
    Position,
    Send,
    Sequence,
    Step,
    Stop,
    Wait,
    Why,
    as_told,
    broken_off,
    next_move,
    words_told,
)

FRESH_SECONDS: Final = 2.0  # a worker that was frozen for longer between a look and its deed does not believe the look


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since some fixed moment; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None: ...


class WallClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Diary(Protocol):
    """What is written down of each step. `step` objects are those of the sequence; each is sent at most once."""

    def sending(self, step: Step) -> Why | None:
        """Write it down and prove that the phone is still ours; a reason: send nothing more."""
        ...

    def seen(self, step: Step, observed: str, seconds: float) -> None: ...

    def missed(self, step: Step, observed: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """`why` None: every step was seen. `back`: whether the caller was taken back, None when that was not tried.

    `error`: the phone's last word, when it was no believable yes. `sent`: how many requests that do something went out.
    """

    why: Why | None = None
    certainty: Certainty = Certainty.UNSURE
    back: bool | None = None
    error: PhoneError | None = None
    observed: str = ""
    sent: int = 0


@dataclass
class Runner:
    """One sequence on one phone."""

    phone: PhoneDriver
    plan: KeyPlan
    diary: Diary
    clock: Clock = field(default_factory=WallClock)
    lines: Lines = ()
    error: PhoneError | None = None
    sent: int = 0
    looked_at: float = 0.0

    def run(self, sequence: Sequence, lines: Lines) -> Ending:
        """`lines`: as seen a moment ago. Raises no PhoneError."""
        self.lines, self.looked_at = lines, self.clock.now()
        sequence = sequence.begun_with(lines)
        move = self._go(sequence, lines)
        if isinstance(move, Done):
            return self._ending()
        if isinstance(move, Abort):
            return self._after_abort(sequence, move, self._go(move.sequence, self.lines))
        if isinstance(move, Stop):
            return self._ending(move.why, move.certainty)
        raise AssertionError("a sequence ends with Done, Abort or Stop")

    def _after_abort(self, sequence: Sequence, move: Abort, end: Move) -> Ending:
        """The caller who was seen connected again has surely not been handed over."""
        returned = isinstance(end, Done)
        if not sequence.takes_back:
            return self._ending(move.why, move.certainty)
        if returned and sequence.wants_caller:
            return self._ending()
        certainty = Certainty.NOT_DONE if returned else move.certainty
        return self._ending(move.why, certainty, back=returned)

    def _ending(
        self, why: Why | None = None, certainty: Certainty = Certainty.UNSURE, back: bool | None = None
    ) -> Ending:
        return Ending(why, certainty, back, self.error, words_told(as_told(self.lines)), self.sent)

    def _go(self, sequence: Sequence, lines: Lines | None) -> Move:
        position, sent_at = Position(), self.clock.now()
        while True:
            move = next_move(sequence, position, lines, self.clock.now() - sent_at)
            self._note(sequence, position, move, self.clock.now() - sent_at)
            if isinstance(move, Send):
                ended = self._send(sequence, position, move)
                if ended is not None:
                    return ended
                sent_at = self.clock.now()
            elif isinstance(move, Wait):
                self.clock.sleep(move.seconds)
            else:
                return move
            position = move.position
            try:
                lines = self._look()
            except CredentialRefused as error:
                self.error = error
                return Stop(Why.REFUSED, Certainty.UNSURE, position)

    def _look(self) -> Lines | None:
        """None: no believable answer; (): nobody there."""
        try:
            self.looked_at = self.clock.now()
            self.lines = self.phone.line_status()
        except CredentialRefused:
            raise
        except NothingSent as error:
            self.error = error
            return ()
        except PhoneError as error:
            self.error = error
            return None
        return self.lines

    def _note(self, sequence: Sequence, position: Position, move: Move, seconds: float) -> None:
        """The step that was sent has been seen, or will not be."""
        if not position.sent or isinstance(move, Wait):
            return
        step, observed = sequence.steps[position.step], words_told(as_told(self.lines))
        if isinstance(move, (Send, Done)):
            self.diary.seen(step, observed, seconds)
        else:
            self.diary.missed(step, observed)

    def _send(self, sequence: Sequence, position: Position, move: Send) -> Move | None:
        """The one request of a step; None: look what came of it."""
        certainty = Certainty.NOT_DONE if position.acted else Certainty.NOTHING
        forbidden = self.diary.sending(move.step)
        if self.clock.now() - self.looked_at > FRESH_SECONDS:
            forbidden = forbidden or Why.TOO_LATE
        if forbidden is not None:
            self.diary.missed(move.step, forbidden.value)
            return Stop(forbidden, certainty, position)
        try:
            self.sent += 1
            self._do(sequence, move)
        except (Refused, NothingSent) as error:
            self.sent -= isinstance(error, NothingSent)
            self.error = error
            self.diary.missed(move.step, error.reason_code)
            if isinstance(error, CredentialRefused):
                return Stop(Why.REFUSED, certainty, position)
            return broken_off(sequence, position, move.lines, Why.REFUSED, certainty)
        except PhoneError as error:
            self.error = error  # it may have happened: the lines tell
        return None

    def _do(self, sequence: Sequence, move: Send) -> None:
        step, lines = move.step, move.lines
        if step.deed is Deed.KEYS:
            self.phone.send_keys(step.keys, lines=lines, plan=self.plan)
        elif step.deed is Deed.HOLD:
            self.phone.hold_call(lines=lines)
        elif step.deed is Deed.DIAL:
            self.phone.make_call(sequence.number, sequence.account)
        elif step.deed is Deed.CANCEL:
            self.phone.cancel_call(lines=lines)
        else:
            self.phone.end_call(lines=lines, beside_held=True)

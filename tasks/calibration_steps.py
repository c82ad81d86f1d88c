"""One key sequence on the phone under test, run by the very runner that runs it for people later.

A calibration tells three ends apart: it worked; it did not, which says something about the model; and something came
between (somebody hung up, the phone was away), which says nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from phones.connection import key_plan_of
from phones.drivers.base import LineState, LineWord
from phones.drivers.errors import CredentialRefused, NothingSent, Refused
from phones.models import Calibration
from phones.sequences import Sequence, Step, Why
from phones.sequences_catalogue import attended_cancel, attended_complete, attended_start, blind_transfer, conference
from phones.sequences_run import Ending, Runner, WallClock
from tasks.calibration_bench import Bench, StepLog, TrialLog

Outcome = Calibration.Outcome
# What each end says; whether it says something about the model.
ENDS: Final[Mapping[Why, tuple[bool, str]]] = {
    Why.NOT_THE_STATE: (False, "The lines were not as they must be before it, so no key was sent."),
    Why.CALLER_GONE: (False, "The first extension hung up meanwhile, so nothing was learnt."),
    Why.COLLEAGUE_GONE: (False, "The second extension hung up meanwhile, so nothing was learnt."),
    Why.TAKEN_BACK: (False, "The first call was taken back on the phone meanwhile, so nothing was learnt."),
    Why.SWAPPED: (False, "Somebody changed between the calls on the phone, so nothing was learnt."),
    Why.DIAL_FAILED: (False, "The phone could not call the second extension, so nothing was learnt."),
    Why.SILENT: (False, "The phone no longer told its lines, so nothing was learnt."),
    Why.AWAY: (False, "The phone was away meanwhile, so nothing was learnt."),
    Why.LINES_CHANGED: (True, "The lines did something else than this sequence is for."),
    Why.TRANSFER_FAILED: (True, "The phone gave the call back: the transfer failed."),
    Why.NOT_SEEN: (True, "The keys were sent, but the lines never showed what they must."),
    Why.REFUSED: (True, "The phone refused it."),
}
_BUILD: Final[Mapping[str, Callable[[int, int, str], Sequence]]] = {
    "blind_transfer": lambda own, _other, number: blind_transfer(own, number),
    "attended_start": lambda own, _other, number: attended_start(own, number),
    "attended_complete": lambda own, other, _number: attended_complete(own, other),
    "attended_cancel": lambda own, other, _number: attended_cancel(own, other),
    "conference": lambda own, other, _number: conference(own, other),
}


@dataclass
class Result:
    """`timings`: [{"step": name, "milliseconds": from the keys to the state that was awaited}, …]."""

    outcome: Outcome
    sentence: str = ""
    timings: list[dict[str, object]] = field(default_factory=list)


def run_sequence(bench: Bench, name: str, log: TrialLog) -> Result:
    """Every step once; how it ended. Raises what ends the whole run: a stop, a lost lease, a refused passcode."""
    diary = StepDiary(bench, log)
    runner = Runner(bench.driver, key_plan_of(bench.phone), diary, WatchfulClock(bench))
    sequence = _BUILD[name](
        _line_with(bench, bench.plan.first), _line_with(bench, bench.plan.second), bench.plan.second
    )
    ending = runner.run(sequence, bench.lines)
    if isinstance(ending.error, CredentialRefused):
        raise ending.error
    return _result(ending, diary.timings)


def _line_with(bench: Bench, extension: str) -> int:
    """The line on which this test call is; 0, which no line has, when it is not there."""
    return next((line.line for line in bench.lines if line.remote_number == extension), 0)


def _result(ending: Ending, timings: list[dict[str, object]]) -> Result:
    if ending.why is None:
        return Result(Outcome.WORKED, timings=timings)
    learnt, sentence = ENDS.get(ending.why, (False, "It broke off, so nothing was learnt."))
    said = [
        sentence,
        str(ending.error) if ending.why is Why.REFUSED and ending.error else "",
        f"Seen: {ending.observed}.",
    ]
    if ending.back is False:
        said.append("The first call could not be taken back.")
    told = " ".join(part for part in said if part)
    return Result(Outcome.FAILED if learnt else Outcome.STOPPED, told, timings)


class WatchfulClock(WallClock):
    """Between two looks: does a person want it to stop, and is the phone still ours?"""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.bench.hold()


class StepDiary:
    """Each step as the page shows it, written down before its request is sent, and timed when it was seen."""

    def __init__(self, bench: Bench, log: TrialLog) -> None:
        self.bench, self.log = bench, log
        self.timings: list[dict[str, object]] = []
        self._open: StepLog | None = None

    def sending(self, step: Step) -> Why | None:
        """Raises what ends the whole run when nothing more may be sent."""
        self._open = self.log.begin_step(step.name)
        self.bench.hold()
        return None

    def seen(self, step: Step, observed: str, seconds: float) -> None:
        milliseconds = round(1000 * seconds)
        self.timings.append({"step": step.name, "milliseconds": milliseconds})
        if self._open is not None:
            self._open.seen(observed, milliseconds)

    def missed(self, step: Step, observed: str) -> None:
        if self._open is not None:
            self._open.missed(observed)


def hang_up(bench: Bench, used: list[LineState]) -> None:
    """End one of these calls, all of them to test extensions: whichever the phone ends, it is ours. What came of it is
    seen at the next look."""
    front = next((line for line in used if line.state is not LineWord.ON_HOLD), used[0])
    lines = tuple(line for line in bench.lines if line is front or line.state is LineWord.IDLE)
    only_dialled = len(used) == 1 and front.state in (LineWord.DIALING, LineWord.CALLING)
    deed = bench.driver.cancel_call if only_dialled else bench.driver.end_call
    with suppress(Refused, NothingSent):
        bench.send(lambda: deed(lines=lines))

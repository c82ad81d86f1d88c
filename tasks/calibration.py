"""A calibration: the phone calls a test extension, and each key sequence is run on that call, step by step.

One order, minutes long. Every row is written before the deed that it tells of, nothing is sent twice, the lease is
renewed before every request, and whatever happens it ends: each wait has a deadline, and a person may stop it. Only
calls that show one of the two test extensions are ever touched.
"""

from typing import Final

from crmconnector.calls.dial_check import bar_of_test_call
from crmconnector.calls.selectors import open_legs
from crmconnector.common.clock import utc_now
from crmconnector.common.marked import gettext_noop as _
from phones.calibrations import begin
from phones.connection import driver_for
from phones.drivers.base import Lines, LineState, LineWord
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused
from phones.models import Calibration, OrderState
from phones.orders import OrderGrant, OrderOutcome
from phones.services import note_passcode_refused
from phones.trials import Plan, plan_of
from tasks.calibration_bench import Bench, Ended, LeaseLost, StepLog, StopAsked, TrialLog
from tasks.calibration_proof import word_of_pbx
from tasks.calibration_steps import hang_up, run_sequence

PICK_UP_SECONDS: Final = 25.0
CLEAR_SECONDS: Final = 6.0
_BEING_DIALLED: Final = (LineWord.DIALING, LineWord.CALLING)


class Abandoned(Exception):
    """Nothing can be learnt of this trial. `ended`: nor of the ones after it."""

    def __init__(self, sentence: str, ended: Ended | None = None) -> None:
        super().__init__(sentence)
        self.ended = ended


def run_calibration(grant: OrderGrant) -> OrderOutcome:
    """The whole run under the order's lease. Its result: {"trials": [{"name", "state", "sentence", "steps"}]}."""
    bench = Bench(grant, driver_for(grant.phone), plan_of(grant.argument))
    ended: Ended | None = None
    for log in bench.trials:
        ended = _run_trial(bench, log)
        if ended is not None:
            break
    return _outcome(bench, ended)


def _outcome(bench: Bench, ended: Ended | None) -> OrderOutcome:
    states = [log.state for log in bench.trials]
    worked, failed = states.count("worked"), states.count("failed")
    counted = f"{worked} worked, {failed} did not, {len(states) - worked - failed} not learnt."
    if ended is None:
        return OrderOutcome(OrderState.CONFIRMED, "", counted, result=bench.as_json())
    return OrderOutcome(ended.state, ended.code, f"{ended.sentence} {counted}", result=bench.as_json())


def _run_trial(bench: Bench, log: TrialLog) -> Ended | None:
    """One call and its sequences; what ends the whole run, or None to go on with the next."""
    ended: Ended | None = None
    try:
        _call_and_run(bench, log)
    except StopAsked:
        ended = Ended(OrderState.CONFIRMED, "stopped", "Stopped by a person.")
    except LeaseLost:
        ended = LEASE_LOST
    except Abandoned as why:
        log.end("stopped", str(why))
        ended = why.ended
    except CredentialRefused as error:
        note_passcode_refused(phone_id=bench.phone.pk, at=utc_now(), reason_code=error.reason_code)
        ended = Ended(OrderState.REFUSED, error.reason_code, str(error), hands_off=True)
    except PhoneError as error:
        ended = Ended(OrderState.FAILED, error.reason_code, f"The phone went away. {error}")
    if log.state == "running":
        log.end("stopped", ended.sentence if ended else "")
    bench.drop_row(log.sentence)
    if not bench.dialled or (ended is not None and ended.hands_off):
        return ended
    left = _tidied(bench, log)
    return ended or left


LEASE_LOST = Ended(
    OrderState.UNKNOWN, "lease_lost", "Another request took the phone, so we let go of it. Look at it.", hands_off=True
)


def _call_and_run(bench: Bench, log: TrialLog) -> None:
    log.begin()
    bench.dialled, bench.began_at = False, utc_now()
    _must_be_allowed(bench)
    _must_be_free(bench)
    _call_first(bench, log.begin_step(_("Call the first extension")))
    for name in log.trial.sequences:
        if not _run_one(bench, name, log):
            return
        if name == "attended_start":
            _wait_for_talk(bench, log.begin_step(_("The second extension picks up")), bench.plan.second)
    log.end("worked", log.sentence)


def _must_be_allowed(bench: Bench) -> None:
    """Looked at before each call: somebody may have stopped all dialling since it was asked for."""
    pbxes = [account.pbx for account in bench.phone.accounts.select_related("pbx")]
    for extension in (bench.plan.first, bench.plan.second):
        if bar := bar_of_test_call(pbxes=pbxes, extension=extension):
            raise Abandoned(BARRED[bar].sentence, BARRED[bar])


def _must_be_free(bench: Bench) -> None:
    """Every line idle, and the PBX knows of no call either: a person's call is never in a calibration's way."""
    in_use = any(line.state is not LineWord.IDLE for line in bench.look())
    if in_use or open_legs(phone_ids=[bench.phone.pk], now=utc_now()).exists():
        raise Abandoned("The phone is in a call, so it was left alone. Nothing was sent.", LEFT_ALONE)


BARRED: Final = {
    "stopped": Ended(OrderState.REFUSED, "stopped", "All dialling is stopped. Nothing was sent."),
    "outside": Ended(OrderState.REFUSED, "outside", "An extension may lead outside. Nothing was sent."),
}
# While it rings, "cancel" would turn the caller away: not even our own call is ended then.
STRANGER = Ended(
    OrderState.REFUSED,
    "another_call",
    "Another call came to the phone, so nothing more was sent. Hang up the test call on the phone.",
    hands_off=True,
)
LEFT_ALONE = Ended(OrderState.REFUSED, "in_call", "A call is up on the phone, so it was left alone.", hands_off=True)


def _call_first(bench: Bench, step: StepLog) -> None:
    """Dial once; somebody there picks up, or nothing is learnt."""
    bench.dialled = True
    try:
        bench.send(lambda: bench.driver.make_call(bench.plan.first))
    except (Refused, NothingSent) as error:
        step.missed(str(error))
        raise Abandoned(
            f"The phone did not dial. {error}", Ended(OrderState.REFUSED, error.reason_code, str(error))
        ) from None
    _wait_for_talk(bench, step, bench.plan.first)


def _wait_for_talk(bench: Bench, step: StepLog, extension: str) -> None:
    def talks(lines: Lines) -> bool:
        if not all(is_ours(bench.plan, line) for line in lines if line.state is not LineWord.IDLE):
            raise Abandoned(STRANGER.sentence, STRANGER)
        return any(line.state is LineWord.CONNECTED and line.remote_number == extension for line in lines)

    if not bench.wait(talks, PICK_UP_SECONDS):
        step.missed(bench.observed)
        raise Abandoned(f"Extension {extension} did not pick up in {PICK_UP_SECONDS:.0f} s, so nothing was learnt.")
    step.seen(bench.observed)


def is_ours(plan: Plan, line: LineState) -> bool:
    """A call to a test extension. While it is only being dialled some phones show no number yet."""
    if line.state is LineWord.RINGING:
        return False
    if line.remote_number in (plan.first, plan.second):
        return True
    return not line.remote_number and line.state in (*_BEING_DIALLED, LineWord.FAILED)


def _run_one(bench: Bench, name: str, log: TrialLog) -> bool:
    """One sequence with its own row, written before its first key; False: it did not work."""
    shown = f"{bench.plan.first}, {bench.plan.second}"
    row = begin(phone=bench.phone, sequence=name, extension=shown, by_name=bench.by_name, now=utc_now())
    bench.begin_row(row.pk)
    result = run_sequence(bench, name, log)
    if result.outcome == Calibration.Outcome.WORKED:
        agrees, result.sentence = word_of_pbx(bench, name, bench.began_at)
        result.outcome = Calibration.Outcome.WORKED if agrees else Calibration.Outcome.FAILED
    bench.end_row(result.outcome, result.sentence, result.timings)
    if result.outcome != Calibration.Outcome.WORKED:
        log.end(str(result.outcome), result.sentence)
    log.sentence = result.sentence
    return result.outcome == Calibration.Outcome.WORKED


# ---- afterwards: what is ours is hung up, nothing else is touched


def _tidied(bench: Bench, log: TrialLog) -> Ended | None:
    """Hang up what shows a test extension; None when every line is idle after it."""
    bench.tidying = True
    try:
        free = _hang_up_ours(bench)
    except (PhoneError, LeaseLost):
        free = False
    bench.tidying = False
    if free:
        return None
    log.add("A call may still be up: hang up on the phone.")
    return Ended(OrderState.CONFIRMED, "left_up", "A call may still be up on the phone: hang up there.")


def _hang_up_ours(bench: Bench) -> bool:
    """Whether the phone is free then. For each state of the lines that is seen one deed at most."""
    done: set[tuple[LineWord, ...]] = set()

    def cleared(lines: Lines) -> bool:
        used = [line for line in lines if line.state not in (LineWord.IDLE, LineWord.FAILED)]
        state = tuple(line.state for line in lines)
        if used and state not in done and all(is_ours(bench.plan, line) for line in used):
            done.add(state)
            hang_up(bench, used)
        return not used

    return bench.wait(cleared, CLEAR_SECONDS)

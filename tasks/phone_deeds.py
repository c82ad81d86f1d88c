"""What each command does by the desk phone: look at the lines first (harmless), then the one deed, then say what came.

Most of the phone's commands name no line, so the lines must show that the call which is meant is the one that would be
hit; otherwise nothing is sent. Every error of a driver becomes an outcome: before the deed each of them is harmless,
from then on only a sure "nothing happened" counts as one. Nothing is ever sent a second time.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from crmconnector.calls.emergency import is_for_help
from crmconnector.calls.models import CommandKind, CommandState
from crmconnector.calls.services import Grant, Outcome
from crmconnector.common.clock import GRANT_VALID_SECONDS, utc_now
from phones.calibrations import timings_of
from phones.connection import driver_for, key_plan_of
from phones.drivers.base import LineWord
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused
from phones.lease import extend_lease
from phones.sequences import HELD, TALKING, Certainty, Sequence, Why, as_told
from phones.sequences_catalogue import timed
from phones.sequences_run import Clock, Ending, Runner, WallClock
from phones.sequences_words import sentence_of
from phones.services import note_passcode_refused, note_phone_answered, note_phone_silent
from tasks.device_deeds import NOT_REACHED
from tasks.phone_plans import PLANS
from tasks.phone_scene import BEGUN, UP, Misfit, Scene, line_of, wrong_line
from tasks.phone_steps import StepRows

__all__ = ["by_phone", "line_of", "wrong_line"]

TOO_LATE: Final = Outcome(
    CommandState.FAILED, "too_late", "Your phone was too slow to be asked in time. Nothing was sent."
)
LEASE_LOST: Final = Outcome(
    CommandState.FAILED, "lease_lost", "Another request took your phone meanwhile, so this one was not sent. "
    "Look at your phone, then press again.",
)  # fmt: skip
Deed = Callable[[], None]


def by_phone(grant: Grant, *, clock: Clock | None = None) -> Outcome:
    """One command by the phone, as `Outcome`. `clock`: what a sequence waits by."""
    try:
        phone = driver_for(grant.phone)
        lines = as_told(phone.line_status())
    except PhoneError as error:
        return _outcome_of(error, grant, deed_started=False)
    scene = Scene(phone, lines, grant)
    try:
        if grant.kind in PLANS:
            return _run(scene, PLANS[grant.kind](scene), clock or WallClock())
        deed = DEEDS[grant.kind](scene)
    except Misfit as misfit:
        note_phone_answered(phone_id=grant.phone.pk, at=utc_now())
        return misfit.outcome
    return _do(scene, deed)


# ---- one request


def _do(scene: Scene, deed: Deed) -> Outcome:
    grant = scene.grant
    # A call for help may have the phone by now, and what was meant for the call before must not hit that one. It itself
    # goes ahead even without the lease.
    ours = is_for_help(grant.command) or extend_lease(phone_id=grant.phone.pk, token=grant.token, now=utc_now())
    if not ours:
        return LEASE_LOST
    if time.monotonic() - grant.granted_monotonic > GRANT_VALID_SECONDS:  # last: nothing slow before the request
        return TOO_LATE
    try:
        deed()
    except PhoneError as error:
        return _outcome_of(error, grant, deed_started=True, unchanged=_refused_and_unchanged(error, scene))
    note_phone_answered(phone_id=grant.phone.pk, at=utc_now())
    return Outcome(CommandState.SENT)


def _answer(scene: Scene) -> Deed:
    _must_ring(scene)
    return scene.phone.accept_call


def _reject(scene: Scene) -> Deed:
    _must_ring(scene)
    return lambda: scene.phone.reject_call(lines=scene.lines)


def _must_ring(scene: Scene) -> None:
    problem = wrong_line(scene.lines, scene.grant.far_number)
    if problem is not None:
        raise Misfit(problem)


def _make_call(scene: Scene) -> Deed:
    """Calls on hold are left alone; a phone that is otherwise in use says so. An emergency call is tried in any case:
    many phones put the other call on hold by themselves."""
    command = scene.grant.command
    if not is_for_help(command):
        _must_be_free(scene)
    return lambda: scene.phone.make_call(command.dial_string or command.far_number, command.account)


def _must_be_free(scene: Scene) -> None:
    for words, outcome in BUSY.items():
        if any(line.state in words for line in scene.lines):
            raise Misfit(outcome)
    if not any(line.state is LineWord.IDLE for line in scene.lines):
        raise Misfit(NO_LINE)


def _hang_up(scene: Scene) -> Deed:
    """The phone ends the call it looks at: the only one, or the one that is up while others wait."""
    own = scene.own(BEGUN)
    used = [line for line in scene.lines if line.state not in (LineWord.IDLE, LineWord.FAILED)]
    held = next(line.state for line in used if line.line == own) is LineWord.ON_HOLD
    if held and len(used) > 1:
        raise Misfit(OTHER_IN_FRONT)
    return lambda: scene.phone.end_call(lines=scene.lines, beside_held=not held)


def _hold(scene: Scene) -> Deed:
    scene.own(TALKING)
    return lambda: scene.phone.hold_call(lines=scene.lines)


def _resume(scene: Scene) -> Deed:
    """With other calls on the phone the key of the line, which names it; whoever is connected is held by the phone."""
    own = scene.own(HELD)
    alone = not any(line.state in UP for line in scene.lines if line.line != own)
    if alone:
        return lambda: scene.phone.resume_call(lines=scene.lines)
    return lambda: scene.phone.send_keys((f"LINE{own}",), lines=scene.lines, plan=key_plan_of(scene.grant.phone))


def _mute(scene: Scene) -> Deed:
    """A toggle, and nothing tells on which side it is: the same key for mute and unmute, in a call only."""
    scene.own(TALKING)
    return lambda: scene.phone.send_keys(("MUTE",), lines=scene.lines, plan=key_plan_of(scene.grant.phone))


DEEDS: Final[Mapping[str, Callable[[Scene], Deed]]] = {
    CommandKind.ANSWER: _answer,
    CommandKind.REJECT: _reject,
    CommandKind.MAKE_CALL: _make_call,
    CommandKind.HANG_UP: _hang_up,
    CommandKind.HOLD: _hold,
    CommandKind.RESUME: _resume,
    CommandKind.MUTE: _mute,
    CommandKind.UNMUTE: _mute,
}
BUSY: Final[Mapping[frozenset[LineWord], Outcome]] = {
    frozenset({LineWord.RINGING}): Outcome(
        CommandState.REFUSED, "something_rings",
        "A call rings on your phone. Answer or reject it first. Nothing was sent.",
    ),
    frozenset({LineWord.CONNECTED}): Outcome(
        CommandState.REFUSED, "in_a_call", "You are in a call. Put it on hold, then dial. Nothing was sent."
    ),
    frozenset({LineWord.DIALING, LineWord.CALLING, LineWord.BUSY_UNKNOWN}): Outcome(
        CommandState.REFUSED, "phone_in_use", "Your phone is in use. Wait until it is free. Nothing was sent."
    ),
}  # fmt: skip
NO_LINE: Final = Outcome(CommandState.REFUSED, "no_line", "Every line of your phone is in use. Nothing was sent.")
OTHER_IN_FRONT: Final = Outcome(
    CommandState.REFUSED, "other_in_front",
    "Another call is in front on your phone. Take this one back first, then hang up. Nothing was sent.",
)  # fmt: skip


# ---- sequences: the plans are in tasks.phone_plans


def _run(scene: Scene, sequence: Sequence, clock: Clock) -> Outcome:
    grant = scene.grant
    sequence = timed(sequence, timings_of(grant.phone, sequence.name))
    rows = StepRows(grant)
    rows.plan(sequence)
    ending = Runner(scene.phone, key_plan_of(grant.phone), rows, clock).run(sequence, scene.lines)
    rows.forget_unsent()
    _note(ending.error, grant)
    return outcome_of_ending(ending, nothing_happened=_surely_nothing(ending, scene))


def _surely_nothing(ending: Ending, scene: Scene) -> bool:
    if ending.certainty is not Certainty.NOTHING or ending.error is None:
        return False
    reached = not isinstance(ending.error, NothingSent) or _is_our_own_refusal(ending.error)
    return _refused_and_unchanged(ending.error, scene) if reached else True


def outcome_of_ending(ending: Ending, *, nothing_happened: bool = False) -> Outcome:
    """Every step seen is still a hint: the PBX proves it."""
    if ending.why is None:
        return Outcome(CommandState.SENT)
    code = ending.error.reason_code if ending.why is Why.REFUSED and ending.error else ending.why.value
    sentence = sentence_of(ending)
    if ending.certainty is Certainty.UNSURE:
        return Outcome(CommandState.UNKNOWN, code, sentence)
    refused = ending.why is Why.NOT_THE_STATE or isinstance(ending.error, Refused)
    if ending.certainty is Certainty.NOTHING and refused:
        return Outcome(CommandState.REFUSED, code, sentence, nothing_happened)
    return Outcome(CommandState.FAILED, code, sentence, nothing_happened)


# ---- what is said


def _outcome_of(error: PhoneError, grant: Grant, *, deed_started: bool, unchanged: bool = False) -> Outcome:
    """Before the deed every error is harmless; from then on only a sure "nothing happened" counts as one.

    `unchanged`: the phone refused it, and its lines are as before.
    """
    _note(error, grant)
    not_done = NOT_DONE.get(grant.kind, "Not done.")
    if isinstance(error, Refused) or _is_our_own_refusal(error):
        nothing = unchanged or not deed_started
        return Outcome(CommandState.REFUSED, error.reason_code, f"{not_done} {error}", nothing)
    if isinstance(error, NothingSent) or not deed_started:
        said = f"{not_done} {error.sentence} Use the phone itself."
        return Outcome(CommandState.FAILED, error.reason_code, said, nothing_happened=True)
    return Outcome(
        CommandState.UNKNOWN, error.reason_code,
        f"{error.sentence} It may or may not have happened. We watch the PBX; do not press again.",
    )  # fmt: skip


def _refused_and_unchanged(error: PhoneError, scene: Scene) -> bool:
    """Whether the phone said no and its lines are as they were: one more harmless look."""
    if not isinstance(error, Refused) or isinstance(error, CredentialRefused):
        return False
    try:
        return as_told(scene.phone.line_status()) == scene.lines
    except PhoneError:
        return False


NOT_DONE: Final[Mapping[str, str]] = {
    CommandKind.ANSWER: "Not answered.",
    CommandKind.MAKE_CALL: "Not dialled.",
    CommandKind.HANG_UP: "Not hung up.",
}


def _note(error: PhoneError | None, grant: Grant) -> None:
    """What was learnt of the phone itself."""
    phone_id, now = grant.phone.pk, utc_now()
    if isinstance(error, CredentialRefused):
        note_passcode_refused(phone_id=phone_id, at=now, reason_code=error.reason_code, sentence=str(error))
    elif error is None or isinstance(error, Refused) or _is_our_own_refusal(error):
        note_phone_answered(phone_id=phone_id, at=now)
    else:
        note_phone_silent(phone_id=phone_id, at=now, reason_code=error.reason_code, sentence=error.sentence)


def _is_our_own_refusal(error: PhoneError) -> bool:
    """The driver would not send it for what the lines show; the phone is well."""
    return isinstance(error, NothingSent) and error.reason not in NOT_REACHED

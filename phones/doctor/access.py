"""From the one request that carries the passcode to four findings: passcode, Action URI, allowed list, answer.

Phones do not say which of the three gates refused. The vendor documents no answer for any of them, and the ones seen
in the field are the same word, the same status, or silence for all three. So only what one answer proves is told.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from phones.doctor.checks import Check, Said, Subject, Verdict, say
from phones.doctor.rows import finding
from phones.doctor.words import gettext_noop as _
from phones.doctor.words import here, passcode_places, remote_control_place
from phones.drivers.base import Lines, LineWord
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused

GATES: Final = ("passcode", "action_uri", "allowed_list")
Findings = tuple[Check, Check, Check, Check]


def let_in(lines: Lines, our_address: str, milliseconds: int) -> Findings:
    """It answered with its lines: every gate is open to us."""
    used = sum(line.state is not LineWord.IDLE for line in lines)
    told = say(_("It told the state of %(lines)d lines; %(used)d in use."), lines=len(lines), used=used)
    inside = say(_("It let %(address)s in."), address=our_address) if our_address else say(_("It let this server in."))
    anybody = say(_("Whether the list says “any” cannot be seen from here. It should name this server alone."))
    return (
        finding("passcode", Verdict.PASS, say(_("The phone took it with the first question."))),
        finding("action_uri", Verdict.PASS, say(_("The phone answers commands over HTTP."))),
        finding("allowed_list", Verdict.PASS, inside, anybody),
        finding("answers", Verdict.PASS, told, milliseconds=milliseconds),
    )


def shut_out(error: PhoneError, subject: Subject, our_address: str, milliseconds: int) -> Findings:
    """It answered otherwise, or not at all. Exactly one of the four fails, the one that was seen to."""
    code = error.reason_code
    if isinstance(error, CredentialRefused):
        refusal, rest = _refusal(error, subject, our_address)
        answers = finding(
            "answers", Verdict.CANNOT_TELL, say(_("Not run: needs a passcode that is accepted.")), ran=False
        )
        return (
            replace(refusal, reason_code=code, milliseconds=milliseconds),
            *_undecided(rest, subject, our_address),
            answers,
        )
    seen, cure, places, gate = _no_answer(error, subject, our_address)
    answers = finding(
        "answers", Verdict.FAIL, seen, cure=cure, places=places, reason_code=code, milliseconds=milliseconds
    )
    passcode = finding("passcode", Verdict.CANNOT_TELL, gate)
    return (passcode, *_undecided(gate, subject, our_address), answers)


def refused_before(subject: Subject, at: datetime) -> Check:
    """A person must act first: a second try would bring the phone nearer to locking itself."""
    seen = say(
        _("The phone refused it on %(day)s at %(time)s UTC. No try was made now, so that it does not lock itself."),
        day=at.strftime("%Y-%m-%d"),
        time=at.strftime("%H:%M:%S"),
    )
    cure = say(_("Enter the phone's user-level passcode again, even if it is the same: that lifts the stop."))
    return finding("passcode", Verdict.FAIL, seen, *_or_else(), cure=(cure,), places=passcode_places(subject.name))


def no_passcode(subject: Subject) -> Check:
    seen = say(_("No passcode is stored for this phone, so no command can be sent."))
    cure = say(_("Enter the phone's user-level passcode."))
    return finding("passcode", Verdict.FAIL, seen, cure=(cure,), places=(here(subject.name, "Passcode"),))


def list_place(subject: Subject, our_address: str) -> Said:
    return remote_control_place(subject.model, "Action URI Allowed IP List", our_address or "this server's address")


def switch_place(subject: Subject) -> Said:
    return remote_control_place(subject.model, "Action URI Support", "Enabled")


def _refusal(error: CredentialRefused, subject: Subject, our_address: str) -> tuple[Check, Said]:
    """The finding about the passcode, and what the same answer means for the other two gates."""
    passcode = passcode_places(subject.name)
    if error.reason is Reason.WRONG_PASSCODE:
        left = () if error.attempts_left is None else (_left(error.attempts_left),)
        seen = say(_("The phone says that the passcode is wrong. We stopped after one try."))
        cure = say(_("Set the same passcode in both places."))
        rest = say(_("The phone spoke of the passcode only. It seems to have let us this far; not proven."))
        return finding("passcode", Verdict.FAIL, seen, *left, cure=(cure,), places=passcode), rest
    if error.reason is Reason.LOCKED_OUT:
        seen = say(_("The phone has locked itself after too many wrong passcodes, ours or somebody else's."))
        cure = say(_("Wait until its lock ends, 5 minutes by default; then set the same passcode in both places."))
        rest = say(_("While it is locked, the phone refuses everything."))
        return finding("passcode", Verdict.FAIL, seen, *_lock_time(error), cure=(cure,), places=passcode), rest
    seen = (
        say(_("The phone forbids this server (HTTP 403 or “forbidden”). We stopped after one try."))
        if error.reason is Reason.FORBIDDEN
        else say(_("The phone answered “unauthorized”. We stopped after one try."))
    )
    cure = say(_("Check all three. Then enter the passcode here again: that lifts the stop."))
    places = (*passcode, switch_place(subject), list_place(subject, our_address))
    rest = say(_("The phone's answer would be the same if this were the cause, and if it were not."))
    return finding("passcode", Verdict.FAIL, seen, *_or_else(), cure=(cure,), places=places), rest


def _no_answer(
    error: PhoneError, subject: Subject, our_address: str
) -> tuple[Said, tuple[Said, ...], tuple[Said, ...], Said]:
    """(what was seen, cure, places, what it means for the three gates)"""
    gates = (switch_place(subject), list_place(subject, our_address))
    if error.reason is Reason.SAID_NO:
        seen = say(_("The phone answered no and gave no reason."))
        cure = say(_("Action URI Support off, our address not in the list or a wrong passcode may be behind it."))
        places = (*gates, *passcode_places(subject.name))
        return seen, (cure,), places, say(_("A plain no may come from this, or from another cause."))
    if error.reason is Reason.NO_ANSWER:
        seen = say(_("The phone took the question and did not answer in time."))
        cure = say(_("Some phones say nothing when Action URI Support is off or our address is not in the list."))
        return seen, (cure,), gates, say(_("Silence may come from this, or from a phone that is busy or hangs."))
    if error.reason is Reason.NO_SUCH_FUNCTION:
        seen = say(_("The phone does not know the question."))
        cure = say(_("Check the model and update the firmware."))
        return seen, (cure,), (here(subject.name, "Model"),), say(_("The phone did not get so far."))
    if error.reason is Reason.MOVED_TO_HTTPS:
        seen = say(_("The phone wants HTTPS, so it did not take the question."))
        cure = say(_("Set this phone to HTTPS and pin its certificate."))
        return seen, (cure,), (here(subject.name, "Connection"),), say(_("The phone did not get so far."))
    gate = _("The question was not sent.") if isinstance(error, NothingSent) else _("The answer cannot be believed.")
    if isinstance(error, Refused):
        gate = _("The phone did not get so far.")
    cure = say(_("Make sure that this address is the phone's. Run the doctor again; restart the phone if it stays so."))
    return say(error.sentence), (cure,), (), say(gate)


def _undecided(why: Said, subject: Subject, our_address: str) -> tuple[Check, Check]:
    return (
        finding("action_uri", Verdict.CANNOT_TELL, why, places=(switch_place(subject),)),
        finding("allowed_list", Verdict.CANNOT_TELL, why, places=(list_place(subject, our_address),)),
    )


def _or_else() -> tuple[Said]:
    return (
        say(_("Phones give this answer for a wrong passcode, for Action URI Support that is off, and to an address that"
              " is not in their list. Which of the three it is cannot be told.")),
    )  # fmt: skip


def _left(attempts: int) -> Said:
    return say(_("It allows %(left)d more tries before it locks itself."), left=attempts)


def _lock_time(error: CredentialRefused) -> tuple[Said, ...]:
    if error.lock_time is None:
        return ()
    return (say(_("It gave %(time)d as the time: minutes on some firmware, seconds on other."), time=error.lock_time),)

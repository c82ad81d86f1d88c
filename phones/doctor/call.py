"""The optional test call: the only way to see that no pop-up holds our commands back and that Click-To-Dial is on.

The phone dials an extension that an administrator named. If a line moves, the call is taken back at once, but only when
that line is surely ours: everything was idle before, one line is in use now, and it shows the number we asked for.
"""

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phonenumbers.shortnumberinfo import connects_to_emergency_number

from crmconnector.common.clock import COMMAND_TRUTH_SECONDS
from phones.doctor.checks import Check, Said, Subject, Verdict, say
from phones.doctor.rows import finding
from phones.doctor.words import click_to_dial_place, remote_control_place
from phones.doctor.words import gettext_noop as _
from phones.drivers.base import LineState, LineWord, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused

EXTENSION: Final = re.compile(r"[0-9*#]{1,8}")  # longer is no extension; a public number costs money and wakes people
# Wherever the PBX stands, many route these to the emergency services.
EMERGENCY_COUNTRIES: Final = ("US", "GB", "DE")
LOOK_EVERY_SECONDS: Final = 0.3
_OWN_CALL: Final = (LineWord.DIALING, LineWord.CALLING)

Pause = Callable[[float], None]


class Moved(StrEnum):
    """What the lines did after the order to dial."""

    OURS = "ours"
    OTHER = "other"  # something moved that cannot be told to be our call: it is left alone
    NOTHING = "nothing"
    UNSEEN = "unseen"  # the phone no longer told its lines


@dataclass(frozen=True, slots=True)
class TestCall:
    """`error`: what the order to dial came to, None = "success"; `later`: what ended our looking at it, if anything;
    `failed`: the line showed that the call failed, so the phone did dial; `gone`: our call was seen to go."""

    __test__ = False  # not a test case

    error: PhoneError | None
    moved: Moved = Moved.UNSEEN
    failed: bool = False
    gone: bool = False
    later: PhoneError | None = None

    @property
    def code(self) -> str:
        """Of the latest error."""
        error = self.later or self.error
        return error.reason_code if error else ""


def may_be_dialled(extension: str, countries: Collection[str]) -> bool:
    """An extension, and no emergency number of the countries the PBXes stand in, or of those everybody knows."""
    if not EXTENSION.fullmatch(extension):
        return False
    return not any(connects_to_emergency_number(extension, one) for one in {*countries, *EMERGENCY_COUNTRIES})


def try_call(driver: PhoneDriver, extension: str, pause: Pause = time.sleep) -> TestCall:
    """Dial once, look at the lines for some seconds, take our call back. Every line was idle a moment ago."""
    error: PhoneError | None = None
    try:
        driver.make_call(extension)
    except PhoneError as problem:
        error = problem
    if isinstance(error, (Refused, NothingSent)):
        return TestCall(error)  # surely nothing was dialled
    try:
        used = _wait_for_a_line(driver, pause)
    except PhoneError as problem:
        return TestCall(error, later=problem)
    if not used:
        return TestCall(error, Moved.NOTHING)
    if not _is_ours(used, extension):
        return TestCall(error, Moved.OTHER)
    failed = used[0].state is LineWord.FAILED
    try:
        return TestCall(error, Moved.OURS, failed, gone=_take_back(driver, extension, pause))
    except PhoneError as problem:
        return TestCall(error, Moved.OURS, failed, later=problem)


def _wait_for_a_line(driver: PhoneDriver, pause: Pause) -> tuple[LineState, ...]:
    """The lines in use, as soon as there are any; none within the time by which an order shows its truth."""
    ends_at = time.monotonic() + COMMAND_TRUTH_SECONDS
    while True:
        used = _in_use(driver)
        if used or time.monotonic() >= ends_at:
            return used
        pause(LOOK_EVERY_SECONDS)


def _in_use(driver: PhoneDriver) -> tuple[LineState, ...]:
    return tuple(line for line in driver.line_status() if line.state is not LineWord.IDLE)


def _is_ours(used: tuple[LineState, ...], extension: str) -> bool:
    """One line, and it shows our number; while it is only being dialled some phones show none yet."""
    if len(used) != 1 or used[0].state is LineWord.RINGING:
        return False
    line = used[0]
    return line.remote_number == extension or (not line.remote_number and line.state in (*_OWN_CALL, LineWord.FAILED))


def _take_back(driver: PhoneDriver, extension: str, pause: Pause) -> bool:
    """Cancel while it is being dialled, hang up when it was answered; each at most once. True when seen to be gone."""
    sent: set[str] = set()
    ends_at = time.monotonic() + COMMAND_TRUTH_SECONDS
    while True:
        lines = driver.line_status()
        used = tuple(line for line in lines if line.state is not LineWord.IDLE)
        if not used or used[0].state is LineWord.FAILED:
            return True  # a failed one clears itself
        if not _is_ours(used, extension) or time.monotonic() >= ends_at:
            return False
        deed, name = (driver.cancel_call, "cancel") if used[0].state in _OWN_CALL else (driver.end_call, "end")
        if name not in sent:
            sent.add(name)
            _quietly(deed, lines)
        pause(LOOK_EVERY_SECONDS)


def _quietly(deed: Callable[..., None], lines: tuple[LineState, ...]) -> None:
    """What it came to is seen on the lines; only a refusal of us ends the whole visit."""
    try:
        deed(lines=lines)
    except CredentialRefused:
        raise
    except PhoneError:
        pass


def judge(call: TestCall, subject: Subject, extension: str) -> tuple[Check, Check]:
    """(pop-up, Click-To-Dial)"""
    error = call.error
    if call.moved is Moved.OURS:
        return _dialled(call, extension)
    if call.moved is Moved.OTHER:
        return _both(say(_("Something else moved on the phone meanwhile. It was left alone; run the test call again.")))
    if isinstance(error, Refused) and error.reason in (Reason.SAID_NO, Reason.SAID_NO_CLICK_TO_DIAL):
        return _refused(subject, extension)
    if call.moved is Moved.NOTHING and (error is None or error.reason is Reason.NO_ANSWER):
        return _held_back(subject, extension, answered=error is None)
    problem = call.later or error
    sentence = problem.sentence if problem else _("The phone no longer told its lines.")
    nothing = isinstance(error, (NothingSent, Refused))
    look = _("Nothing was dialled.") if nothing else _("It may have dialled: look at the phone.")
    return _both(say(sentence), say(look), code=call.code)


def _dialled(call: TestCall, extension: str) -> tuple[Check, Check]:
    seen = (
        say(
            _("It dialled %(extension)s. The call failed after that: see registration and the number."),
            extension=extension,
        )
        if call.failed
        else say(_("It dialled %(extension)s at once, and nobody touched it."), extension=extension)
    )
    end = say(_("The call was taken back.") if call.gone else _("It may still be up: hang up on the phone."))
    pop_up = finding("pop_up", Verdict.PASS, say(_("A line moved without anybody pressing a key.")))
    return pop_up, finding(
        "click_to_dial", Verdict.PASS, seen, end, reason_code=call.later.reason_code if call.later else ""
    )


def _held_back(subject: Subject, extension: str, *, answered: bool) -> tuple[Check, Check]:
    seen = (
        say(_("It answered “success”, but no line moved within %(seconds)d s."), seconds=round(COMMAND_TRUTH_SECONDS))
        if answered
        else say(_("It did not answer, and no line moved within %(seconds)d s."), seconds=round(COMMAND_TRUTH_SECONDS))
    )
    doubt = say(_("A pop-up that waits for a key looks like this; so does a phone that loses an order."))
    screen = say(_("If the phone asks on its screen, refuse: otherwise it dials %(extension)s."), extension=extension)
    place = remote_control_place(subject.model, "Remote Control Pop up Window Support", "Disabled")
    pop_up = finding("pop_up", Verdict.FAIL, seen, doubt, cure=(screen,), places=(place,))
    waits = say(_("The pop-up comes first, so nothing was learnt of this."))
    return pop_up, finding("click_to_dial", Verdict.CANNOT_TELL, waits, places=(click_to_dial_place(subject.model),))


def _refused(subject: Subject, extension: str) -> tuple[Check, Check]:
    place = remote_control_place(subject.model, "Remote Control Pop up Window Support", "Disabled")
    seen = say(_("It refused to dial %(extension)s."), extension=extension)
    doubt = say(_("A pop-up that is on, or no free line, can be answered the same way."))
    cure = say(_("Turn Click-To-Dial on; the vendor's guide asks for it on GRP260x, others were seen to want it too."))
    places = (click_to_dial_place(subject.model),)
    also = say(_("The refusal may come from the pop-up instead."))
    pop_up = finding("pop_up", Verdict.CANNOT_TELL, also, places=(place,))
    return pop_up, finding("click_to_dial", Verdict.FAIL, seen, doubt, cure=(cure,), places=places)


def _both(*evidence: Said, code: str = "") -> tuple[Check, Check]:
    return (
        finding("pop_up", Verdict.CANNOT_TELL, *evidence, reason_code=code),
        finding("click_to_dial", Verdict.CANNOT_TELL, *evidence, reason_code=code),
    )

"""The steps of a key sequence for people: what was pressed, awaited, and then shown by the phone. Never a digit.

The rows of CommandStep hold short English words (phones.sequences); here they are said in the reader's language.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crmconnector.calls.models import CommandStep, StepState


@dataclass(frozen=True, slots=True)
class KeyStep:
    """One step. `state` is the class of its row; `milliseconds`: from the keys to what was seen, else None."""

    state: str
    icon: str
    word: str
    title: str
    keys: str
    expected: str
    observed: str
    sent_at: datetime | None
    milliseconds: int | None


STATES: Final = {
    StepState.WAITING: ("todo", "asked", gettext_noop("To come")),
    StepState.SENT: ("todo", "asked", gettext_noop("Under way")),
    StepState.SEEN: ("done", "done", gettext_noop("Seen")),
    StepState.MISSED: ("fail", "refused", gettext_noop("Not seen")),
}
OVER: Final = STATES | {  # when the command has ended
    StepState.WAITING: ("todo", "asked", gettext_noop("Not sent")),
    StepState.SENT: ("fail", "unknown", gettext_noop("Sent, its end not seen")),
}
KEYS: Final = {
    "XFER": gettext_noop("the transfer key"),
    "CONF": gettext_noop("the conference key"),
    "SEND": gettext_noop("the send key"),
    "MUTE": gettext_noop("the mute key"),
    "VUP": gettext_noop("the louder key"),
    "VDOWN": gettext_noop("the quieter key"),
    "hold": gettext_noop("the order to hold"),
    "dial": gettext_noop("the order to dial"),
    "end_other": gettext_noop("the order to end the second call"),
    "cancel": gettext_noop("the order to take the number back"),
}
EXPECTED: Final = (
    gettext_noop("second call over"),
    gettext_noop("caller connected"),
    gettext_noop("caller on hold"),
    gettext_noop("line free"),
    gettext_noop("second call on its way"),
    gettext_noop("both calls, or both over"),
    gettext_noop("both lines free"),
    gettext_noop("second call connected"),
    gettext_noop("both calls there"),
    gettext_noop("both connected"),
    gettext_noop("caller still connected"),
    gettext_noop("call on its way"),
    gettext_noop("dial tone"),
    gettext_noop("call as it was"),
)
LINES: Final = {
    "ringing": gettext_noop("line %(n)s rings"),
    "dialing": gettext_noop("line %(n)s has a dial tone or a number half entered"),
    "calling": gettext_noop("line %(n)s is calling"),
    "connected": gettext_noop("line %(n)s is connected"),
    "on hold": gettext_noop("line %(n)s is on hold"),
    "failed": gettext_noop("the call on line %(n)s failed"),
    "busy unknown": gettext_noop("line %(n)s is in use"),
}
_IDLE: Final = "every line idle"
_DIGITS: Final = re.compile(r"([0-9]+) digits\Z")
_LINE_KEY: Final = re.compile(r"LINE([0-9]+)\Z")
_TYPED: Final = re.compile(r"[0-9*#+]+\Z")


def tell_steps(steps: Iterable[CommandStep], *, live: bool) -> list[KeyStep]:
    """In their order; `live`: more may come. What a row names that has no words here stands as it is, digits never."""
    return [_tell(step, live=live) for step in steps]


def _tell(step: CommandStep, *, live: bool) -> KeyStep:
    state, icon, word = (STATES if live else OVER)[StepState(step.state)]
    took = (step.seen_at - step.sent_at).total_seconds() if step.seen_at and step.sent_at else None
    expected = _(step.expected) if step.expected else ""
    return KeyStep(
        state, icon, _(word), capfirst(_(step.name)), keys_in_words(step.keys), expected,
        lines_in_words(step.observed), step.sent_at, round(took * 1000) if took is not None else None,
    )  # fmt: skip


def keys_in_words(keys: str) -> str:
    """ "12 digits, SEND" -> "12 digits, the send key"."""
    return ", ".join(_key(one.strip()) for one in keys.split(",") if one.strip())


def _key(one: str) -> str:
    if counted := _DIGITS.match(one):
        return _count(int(counted[1]))
    if line := _LINE_KEY.match(one):
        return _("the key of line %(n)s") % {"n": line[1]}
    if _TYPED.match(one):  # a row never holds any; if one did, they might be somebody's PIN
        return _count(len(one))
    return _(KEYS[one]) if one in KEYS else one


def _count(digits: int) -> str:
    return ngettext("%(n)d digit", "%(n)d digits", digits) % {"n": digits}


def lines_in_words(observed: str) -> str:
    """ "1 connected, 2 on hold" -> "line 1 is connected, line 2 is on hold"."""
    if observed == _IDLE:
        return _("every line is free")
    return ", ".join(_line(one.strip()) for one in observed.split(",") if one.strip())


def _line(one: str) -> str:
    number, _blank, word = one.partition(" ")
    return _(LINES[word]) % {"n": number} if number.isascii() and number.isdigit() and word in LINES else one

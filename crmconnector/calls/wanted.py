"""What somebody wants done, checked against what is there now. The same checks run again when a worker takes it up.

Nothing is guessed: a verb of a call names one leg, the user's own, and that leg must be in a state that fits.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import Q

from crmconnector.calls.dial_check import check_dial_now, sentence_of
from crmconnector.calls.dial_rows import dial_settings
from crmconnector.calls.emergency import is_for_help
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, Leg, PathPolicy
from crmconnector.calls.verbs import VERBS, Choice, Ground, choose_way
from crmconnector.users.models import User
from phones.models import Phone

__all__ = ["CommandProblem", "Wanted", "check_still", "dial_settings", "own_leg", "usable_phone", "way_of"]


class CommandProblem(Exception):
    """Why nothing was asked of phone or PBX; a sentence that may be shown."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a person asks for. `leg` is the user's own end of the call; None for a new call.

    `far_number` is E.164 or the bare digits of an extension, `dial_string` what is sent for it. `account`: on the
    phone, from 1.
    """

    kind: CommandKind
    phone: Phone
    endpoint: str = ""
    pbx_id: int | None = None
    leg: Leg | None = None
    other_leg: Leg | None = None
    part_of: CallCommand | None = None
    target: str = field(default="", repr=False)
    far_number: str = field(default="", repr=False)
    dial_string: str = field(default="", repr=False)
    account: int | None = None
    digits: str = field(default="", repr=False)
    sequence: str = ""
    emergency: bool = False  # an earlier attempt that never came to an end does not stand in its way

    def fingerprint(self) -> str:
        """The same button pressed again asks for the same: whom, what, where."""
        what = [self.kind, self.phone.pk, self.leg and self.leg.pk, self.part_of and str(self.part_of.pk),
                self.far_number, self.dial_string, self.account, self.digits, self.sequence]  # fmt: skip
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def own_leg(*, user: User, leg: Leg, kind: CommandKind, now: datetime) -> Phone:
    """The user's own phone at this leg, when the verb makes sense there now; else CommandProblem."""
    if leg.user_id != user.pk or leg.phone is None:
        raise CommandProblem(
            "not_yours", "This call is not on your phone, so nothing was sent. Use the phone that it is on."
        )
    if leg.call.test:
        raise CommandProblem("test", "This is a test. Nobody is calling, so there is nothing to do.")
    if leg.ended_at is not None or leg.state not in VERBS[kind].states:
        raise CommandProblem(
            *_WRONG_STATE.get(kind, ("not_now", "This cannot be done as the call stands now. Look at your phone."))
        )
    usable_phone(user=user, phone=leg.phone, now=now)
    return leg.phone


def usable_phone(*, user: User, phone: Phone, now: datetime) -> None:
    """Assigned to the user now; CommandProblem otherwise. That it refuses our passcode is a matter of the way."""
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGNED, [phone.pk, user.pk, now])
        assigned = cursor.fetchone()[0]
    if not assigned:
        raise CommandProblem(
            "not_assigned",
            "This phone is no longer assigned to you, so nothing was sent. "
            "An administrator assigns it on the page Phones.",
        )


def check_still(*, command: CallCommand, now: datetime) -> None:
    """The same checks when a worker takes it up: seconds of queueing may have passed since the click.

    Whoever calls for help could do so when they clicked, and that is enough: only the digits are held against whom they
    are for.
    """
    if not is_for_help(command):
        _check_person_and_phone(command, now)
    if (brake := check_dial_now(command, now)) is not None:
        raise CommandProblem(brake.code, sentence_of(brake, command.user))


def _check_person_and_phone(command: CallCommand, now: datetime) -> None:
    if not command.user.is_active:
        raise CommandProblem("user_inactive", "This account was closed, so nothing was sent. Use the phone itself.")
    if command.leg is not None:
        own_leg(user=command.user, leg=command.leg, kind=CommandKind(command.kind), now=now)
    else:
        usable_phone(user=command.user, phone=command.phone, now=now)
    if command.path == CommandPath.PHONE and command.phone.passcode_refused_at is not None:
        raise CommandProblem(*_PASSCODE)


def way_of(*, kind: CommandKind, phone: Phone, ground: Ground) -> Choice:
    """By which way this verb goes at this phone: the row of the phone, else that of all phones, else the usual."""
    rows = PathPolicy.objects.filter(Q(phone=phone) | Q(phone=None), kind=kind).order_by()
    policy = max(rows, key=lambda row: row.phone_id is not None, default=None)
    if policy is None:
        return choose_way(kind, ground)
    return choose_way(kind, ground, wanted=policy.path, fall_back=policy.fall_back)


_ASSIGNED = """
    select exists (select from phones_assignment where phone_id = %s and user_id = %s and during @> %s::timestamptz)
"""
_PASSCODE = (
    "passcode_refused",
    "Your desk phone refused our passcode, so nothing is sent to it. Use the phone itself; "
    "an administrator can enter the new passcode on the phone's page.",
)
_WRONG_STATE = {
    CommandKind.ANSWER: ("not_ringing", "This call no longer rings on your phone. Nothing was sent."),
    CommandKind.REJECT: ("not_ringing", "This call no longer rings on your phone. Nothing was sent."),
    CommandKind.HOLD: ("not_talking", "You do not talk in this call now, so it cannot be held. Nothing was sent."),
    CommandKind.RESUME: ("not_held", "This call is not on hold. Nothing was sent."),
    CommandKind.HANG_UP: ("over", "This call is over already. Nothing was sent."),
}

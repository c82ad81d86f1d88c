"""A person calls a number: the command, its audit event, and the word to a worker after the commit.

The same from a Call button, from the page that asks and from `manage.py call`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.calls.dial_rules import DialKind, DialPlan
from crmconnector.calls.dialling import LONGEST_TARGET, note_refused, wanted_call
from crmconnector.calls.ground import ground_of
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath
from crmconnector.calls.selectors import open_legs
from crmconnector.calls.services import LIVE, command_of_key, request_command
from crmconnector.calls.verbs import Choice, Ground, choose_way
from crmconnector.calls.wanted import CommandProblem, Wanted, way_of
from crmconnector.pbx.models import Line
from crmconnector.pbx.selectors import how_we_hear
from crmconnector.screenpop.publisher import wake
from crmconnector.users.models import User
from crmconnector.web.command_words import why_not
from crmconnector.web.words import clock_time
from phones.models import Phone
from tasks.call_control import enqueue

IN_THE_WAY = ("ringing", "dialling", "talking")  # a held call leaves the phone free to dial
NOT_WRITTEN_DOWN = ("confirm", "changed", "which_phone")  # the person is only asked something


@dataclass(frozen=True, slots=True)
class DialAsk:
    """Whom and how. `shown`: the digits that the page said would be dialled. `sure`: the person was asked already."""

    text: str = field(repr=False)
    phone: Phone | None = None
    account: int | None = None
    line: Line | None = None
    shown: str = field(default="", repr=False)
    sure: bool = False


def ask_to_call(*, actor: User, asked: DialAsk, key: str, now: datetime) -> tuple[CallCommand, bool]:
    """(command, was made now), handed to a worker after the commit. CommandProblem: nothing was asked of anything.

    The same key again is the same command, whatever became of it: a double click never calls twice.
    """
    try:
        with transaction.atomic():
            return _asked(actor, asked, key, now)
    except CommandProblem as problem:
        if problem.code not in NOT_WRITTEN_DOWN:
            note_refused(user=actor, text=asked.text, problem=problem)
        raise


def _asked(actor: User, asked: DialAsk, key: str, now: datetime) -> tuple[CallCommand, bool]:
    known = command_of_key(actor, key)
    if known is not None:
        if known.kind != CommandKind.MAKE_CALL or known.target != asked.text.strip()[:LONGEST_TARGET]:
            raise CommandProblem("key_reused", _("This button was used for something else. Reload the page."))
        return known, False
    wanted, plan = wanted_call(
        user=actor, text=asked.text, phone=asked.phone, account=asked.account, line=asked.line, now=now, asked=True
    )
    choice = _decided(actor, wanted, plan, asked, now)
    command, made = request_command(
        user=actor, wanted=wanted, path=CommandPath(choice.way), key=key, now=now, may_fall_back=choice.may_fall_back,
        looked=True,
    )  # fmt: skip
    if made:  # without the number: the command has it for as long as it may keep it
        details = {"phone": wanted.phone.pk, "path": command.path, "kind": plan.kind.value}
        record_act(actor=actor, action="call.make_call_requested", target=command, details=details)
        transaction.on_commit(partial(enqueue, [command.pk]))
        transaction.on_commit(partial(wake, {actor.pk}))
    return command, made


def _decided(actor: User, wanted: Wanted, plan: DialPlan, asked: DialAsk, now: datetime) -> Choice:
    """By which way it goes. For an emergency number nothing stands in the way but one question, however it is asked."""
    if plan.kind is DialKind.EMERGENCY:
        if not asked.sure:
            raise CommandProblem("confirm", _("This is an emergency number. Confirm that you want to call it."))
        return _way_for_help(wanted)
    if asked.shown and asked.shown != plan.dial_string:
        raise CommandProblem("changed", _("This would now be dialled otherwise. Read it again."))
    if (trouble := why_busy(wanted.phone, now)) and not _joins(actor, wanted):
        raise CommandProblem("in_a_call", trouble)
    choice = way_for(wanted.phone, wanted.pbx_id)
    if not choice.way:
        raise CommandProblem(choice.why_not, why_unreachable(wanted.phone, choice))
    return choice


def way_for(phone: Phone, pbx_id: int | None) -> Choice:
    return way_of(kind=CommandKind.MAKE_CALL, phone=phone, ground=_ground(phone, pbx_id))


def _way_for_help(wanted: Wanted) -> Choice:
    """The way that was decided on; when it is shut the other, whatever was decided; else the phone, all the same."""
    choice = way_for(wanted.phone, wanted.pbx_id)
    if not choice.way:
        choice = choose_way(CommandKind.MAKE_CALL, _ground(wanted.phone, wanted.pbx_id))
    return choice if choice.way else Choice("phone")


def _ground(phone: Phone, pbx_id: int | None) -> Ground:
    known = [account.pbx for account in phone.accounts.all() if account.pbx_id == pbx_id]  # loaded with the phone
    return ground_of(phone, known[0] if known else None, kind=CommandKind.MAKE_CALL)


def why_busy(phone: Phone, now: datetime) -> str:
    """What the PBX tells of this phone that keeps it from dialling; empty when nothing does or nobody hears the PBX."""
    legs = open_legs(phone_ids=[phone.pk], now=now).filter(state__in=IN_THE_WAY).select_related(None)
    for leg in legs.only("state", "pbx"):
        if how_we_hear(leg.pbx, now).heard:
            return _rings() if leg.state == "ringing" else _talks()
    return ""


def why_unreachable(phone: Phone, choice: Choice) -> str:
    """Why no way is open: the phone's own trouble in its words, since when."""
    if phone.passcode_refused_at is not None:
        at = clock_time(phone.passcode_refused_at)
        return _("Your desk phone refused our passcode at %(at)s, so nothing is sent to it. Dial on the phone. "
                 "An administrator can enter the new passcode.") % {"at": at}  # fmt: skip
    status = getattr(phone, "status", None)
    if choice.why_not == "phone_refuses" and status is not None and status.reachable is False:
        told = _("Your desk phone does not answer us since %(at)s. Dial on the phone.")
        return told % {"at": clock_time(status.since)}
    return why_not(choice.why_not)


def _joins(actor: User, wanted: Wanted) -> bool:
    """A call to this number is being asked for already: a second press becomes the same one."""
    dials = CallCommand.objects.filter(LIVE, user=actor, kind=CommandKind.MAKE_CALL)
    return dials.filter(far_number=wanted.far_number).exists()


def _rings() -> str:
    return _("Your phone rings now. Answer or reject that call, then press again.")


def _talks() -> str:
    return _("Your phone is in a call now. Hold it or hang up, then press again.")

"""A number that a person wants to call becomes a wanted command: phone, account, PBX and what is sent, or why not.

Reads only. A refusal is for the page to show and, after a POST, for `note_refused` to write down.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Prefetch

from crmconnector.audit.services import record_act
from crmconnector.calls.brakes import Brake
from crmconnector.calls.dial_check import brake_of, plan_on, sentence_of, take_turns
from crmconnector.calls.dial_rules import DialKind, DialPlan, NoDial, is_emergency
from crmconnector.calls.models import CommandKind
from crmconnector.calls.wanted import CommandProblem, Wanted
from crmconnector.common.marked import gettext_noop as _
from crmconnector.common.sentences import Sentence
from crmconnector.pbx.models import Line, Pbx
from crmconnector.pbx.selectors import heard_here, home_country
from crmconnector.users.models import User
from phones.models import Phone, SipAccount

LONGEST_TARGET = 80
SHORT_NUMBER = 6
HIDDEN_DIGITS = 4


class DialProblem(CommandProblem):
    """Why nothing is dialled. `plan`: what would be dialled, when the text is a number. `phones`: to choose from.

    `retry_after_seconds`: when the same is allowed again; 0: not by waiting.
    """

    def __init__(
        self, code: str, sentence: str, *, plan: DialPlan | None = None, brake: Brake | None = None,
        phones: Sequence[Phone] = (),
    ) -> None:  # fmt: skip
        super().__init__(code, sentence)
        self.plan, self.brake, self.phones = plan, brake, tuple(phones)

    @property
    def retry_after_seconds(self) -> int:
        return self.brake.retry_after_seconds if self.brake else 0


def wanted_call(
    *, user: User, text: str, phone: Phone | None = None, account: int | None = None, line: Line | None = None,
    now: datetime, asked: bool = False,
) -> tuple[Wanted, DialPlan]:  # fmt: skip
    """What is asked of which phone to call this number, and the plan in words. Raises DialProblem or CommandProblem.

    `account`: position on the phone, from 1; the first without one. `line`: whose number the other side sees. Of
    several phones one must be chosen; for an emergency number the first that takes orders is. `asked`: it is going to
    be written down in this transaction, so others who ask for the same wait for its end.
    """
    phones = _phones_of(user, now)
    mine = [each for each in phones if phone is None or each.pk == phone.pk]
    if not phones:
        help_is_called = is_emergency(text.strip(), home_country())
        raise DialProblem("no_phone", Sentence(_NO_PHONE_FOR_HELP if help_is_called else _NO_PHONE))
    first = (mine or phones)[0]
    nearest = _nearest_account(first, account)
    read = plan_on(pbx=nearest.pbx, text=text)
    if isinstance(read, DialPlan) and read.kind is DialKind.EMERGENCY:
        return _wanted(first, nearest, text, read), read
    if not mine:
        raise DialProblem("not_assigned", Sentence(_NOT_YOURS))
    seat = _account(first, account)
    known = read if seat == nearest else None
    plan = _plan(user, seat.pbx, text, line, now, CommandKind.MAKE_CALL, asked=asked, known=known)
    if len(mine) > 1:
        names = ", ".join(each.name for each in mine)
        sentence = Sentence(_WHICH_PHONE, count=len(mine), names=names)
        raise DialProblem("which_phone", sentence, plan=plan, phones=mine)
    return _wanted(mine[0], seat, text, plan), plan


def wanted_target(
    *, user: User, pbx: Pbx, text: str, kind: CommandKind, now: datetime, line: Line | None = None, asked: bool = False
) -> DialPlan:
    """Whom a transfer or a conference brings in, by the same rules and brakes. Raises DialProblem.

    To somebody inside it is always allowed; outside like a new call.
    """
    return _plan(user, pbx, text, line, now, kind, asked=asked)


def note_refused(*, user: User, text: str, problem: CommandProblem, kind: CommandKind = CommandKind.MAKE_CALL) -> None:
    """Write down that a person asked for a call and was refused; of a GET nothing is written.

    Of the number only as much as tells where it leads: nobody was called, so nobody's number is kept.
    """
    plan, brake = getattr(problem, "plan", None), getattr(problem, "brake", None)
    details = {"code": problem.code, "alarm": bool(brake and brake.alarm), "kind": kind.value, "length": len(text)}
    if plan is not None:
        details |= {"number": _masked(plan.far_number), "country": plan.country}
    record_act(actor=user, action="dial.refused", target=user, details=details)


def _masked(number: str) -> str:
    return number if len(number) <= SHORT_NUMBER else number[:-HIDDEN_DIGITS] + "x" * HIDDEN_DIGITS


def _nearest_account(phone: Phone, position: int | None) -> SipAccount:
    """The account that was chosen, else the first: an emergency number goes by it, no wrong choice stops that, and no
    brake is looked at."""
    accounts = phone.accounts.all()
    return next((each for each in accounts if each.position == position), accounts[0])


def _wanted(phone: Phone, seat: SipAccount, text: str, plan: DialPlan) -> Wanted:
    return Wanted(
        CommandKind.MAKE_CALL, phone, seat.endpoint, seat.pbx_id, target=text.strip()[:LONGEST_TARGET],
        far_number=plan.far_number, dial_string=plan.dial_string, account=seat.position,
        emergency=plan.kind is DialKind.EMERGENCY,
    )  # fmt: skip


def _plan(
    user: User, pbx: Pbx, text: str, line: Line | None, now: datetime, kind: CommandKind, *, asked: bool,
    known: DialPlan | NoDial | None = None,
) -> DialPlan:  # fmt: skip
    """`known`: how this text was read already, without a line."""
    if line is not None and (line.pbx_id != pbx.pk or not line.dial_prefix):
        raise DialProblem("no_such_line", Sentence(_NO_LINE, line=line.label))
    plan = plan_on(pbx=pbx, text=text, line=line) if known is None or line is not None else known
    if isinstance(plan, NoDial):
        raise DialProblem(plan.code, Sentence(_("Not dialled: %(why)s"), why=plan.sentence))
    if asked and (kind == CommandKind.MAKE_CALL or plan.outside):
        take_turns(plan=plan, user=user)
    brake = brake_of(plan=plan, now=now, user=user, kind=kind)
    if brake is not None:
        raise DialProblem(brake.code, sentence_of(brake, user), plan=plan, brake=brake)
    return plan


def _phones_of(user: User, now: datetime) -> list[Phone]:
    """The user's phones with an account on a PBX that we listen to, those first that take orders."""
    accounts = SipAccount.objects.filter(heard_here("pbx__")).select_related("pbx__link").order_by("position")
    mine = Phone.objects.filter(assignments__user=user, assignments__during__contains=now)  # one assignment at a time
    rows = mine.select_related("status").prefetch_related(Prefetch("accounts", accounts)).order_by("name")
    phones = [phone for phone in rows if phone.accounts.all()]
    return sorted(phones, key=lambda phone: phone.passcode_refused_at is not None)


def _account(phone: Phone, position: int | None) -> SipAccount:
    accounts = phone.accounts.all()
    found = next((each for each in accounts if position in (None, each.position)), None)
    if found is None:
        raise DialProblem("no_account", Sentence(_NO_ACCOUNT, phone=phone.name, account=position))
    return found


_NO_PHONE = _("No desk phone is assigned to you, so there is nothing to dial with. An administrator assigns one on the "
              "page Phones.")  # fmt: skip
_NO_PHONE_FOR_HELP = _("No desk phone is assigned to you, so nothing can be dialled from here. Dial it by hand now, on "
                       "any phone.")  # fmt: skip
_NOT_YOURS = _("This phone is no longer assigned to you. Reload the page and choose another.")
_WHICH_PHONE = _("You have %(count)d phones: %(names)s. Choose one.")
_NO_LINE = _("The number of %(line)s cannot be shown from this phone. Choose another.")
_NO_ACCOUNT = _("%(phone)s has no account %(account)s. Choose another.")

"""The page that asks before it dials: what was given, how it is read, who it is, what would be dialled, and from where.

Reads only; opening it never dials.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from crmconnector.calls.dial_rules import DialKind, DialPlan
from crmconnector.calls.dialling import wanted_call
from crmconnector.calls.wanted import CommandProblem, Wanted
from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import read_number, shown_number
from crmconnector.contacts.lookup import Person, people_with_numbers
from crmconnector.pbx.models import Line
from crmconnector.pbx.selectors import home_country
from crmconnector.users.models import Team, User
from crmconnector.web.dial_acts import DialAsk, way_for, why_busy, why_unreachable
from phones.models import Assignment, Phone, SipAccount

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Whom:
    """Who has a number: contacts this visitor may see, how many others, and a colleague at an extension."""

    people: tuple[Person, ...] = ()
    hidden: int = 0
    colleague: str = ""

    @property
    def name(self) -> str:
        """One name when there is just one; empty otherwise."""
        if self.colleague:
            return self.colleague
        return self.people[0].name if len(self.people) == 1 and not self.hidden else ""


@dataclass(frozen=True, slots=True)
class DialPage:
    """`problem`: why it cannot be called, or not now. `plan`: what would be dialled, when the text is a number."""

    text: str
    plan: DialPlan | None = None
    wanted: Wanted | None = None
    problem: str = ""
    code: str = ""
    whom: Whom = field(default_factory=Whom)
    phones: Sequence[Phone] = ()
    accounts: Sequence[SipAccount] = ()
    lines: Sequence[Line] = ()
    line: Line | None = None
    by_pbx: bool = False

    @property
    def may_call(self) -> bool:
        return self.wanted is not None and not self.problem

    @property
    def emergency(self) -> bool:
        return self.plan is not None and self.plan.kind is DialKind.EMERGENCY


def dial_page(user: User, asked: DialAsk, now: datetime) -> DialPage:
    """What stands on the page. Of several phones the first is shown as chosen, to be changed there."""
    phones = own_phones(user, now)
    page = DialPage(asked.text, phones=phones if len(phones) > 1 else (), line=asked.line)
    if asked.phone is None and phones:
        asked = replace(asked, phone=phones[0])
    try:
        wanted, plan = wanted_call(
            user=user, text=asked.text, phone=asked.phone, account=asked.account, line=asked.line, now=now
        )
    except CommandProblem as problem:
        found: DialPlan | None = getattr(problem, "plan", None)
        whom = whom_of_many(user, [found.far_number])[found.far_number] if found else Whom()
        return replace(page, problem=problem.sentence, code=problem.code, plan=found, whom=whom)
    accounts, lines = _choices(wanted)
    page = replace(page, plan=plan, wanted=wanted, accounts=accounts, lines=lines)
    return replace(_checked(page, now), whom=whom_of_many(user, [plan.far_number])[plan.far_number])


def _checked(page: DialPage, now: datetime) -> DialPage:
    """What keeps the phone from dialling now is said before the button is pressed. Nothing is in an emergency's way."""
    wanted = page.wanted
    if wanted is None or page.emergency:
        return page
    choice = way_for(wanted.phone, wanted.pbx_id)
    trouble = why_busy(wanted.phone, now) or ("" if choice.way else why_unreachable(wanted.phone, choice))
    return replace(page, problem=trouble, code="phone" if trouble else "", by_pbx=choice.way == "pbx")


def _choices(wanted: Wanted) -> tuple[list[SipAccount], list[Line]]:
    """Accounts of the phone when there are several, and lines whose number can be shown."""
    accounts = list(wanted.phone.accounts.all())
    lines = list(Line.objects.filter(pbx=wanted.pbx_id).exclude(dial_prefix="")) if wanted.pbx_id else []
    return accounts if len(accounts) > 1 else [], lines


def own_phones(user: User, now: datetime) -> list[Phone]:
    """Those with an account, the ones that take orders first."""
    mine = Phone.objects.filter(assignments__user=user, assignments__during__contains=now, accounts__isnull=False)
    phones = list(mine.distinct().order_by("name").select_related("status"))
    return sorted(phones, key=lambda phone: phone.passcode_refused_at is not None)


def whom_of_many(user: User, far_numbers: Sequence[str]) -> dict[str, Whom]:
    """Who is behind these numbers (E.164, or digits of an extension), as far as `user` may see: three queries."""
    wanted = list(dict.fromkeys(far_numbers))
    country, inside = home_country(), [number for number in wanted if not number.startswith("+")]
    colleagues = _at_extensions(inside) if inside else {}
    readings = {number: read_number(number, country=country) for number in wanted}
    people = people_with_numbers(readings.values())
    teams = None if user.is_administrator else set(Team.objects.filter(members=user).values_list("pk", flat=True))
    found = {}
    for number in wanted:
        behind = people.get(readings[number], [])
        seen = [one for one in behind if teams is None or one.team_id is None or one.team_id in teams]
        found[number] = Whom(tuple(seen[:MOST_NAMED]), len(behind) - len(seen[:MOST_NAMED]), colleagues.get(number, ""))
    return found


def shown_far(number: str) -> str:
    return shown_number(number, country=home_country()) if number.startswith("+") else number


def _at_extensions(extensions: Sequence[str]) -> dict[str, str]:
    from_phone = dict(SipAccount.objects.filter(extension__in=extensions).values_list("phone_id", "extension"))
    seats = Assignment.objects.filter(phone__in=from_phone, during__contains=utc_now(), user__is_active=True)
    return {from_phone[seat.phone_id]: seat.user.display_name for seat in seats.select_related("user")}

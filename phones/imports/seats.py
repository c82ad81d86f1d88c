"""Who will sit where after a file is brought in. Plain deciding over the seats of an `Office`.

Rows depend on each other: that Anna goes to another phone is what frees hers for Ben. So a row is good only as long
as the rows it leans on are; when one falls, those that lean on it are looked at again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from phones.imports.cells import Problem, WantedRow
from phones.imports.office import Office, Person
from phones.models import Assignment

FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class SeatPlan:
    """A seat from `from_at` until `until_at` (None: until released).

    `kept`: the seat that this person has there already; only its end may change. `ended`: seats that end for this
    one, each at its instant: of whoever had the phone, and the person's own elsewhere.
    """

    person: Person
    from_at: datetime
    until_at: datetime | None
    kept: Assignment | None = None
    ended: list[tuple[Assignment, datetime]] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.kept is None

    @property
    def changes_end(self) -> bool:
        return self.kept is not None and self.kept.during.upper != self.until_at

    @property
    def mark(self) -> list[object]:
        """What it would do to which seats; "from now on" is the same tomorrow."""
        kept = [self.kept.pk, str(self.kept.during.upper), str(self.until_at)] if self.kept else None
        return [self.person.pk, kept, sorted((seat.pk, str(seat.during.upper)) for seat, _at in self.ended)]


@dataclass(slots=True)
class _Wish:
    row: WantedRow
    phone_id: int | None  # None: a phone that is not there yet
    plan: SeatPlan
    leaves: list[Assignment] = field(default_factory=list)  # the person's other seats, which this row ends


def plan_seats(
    wanted: Sequence[tuple[WantedRow, int | None]], office: Office, *, take_over: bool, move: bool, now: datetime
) -> tuple[dict[int, SeatPlan], list[Problem]]:
    """(row with a user, its phone's id) each -> plan by line, and the problems of those that cannot be."""
    wishes: dict[int, _Wish] = {}
    problems: list[Problem] = []
    for row, phone_id in wanted:
        person = office.person(row.user)
        if person is None or not person.is_active:
            problems.append(_problem(row, "user", _nobody(person, row, office)))
            continue
        plan = SeatPlan(person, row.from_at or now, row.until_at)
        if plan.until_at is not None and plan.until_at <= plan.from_at:
            problems.append(_problem(row, "until", _("This is over already. Give a later end, or a start as well.")))
            continue
        wishes[row.line] = _Wish(row, phone_id, plan, _left(plan, phone_id, office) if move else [])
    if move:
        twice = _two_desks(wishes)
        problems += twice
        for problem in twice:
            wishes.pop(problem.line, None)
    problems += _settle(wishes, office, take_over)
    return {line: wish.plan for line, wish in wishes.items()}, problems


def _settle(wishes: dict[int, _Wish], office: Office, take_over: bool) -> list[Problem]:
    """Take out every wish that cannot be; when one goes, who leaned on the seat it would have freed is asked again."""
    freed: dict[int, dict[int, datetime]] = defaultdict(dict)  # seat -> {line that ends it: when}
    line_of_phone = {wish.phone_id: line for line, wish in wishes.items() if wish.phone_id is not None}
    for line, wish in wishes.items():
        for seat in wish.leaves:
            freed[seat.pk][line] = wish.plan.from_at
    problems = []
    asked = list(wishes)
    while asked:
        line = asked.pop()
        if line not in wishes:
            continue
        column, cause = _fit(wishes[line], office, freed, take_over)
        if not cause:
            continue
        fallen = wishes.pop(line)
        problems.append(_problem(fallen.row, column, cause))
        for seat in fallen.leaves:
            freed[seat.pk].pop(line, None)
            asked.append(line_of_phone.get(seat.phone_id, -1))
    for wish in wishes.values():
        wish.plan.ended += [(seat, wish.plan.from_at) for seat in wish.leaves]
    return problems


def _fit(wish: _Wish, office: Office, freed: dict[int, dict[int, datetime]], take_over: bool) -> tuple[str, str]:
    """Fits the wish between the seats of its phone; (column, cause) when it cannot be."""
    plan = wish.plan
    plan.kept, plan.ended = None, []
    seats = office.seats_of_phone.get(wish.phone_id, []) if wish.phone_id is not None else []
    for seat in seats:
        end = min([_end(seat.during.upper), *freed[seat.pk].values()])
        if seat.during.lower >= _end(plan.until_at) or end <= plan.from_at:
            continue
        later = seat.during.lower > plan.from_at
        if seat.user_id == plan.person.pk and not later:
            plan.kept = seat
        elif later:
            who, since = office.people[seat.user_id].username, _shown(seat.during.lower)
            return "from", _("%(who)s has it from %(since)s. Give an end before that.") % {"who": who, "since": since}
        elif not take_over:
            who = office.people[seat.user_id].username
            return "user", _("%(who)s has it then. Release it, or choose to take phones over.") % {"who": who}
        else:
            plan.ended.append((seat, plan.from_at))
    return "", ""


def _left(plan: SeatPlan, phone_id: int | None, office: Office) -> list[Assignment]:
    """The person's seats at other phones when this one begins."""
    return [
        seat
        for seat in office.seats_of_user.get(plan.person.pk, [])
        if seat.phone_id != phone_id and seat.during.lower <= plan.from_at < _end(seat.during.upper)
    ]


def _two_desks(wishes: dict[int, _Wish]) -> list[Problem]:
    """Who moves to a phone and, in the same file and time, to another one."""
    by_person: dict[int, list[_Wish]] = defaultdict(list)
    for wish in wishes.values():
        by_person[wish.plan.person.pk].append(wish)
    problems = []
    cause = _("Line %(line)d gives this person another phone at the same time, and you chose that people move.")
    for same in by_person.values():
        same.sort(key=lambda one: one.plan.from_at)
        for one, two in pairwise(same):
            if two.plan.from_at < _end(one.plan.until_at):
                problems.append(_problem(one.row, "user", cause % {"line": two.row.line}))
                problems.append(_problem(two.row, "user", cause % {"line": one.row.line}))
    return list({problem.line: problem for problem in problems}.values())


def _nobody(person: Person | None, row: WantedRow, office: Office) -> str:
    if person is not None:
        return _("This person may not sign in. Open the account first.")
    if office.by_username.get(row.user.casefold()):
        return _("Several people have this user name but for capitals. Write it just so.")
    return _("Nobody has this user name. Add the person first.")


def _problem(row: WantedRow, column: str, cause: str) -> Problem:
    return Problem(row.line, column, cause, row.phone)


def _end(at: datetime | None) -> datetime:
    return at or FOR_EVER


def _shown(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j M Y, H:i")

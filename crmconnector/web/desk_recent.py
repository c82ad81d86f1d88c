"""The list of recent calls on the desk: own, those to return, and the teams' for supervisors."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crmconnector.calls.log import LogFilter, newest_calls
from crmconnector.calls.selectors import people_whose_calls
from crmconnector.calls.to_return import MOST_TO_RETURN, calls_to_return, count_to_return
from crmconnector.users.models import User
from crmconnector.web.call_rows import rows_of
from crmconnector.web.return_rows import return_rows
from crmconnector.web.words import CallRow

MOST_RECENT = 8
MINE, RETURN, TEAM = "mine", "return", "team"


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    label: str
    count: int | str = 0


@dataclass(frozen=True, slots=True)
class RecentRow:
    """A row with the form of its time: the clock today, the day before that. `care`: it asks for work."""

    row: CallRow
    time_format: str
    told: str
    care: bool


def recent_calls(user: User, which: str, now: datetime) -> dict[str, object]:
    """A fixed number of queries; `which` is a tab's key, the first one otherwise."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    own = (user.pk,)
    waiting = count_to_return(own, now=now)
    tabs = [Tab(MINE, _("Mine")), Tab(RETURN, _("To return"), _many(waiting))]
    if user.is_supervisor:
        tabs.append(Tab(TEAM, _("Team")))
    which = which if which in {tab.key for tab in tabs} else MINE
    nothing = _("Nothing to return.") if which == RETURN else _("No calls yet. They appear here as they come.")
    rows = _to_return(user, now, today) if which == RETURN else _newest(user, which, now, today)
    return {"recent": rows, "recent_tabs": tabs, "which": which, "nothing_recent": nothing}


def _newest(user: User, which: str, now: datetime, today: datetime) -> list[RecentRow]:
    people = [user.pk] if which == MINE else people_whose_calls(user)
    wanted = LogFilter(people=None if people is None else tuple(people))
    calls = newest_calls(wanted, count=MOST_RECENT)
    rows = rows_of(calls, user=user, now=now)
    return [_row(row, today, _told(row), bool(row.mark) and not row.returned) for row in rows]


def _to_return(user: User, now: datetime, today: datetime) -> list[RecentRow]:
    found = calls_to_return([user.pk], now=now)[:MOST_RECENT]
    told = []
    for one in return_rows(found, user=user):
        times = ngettext("Missed once", "Missed %(n)d times", one.missed) % {"n": one.missed}
        told.append(_row(one.row, today, f"{times}, {one.place}" if one.place else times, True))
    return told


def _row(row: CallRow, today: datetime, told: str, care: bool) -> RecentRow:
    return RecentRow(row, "H:i" if row.call.started_at >= today else "j M, H:i", told, care)


def _told(row: CallRow) -> str:
    """Talked 10:29, Support DE, not returned yet."""
    result = f"{row.result.word} {row.result.detail}".strip()
    place = row.call.line.label if row.call.line else row.call.queue_name
    return ", ".join(part for part in (result, place, row.mark) if part)


def _many(count: int) -> int | str:
    return count if count <= MOST_TO_RETURN else f"{MOST_TO_RETURN}+"

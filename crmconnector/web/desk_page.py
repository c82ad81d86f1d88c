"""What the desk shows besides the cards: banners, own lines, recent calls, queues, colleagues. Few queries, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crmconnector.calls.models import Leg
from crmconnector.calls.selectors import (
    calls_of,
    calls_seen_by,
    for_list,
    missed_calls,
    open_legs,
    waiting_by_queue,
)
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Queue
from crmconnector.pbx.selectors import LinkView, pbxes_heard_here
from crmconnector.users.models import User
from crmconnector.web.call_parts import without_parts
from crmconnector.web.link_banners import Banner, gap_banners, link_banners, remark_banners, unread_banners
from crmconnector.web.link_news import LinkNews
from crmconnector.web.phone_calls import LEG_WORDS, calls_on
from crmconnector.web.words import CallRow, call_row, clock_time
from phones.models import Assignment, Phone
from phones.selectors import seats_with_users

MOST_BANNERS = 2
MOST_RECENT = 8
MOST_COLLEAGUES = 40


@dataclass(frozen=True, slots=True)
class ColleagueView:
    name: str
    lamp: str
    word: str
    extension: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueView:
    label: str
    waiting: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    label: str
    count: int = 0


def desk_status(*, user: User, news: Sequence[LinkNews], which: str) -> dict[str, object]:
    """Everything that the poll refreshes, as the templates take it."""
    now = utc_now()
    seats = list(seats_with_users(at=now)[: MOST_COLLEAGUES + 5])
    own = [seat for seat in seats if seat.user_id == user.pk]
    if not own:  # beyond the cut, or nobody's: look for these alone
        own = list(seats_with_users(at=now).filter(user=user))
    legs = list(open_legs(phone_ids={seat.phone_id for seat in [*seats, *own]}, now=now))
    deaf = [one.view for one in news if not one.view.heard]
    banners = [*link_banners(news, user), *gap_banners(now), *_phone_banners(own, user)]
    banners += [*remark_banners(news, user), *unread_banners(now, user)]
    return {
        "banners": banners[:MOST_BANNERS],
        "banners_more": max(0, len(banners) - MOST_BANNERS),
        "lines": [line for seat in own for line in calls_on(seat.phone, legs, deaf)],
        "colleagues": _colleagues(seats, legs, user, deaf),
        "queues": _queues(now),
        **_recent(user, which, now),
    }


def _phone_banners(own: Sequence[Assignment], user: User) -> list[Banner]:
    if not own:
        text = _("No card can show here. Ask an administrator to assign the phone at your place to you.")
        url = reverse("phones") if user.is_administrator else ""
        return [Banner("", "phones", _("No desk phone is assigned to you"), text, url, _("Phones"))]
    return [banner for seat in own for banner in _one_phone(seat.phone, user)]


def _one_phone(phone: Phone, user: User) -> list[Banner]:
    url = reverse("phone", args=[phone.pk]) if user.is_administrator else ""
    status = getattr(phone, "status", None)
    if phone.passcode_refused_at:
        title = _("Your desk phone refused our passcode at %(at)s") % {"at": clock_time(phone.passcode_refused_at)}
        text = _("Buttons do not work until an administrator enters the new passcode. Answer on the handset.")
        return [Banner("stop", "refused", title, text, url, _("Enter passcode"))]
    if status is not None and status.reachable is False:
        title = _("Your desk phone does not answer us since %(at)s") % {"at": clock_time(status.since)}
        text = _("Calls still ring on it and cards still show here. Answer on the handset.")
        return [Banner("stop", "refused", title, f"{text} {status.sentence}".strip(), url, _("See the phone"))]
    return []


def _colleagues(
    seats: Sequence[Assignment], legs: Sequence[Leg], user: User, deaf: Sequence[LinkView]
) -> list[ColleagueView]:
    lost = {link.pbx_id for link in deaf}
    busy: dict[int | None, Leg] = {}
    for leg in legs:  # talking says more than ringing
        if leg.state in LEG_WORDS and (leg.phone_id not in busy or leg.state == "talking"):
            busy[leg.phone_id] = leg
    rows = []
    for seat in seats:
        if seat.user_id == user.pk:
            continue
        accounts = list(seat.phone.accounts.all())
        extension = accounts[0].extension if accounts else ""
        leg_now = busy.get(seat.phone_id)
        if any(account.pbx_id in lost for account in accounts):
            rows.append(ColleagueView(seat.user.display_name, "off", _("Unknown"), extension))
        elif leg_now is None:
            rows.append(ColleagueView(seat.user.display_name, "idle", _("Free"), extension))
        else:
            since = leg_now.rang_at if leg_now.state == "ringing" else leg_now.answered_at
            word = _(LEG_WORDS[leg_now.state])
            rows.append(ColleagueView(seat.user.display_name, leg_now.state, word, extension, since))
    return rows[:MOST_COLLEAGUES]


def _queues(now: datetime) -> list[QueueView]:
    waiting = waiting_by_queue(now=now)
    named = Queue.objects.filter(pbx__in=pbxes_heard_here().values("pk"))
    rows = [QueueView(str(queue), *waiting.pop((queue.pbx_id, queue.name), (0, None))) for queue in named]
    return rows + [QueueView(name, *counted) for (_pbx, name), counted in waiting.items()]


def _recent(user: User, which: str, now: datetime) -> dict[str, object]:
    mine = calls_of(user)
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    missed = missed_calls(mine).filter(started_at__gte=today)
    chosen = {"mine": without_parts(mine, seen=mine), "missed": missed}
    tabs = [Tab("mine", _("Mine")), Tab("missed", _("Missed"), missed.count())]
    if user.is_supervisor:
        chosen["team"] = without_parts(calls_seen_by(user), seen=calls_seen_by(user))
        tabs.append(Tab("team", _("Team")))
    which = which if which in chosen else "mine"
    nothing = _("No missed calls today.") if which == "missed" else _("No calls yet. They appear here as they come.")
    rows = [call_row(call) for call in for_list(chosen[which])[:MOST_RECENT]]
    return {
        "recent": [_dated(row, today) for row in rows],
        "recent_tabs": tabs,
        "which": which,
        "nothing_recent": nothing,
    }


def _dated(row: CallRow, today: datetime) -> dict[str, object]:
    """A row with the form of its time: the clock today, the day before that."""
    fields = {name: getattr(row, name) for name in ("call", "who", "result", "direction", "direction_icon")}
    return {**fields, "time_format": "H:i" if row.call.started_at >= today else "j M, H:i"}

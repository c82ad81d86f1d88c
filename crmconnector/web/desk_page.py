"""What the desk shows besides the cards: banners, own lines, recent calls, queues, colleagues. Few queries, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from crmconnector.calls.models import Leg
from crmconnector.calls.selectors import open_legs, waiting_by_queue
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Queue
from crmconnector.pbx.selectors import LinkView, pbxes_heard_here
from crmconnector.users.models import User
from crmconnector.web.call_rows import hide_contacts
from crmconnector.web.desk_recent import Tab, recent_calls
from crmconnector.web.dial_story import desk_dials
from crmconnector.web.disturb_acts import disturb_switches
from crmconnector.web.link_banners import Banner, gap_banners, link_banners, remark_banners, unread_banners
from crmconnector.web.link_news import LinkNews
from crmconnector.web.phone_calls import LEG_WORDS, calls_on, since_when
from crmconnector.web.pop_rule_page import rules_banners
from crmconnector.web.words import clock_time
from phones.models import Assignment, Phone
from phones.selectors import seats_with_users

__all__ = ["Tab", "desk_status"]
MOST_BANNERS = 2
MOST_COLLEAGUES = 40
MOST_QUEUES = 12


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


def desk_status(*, user: User, news: Sequence[LinkNews], which: str) -> dict[str, object]:
    """Everything that the poll refreshes, as the templates take it."""
    now = utc_now()
    everybody = seats_with_users(at=now)
    own = list(everybody.filter(user=user))
    seats = list(_team_first(everybody.exclude(user=user), user)[: MOST_COLLEAGUES + 1])
    legs = list(open_legs(phone_ids={seat.phone_id for seat in [*seats, *own]}, now=now))
    hide_contacts((leg.call for leg in legs), user=user)
    deaf = [one.view for one in news if not one.view.heard]
    banners = [*link_banners(news, user), *gap_banners(now), *_phone_banners(own, user)]
    banners += [*remark_banners(news, user), *unread_banners(now, user), *rules_banners(user, now)]
    return {
        "banners": banners[:MOST_BANNERS],
        "banners_more": max(0, len(banners) - MOST_BANNERS),
        "lines": [line for seat in own for line in calls_on(seat.phone, legs, deaf)],
        "colleagues": _colleagues(seats[:MOST_COLLEAGUES], legs, deaf),
        "more_colleagues": len(seats) > MOST_COLLEAGUES,
        "dials": desk_dials(user, now),
        "disturb": disturb_switches(user, [seat.phone for seat in own], now),
        **_queues(now),
        **recent_calls(user, which, now),
    }


def _team_first(seats: QuerySet[Assignment], user: User) -> QuerySet[Assignment]:
    """Of two hundred colleagues, those one works with."""
    mine = User.teams.through.objects.filter(user=OuterRef("user"), team__in=user.teams.values("pk"))
    return seats.annotate(near=Exists(mine)).order_by("-near", "user__full_name", "user__username", "id")


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


def _colleagues(seats: Sequence[Assignment], legs: Sequence[Leg], deaf: Sequence[LinkView]) -> list[ColleagueView]:
    lost = {link.pbx_id for link in deaf}
    busy: dict[int | None, Leg] = {}
    for leg in legs:  # talking says more than ringing
        if leg.state in LEG_WORDS and (leg.phone_id not in busy or leg.state == "talking"):
            busy[leg.phone_id] = leg
    rows = []
    for seat in seats:
        accounts = list(seat.phone.accounts.all())
        extension = accounts[0].extension if accounts else ""
        leg_now = busy.get(seat.phone_id)
        if any(account.pbx_id in lost for account in accounts):
            rows.append(ColleagueView(seat.user.display_name, "off", _("Unknown"), extension))
        elif leg_now is None:
            rows.append(ColleagueView(seat.user.display_name, "idle", _("Free"), extension))
        else:
            since = since_when(leg_now)
            word = _(LEG_WORDS[leg_now.state])
            rows.append(ColleagueView(seat.user.display_name, leg_now.state, word, extension, since))
    return rows


def _queues(now: datetime) -> dict[str, object]:
    """Those in which somebody waits first, the longest waiting on top."""
    waiting = waiting_by_queue(now=now)
    named = Queue.objects.filter(pbx__in=pbxes_heard_here().values("pk"))
    rows = [QueueView(str(queue), *waiting.pop((queue.pbx_id, queue.name), (0, None))) for queue in named]
    rows += [QueueView(name, *counted) for (_pbx, name), counted in waiting.items()]
    rows.sort(key=lambda queue: (not queue.waiting, queue.oldest or now, queue.label.casefold()))
    return {"queues": rows[:MOST_QUEUES], "more_queues": max(0, len(rows) - MOST_QUEUES)}

"""Banners of the desk about the PBX links: what everybody must know in plain words, and the cure for administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from crmconnector.common.clock import utc_now
from crmconnector.pbx.selectors import recent_gaps
from crmconnector.users.models import User
from crmconnector.web.link_news import LinkNews, Remark
from crmconnector.web.link_reasons import clause_of, code_of
from crmconnector.web.unread_events import unread_since
from crmconnector.web.words import clock_time

GAP_MINUTES = 30


@dataclass(frozen=True, slots=True)
class Banner:
    tone: str  # stop, note or empty (amber)
    icon: str
    title: str
    text: str = ""
    url: str = ""
    action: str = ""
    points: tuple[str, ...] = ()  # several things to say, one a line


def link_banners(news: Sequence[LinkNews], user: User) -> list[Banner]:
    """What is not heard, and what is heard but shown late: both change what one may believe of this page."""
    deaf = [_deaf(one, user) for one in news if not one.view.heard]
    return deaf + _remarks(news, user, kinds=("late",))


def gap_banners(now: datetime) -> list[Banner]:
    """The last gap that is over; one that lasts is a link that is not heard."""
    gap = recent_gaps(now=now, minutes=GAP_MINUTES).exclude(until_at=None).first()
    if gap is None:
        return []
    clause = clause_of(code_of(gap.reason))
    said = {
        "name": gap.pbx.name,
        "from": clock_time(gap.from_at),
        "until": clock_time(gap.until_at),
        "why": f" ({clause})" if clause else "",
    }
    text = _("Calls that came and ended in that time may be missing. Calls still running were found again.")
    title = _("We did not hear the PBX %(name)s from %(from)s to %(until)s%(why)s") % said
    return [Banner("", "warn", title, text, reverse("calls"), _("All calls"))]


def remark_banners(news: Sequence[LinkNews], user: User) -> list[Banner]:
    """It works, but: details that were left out (everybody), remarks for administrators."""
    return _remarks(news, user, kinds=("dropped", "warning"))


def unread_banners(now: datetime, user: User) -> list[Banner]:
    """Events that could not be understood, for administrators alone: they can send them to us."""
    if not user.is_administrator:
        return []
    text = _("Everything else goes on. Their time and reason stand on the page of the PBX.")
    found = []
    for pbx_id, name, count in unread_since(now - timedelta(minutes=GAP_MINUTES)):
        title = _("%(n)d events of the PBX %(name)s could not be understood") % {"n": count, "name": name}
        url = f"{reverse('pbx', args=[pbx_id])}?unread=1#unread"
        found.append(Banner("", "warn", title, text, url, _("See them")))
    return found


def _deaf(one: LinkNews, user: User) -> Banner:
    at = clock_time(one.view.since)
    title = (
        _("We have not heard the PBX %(name)s since %(at)s") % {"name": one.view.name, "at": at}
        if at
        else _("We do not hear the PBX %(name)s yet") % {"name": one.view.name}
    )
    text = _("Desk phones work as always; new calls do not show here until we hear it again.")
    if user.is_administrator:
        url = reverse("pbx", args=[one.view.pbx_id])
        return Banner("stop", "refused", title, f"{one.for_administrators} {text}".strip(), url, _("See the link"))
    return Banner("stop", "refused", title, f"{one.why} {text}".strip())


def _remarks(news: Sequence[LinkNews], user: User, *, kinds: Sequence[str]) -> list[Banner]:
    """One banner a kind and PBX: several warnings of a PBX are the lines of one."""
    found = []
    for one in news:
        for kind in kinds:
            texts = [(each, _words_for(user, each)) for each in one.remarks if each.kind == kind]
            said = [(each, text) for each, text in texts if text]
            if said and not (kind == "dropped" and _long_ago(one)):
                url = reverse("pbx", args=[one.view.pbx_id]) if user.is_administrator else ""
                found.append(_remark(said[0][0].title, [text for _each, text in said], url))
    return found


def _remark(title: str, texts: Sequence[str], url: str) -> Banner:
    points = tuple(texts) if len(texts) > 1 else ()
    return Banner("", "warn", title, "" if points else texts[0], url, _("See the link"), points)


def _words_for(user: User, remark: Remark) -> str:
    return remark.text if user.is_administrator else remark.for_agents


def _long_ago(one: LinkNews) -> bool:
    at = one.view.dropped_at
    return at is None or utc_now() - at > timedelta(minutes=GAP_MINUTES)

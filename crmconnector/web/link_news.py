"""How well a PBX is heard, for people: why it is not, and what is amiss although it is. One place for all pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from crmconnector.listener.outbox import MOST_UNWRITTEN
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.pbx.selectors import LinkView, how_we_hear
from crmconnector.web.link_reasons import LISTENER, cure_of, sentence_of
from crmconnector.web.words import day_and_time

MANY_UNWRITTEN = 200  # a second's worth of a busy PBX is on its way at any time
LATE_SECONDS = 5.0  # the rows are behind by so much: however few wait, they do not get less
DROPPED_HOURS = 12.0


@dataclass(frozen=True, slots=True)
class Remark:
    """It works, but. `for_agents` is empty when it is none of their business."""

    kind: str  # late, dropped or warning
    title: str
    text: str
    for_agents: str = ""


@dataclass(frozen=True, slots=True)
class LinkNews:
    """A link as the pages tell it. `why` is for everybody; the view's reason and `cure` are for administrators."""

    view: LinkView
    code: str
    why: str
    cure: str
    remarks: tuple[Remark, ...]

    @property
    def for_administrators(self) -> str:
        return f"{self.view.reason or self.why} {self.cure}".strip()


def news_of(pbx: Pbx, now: datetime) -> LinkNews:
    """From a PBX that was loaded with its link: no query."""
    view, link = how_we_hear(pbx, now), getattr(pbx, "link", None)
    code = "" if view.heard or not pbx.enabled else _code(link)
    return LinkNews(view, code, sentence_of(code), cure_of(code), tuple(_remarks(view, link, now)))


def _code(link: PbxLink | None) -> str:
    """A link said to be up that is not heard: the listener is gone, whatever the last reason was."""
    if link is not None and link.state == PbxLink.State.CONNECTED:
        return LISTENER
    return link.reason_code if link is not None and link.reason_code else "never"


def _remarks(view: LinkView, link: PbxLink | None, now: datetime) -> list[Remark]:
    behind = view.heard and link is not None and link.heard_at is not None and _seconds(link.heard_at, now)
    found = []
    if view.unwritten > MANY_UNWRITTEN or (view.unwritten and behind and behind > LATE_SECONDS):
        found.append(_late(view))
    if view.dropped_facts and view.dropped_at and now - view.dropped_at < timedelta(hours=DROPPED_HOURS):
        found.append(_dropped(view, view.dropped_at, now))
    title = _("The PBX %(name)s is heard, but") if view.heard else _("Beside that, of the PBX %(name)s")
    return [*found, *(Remark("warning", title % {"name": view.name}, text) for text in view.warnings)]


def _late(view: LinkView) -> Remark:
    waits = _("%(n)s events wait for the database.") % {"n": f"{view.unwritten:,}"}
    full = _(
        "Look at the PostgreSQL server: is it slow, full or under repair? Nothing is lost yet; when some %(most)s "
        "wait, the link is given up and there is a gap."
    ) % {"most": f"{MOST_UNWRITTEN:,}"}
    return Remark(
        "late",
        _("What the PBX %(name)s tells is shown late") % {"name": view.name},
        f"{waits} {full}",
        _("Our database is slow, so cards and lists lag behind. Desk phones work as always; answer on the handset."),
    )


def _dropped(view: LinkView, at: datetime, now: datetime) -> Remark:
    left_out = _("No call is missing. Left out was what something newer had overtaken, such as an old hold or number.")
    counted = _("%(n)s facts in all. The database was away or slow for long: look at the PostgreSQL server.")
    return Remark(
        "dropped",
        _("Details of calls at the PBX %(name)s were left out, the last at %(at)s")
        % {"name": view.name, "at": day_and_time(at, beside=now)},
        f"{left_out} {counted % {'n': f'{view.dropped_facts:,}'}}",
        left_out,
    )


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()

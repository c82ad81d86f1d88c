"""Times in which a PBX was not heard, at their place between the calls of the log, and as the reason of unseen ends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from crmconnector.calls.log import LogPage
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import LinkGap
from crmconnector.pbx.selectors import BLINK_SECONDS
from crmconnector.web.link_reasons import clause_of, code_of, more_of
from crmconnector.web.words import CallRow, day_and_time

MOST_ON_A_PAGE = 500
FOLDED_FROM = 4  # so many gaps of one PBX with no call between them are one row
BLINK = timedelta(seconds=BLINK_SECONDS)


@dataclass(frozen=True, slots=True)
class GapRow:
    """A row of the log across all columns. `reason` is what more the link said of it, for administrators."""

    title: str
    text: str
    reason: str
    from_at: datetime
    lasts: bool


@dataclass(frozen=True, slots=True)
class LogRow:
    """One of the two."""

    call: CallRow | None = None
    gap: GapRow | None = None


def gaps_of(page: LogPage) -> list[LinkGap]:
    """The gaps that begin in the time of this page, newest first.

    Each gap belongs to just one page, whatever the filter: a page reaches from its last call up to the last call of
    the page before it; the first is open to the future, the last to the past.
    """
    found = _told_gaps()
    oldest = page.oldest or page.cut_at
    if oldest is not None:
        found = found.filter(from_at__gte=oldest)
    if page.newest is not None:
        found = found.filter(from_at__lt=page.newest)
    return list(found[:MOST_ON_A_PAGE])


def with_gaps(calls: Iterable[CallRow], gaps: Sequence[LinkGap]) -> list[LogRow]:
    """Newest first, as the calls come; a gap that begins with a call stands below it."""
    rows, left = [], list(gaps)
    for row in calls:
        later = [gap for gap in left if gap.from_at > row.call.started_at]
        left = left[len(later) :]
        rows += [LogRow(gap=each) for each in gap_rows(later)] + [LogRow(call=row)]
    return rows + [LogRow(gap=each) for each in gap_rows(left)]


def gap_rows(gaps: Iterable[LinkGap]) -> Iterator[GapRow]:
    """Sentences for gaps that stand beside each other, many of one PBX as one."""
    now = utc_now()
    for (_pbx, over), run in groupby(gaps, key=lambda gap: (gap.pbx_id, gap.until_at is not None)):
        together = list(run)
        if over and len(together) >= FOLDED_FROM:
            yield _folded(together, now)
        else:
            yield from (_row(gap, now) for gap in together)


def gaps_behind(calls: Sequence[Call]) -> dict[int, LinkGap]:
    """Call -> the gap in which its end went unseen, for those that ended unseen and have one; one query at most."""
    unseen = [call for call in calls if call.ended_at and call.disposition == "unseen"]
    if not unseen:
        return {}
    first, last = min(call.started_at for call in unseen), max(_end(call) for call in unseen)
    near = LinkGap.objects.filter(pbx__in={call.pbx_id for call in unseen}, from_at__lte=last)
    gaps = list(near.filter(Q(until_at=None) | Q(until_at__gte=first)).order_by("-from_at"))
    found = ((call, next((gap for gap in gaps if _covers(gap, call)), None)) for call in unseen)
    return {call.pk: gap for call, gap in found if gap is not None}


def why_unseen(gap: LinkGap | None) -> str:
    """Why nobody saw the end of a call. Without a gap the PBX was heard, and just did not tell."""
    if gap is None:
        return _("the PBX did not tell of its end")
    now = utc_now()
    start = day_and_time(gap.from_at, beside=now)
    if gap.until_at is None:
        return _("the PBX is not heard since %(from)s") % {"from": start}
    until = day_and_time(gap.until_at, beside=gap.from_at)
    return _("the PBX was not heard from %(from)s to %(until)s") % {"from": start, "until": until}


def _told_gaps() -> QuerySet[LinkGap]:
    """Not the blink of a takeover, unless events were surely lost in it."""
    long_enough = Q(until_at=None) | Q(lost=True) | Q(until_at__gte=F("from_at") + BLINK)
    told = LinkGap.objects.filter(long_enough, pbx__simulated=settings.REHEARSAL)
    return told.select_related("pbx").order_by("-from_at", "-id")


def _row(gap: LinkGap, now: datetime) -> GapRow:
    start = day_and_time(gap.from_at, beside=now)
    if gap.until_at is None:
        title = _("We have not heard the PBX %(pbx)s since %(from)s%(why)s.")
        text = _("Calls since then are missing or unfinished until we hear it again.")
        until = ""
    else:
        title = _("We did not hear the PBX %(pbx)s from %(from)s to %(until)s%(why)s.")
        text = _("Calls in this time may be missing or unfinished.")
        until = day_and_time(gap.until_at, beside=gap.from_at)
    clause = clause_of(code_of(gap.reason))
    said = {"pbx": gap.pbx.name, "from": start, "until": until, "why": f" ({clause})" if clause else ""}
    return GapRow(title % said, text, more_of(gap.reason), gap.from_at, lasts=gap.until_at is None)


def _folded(gaps: Sequence[LinkGap], now: datetime) -> GapRow:
    first, last = gaps[-1], gaps[0]
    said = {
        "pbx": first.pbx.name,
        "n": len(gaps),
        "from": day_and_time(first.from_at, beside=now),
        "until": day_and_time(last.until_at or last.from_at, beside=first.from_at),
    }
    title = _("We did not hear the PBX %(pbx)s %(n)d times between %(from)s and %(until)s.") % said
    return GapRow(
        title, _("Calls in these times may be missing or unfinished."), more_of(last.reason), first.from_at, False
    )


def _covers(gap: LinkGap, call: Call) -> bool:
    same = gap.pbx_id == call.pbx_id and gap.from_at <= _end(call)
    return same and (gap.until_at is None or gap.until_at >= call.started_at)


def _end(call: Call) -> datetime:
    return call.ended_at or utc_now()

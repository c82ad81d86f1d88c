"""The kept reasons, newest first: whose, shown or not, why, of which number, on which day. Read page by page by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.utils import timezone

from crmconnector.calls.log import LogFilter, newest_ids
from crmconnector.calls.models import Leg
from crmconnector.calls.search import search_calls
from crmconnector.calls.selectors import people_whose_calls
from crmconnector.common.among import among
from crmconnector.common.clock import from_epoch
from crmconnector.pbx.selectors import home_country
from crmconnector.screenpop.decisions import WORDS
from crmconnector.screenpop.explain import with_receipts
from crmconnector.screenpop.models import PopDecision
from crmconnector.users.models import User
from crmconnector.users.selectors import people_seen_by

ROWS_ON_A_PAGE = 50
MOST_CALLS_OF_A_NUMBER = 500
NEWEST = ("-decided_at", "-id")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page asks for. Empty fields ask for nothing. `before` is where the page before ended."""

    user_id: int | None = None
    shown: bool | None = None
    reason: str = ""
    number: str = ""
    day: date | None = None
    before: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    rows: list[PopDecision]
    next: str  # `before` of the next page; empty on the last


def find_reasons(*, viewer: User, wanted: Wanted) -> Found:
    """One page of what this viewer may see: own reasons; the teams’; for administrators all, phones of nobody too."""
    rows = _filtered(PopDecision.objects.filter(call__test=False), wanted, viewer)
    if wanted.user_id is not None or not viewer.is_administrator:
        rows = PopDecision.objects.filter(pk__in=_newest_of(_people(viewer, wanted), rows))
    page = list(
        with_receipts(rows)
        .select_related("user", "pop", "call__pbx", "call__contact")
        .order_by(*NEWEST)[: ROWS_ON_A_PAGE + 1]
    )
    more = len(page) > ROWS_ON_A_PAGE
    page = page[:ROWS_ON_A_PAGE]
    return Found(page, _key_of(page[-1]) if more else "")


def takers_of(rows: Sequence[PopDecision]) -> list[Leg]:
    """The legs that give the names of who took these calls; one query."""
    calls = {row.call_id for row in rows if row.details.get("by")}
    return list(Leg.objects.filter(call__in=calls).select_related("user")) if calls else []


def _people(viewer: User, wanted: Wanted) -> QuerySet[User]:
    seen = people_seen_by(viewer)
    return seen if wanted.user_id is None else seen.filter(pk=wanted.user_id)


def _newest_of(people: QuerySet[User], rows: QuerySet[PopDecision]) -> list[int]:
    """Ids of the newest of each person: one walk of the index a person, for the newest of some people together would
    read everybody's when these had no call for weeks."""
    newest = rows.filter(user=OuterRef("pk")).order_by(*NEWEST).values("pk")[: ROWS_ON_A_PAGE + 1]
    found = people.order_by().annotate(newest=ArraySubquery(newest)).values_list("newest", flat=True)
    return [one for each in found for one in each]


def _filtered(rows: QuerySet[PopDecision], wanted: Wanted, viewer: User) -> QuerySet[PopDecision]:
    if wanted.shown is not None:
        rows = rows.filter(shown=wanted.shown)
    if wanted.reason in WORDS:
        rows = rows.filter(reason=wanted.reason)
    if wanted.day is not None:
        begin = timezone.make_aware(datetime.combine(wanted.day, time.min))
        end = timezone.make_aware(datetime.combine(wanted.day + timedelta(days=1), time.min))
        rows = rows.filter(decided_at__gte=begin, decided_at__lt=end)
    if wanted.number:
        rows = rows.filter(among(_calls_found(viewer, wanted.number), "call"))
    at, pk = _read_key(wanted.before)
    return rows.filter(_older(at, pk)) if at is not None else rows


def _calls_found(viewer: User, text: str) -> list[int]:
    """As the log finds them: the newest ones, parts of other calls too, for a phone rang for these as well."""
    found = search_calls(text, user=viewer, country=home_country())
    if found.wish is None:
        return []
    people = people_whose_calls(viewer)
    whose = None if people is None else tuple(people)
    return newest_ids(LogFilter(whose, found=found.wish, few=found.few, parts=True), count=MOST_CALLS_OF_A_NUMBER)


def _older(at: datetime, pk: int) -> Q:
    """As a row comparison would say; the first part lets the index begin there."""
    return Q(decided_at__lte=at) & (Q(decided_at__lt=at) | Q(pk__lt=pk))


def _key_of(row: PopDecision) -> str:
    return f"{int(row.decided_at.timestamp() * 1_000_000)}-{row.pk}"


def _read_key(text: str) -> tuple[Any, int]:
    """(moment, id); (None, 0) for whatever is no key of ours."""
    at, _dash, pk = text.partition("-")
    if not (at.isascii() and at.isdigit() and pk.isascii() and pk.isdigit() and len(at) <= 17 and len(pk) <= 18):
        return None, 0
    try:
        return from_epoch(0) + timedelta(microseconds=int(at)), int(pk)
    except OverflowError:
        return None, 0

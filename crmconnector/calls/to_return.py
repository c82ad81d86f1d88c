"""Missed calls that nobody has returned: one entry a number, gone by itself as soon as anybody talks to the number."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery

from crmconnector.calls.models import MISSED_INBOUND, Call
from crmconnector.calls.selectors import calls_of_people, for_list

RETURN_DAYS = 14
MOST_TO_RETURN = 100


@dataclass(frozen=True, slots=True)
class ToReturn:
    """`call` is the last one that was missed; `missed`: how many since somebody last talked to the number."""

    call: Call
    missed: int


def calls_to_return(people: Iterable[int] | None, *, now: datetime) -> list[ToReturn]:
    """Of calls to these people (None: to anybody), the last missed first; MOST_TO_RETURN and one more at most.

    Whoever talked to the number, and in whichever direction, ends it: also a colleague whose calls these people may
    not see. A talk counts from its answer: one that went on while the number rang again has not returned that call.
    """
    by_number = (
        _unreturned(people, now)
        .order_by()
        .values("far_number")
        .annotate(missed=Count("pk"), last_at=Max("started_at"), last=Max("pk"))
        .order_by("-last_at", "-last")
    )
    found = {row["last"]: row["missed"] for row in by_number[: MOST_TO_RETURN + 1]}
    calls = for_list(Call.objects.filter(pk__in=list(found)))
    return [ToReturn(call, found[call.pk]) for call in calls]


def count_to_return(people: Iterable[int] | None, *, now: datetime) -> int:
    """Numbers, not calls; MOST_TO_RETURN + 1 stands for more."""
    numbers = _unreturned(people, now).order_by().values("far_number").distinct()[: MOST_TO_RETURN + 1]
    return len(numbers)


def returned_at(calls: Iterable[Call]) -> dict[int, datetime]:
    """When somebody talked to the number of a missed call for the first time after it; call id -> that moment."""
    rows = Call.objects.filter(MISSED_INBOUND, pk__in=[call.pk for call in calls]).exclude(far_number="")
    first = Subquery(_talked_since().order_by("answered_at").values("answered_at")[:1])
    found = rows.order_by().annotate(returned=first).values_list("pk", "returned")
    return {pk: at for pk, at in found if at is not None}


def _talked_since() -> QuerySet[Call]:
    talked = Call.objects.filter(far_number=OuterRef("far_number"), answered_at__gt=OuterRef("started_at"), test=False)
    return talked.exclude(far_number="")


def _unreturned(people: Iterable[int] | None, now: datetime) -> QuerySet[Call]:
    since = now - timedelta(days=RETURN_DAYS)
    missed = calls_of_people(None if people is None else list(people)).filter(MISSED_INBOUND, started_at__gte=since)
    return missed.exclude(far_number="").filter(~Exists(_talked_since()))

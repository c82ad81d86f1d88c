"""Reads about calls: who may see which, open legs, one call's story. The log is read in log.py, its search in
search.py.

A call of a test pop is no call that anybody made: no read here ever finds one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Prefetch, QuerySet

from crmconnector.calls.models import MISSED, MISSED_INBOUND, Call, CallCommand, CallNote, CallParty, Leg
from crmconnector.users.models import User
from crmconnector.users.selectors import people_seen_by

__all__ = ["MISSED", "MISSED_INBOUND"]
# A leg without an end after this is one whose end nobody saw; it must not light a lamp for ever.
OLDEST_OPEN_HOURS = 12


def people_whose_calls(user: User) -> list[int] | None:
    """The ids of the people whose calls this user may see; None: everybody's, also those of nobody."""
    if user.is_administrator:
        return None
    return sorted(set(people_seen_by(user).order_by().values_list("pk", flat=True)))


def calls_of_people(people: list[int] | None) -> QuerySet[Call]:
    """A call is somebody's when their phone rang or talked, or they placed it. `people` as above."""
    real = Call.objects.filter(test=False)
    if people is None:
        return real
    return real.filter(Exists(CallParty.objects.filter(call=OuterRef("pk"), user__in=people)))


def calls_seen_by(user: User) -> QuerySet[Call]:
    """Own calls; the teams' (supervisor); all (administrator)."""
    return calls_of_people(people_whose_calls(user))


def calls_of(user: User) -> QuerySet[Call]:
    """The user's own calls, whatever the role may see."""
    return calls_of_people([user.pk])


def for_list(calls: QuerySet[Call]) -> QuerySet[Call]:
    """With everything a row of the log shows: no query per row."""
    return calls.select_related("contact", "line", "answered_by", "pbx").order_by("-started_at", "-id")


def with_story(calls: QuerySet[Call]) -> QuerySet[Call]:
    """With everything the page of one call shows."""
    commands = CallCommand.objects.select_related("user", "phone").order_by("requested_at")
    commands = commands.prefetch_related("changes", "steps")
    legs = Leg.objects.select_related("user", "phone").prefetch_related(Prefetch("commands", commands))
    notes = CallNote.objects.select_related("user", "outcome")
    return for_list(calls).prefetch_related(Prefetch("legs", legs), Prefetch("notes", notes))


def open_legs(*, phone_ids: Iterable[int], now: datetime) -> QuerySet[Leg]:
    """What rings, talks or waits on these phones now, as the PBX told it."""
    return (
        Leg.objects.filter(
            phone__in=list(phone_ids),
            ended_at=None,
            call__test=False,
            call__started_at__gte=now - timedelta(hours=OLDEST_OPEN_HOURS),
        )
        .select_related("call__contact", "call__line", "call__pbx")
        .order_by("id")
    )


def waiting_by_queue(*, now: datetime) -> dict[tuple[int, str], tuple[int, datetime]]:
    """(pbx, queue name) -> (callers nobody talks to yet, since when the first of them waits)."""
    since = now - timedelta(hours=OLDEST_OPEN_HOURS)
    rows = (
        Call.objects.filter(ended_at=None, answered_at=None, test=False, started_at__gte=since)
        .exclude(queue_name="")
        .order_by()
        .values_list("pbx_id", "queue_name")
        .annotate(Count("id"), Min("started_at"))
    )
    return {(pbx_id, name): (count, oldest) for pbx_id, name, count, oldest in rows}

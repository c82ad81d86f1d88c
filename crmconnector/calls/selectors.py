"""Reads about calls: who may see which, the log with its search, open legs, one call's story."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Prefetch, Q, QuerySet

from crmconnector.calls.models import Call, CallCommand, Leg
from crmconnector.common.numbers import fold_digits
from crmconnector.users.models import User
from crmconnector.users.selectors import people_seen_by

MISSED = ("no_answer", "cancelled", "abandoned", "busy", "rejected")
LEAST_DIGITS = 3
# A leg without an end after this is one whose end nobody saw; it must not light a lamp for ever.
OLDEST_OPEN_HOURS = 12


def calls_seen_by(user: User) -> QuerySet[Call]:
    """Own calls; the teams' (supervisor); all (administrator). A call is somebody's when their phone rang or talked."""
    if user.is_administrator:
        return Call.objects.all()
    people = people_seen_by(user).order_by().values("pk")
    return Call.objects.filter(Q(answered_by__in=people) | Exists(_legs_of(people)))


def calls_of(user: User) -> QuerySet[Call]:
    """The user's own calls, whatever the role may see."""
    return Call.objects.filter(Q(answered_by=user) | Exists(_legs_of([user.pk])))


def find_calls(calls: QuerySet[Call], text: str) -> QuerySet[Call]:
    """Those with the text in a name, or with its digits in a number. Wildcards in the text mean themselves."""
    text = fold_digits(text.replace("\x00", "").strip())[:80]
    if not text:
        return calls
    wanted = Q(contact__name__icontains=text) | Q(contact__company__icontains=text) | Q(caller_name__icontains=text)
    digits = "".join(char for char in text if char.isdigit()).lstrip("0")
    if len(digits) >= LEAST_DIGITS:
        wanted |= Q(caller_e164__contains=digits) | Q(caller_number__contains=digits) | Q(dialled__contains=digits)
    return calls.filter(wanted)


def missed_calls(calls: QuerySet[Call]) -> QuerySet[Call]:
    return calls.filter(direction="inbound", disposition__in=MISSED, ended_at__isnull=False)


def talked_calls(calls: QuerySet[Call]) -> QuerySet[Call]:
    return calls.filter(answered_at__isnull=False)


def for_list(calls: QuerySet[Call]) -> QuerySet[Call]:
    """With everything a row of the log shows: no query per row."""
    return calls.select_related("contact", "line", "answered_by", "pbx").order_by("-started_at", "-id")


def with_story(calls: QuerySet[Call]) -> QuerySet[Call]:
    """With everything the page of one call shows."""
    commands = CallCommand.objects.select_related("user", "phone").prefetch_related("changes").order_by("requested_at")
    legs = Leg.objects.select_related("user", "phone").prefetch_related(Prefetch("commands", commands))
    return for_list(calls).prefetch_related(Prefetch("legs", legs), "pops__user")


def open_legs(*, phone_ids: Iterable[int], now: datetime) -> QuerySet[Leg]:
    """What rings, talks or waits on these phones now, as the PBX told it."""
    return (
        Leg.objects.filter(
            phone__in=list(phone_ids), ended_at=None, call__started_at__gte=now - timedelta(hours=OLDEST_OPEN_HOURS)
        )
        .select_related("call__contact", "call__line", "call__pbx")
        .order_by("id")
    )


def waiting_by_queue(*, now: datetime) -> dict[tuple[int, str], tuple[int, datetime]]:
    """(pbx, queue name) -> (callers nobody talks to yet, since when the first of them waits)."""
    rows = (
        Call.objects.filter(ended_at=None, answered_at=None, started_at__gte=now - timedelta(hours=OLDEST_OPEN_HOURS))
        .exclude(queue_name="")
        .order_by()
        .values_list("pbx_id", "queue_name")
        .annotate(Count("id"), Min("started_at"))
    )
    return {(pbx_id, name): (count, oldest) for pbx_id, name, count, oldest in rows}


def _legs_of(people: Any) -> QuerySet[Leg]:
    return Leg.objects.filter(call=OuterRef("pk"), user__in=people)

"""Reads about phones: who sits where, the fleet with its filters and orders, what was asked of a phone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Length, Lower, NullIf, Replace

from phones.models import Assignment, DeviceOrder, Phone, PhoneStatus, SipAccount

LONGEST_SEARCH = 80
LEAST_MAC_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Seat:
    """The phone behind an endpoint and the user who has it at that time (None: nobody assigned)."""

    endpoint: str
    extension: str
    phone_id: int
    phone_name: str
    user_id: int | None


def seats_of(*, pbx_id: int, endpoints: Iterable[str], at: datetime, extensions: Iterable[str] = ()) -> dict[str, Seat]:
    """Seats by endpoint, of these endpoints and extensions, in two queries however many are asked for."""
    asked, dialled = Q(endpoint__in=set(endpoints)), set(extensions)
    if dialled:
        asked |= Q(extension__in=dialled)
    accounts = list(SipAccount.objects.filter(asked, pbx_id=pbx_id).select_related("phone"))
    users = dict(
        Assignment.objects.filter(
            phone__in={account.phone_id for account in accounts}, during__contains=at
        ).values_list("phone_id", "user_id")
    )
    return {
        account.endpoint: Seat(
            account.endpoint, account.extension, account.phone_id, account.phone.name, users.get(account.phone_id)
        )
        for account in accounts
    }


def phones_overview(*, at: datetime) -> QuerySet[Phone]:
    """Every phone with its accounts, its status and, as `seats_now`, who has it at that time; four queries in all."""
    now_there = Assignment.objects.filter(during__contains=at).select_related("user")
    return Phone.objects.select_related("status").prefetch_related(
        "accounts", Prefetch("assignments", now_there, to_attr="seats_now")
    )


def phones_had_by(*, user_id: int, at: datetime) -> QuerySet[Phone]:
    """The phones this user has at that time."""
    return Phone.objects.filter(pk__in=Assignment.objects.filter(user=user_id, during__contains=at).values("phone"))


def find_phones(phones: QuerySet[Phone], text: str, *, at: datetime) -> QuerySet[Phone]:
    """Those whose name, model, firmware, MAC, address, extension or present user holds the text.

    Wildcards in the text mean themselves; a MAC address may be typed in any spelling.
    """
    text = text.replace("\x00", "").strip()[:LONGEST_SEARCH]
    if not text:
        return phones
    wanted = Q(name__icontains=text) | Q(model__icontains=text) | Q(firmware__startswith=text)
    account = SipAccount.objects.filter(Q(extension__startswith=text) | Q(endpoint__icontains=text))
    there = Assignment.objects.filter(
        Q(user__full_name__icontains=text) | Q(user__username__icontains=text), during__contains=at
    )
    wanted |= Q(pk__in=account.values("phone")) | Q(pk__in=there.values("phone"))
    digits = "".join(char for char in text if char not in ":-. ").upper()
    if len(digits) >= LEAST_MAC_DIGITS and set(digits) <= set("0123456789ABCDEF"):
        phones = phones.alias(mac_digits=Replace("mac", Value(":"), Value("")))
        wanted |= Q(mac_digits__contains=digits)
    if text.count(".") or text.count(":"):
        wanted |= Q(address__startswith=text)
    return phones.filter(wanted)


def unregistered() -> Q:
    """Phones with an account that is not registered. The PBX's word counts before the phone's own."""
    accounts = SipAccount.objects.filter(phone=OuterRef("pk"))
    by_phone = Q(status__registered=False) & ~Q(Exists(accounts.filter(registered_at_pbx__isnull=False)))
    return Q(Exists(accounts.filter(registered_at_pbx=False))) | by_phone


def in_need() -> Q:
    """Phones that do not answer or only refuse, refused our passcode, or have an account that is not registered."""
    refuses = Q(status__reachable=True) & ~Q(status__reason_code="")
    return Q(passcode_refused_at__isnull=False) | Q(status__reachable=False) | refuses | unregistered()


def without_user(*, at: datetime) -> Q:
    return ~Q(Exists(Assignment.objects.filter(phone=OuterRef("pk"), during__contains=at)))


def line_in_use(*, seen_after: datetime) -> Q:
    """Phones that said of a line that it is not idle, when they were looked at after that time."""
    busy = Q(status__reachable=True, status__looked_at__gte=seen_after)
    return busy & ~Q(status__lines__contained_by=["idle"])


def nobody_assigned(phones: QuerySet[Phone], *, at: datetime) -> QuerySet[Phone]:
    return phones.filter(without_user(at=at))


# What a list may be sorted by. A sort that is not here is the name's.
SORTS = ("name", "status", "extension", "user", "looked")


def in_order(phones: QuerySet[Phone], sort: str, *, at: datetime, descending: bool = False) -> QuerySet[Phone]:
    """Sorted by one of SORTS; phones alike by name. What is not known comes last in both directions."""
    columns = _sort_columns(sort, at=at)
    wanted = [F(column) for column in columns or ("sort_name",)]
    keys = [one.desc(nulls_last=True) if descending else one.asc(nulls_last=True) for one in wanted]
    return phones.annotate(**columns, sort_name=Lower("name")).order_by(*keys, "sort_name", "pk")


def _sort_columns(sort: str, *, at: datetime) -> dict[str, Any]:
    account = SipAccount.objects.filter(phone=OuterRef("pk")).order_by("position")
    if sort == "extension":
        first = Subquery(account.values("extension")[:1])
        return {"sort_length": Length(first), "sort_extension": first}  # 99 before 201
    if sort == "user":
        seat = Assignment.objects.filter(phone=OuterRef("pk"), during__contains=at)
        named = seat.annotate(shown=Lower(Coalesce(NullIf("user__full_name", Value("")), "user__username")))
        return {"sort_user": Subquery(named.values("shown")[:1])}
    if sort == "looked":
        return {"sort_looked": F("status__looked_at")}
    return {"sort_rank": _status_rank()} if sort == "status" else {}


def _status_rank() -> Case:
    """The worst first; a phone that was never asked is nobody's fault and comes last."""
    return Case(
        When(passcode_refused_at__isnull=False, then=Value(0)),
        When(status__reachable=False, then=Value(1)),
        When(in_need(), then=Value(2)),
        When(Q(status__reachable=True) & ~Q(status__lines__contained_by=["idle"]), then=Value(3)),
        When(status__reachable=True, then=Value(4)),
        default=Value(5),
        output_field=IntegerField(),
    )


def seats_with_users(*, at: datetime) -> QuerySet[Assignment]:
    """Who has which phone at that time, with user, accounts and status; two queries in all."""
    return (
        Assignment.objects.filter(during__contains=at, user__is_active=True)
        .select_related("user", "phone__status")
        .prefetch_related("phone__accounts")
        .order_by("user__full_name", "user__username", "id")
    )


def free_phones(*, at: datetime) -> QuerySet[Phone]:
    """Phones at which nobody sits, those that answer first; with status and accounts."""
    silent = PhoneStatus.objects.filter(phone=OuterRef("pk"), reachable=False)
    free = nobody_assigned(Phone.objects.filter(passcode_refused_at=None), at=at)
    return (
        free.annotate(silent=Exists(silent))
        .select_related("status")
        .prefetch_related("accounts")
        .order_by("silent", Lower("name"), "pk")
    )


def orders_of(*, phone_ids: Collection[int], since: datetime | None = None) -> QuerySet[DeviceOrder]:
    """What was asked of these phones themselves, newest first, without the long result of a doctor's run."""
    rows = DeviceOrder.objects.filter(phone__in=phone_ids).select_related("user").defer("result")
    if since is not None:
        rows = rows.filter(requested_at__gte=since)
    return rows.order_by("-requested_at")

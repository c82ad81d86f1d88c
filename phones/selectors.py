"""Reads about phones: who sits where."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from phones.models import Assignment, Phone, SipAccount


@dataclass(frozen=True, slots=True)
class Seat:
    """The phone behind an endpoint and the user who has it at that time (None: nobody assigned)."""

    endpoint: str
    extension: str
    phone_id: int
    phone_name: str
    user_id: int | None


def seats_of(*, pbx_id: int, endpoints: Iterable[str], at: datetime) -> dict[str, Seat]:
    """Seats by endpoint, in two queries however many endpoints are asked for."""
    accounts = list(SipAccount.objects.filter(pbx_id=pbx_id, endpoint__in=set(endpoints)).select_related("phone"))
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


def find_phones(phones: QuerySet[Phone], text: str, *, at: datetime) -> QuerySet[Phone]:
    """Those whose name, model, MAC, address, extension or present user holds the text."""
    text = text.replace("\x00", "").strip()[:80]
    if not text:
        return phones
    wanted = Q(name__icontains=text) | Q(model__icontains=text) | Q(mac__icontains=text)
    wanted |= Q(accounts__extension__startswith=text) | Q(accounts__endpoint__icontains=text)
    there = Assignment.objects.filter(
        Q(user__full_name__icontains=text) | Q(user__username__icontains=text), during__contains=at
    )
    wanted |= Q(pk__in=there.values("phone"))
    if text.count(".") or text.count(":"):
        wanted |= Q(address__startswith=text)
    return phones.filter(wanted).distinct()


def needing_attention(phones: QuerySet[Phone]) -> QuerySet[Phone]:
    """Phones that do not answer, refused our passcode, or have none."""
    return phones.filter(Q(status__reachable=False) | Q(passcode_refused_at__isnull=False))


def nobody_assigned(phones: QuerySet[Phone], *, at: datetime) -> QuerySet[Phone]:
    return phones.exclude(pk__in=Assignment.objects.filter(during__contains=at).values("phone"))


def seats_with_users(*, at: datetime) -> QuerySet[Assignment]:
    """Who has which phone at that time, with user, accounts and status; two queries in all."""
    return (
        Assignment.objects.filter(during__contains=at, user__is_active=True)
        .select_related("user", "phone__status")
        .prefetch_related("phone__accounts")
        .order_by("user__full_name", "user__username", "id")
    )

"""Reads about phones: who sits where."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

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
        Assignment.objects.filter(phone__in={account.phone_id for account in accounts}, during__contains=at)
        .values_list("phone_id", "user_id")
    )
    return {
        account.endpoint: Seat(
            account.endpoint, account.extension, account.phone_id, account.phone.name, users.get(account.phone_id)
        )
        for account in accounts
    }


def phones_of(*, user_id: int, at: datetime) -> QuerySet[Phone]:
    """The phones that a user has at a time."""
    return Phone.objects.filter(assignments__user_id=user_id, assignments__during__contains=at).prefetch_related(
        "accounts"
    )


def colleague_by_extension(*, pbx_id: int, extension: str, at: datetime) -> int | None:
    """The id of the user who has the phone with this extension now, or None."""
    return (
        Assignment.objects.filter(
            phone__accounts__pbx_id=pbx_id, phone__accounts__extension=extension, during__contains=at
        )
        .values_list("user_id", flat=True)
        .first()
    )

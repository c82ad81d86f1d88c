"""The phones that a person chose in the list, each with who sits there and whether a call is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from crmconnector.calls.selectors import open_legs
from crmconnector.common.clock import utc_now
from crmconnector.web.context import Shell
from crmconnector.web.fleet import LONGEST_ID, deaf_pbxes, found_phones
from phones.models import Assignment, Phone
from phones.seats import MOST_AT_ONCE, present_seats


@dataclass(frozen=True, slots=True)
class SeatRow:
    phone: Phone
    extensions: str
    seat: Assignment | None
    in_call: bool


def chosen_ids(request: HttpRequest) -> list[int]:
    """By ticks (`phone`, several), by the page that asks once more (`phones`, separated by commas), or all that the
    list's search and filter find (`all`). One more than is allowed is enough to see that there are too many."""
    if request.POST.get("all"):
        text = request.POST.get("q", "").replace("\x00", "").strip()[:80]
        deaf = deaf_pbxes(Shell(request))
        found = found_phones(text=text, show=request.POST.get("show", ""), at=utc_now(), deaf=deaf)
        return list(found.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    told = [*request.POST.getlist("phone"), *request.POST.get("phones", "").split(",")]
    numbers = {int(one) for one in told if one.isascii() and one.isdigit() and len(one) < LONGEST_ID}
    return sorted(numbers)[: MOST_AT_ONCE + 1]


def seat_rows(phone_ids: Sequence[int], *, at: datetime) -> list[SeatRow]:
    """In the order of the names, in four queries; ids of phones that are gone have none."""
    phones = Phone.objects.filter(pk__in=phone_ids).prefetch_related("accounts").order_by("name")
    seats = present_seats(phone_ids, at=at)
    busy = set(open_legs(phone_ids=phone_ids, now=at).values_list("phone_id", flat=True))
    return [
        SeatRow(
            phone, ", ".join(account.extension for account in phone.accounts.all()), seats.get(phone.pk),
            phone.pk in busy,
        )
        for phone in phones
    ]  # fmt: skip

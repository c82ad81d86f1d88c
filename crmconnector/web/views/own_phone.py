"""My phone: what the phones that one has now are doing, and a free one to sit down at."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from crmconnector.common.clock import utc_now
from crmconnector.web.access import searched
from crmconnector.web.context import Shell
from crmconnector.web.people import signed_in
from crmconnector.web.phone_acts import new_key
from crmconnector.web.phone_page import QUICK_POLL_SECONDS, SLOW_POLL_SECONDS, PhoneNow
from crmconnector.web.phone_words import phone_row
from crmconnector.web.views.phones import now_of
from phones.models import Phone
from phones.selectors import find_phones, free_phones, phones_had_by, phones_overview

MOST_FREE = 12


@require_safe
def own_phone(request: HttpRequest) -> HttpResponse:
    now, text = utc_now(), searched(request)
    free = list(free_phones(at=now).filter(pk__in=find_phones(Phone.objects.all(), text, at=now))[: MOST_FREE + 1])
    context = {
        **_own(request), "text": text, "free": [phone_row(one, now=now) for one in free[:MOST_FREE]],
        "more_free": len(free) > MOST_FREE,
    }  # fmt: skip
    return render(request, "phones/own_phone.html", context)


@require_safe
def own_phone_now(request: HttpRequest) -> HttpResponse:
    return show_own_now(request)


def show_own_now(request: HttpRequest) -> HttpResponse:
    """What changes on that page by itself."""
    return render(request, "phones/own_now.html", _own(request))


def _own(request: HttpRequest) -> dict[str, object]:
    """Of each phone only what was asked of it since this person has it: who had it before is nobody's business."""
    user, shell = signed_in(request), Shell(request)
    mine = phones_had_by(user_id=user.pk, at=utc_now()).values("pk")
    rows = phones_overview(at=utc_now()).filter(pk__in=mine).prefetch_related("accounts__pbx").order_by("pk")
    told: list[PhoneNow] = []
    for one in rows:
        seat = one.seats_now[0]  # type: ignore[attr-defined]
        told.append(now_of(one, shell, since=seat.during.lower))
    quick = any(one.poll_seconds == QUICK_POLL_SECONDS for one in told)
    poll = QUICK_POLL_SECONDS if quick else SLOW_POLL_SECONDS
    return {"own": told, "poll_seconds": poll, "shell": shell, "key": new_key()}

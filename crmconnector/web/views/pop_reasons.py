"""Why cards showed, or did not: searchable, for everybody what is their own."""

from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crmconnector.screenpop.decisions import WORDS
from crmconnector.screenpop.explain import LABELS, explain_rows
from crmconnector.screenpop.reason_search import Wanted, find_reasons, takers_of
from crmconnector.users.models import User
from crmconnector.users.selectors import people_seen_by
from crmconnector.web.desk_page import Tab
from crmconnector.web.people import signed_in
from crmconnector.web.words import far_party

SHOWN = {"yes": True, "no": False}
MOST_DIGITS_OF_AN_ID = 9


@require_safe
def reasons(request: HttpRequest) -> HttpResponse:
    viewer, wanted = signed_in(request), _wanted(request)
    found = find_reasons(viewer=viewer, wanted=wanted)
    told = explain_rows(found.rows, legs=takers_of(found.rows))
    rows = [
        {"call": row.call, "who": far_party(row.call), "told": one} for row, one in zip(found.rows, told, strict=True)
    ]
    context = {
        "rows": rows, "next": found.next, "wanted": wanted, "which": request.GET.get("shown", ""),
        "asked": any([wanted.user_id, wanted.reason, wanted.number, wanted.day, wanted.shown is not None]),
        "tabs": [Tab("", _("All")), Tab("yes", _("Shown")), Tab("no", _("Not shown"))],
        "words": [(word, LABELS[word]) for word in WORDS], "people": _people(viewer), "TIME_ZONE": settings.TIME_ZONE,
    }  # fmt: skip
    return render(request, "pops/reasons.html", context)


def _wanted(request: HttpRequest) -> Wanted:
    asked = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:80] for name in ("user", "reason", "q", "day")
    }
    user = asked["user"]
    known = user.isascii() and user.isdigit() and len(user) <= MOST_DIGITS_OF_AN_ID
    return Wanted(
        user_id=int(user) if known else None,
        shown=SHOWN.get(request.GET.get("shown", "")),
        reason=asked["reason"] if asked["reason"] in WORDS else "",
        number=asked["q"],
        day=_day(asked["day"]),
        before=request.GET.get("before", "")[:40],
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None


def _people(viewer: User) -> list[User]:
    """Who can be chosen; nobody but oneself: no choice is offered."""
    if not viewer.is_supervisor:
        return []
    return list(people_seen_by(viewer).order_by("full_name", "username"))

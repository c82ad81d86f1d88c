"""The log of calls, and one call's page. Whose calls somebody sees is decided in calls.selectors alone."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crmconnector.calls.selectors import calls_seen_by, find_calls, for_list, missed_calls, talked_calls, with_story
from crmconnector.common.clock import utc_now
from crmconnector.pbx.selectors import recent_gaps
from crmconnector.users.models import User
from crmconnector.web.access import page_of, searched
from crmconnector.web.call_story import tell
from crmconnector.web.desk_page import Tab
from crmconnector.web.people import signed_in
from crmconnector.web.words import call_row

SHOWN = {"missed": missed_calls, "talked": talked_calls}
GAP_MINUTES = 12 * 60


@require_safe
def calls(request: HttpRequest) -> HttpResponse:
    user, text, which = signed_in(request), searched(request), request.GET.get("show", "")
    found = find_calls(calls_seen_by(user), text)
    found = SHOWN[which](found) if which in SHOWN else found
    page = page_of(request, for_list(found))
    context = {
        "page": page,
        "rows": [call_row(call) for call in page],
        "text": text,
        "which": which if which in SHOWN else "all",
        "tabs": [Tab("all", _("All")), Tab("missed", _("Missed")), Tab("talked", _("Talked"))],
        "gaps": recent_gaps(now=utc_now(), minutes=GAP_MINUTES)[:2],
        "whose": _whose(user),
        "TIME_ZONE": settings.TIME_ZONE,
    }
    return render(request, "calls/calls.html", context)


@require_safe
def call(request: HttpRequest, call_id: int) -> HttpResponse:
    one = get_object_or_404(with_story(calls_seen_by(signed_in(request))), pk=call_id)
    return render(request, "calls/call.html", {"call": one, "row": call_row(one), "story": tell(one)})


def _whose(user: User) -> str:
    if user.is_administrator:
        return _("Everybody’s calls.")
    return _("Your teams’ calls.") if user.is_supervisor else _("Your calls.")

"""The log of calls, and one call's page. Whose calls somebody sees is decided in calls.selectors alone."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crmconnector.calls.models import Call
from crmconnector.calls.selectors import calls_seen_by, find_calls, for_list, missed_calls, talked_calls, with_story
from crmconnector.pbx.models import Queue
from crmconnector.users.models import User
from crmconnector.web.access import page_of, searched
from crmconnector.web.call_parts import parts_of, without_parts
from crmconnector.web.call_story import tell
from crmconnector.web.desk_page import Tab
from crmconnector.web.gap_rows import gaps_behind, page_and_gaps, why_unseen, with_gaps
from crmconnector.web.people import signed_in
from crmconnector.web.words import CallRow, call_row

SHOWN = {"missed": missed_calls, "talked": talked_calls}


@require_safe
def calls(request: HttpRequest) -> HttpResponse:
    user, text, which = signed_in(request), searched(request), request.GET.get("show", "")
    seen, all_parts = calls_seen_by(user), request.GET.get("parts") == "1"
    found = find_calls(seen, text)
    found = SHOWN[which](found) if which in SHOWN else found
    page = page_of(request, for_list(found if all_parts else without_parts(found, seen=seen)))
    on_page, gaps = page_and_gaps(page)
    context = {
        "page": page,
        "rows": with_gaps(_rows(on_page), gaps),
        "text": text,
        "which": which if which in SHOWN else "all",
        "all_parts": all_parts,
        "tabs": [Tab("all", _("All")), Tab("missed", _("Missed")), Tab("talked", _("Talked"))],
        "whose": _whose(user),
        "TIME_ZONE": settings.TIME_ZONE,
    }
    return render(request, "calls/calls.html", context)


@require_safe
def call(request: HttpRequest, call_id: int) -> HttpResponse:
    seen = calls_seen_by(signed_in(request))
    one = get_object_or_404(with_story(seen), pk=call_id)
    parts, unseen = parts_of(one, seen=seen), why_unseen(gaps_behind([one]).get(one.pk))
    queue = _queue(one)
    context = {
        "call": one,
        "row": call_row(one, why_unseen=unseen),
        "story": tell(one, parts=parts, why_unseen=unseen, queue=queue),
        "queue": queue,
        "into": call_row(parts.into) if parts.into else None,
        "joined": [call_row(part) for part in parts.joined],
    }
    return render(request, "calls/call.html", context)


def _rows(found: list[Call]) -> list[CallRow]:
    gaps = gaps_behind(found)
    return [call_row(call, why_unseen=why_unseen(gaps.get(call.pk))) for call in found]


def _queue(call: Call) -> str:
    """What people call the queue it came to; its name on the PBX when nobody gave it a better one."""
    if not call.queue_name:
        return ""
    return str(Queue.objects.filter(pbx=call.pbx_id, name=call.queue_name).first() or call.queue_name)


def _whose(user: User) -> str:
    if user.is_administrator:
        return _("Everybody’s calls.")
    return _("Your teams’ calls.") if user.is_supervisor else _("Your calls.")

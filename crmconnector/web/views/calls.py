"""The log of calls, what is to return, and one call's page. Whose calls somebody sees is decided in calls.selectors."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crmconnector.calls.log import LogPage, read_page
from crmconnector.calls.notes import NoteProblem
from crmconnector.calls.selectors import calls_seen_by, people_whose_calls, with_story
from crmconnector.calls.to_return import calls_to_return
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web.call_log import asked_for, place_word
from crmconnector.web.call_note_acts import keep_call_note
from crmconnector.web.call_page import call_page
from crmconnector.web.call_rows import rows_of
from crmconnector.web.gap_rows import gaps_of, with_gaps
from crmconnector.web.people import signed_in
from crmconnector.web.return_rows import return_rows

TO_RETURN = "return"


@require_safe
def calls(request: HttpRequest) -> HttpResponse:
    user, now = signed_in(request), utc_now()
    if request.GET.get("show") == TO_RETURN:
        return _to_return(request, user)
    asked = asked_for(request, user)
    page = LogPage() if asked.nothing else read_page(asked.wanted, before=asked.before, after=asked.after)
    rows = with_gaps(rows_of(page.calls, user=user, now=now), gaps_of(page))
    context = {
        "asked": asked,
        "page": page,
        "newer": place_word(page.newer),
        "older": place_word(page.older),
        "rows": rows,
        "which": asked.wanted.which.value,
    }
    return render(request, "calls/calls.html", context | _around(user))


@require_safe
def call(request: HttpRequest, call_id: int) -> HttpResponse:
    """`find`: whom somebody looks for, to say that it was this person."""
    return _call(request, call_id, find=request.GET["find"][:80] if "find" in request.GET else None)


@require_POST
def call_note(request: HttpRequest, call_id: int) -> HttpResponse:
    """The visitor's own note and outcome; what was typed and refused stands in the field again."""
    user = signed_in(request)
    one = get_object_or_404(calls_seen_by(user), pk=call_id)
    text = request.POST.get("text", "")
    try:
        kept = keep_call_note(actor=user, call=one, text=text, posted=request.POST)
    except NoteProblem as problem:
        messages.error(request, str(problem))
        return _call(request, call_id, typed=text)
    messages.info(request, _("Your note is kept."))
    if kept.replaced:
        messages.warning(request, _("It took the place of: %(text)s") % {"text": kept.replaced})
    return redirect("call", one.pk)


def _call(request: HttpRequest, call_id: int, *, find: str | None = None, typed: str | None = None) -> HttpResponse:
    user = signed_in(request)
    seen = calls_seen_by(user)
    one = get_object_or_404(with_story(seen), pk=call_id)
    return render(request, "calls/call.html", call_page(one, seen=seen, user=user, find=find, typed=typed))


def _to_return(request: HttpRequest, user: User) -> HttpResponse:
    found = calls_to_return(people_whose_calls(user), now=utc_now())
    context = {"entries": return_rows(found, user=user), "which": TO_RETURN}
    return render(request, "calls/to_return.html", context | _around(user))


def _around(user: User) -> dict[str, object]:
    whose = _("Your teams’ calls.") if user.is_supervisor else _("Your calls.")
    return {"whose": _("Everybody’s calls.") if user.is_administrator else whose, "TIME_ZONE": settings.TIME_ZONE}

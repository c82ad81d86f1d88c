"""Calling a number: the Call buttons, the page that asks first, and what became of it. A GET never dials."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crmconnector.calls.models import CallCommand, CommandKind
from crmconnector.calls.wanted import CommandProblem
from crmconnector.common.clock import utc_now
from crmconnector.common.sentences import said_in
from crmconnector.pbx.models import Line
from crmconnector.pbx.selectors import pbxes_heard_here
from crmconnector.web.access import local_path, searched
from crmconnector.web.dial_acts import DialAsk, ask_to_call
from crmconnector.web.dial_page import dial_page
from crmconnector.web.dial_story import desk_dials, is_live, newest_of, tell_dials
from crmconnector.web.finding import find_anything
from crmconnector.web.forms.dial import DialForm, DialQuestion
from crmconnector.web.people import signed_in
from phones.models import Phone

ASKS_FIRST = ("confirm", "changed", "which_phone")  # answered by the page that asks
NOT_MINE = "not_assigned"


@require_http_methods(["GET", "HEAD", "POST"])
def dial(request: HttpRequest) -> HttpResponse:
    """GET: the page that asks. POST: ask for the call; 202 with the command, or why not. `look`: the page again, as
    chosen there."""
    if request.method == "POST":
        return _page(request, request.POST) if "look" in request.POST else _call(request)
    return _page(request, request.GET)


@require_safe
def dialled(request: HttpRequest, command_id: UUID) -> HttpResponse:
    """What became of one own call that was asked for, as a fragment."""
    mine = CallCommand.objects.filter(user=signed_in(request), kind=CommandKind.MAKE_CALL)
    one = newest_of(get_object_or_404(mine.select_related("fallback_of"), pk=command_id))
    return render(request, "dial/one.html", {"dial": tell_dials(signed_in(request), [one])[0], "apart": True})


@require_safe
def dials(request: HttpRequest) -> HttpResponse:
    """The strip of the desk alone, to be swapped into its place."""
    return render(request, "desk/dials.html", {"dials": desk_dials(signed_in(request), utc_now()), "oob": True})


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Who and what is meant while somebody types into the box of the top bar."""
    found = find_anything(signed_in(request), searched(request), now=utc_now())
    return render(request, "dial/found.html", {"found": found, "text": searched(request)})


def _call(request: HttpRequest) -> HttpResponse:
    form = DialForm(request.POST)
    if not form.is_valid():
        sentence = _("There is no number here, or this button is out of date. Reload the page and press again.")
        return _refused(request, "bad_form", sentence, status=400)
    asked = _asked(form.cleaned_data)
    try:
        command, made = ask_to_call(actor=signed_in(request), asked=asked, key=form.cleaned_data["key"], now=utc_now())
    except CommandProblem as problem:
        if problem.code == NOT_MINE:
            raise Http404 from None
        wait = getattr(problem, "retry_after_seconds", 0)
        return _refused(request, problem.code, problem.sentence, status=429 if wait else 409, wait=wait)
    if not _wants_json(request):
        return _sent_on(request, form.cleaned_data["next"], command, made=made)
    where = reverse("dialled", args=[command.pk])
    return JsonResponse({"command": str(command.pk), "state": command.state, "now": where}, status=202)


def _sent_on(request: HttpRequest, wanted: str, command: CallCommand, *, made: bool) -> HttpResponse:
    """Without a script: back to where one came from. A form that was used before does nothing, and says so."""
    if not made and not is_live(command):
        messages.warning(request, _("This page was used before. Nothing was dialled now."))
        return HttpResponseRedirect(_question(command.target, wanted))
    messages.info(request, _("The call was asked for. The desk shows what becomes of it."))
    return HttpResponseRedirect(local_path(request, wanted, otherwise=reverse("desk")))


def _refused(request: HttpRequest, code: str, sentence: str, *, status: int, wait: int = 0) -> HttpResponse:
    response: HttpResponse
    if _wants_json(request):
        more = {"ask": _question(request.POST.get("number", ""), request.POST.get("next", ""))}
        told = {"code": code, "sentence": said_in(sentence, _), **(more if code in ASKS_FIRST else {})}
        response = JsonResponse(told, status=status)
    elif code == "bad_form":
        response = render(request, "400.html", status=status)
    else:
        response = _page(request, request.POST, refused=sentence, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _page(request: HttpRequest, asked_for: object, *, refused: str = "", status: int = 200) -> HttpResponse:
    """`refused`: why the press before this came to nothing."""
    form = DialQuestion(asked_for)  # type: ignore[arg-type]
    form.is_valid()
    fields = {"number": "", "next": "", **form.cleaned_data}
    user = signed_in(request)
    page = dial_page(user, _asked(fields), utc_now())
    if page.code == NOT_MINE:
        raise Http404
    back = local_path(request, fields["next"], otherwise=reverse("desk"))
    context = {"page": page, "back": back, "key": get_random_string(24), "refused": refused}
    return render(request, "dial/dial.html", context, status=status)


def _asked(fields: dict[str, object]) -> DialAsk:
    """Phone and line as rows. Whether they are the person's own is decided where the call is made of them."""
    phone, line = fields.get("phone"), fields.get("line")
    lines = Line.objects.filter(pbx__in=pbxes_heard_here().values("pk"))
    return DialAsk(
        text=str(fields.get("number", "")),
        phone=get_object_or_404(Phone, pk=phone) if phone else None,
        account=fields.get("account") or None,  # type: ignore[arg-type]
        line=get_object_or_404(lines, pk=line) if line else None,
        shown=str(fields.get("shown") or ""),
        sure=bool(fields.get("sure")),
    )


def _question(number: str, back: str) -> str:
    return f"{reverse('dial')}?{urlencode({'number': number, 'next': back})}"


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")

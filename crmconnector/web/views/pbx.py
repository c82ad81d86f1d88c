"""PBXes, for administrators: links, settings, trunks, lines, queues."""

from typing import Any

from django.contrib import messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Pbx, Queue, Trunk
from crmconnector.pbx.selectors import manager_lines, pbx_overview, verbs_missing
from crmconnector.pbx.services import PbxProblem
from crmconnector.web.access import administrators_only
from crmconnector.web.acts import change_line_country, keep_pbx, name_line, name_queue, name_trunk, remove, settle_trunk
from crmconnector.web.forms.pbx import LineCountryForm, LineForm, PbxForm, QueueForm, TrunkForm
from crmconnector.web.gap_rows import gap_rows
from crmconnector.web.link_news import news_of
from crmconnector.web.people import signed_in
from crmconnector.web.unread_events import unread_events, unread_of

PERMIT_EXAMPLE = "192.0.2.10/255.255.255.255"
MOST_GAPS = 10


@require_safe
@administrators_only
def pbxes(request: HttpRequest) -> HttpResponse:
    now = utc_now()
    rows = [{"pbx": pbx, "news": news_of(pbx, now)} for pbx in pbx_overview()]
    return render(request, "pbx/pbxes.html", {"rows": rows})


@require_safe
@administrators_only
def pbx(request: HttpRequest, pbx_id: int) -> HttpResponse:
    return _page(request, get_object_or_404(pbx_overview(), pk=pbx_id))


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def pbx_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Pbx(), heading=_("New PBX"), back=reverse("pbxes"))


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def pbx_edit(request: HttpRequest, pbx_id: int) -> HttpResponse:
    one = get_object_or_404(Pbx, pk=pbx_id)
    return _edit(request, one, heading=one.name, back=reverse("pbx", args=[one.pk]))


@require_POST
@administrators_only
def trunk_decide(request: HttpRequest, pbx_id: int, trunk_id: int) -> HttpResponse:
    trunk = get_object_or_404(Trunk, pk=trunk_id, pbx=pbx_id)
    settle_trunk(actor=signed_in(request), trunk=trunk, is_trunk=request.POST.get("is_trunk") == "1")
    messages.info(request, _("Kept. The listener takes it over within a minute."))
    return redirect("pbx", pbx_id)


@require_POST
@administrators_only
def trunk_add(request: HttpRequest, pbx_id: int) -> HttpResponse:
    return _add(request, pbx_id, TrunkForm(request.POST), "trunk_form", name_trunk)


@require_POST
@administrators_only
def line_add(request: HttpRequest, pbx_id: int) -> HttpResponse:
    return _add(request, pbx_id, LineForm(request.POST), "line_form", name_line)


@require_POST
@administrators_only
def queue_add(request: HttpRequest, pbx_id: int) -> HttpResponse:
    return _add(request, pbx_id, QueueForm(request.POST), "queue_form", name_queue)


@require_POST
@administrators_only
def line_country(request: HttpRequest, pbx_id: int, line_id: int) -> HttpResponse:
    """In which country the callers of a line are read."""
    row = get_object_or_404(Line, pk=line_id, pbx=pbx_id)
    form = LineCountryForm(request.POST)
    if not form.is_valid():
        return _page(request, get_object_or_404(pbx_overview(), pk=pbx_id), bad_form=form, bad_line=row.pk)
    change_line_country(actor=signed_in(request), line=row, country=form.cleaned_data["country"])
    messages.info(request, _("Kept. The next call to %(line)s is read so.") % {"line": row.label})
    return redirect("pbx", pbx_id)


@require_POST
@administrators_only
def line_remove(request: HttpRequest, pbx_id: int, line_id: int) -> HttpResponse:
    row = get_object_or_404(Line, pk=line_id, pbx=pbx_id)
    remove(actor=signed_in(request), row=row, action="line.removed")
    return redirect("pbx", pbx_id)


@require_POST
@administrators_only
def queue_remove(request: HttpRequest, pbx_id: int, queue_id: int) -> HttpResponse:
    row = get_object_or_404(Queue, pk=queue_id, pbx=pbx_id)
    remove(actor=signed_in(request), row=row, action="queue.removed")
    return redirect("pbx", pbx_id)


def _add(request: HttpRequest, pbx_id: int, form: ModelForm, name: str, act: Any) -> HttpResponse:
    one = get_object_or_404(pbx_overview(), pk=pbx_id)
    if form.is_valid():
        try:
            act(actor=signed_in(request), pbx=one, **form.cleaned_data)
        except PbxProblem as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("pbx", one.pk)
    return _page(request, one, bad_form=form, **{name: form})


def _page(request: HttpRequest, one: Pbx, **forms: object) -> HttpResponse:
    context = {
        "pbx": one,
        "news": news_of(one, utc_now()),
        "gaps": gap_rows(one.gaps.select_related("pbx")[:MOST_GAPS]),
        "unread": unread_of(one),
        "letters": unread_events(one) if request.GET.get("unread") == "1" else None,
        "trunks": one.trunks.order_by("confirmed", "endpoint"),
        "lines": one.lines.all(),
        "queues": one.queues.all(),
        "manager_lines": manager_lines(username=one.username, permit=PERMIT_EXAMPLE),
        "verbs_missing": verbs_missing(one),
        "trunk_form": TrunkForm(),
        "line_form": LineForm(prefix=None, auto_id="line_%s"),
        "queue_form": QueueForm(auto_id="queue_%s"),
    }
    return render(request, "pbx/pbx.html", {**context, **forms})


def _edit(request: HttpRequest, one: Pbx, *, heading: str, back: str) -> HttpResponse:
    form = PbxForm(request.POST or None, instance=one)
    if request.method == "POST" and form.is_valid():
        kept = keep_pbx(actor=signed_in(request), form=form)
        messages.info(request, _("%(pbx)s is saved. The listener connects within a minute.") % {"pbx": kept.name})
        return redirect("pbx", kept.pk)
    lines = manager_lines(username=one.username, permit=PERMIT_EXAMPLE)
    return render(request, "pbx/edit.html", {"form": form, "heading": heading, "back": back, "manager_lines": lines})

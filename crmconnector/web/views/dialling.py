"""Dialling, for administrators: the brakes, the stop of everything, and the rules of each PBX and line."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.calls.dial_rows import dial_settings
from crmconnector.pbx.models import Line, Pbx
from crmconnector.web.access import administrators_only
from crmconnector.web.dialling_acts import allow_again, keep_brakes, keep_line_prefix, keep_pbx_rules, stop_all
from crmconnector.web.dialling_page import dialling_page, examples_of
from crmconnector.web.forms.dialling import BrakesForm, LinePrefixForm, PbxDialForm, StopForm
from crmconnector.web.people import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def dialling(request: HttpRequest) -> HttpResponse:
    form = BrakesForm(request.POST or None, instance=dial_settings()) if request.method == "POST" else None
    if form is not None and form.is_valid():
        keep_brakes(actor=signed_in(request), form=form)
        return _kept(request, _("Saved. It counts from the next call on."))
    return _page(request, form=form)


@require_POST
@administrators_only
def stop(request: HttpRequest) -> HttpResponse:
    form = StopForm(request.POST)
    if not form.is_valid():
        return _page(request, stop_form=form)
    stop_all(actor=signed_in(request), because=form.cleaned_data["because"])
    return _kept(request, _("Stopped. Nothing is dialled any more, emergency numbers excepted."))


@require_POST
@administrators_only
def allow(request: HttpRequest) -> HttpResponse:
    allow_again(actor=signed_in(request))
    return _kept(request, _("Dialling is allowed again."))


@require_POST
@administrators_only
def pbx_rules(request: HttpRequest, pbx_id: int) -> HttpResponse:
    pbx = get_object_or_404(Pbx, pk=pbx_id)
    form = PbxDialForm(request.POST, instance=pbx, auto_id=f"pbx{pbx.pk}_%s")
    if not form.is_valid():
        return _page(request, **{f"pbx_{pbx.pk}": form})
    keep_pbx_rules(actor=signed_in(request), pbx=pbx, form=form)
    return _kept(request, _("Saved. It counts from the next call on."))


@require_safe
@administrators_only
def pbx_examples(request: HttpRequest, pbx_id: int) -> HttpResponse:
    """What the rules that stand in the form now would come to; nothing is kept."""
    pbx = get_object_or_404(Pbx, pk=pbx_id)
    form = PbxDialForm(request.GET, instance=pbx)
    examples = examples_of(pbx) if form.is_valid() else []  # the form has put its values into the unsaved row
    return render(request, "dialling/examples.html", {"pbx": pbx, "examples": examples})


@require_POST
@administrators_only
def line_prefix(request: HttpRequest, line_id: int) -> HttpResponse:
    line = get_object_or_404(Line, pk=line_id)
    form = LinePrefixForm(request.POST, instance=line, auto_id=f"line{line.pk}_%s")
    if not form.is_valid():
        return _page(request, **{f"line_{line.pk}": form})
    keep_line_prefix(actor=signed_in(request), line=line, form=form)
    return _kept(request, _("Saved. It counts from the next call on."))


def _kept(request: HttpRequest, words: str) -> HttpResponse:
    messages.info(request, words)
    return redirect("dialling")


def _page(request: HttpRequest, **bad: object) -> HttpResponse:
    return render(request, "dialling/dialling.html", dialling_page(**bad))

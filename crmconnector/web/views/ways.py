"""Which way each verb of a call goes, for the whole installation and for one phone. For administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crmconnector.calls.ways import decisions_for
from crmconnector.web.access import administrators_only
from crmconnector.web.calibration_page import kind_views
from crmconnector.web.forms.ways import WaysForm
from crmconnector.web.people import signed_in
from crmconnector.web.way_acts import keep_ways
from crmconnector.web.ways_page import VerbLine, lines_of_house, lines_of_phone
from phones.models import Phone


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def house(request: HttpRequest) -> HttpResponse:
    form = WaysForm(request.POST or None, decisions=decisions_for(None))
    if request.method == "POST" and form.is_valid():
        return _kept(request, None, form)
    return _page(request, None, form, lines_of_house())


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def of_phone(request: HttpRequest, phone_id: int) -> HttpResponse:
    phone = get_object_or_404(Phone.objects.select_related("status").prefetch_related("accounts"), pk=phone_id)
    form = WaysForm(request.POST or None, decisions=decisions_for(phone), house=decisions_for(None))
    if request.method == "POST" and form.is_valid():
        return _kept(request, phone, form)
    return _page(request, phone, form, lines_of_phone(phone))


@require_safe
@administrators_only
def models(request: HttpRequest) -> HttpResponse:
    """What calibrations taught, by model and firmware."""
    return render(request, "ways/models.html", {"kinds": kind_views()})


def _kept(request: HttpRequest, phone: Phone | None, form: WaysForm) -> HttpResponse:
    changed = keep_ways(actor=signed_in(request), phone=phone, wanted=form.wanted())
    told = _("Saved. It counts from the next click on.") if changed else _("Nothing was different.")
    messages.info(request, told)
    return redirect(request.path)


def _page(request: HttpRequest, phone: Phone | None, form: WaysForm, lines: list[VerbLine]) -> HttpResponse:
    rows = [(line, _field(form, "way", line), _field(form, "fall", line)) for line in lines]
    return render(request, "ways/ways.html", {"phone": phone, "form": form, "rows": rows})


def _field(form: WaysForm, name: str, line: VerbLine) -> object:
    return form[f"{name}-{line.kind}"] if line.both else None

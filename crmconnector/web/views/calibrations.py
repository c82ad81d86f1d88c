"""Calibrating one phone: the page, asking for it, the run as it goes on, and the stop button. For administrators."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.web.access import administrators_only
from crmconnector.web.calibration_acts import ask_calibration, stop_calibration
from crmconnector.web.calibration_page import calibration_context, run_of
from crmconnector.web.forms.calibrations import CalibrationForm
from crmconnector.web.people import signed_in
from phones.models import DeviceOrder, OrderKind, Phone
from phones.orders import OrderProblem


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def calibrate(request: HttpRequest, phone_id: int) -> HttpResponse:
    """The page; a POST asks for a run. The GET never makes anything ring."""
    user, phone = signed_in(request), _phone(phone_id)
    form = CalibrationForm(request.POST or None, phone=phone)
    if request.method == "POST" and form.is_valid():
        try:
            confirmation = form.cleaned_data["confirmation"]
            ask_calibration(actor=user, phone=phone, confirmation=confirmation, plan=form.plan())
        except OrderProblem as problem:
            form.add_error(None, problem.sentence)
        else:
            return redirect("phone-calibrate", phone.pk)
    return render(request, "phones/calibrate.html", calibration_context(user, phone, form))


@require_safe
@administrators_only
def run(request: HttpRequest, phone_id: int, order_id: UUID) -> HttpResponse:
    """One run: for htmx the part of the page that changes, for a person who follows a link the whole page."""
    user, phone = signed_in(request), _phone(phone_id)
    order = _order(phone, order_id)
    if not request.headers.get("HX-Request"):
        form = CalibrationForm(phone=phone)
        return render(request, "phones/calibrate.html", calibration_context(user, phone, form, order))
    return render(request, "phones/calibrate_run.html", {"phone": phone, "run": run_of(order), "oob": True})


@require_POST
@administrators_only
def stop(request: HttpRequest, phone_id: int, order_id: UUID) -> HttpResponse:
    order = _order(_phone(phone_id), order_id)
    if not stop_calibration(actor=signed_in(request), order=order):
        messages.info(request, _("It was over already, or is being stopped."))
    return redirect("phone-calibrate", phone_id)


def _phone(phone_id: int) -> Phone:
    return get_object_or_404(Phone.objects.select_related("status").prefetch_related("accounts__pbx"), pk=phone_id)


def _order(phone: Phone, order_id: UUID) -> DeviceOrder:
    orders = DeviceOrder.objects.select_related("user", "phone").filter(phone=phone, kind=OrderKind.CALIBRATE)
    return get_object_or_404(orders, pk=order_id)

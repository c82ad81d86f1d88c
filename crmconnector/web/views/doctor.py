"""The doctor of a phone: its page, asking for a run, and the run as a fragment that is read while it goes on."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from crmconnector.web.doctor_page import ask_doctor, doctor_context, phone_to_examine, report_of, test_call_form
from crmconnector.web.people import signed_in
from phones.models import DeviceOrder, OrderKind
from phones.orders import OrderProblem


@require_safe
def doctor(request: HttpRequest, phone_id: int) -> HttpResponse:
    user = signed_in(request)
    phone = phone_to_examine(user, phone_id)
    return render(request, "phones/doctor.html", doctor_context(user, phone, test_call_form(phone)))


@require_POST
def doctor_run(request: HttpRequest, phone_id: int) -> HttpResponse:
    """Ask for a run. Only an administrator may have the phone dial for it."""
    user = signed_in(request)
    phone = phone_to_examine(user, phone_id)
    form = test_call_form(phone, request.POST)
    if not form.is_valid():
        return render(request, "phones/doctor.html", doctor_context(user, phone, form))
    extension = form.cleaned_data["extension"]
    if extension and not user.is_administrator:
        raise PermissionDenied
    try:
        ask_doctor(actor=user, phone=phone, key=request.POST.get("key", ""), extension=extension)
    except OrderProblem as problem:
        messages.error(request, problem.sentence)
    return redirect("phone-doctor", phone.pk)


@require_safe
def doctor_report(request: HttpRequest, phone_id: int, order_id: UUID) -> HttpResponse:
    """One run: for htmx the part of the page that changes, for a person who follows a link the whole page."""
    user = signed_in(request)
    phone = phone_to_examine(user, phone_id)
    orders = DeviceOrder.objects.select_related("user").filter(phone=phone, kind=OrderKind.DOCTOR)
    order = get_object_or_404(orders, pk=order_id)
    if not request.headers.get("HX-Request"):
        return render(request, "phones/doctor.html", doctor_context(user, phone, test_call_form(phone), order))
    return render(request, "phones/doctor_report.html", {"phone": phone, "report": report_of(order), "oob": True})

"""Notifications that phones send about themselves, and the page with the lines that make them do so."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.web.access import administrators_only
from crmconnector.web.people import signed_in
from crmconnector.web.phone_event_door import take_notice
from crmconnector.web.phone_event_lines import base_address, events_page, renew_token
from phones.models import Phone


@sensitive_variables("token")
@csrf_exempt
@login_not_required
def receive(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """The one GET that writes, and it writes hints only. 204, or the same 404 for every refusal."""
    taken = take_notice(request, token=token, kind=kind, now=utc_now())
    return HttpResponse(status=204 if taken else 404)


@never_cache
@require_safe
@administrators_only
def lines(request: HttpRequest, phone_id: int) -> HttpResponse:
    phone = get_object_or_404(Phone, pk=phone_id)
    page = events_page(phone, base=base_address(request), now=utc_now())
    return render(request, "phones/events.html", {"phone": phone, "page": page})


@require_POST
@administrators_only
def new_token(request: HttpRequest, phone_id: int) -> HttpResponse:
    phone = get_object_or_404(Phone, pk=phone_id)
    renew_token(actor=signed_in(request), phone=phone)
    messages.info(request, _("New lines are below. Lines with the old token are refused from now on."))
    return redirect("phone-events", phone.pk)

"""The switch of do not disturb at the own phone, where the PBX offers one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crmconnector.calls.wanted import CommandProblem
from crmconnector.common.clock import utc_now
from crmconnector.web.disturb_acts import ask_not_to_be_disturbed
from crmconnector.web.forms.dial import DisturbForm
from crmconnector.web.people import signed_in
from phones.selectors import phones_had_by


@require_POST
def disturb(request: HttpRequest) -> HttpResponse:
    """Ask the PBX to let calls ring at this phone, or not. With the desk's script 202, or 409 with the reason."""
    form = DisturbForm(request.POST)
    if not form.is_valid():
        return JsonResponse(
            {"code": "bad_form", "sentence": _("This button is out of date. Reload the page.")}, status=400
        )
    fields, user, now = form.cleaned_data, signed_in(request), utc_now()
    phone = get_object_or_404(phones_had_by(user_id=user.pk, at=now), pk=fields["phone"])
    script = request.headers.get("HX-Request")
    try:
        ask_not_to_be_disturbed(actor=user, phone=phone, on=fields["on"], key=fields["key"], now=now)
    except CommandProblem as problem:
        if script:
            return JsonResponse({"code": problem.code, "sentence": problem.sentence}, status=409)
        messages.error(request, problem.sentence)
    return HttpResponse(status=202) if script else redirect("desk")

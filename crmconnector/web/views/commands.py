"""What a person asks of the own phone. A GET never acts; a POST writes a row and answers 202."""

from functools import partial

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crmconnector.audit.services import record_act
from crmconnector.calls.models import CallCommand
from crmconnector.calls.services import CommandProblem, request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import touch_pops, wake
from crmconnector.web.people import signed_in
from tasks.call_control import enqueue

LONGEST_KEY = 80


@require_POST
def answer(request: HttpRequest, pop_id: int) -> HttpResponse:
    """Ask the phone that rings for this card to answer. 202 with the command; 409 with the reason when refused."""
    pop = get_object_or_404(Pop.objects.select_related("leg__phone"), pk=pop_id, user=request.user)
    key = request.POST.get("key", "")
    if not key or len(key) > LONGEST_KEY or "\x00" in key:
        return _refused("bad_key", _("This button is out of date. Reload the page and press again."), status=400)
    if pop.leg is None:
        return _refused("not_ringing", _("This call no longer rings on your phone."))
    try:
        with transaction.atomic():
            command, made = request_answer(user=signed_in(request), leg=pop.leg, key=key, now=utc_now())
            if made:
                _asked(request, pop, command)
    except CommandProblem as problem:
        return _refused(problem.code, problem.sentence)
    return JsonResponse({"command": str(command.pk), "state": command.state}, status=202)


def _asked(request: HttpRequest, pop: Pop, command: CallCommand) -> None:
    """Recorded and shown with the row itself; handed to a worker only after the commit."""
    record_act(actor=request.user, action="call.answer_requested", target=command, details={"call": pop.call_id})
    users = touch_pops(legs=[(pop.call_id, pop.user_id)], now=utc_now())
    transaction.on_commit(partial(enqueue, [command.pk]))
    transaction.on_commit(partial(wake, users))


def _refused(code: str, sentence: str, *, status: int = 409) -> JsonResponse:
    return JsonResponse({"code": code, "sentence": sentence}, status=status)

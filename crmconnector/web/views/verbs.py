"""The verbs of a card: hold, transfer, tones … of the own call. A POST writes a row and answers 202; no GET acts."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crmconnector.calls.models import CommandKind
from crmconnector.calls.wanted import CommandProblem
from crmconnector.common.clock import utc_now
from crmconnector.common.sentences import said_in
from crmconnector.screenpop.callbar import ON_CARD
from crmconnector.screenpop.models import Pop
from crmconnector.web import call_acts as acts
from crmconnector.web.access import searched
from crmconnector.web.forms.verbs import MOST_TONES, TonesForm, TransferForm, VerbForm
from crmconnector.web.people import signed_in
from crmconnector.web.targets import find_targets

FORMS: Final[dict[str, type[VerbForm]]] = {
    CommandKind.DTMF: TonesForm,
    CommandKind.BLIND_TRANSFER: TransferForm,
    CommandKind.ATTENDED_START: TransferForm,
}


@require_POST
def verb(request: HttpRequest, pop_id: int, kind: str) -> HttpResponse:
    """Ask for one verb of the own card's call. 202 with the command; 409 with the reason when nothing was asked, 429
    when it will be allowed again by waiting."""
    pop, form = _own_pop(request, pop_id), FORMS.get(kind, VerbForm)(request.POST)
    if kind not in ON_CARD:
        raise Http404
    if not form.is_valid():
        return _refused("bad_form", _why_bad(form), status=400)
    try:
        command = acts.ask(actor=signed_in(request), pop=pop, kind=CommandKind(kind), fields=form.cleaned_data)
    except CommandProblem as problem:
        wait = getattr(problem, "retry_after_seconds", 0)
        return _refused(problem.code, said_in(problem.sentence, _), wait=wait)
    return JsonResponse({"command": str(command.pk), "state": command.state}, status=202)


@require_safe
def targets(request: HttpRequest, pop_id: int) -> HttpResponse:
    """Who could take this call, while somebody types."""
    pop, text, user = _own_pop(request, pop_id), searched(request), signed_in(request)
    found = find_targets(user, text, pbx=pop.call.pbx, now=utc_now())
    return render(request, "screenpop/targets.html", {"pop": pop, "found": found, "text": text})


def _own_pop(request: HttpRequest, pop_id: int) -> Pop:
    return get_object_or_404(Pop.objects.select_related("call__pbx"), pk=pop_id, user=signed_in(request))


def _why_bad(form: VerbForm) -> str:
    if "digits" in form.errors:
        return _("Tones are 0 to 9, * and #, at most %(most)d at a time.") % {"most": MOST_TONES}
    if "target" in form.errors:
        return _("Write a name, an extension or a number.")
    return _("This button is out of date. Reload the page and press again.")


def _refused(code: str, sentence: str, *, status: int = 409, wait: int = 0) -> JsonResponse:
    headers = {"Retry-After": str(wait)} if wait else None
    return JsonResponse({"code": code, "sentence": sentence}, status=429 if wait else status, headers=headers)

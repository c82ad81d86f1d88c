"""A test card: asked for by oneself, or by an administrator for anybody; its page tells each step."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import PopTest
from crmconnector.screenpop.trials import TrialProblem
from crmconnector.users.models import User
from crmconnector.web.people import signed_in
from crmconnector.web.pop_rule_acts import begin_trial
from crmconnector.web.pop_trial_page import trial_page

MOST_DIGITS_OF_AN_ID = 9


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    actor = signed_in(request)
    number = request.POST.get("number", "").replace("\x00", "").strip()[:40]
    try:
        test = begin_trial(actor=actor, user=_for_whom(request, actor), number=number)
    except TrialProblem as problem:
        messages.warning(request, str(problem))
        return redirect("pop-reasons")
    return redirect("pop-test", test_id=test.pk)


@require_safe
def test(request: HttpRequest, test_id: UUID) -> HttpResponse:
    return _shown(request, test_id, "pops/test.html")


@require_safe
def now(request: HttpRequest, test_id: UUID) -> HttpResponse:
    """The steps alone, for the page that waits for the next."""
    return _shown(request, test_id, "pops/test_steps.html")


def _for_whom(request: HttpRequest, actor: User) -> User:
    """Oneself; somebody else only for administrators, and 404 for the rest: who exists is not told."""
    wanted = request.POST.get("user", "")
    if wanted in ("", str(actor.pk)):
        return actor
    known = wanted.isascii() and wanted.isdigit() and len(wanted) <= MOST_DIGITS_OF_AN_ID
    if not (known and actor.is_administrator):
        raise Http404
    return get_object_or_404(User, pk=int(wanted))


def _shown(request: HttpRequest, test_id: UUID, template: str) -> HttpResponse:
    rows, viewer = PopTest.objects.select_related("user", "by", "pop", "call"), signed_in(request)
    one = get_object_or_404(rows, pk=test_id)
    if viewer.pk not in (one.user_id, one.by_id) and not viewer.is_administrator:
        raise Http404
    return render(request, template, {"trial": trial_page(one, viewer=viewer, now=utc_now())})

"""When cards show: everybody's own rules; for administrators those of the house and of other people."""

from collections.abc import Mapping

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crmconnector.screenpop.models import PopRule
from crmconnector.users.models import User
from crmconnector.web.access import administrators_only
from crmconnector.web.forms.pop_rules import ExceptionForm, QuietForm, WhenForm, initial_of
from crmconnector.web.people import signed_in
from crmconnector.web.pop_rule_acts import drop_rule, keep_exception, keep_quiet_hours, keep_when
from crmconnector.web.pop_rule_page import rules_page


@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    return _page(request, signed_in(request))


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def house(request: HttpRequest) -> HttpResponse:
    return _page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def of_person(request: HttpRequest, user_id: int) -> HttpResponse:
    return _page(request, get_object_or_404(User, pk=user_id))


@require_POST
def remove(request: HttpRequest, rule_id: int) -> HttpResponse:
    """An own rule; any rule for administrators. 404 for whoever may not see it."""
    rule, user = get_object_or_404(PopRule.objects.select_related("user"), pk=rule_id), signed_in(request)
    if rule.user_id != user.pk and not user.is_administrator:
        raise Http404
    drop_rule(actor=user, rule=rule)
    messages.info(request, _("The rule is gone. The next in order counts."))
    if rule.user_id is None:
        return redirect("pop-rules-house")
    return redirect("pop-rules") if rule.user_id == user.pk else redirect("pop-rules-of", user_id=rule.user_id)


def _page(request: HttpRequest, owner: User | None) -> HttpResponse:
    """One address for the page and its three forms; `form` says which was sent."""
    sent = request.POST.get("form", "") if request.method == "POST" else ""
    shown = rules_page(owner=owner, viewer=signed_in(request))
    row = getattr(owner, "quiet_hours", None) if owner else None
    forms = {
        "when_form": WhenForm(_sent(request, sent, "when"), initial={"when": shown["general"]}, house=owner is None),
        "exception_form": ExceptionForm(_sent(request, sent, "exception")),
        "quiet_form": QuietForm(_sent(request, sent, "quiet"), initial=initial_of(row)),
    }
    if sent and _kept(request, sent, owner, forms):
        messages.info(request, _("Saved. It counts from the next call on; cards that are open stay."))
        return redirect(request.path)
    return render(request, "pops/rules.html", {**shown, **forms, "TIME_ZONE": settings.TIME_ZONE})


def _sent(request: HttpRequest, sent: str, name: str) -> QueryDict | None:
    return request.POST if sent == name else None


def _kept(request: HttpRequest, sent: str, owner: User | None, forms: Mapping[str, object]) -> bool:
    form, actor = forms.get(f"{sent}_form"), signed_in(request)
    if isinstance(form, WhenForm) and form.is_valid():
        keep_when(actor=actor, owner=owner, form=form)
    elif isinstance(form, ExceptionForm) and form.is_valid():
        keep_exception(actor=actor, owner=owner, form=form)
    elif isinstance(form, QuietForm) and owner is not None and form.is_valid():
        keep_quiet_hours(actor=actor, owner=owner, form=form)
    else:
        return False
    return True

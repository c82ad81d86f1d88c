"""What every card offers: the outcomes after a call, and the links to a record elsewhere. For administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.calls.models import Disposition
from crmconnector.screenpop.links import LinkProblem, check_template, fill
from crmconnector.screenpop.models import CardLink
from crmconnector.web import card_acts as acts
from crmconnector.web.access import administrators_only
from crmconnector.web.acts import remove
from crmconnector.web.forms.cards import CardLinkForm, OutcomeForm, link_words
from crmconnector.web.people import signed_in

# A caller as no real one is, so that the escaping can be seen in the preview.
SAMPLE = {
    "number": "030 23125447", "e164": "+493023125447", "national": "03023125447", "name": "Anna & Søn",
    "contact_id": 4821, "external_id": "C-77/12", "call_id": 90017, "extension": "204", "line": "+493023125100",
    "queue": "Support",
}  # fmt: skip


@require_safe
@administrators_only
def settings(request: HttpRequest) -> HttpResponse:
    links = [(link, fill(link.template, SAMPLE)) for link in CardLink.objects.all()]
    return render(request, "cards/settings.html", {"outcomes": Disposition.objects.all(), "links": links})


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def outcome(request: HttpRequest, outcome_id: int | None = None) -> HttpResponse:
    one = get_object_or_404(Disposition, pk=outcome_id) if outcome_id else None
    heading, first = one.label if one else _("New outcome"), {} if one else {"key": _free_key()}
    form = OutcomeForm(request.POST or None, instance=one, initial=first)
    if request.method == "POST" and form.is_valid():
        kept = acts.save_outcome(actor=signed_in(request), form=form)
        messages.info(request, _("%(name)s is saved. Cards that close from now on show it.") % {"name": kept.label})
        return redirect("card-settings")
    return render(request, "cards/outcome.html", {"form": form, "heading": heading})


@require_POST
@administrators_only
def usual_outcomes(request: HttpRequest) -> HttpResponse:
    added = acts.take_usual_outcomes(actor=signed_in(request))
    told = ", ".join(one.label for one in added) or _("nothing: their keys or names are in use")
    messages.info(request, _("Added: %(names)s.") % {"names": told})
    return redirect("card-settings")


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def link(request: HttpRequest, link_id: int | None = None) -> HttpResponse:
    one = get_object_or_404(CardLink, pk=link_id) if link_id else None
    heading, form = one.label if one else _("New link"), CardLinkForm(request.POST or None, instance=one)
    if request.method == "POST" and form.is_valid():
        kept = acts.save_card_link(actor=signed_in(request), form=form)
        messages.info(request, _("%(name)s is saved. The next card shows it.") % {"name": kept.label})
        return redirect("card-settings")
    preview = _preview(str(form["template"].value() or ""))
    return render(request, "cards/link.html", {"form": form, "heading": heading, "one": one, **preview})


@require_safe
@administrators_only
def link_preview(request: HttpRequest) -> HttpResponse:
    return render(request, "cards/preview.html", _preview(request.GET.get("template", "")[:500]))


@require_POST
@administrators_only
def link_remove(request: HttpRequest, link_id: int) -> HttpResponse:
    remove(actor=signed_in(request), row=get_object_or_404(CardLink, pk=link_id), action="card_link.removed")
    return redirect("card-settings")


def _preview(template: str) -> dict[str, object]:
    """What the link would be for the sample caller, or what is wrong with it."""
    if not template.strip():
        return {"preview": "", "problem": ""}
    try:
        check_template(template.strip())
    except LinkProblem as problem:
        return {"preview": "", "problem": link_words(problem)}
    return {"preview": fill(template.strip(), SAMPLE), "problem": ""}


def _free_key() -> int:
    used = set(Disposition.objects.values_list("key", flat=True))
    return next((key for key in range(1, 10) if key not in used), 9)

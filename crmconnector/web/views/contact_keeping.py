"""Contacts as a whole: merging two, erasing one, the ledger of the erased, and the export."""

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crmconnector.contacts.erasing import erasures_of
from crmconnector.contacts.merging import AlreadyMerged
from crmconnector.contacts.models import Contact, Erasure
from crmconnector.contacts.services import FIELDS, ContactProblem
from crmconnector.pbx.selectors import home_country
from crmconnector.web.access import administrators_only, page_of, searched
from crmconnector.web.contact_acts import join_contacts
from crmconnector.web.contact_export import Export, export_of
from crmconnector.web.contact_page import merge_choices, number_rows, others_to_merge
from crmconnector.web.erasing import erase_contact, outlook
from crmconnector.web.forms.contacts import EraseForm, NumberCheckForm
from crmconnector.web.people import signed_in
from crmconnector.web.views.contacts import seen_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Choose the other one; see both; one POST. A second POST of the same finds it done."""
    keep = seen_or_404(request, contact_id)
    if request.method != "POST":
        return _merge_page(request, keep, request.GET.get("with", ""))
    chosen = {name: request.POST.get(f"choose_{name}", "") for name in FIELDS}
    gone = _other(request, request.POST.get("with", ""))
    try:
        _unchanged(request, keep, gone)
        merged = join_contacts(actor=signed_in(request), keep=keep, gone=gone, chosen=chosen)
    except AlreadyMerged as done:
        messages.info(request, str(done))
    except ContactProblem as problem:
        return _merge_page(request, keep, request.POST.get("with", ""), problem=problem)
    else:
        messages.info(request, _("Merged. %(name)s has it all now.") % {"name": merged.contact.name})
    return redirect("contact", keep.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def erase(request: HttpRequest, contact_id: int) -> HttpResponse:
    one = seen_or_404(request, contact_id)
    form, problem = EraseForm(request.POST or None, name=one.name), None
    if request.method == "POST" and form.is_valid():
        try:
            erase_contact(actor=signed_in(request), contact=one, reason=form.cleaned_data["reason"])
        except ContactProblem as refused:
            problem = refused
        else:
            messages.info(request, _("Erased. The ledger has an entry; the name stands nowhere any more."))
            return redirect("contact-erasures")
    shared = [row for row in number_rows(one, signed_in(request), country=home_country()) if row.others]
    context = {"contact": one, "form": form, "problem": problem, "outlook": outlook(one), "shared": shared}
    return render(request, "contacts/erase.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def erasures(request: HttpRequest) -> HttpResponse:
    """The number to check comes by POST: an address with it would stay in the logs."""
    form, hits, answered = NumberCheckForm(request.POST or None), [], False
    if request.method == "POST" and form.is_valid():
        try:
            hits, answered = erasures_of(form.cleaned_data["number"], country=home_country()), True
        except ContactProblem as problem:
            form.add_error("number", str(problem))
    page = page_of(request, Erasure.objects.all())
    return render(request, "contacts/erasures.html", {"page": page, "form": form, "hits": hits, "answered": answered})


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the list shows, all of it, as a file for a spreadsheet or for our own import."""
    wanted = export_of(request.GET, signed_in(request), text=searched(request), country=home_country())
    response = StreamingHttpResponse(_lines(wanted), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="contacts.csv"'
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _lines(wanted: Export) -> AsyncIterator[str]:
    """Asynchronous, because the server would gather all of a plain iterator before it sends the first line."""
    yield wanted.head()
    for ids in wanted.batches():
        yield await sync_to_async(wanted.lines)(ids)


def _other(request: HttpRequest, wanted: str) -> Contact:
    """The contact that goes. One that is gone already is made up: merging tells whether it went into this one."""
    pk = int(wanted) if wanted.isdecimal() and len(wanted) < 18 else 0
    if Contact.objects.filter(pk=pk).exists():
        return seen_or_404(request, pk)
    return Contact(pk=pk)


def _stamp(keep: Contact, gone: Contact) -> str:
    return f"{keep.updated_at.isoformat()} {gone.updated_at.isoformat()}"


def _unchanged(request: HttpRequest, keep: Contact, gone: Contact) -> None:
    """Nobody merges what they have not seen."""
    if gone.updated_at is not None and request.POST.get("seen") != _stamp(keep, gone):
        raise ContactProblem(_("One of the two was changed meanwhile. Look at both again."))


def _merge_page(
    request: HttpRequest, keep: Contact, wanted: str, *, problem: ContactProblem | None = None
) -> HttpResponse:
    context: dict[str, object] = {"contact": keep, "problem": problem, "text": searched(request)}
    other = _other(request, wanted) if wanted else None
    if other is not None and other.updated_at is not None and other.pk != keep.pk:
        context |= {"other": other, "rows": merge_choices(keep, other), "seen": _stamp(keep, other)}
    else:
        country = home_country()
        context["found"] = others_to_merge(keep, signed_in(request), text=searched(request), country=country)
    return render(request, "contacts/merge.html", context)

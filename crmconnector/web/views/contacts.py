"""Contacts: the list with its search, a page each, adding and editing. Everybody who signs in may."""

from django.contrib import messages
from django.forms import BaseFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crmconnector.calls.selectors import calls_seen_by, for_list
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import find_contacts
from crmconnector.contacts.services import ContactProblem
from crmconnector.pbx.selectors import home_country
from crmconnector.screenpop.payload import initials
from crmconnector.web.access import page_of, searched
from crmconnector.web.acts import keep_contact
from crmconnector.web.call_parts import without_parts
from crmconnector.web.forms.contacts import ContactForm, NumberFormSet, number_forms, typed_numbers
from crmconnector.web.people import signed_in
from crmconnector.web.words import call_row

MOST_CALLS = 20


@require_safe
def contacts(request: HttpRequest) -> HttpResponse:
    text = searched(request)
    return render(request, "contacts/contacts.html", {"page": page_of(request, find_contacts(text)), "text": text})


@require_safe
def contact(request: HttpRequest, contact_id: int) -> HttpResponse:
    one = get_object_or_404(Contact.objects.select_related("owner").prefetch_related("numbers"), pk=contact_id)
    seen = calls_seen_by(signed_in(request))
    theirs = for_list(without_parts(seen.filter(contact=one), seen=seen))[:MOST_CALLS]
    context = {"contact": one, "rows": [call_row(call) for call in theirs], "initials": initials(one.name)}
    return render(request, "contacts/contact.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def contact_new(request: HttpRequest) -> HttpResponse:
    """A card of an unknown caller sends number and network name along."""
    form = ContactForm(request.POST or None, initial={"name": request.GET.get("name", "")[:200]})
    form.instance.owner = signed_in(request)
    numbers = NumberFormSet(request.POST or None, initial=number_forms(None, first=request.GET.get("number", "")))
    return _edit(request, form, numbers, heading=_("New contact"), back=reverse("contacts"))


@require_http_methods(["GET", "HEAD", "POST"])
def contact_edit(request: HttpRequest, contact_id: int) -> HttpResponse:
    one = get_object_or_404(Contact, pk=contact_id)
    form = ContactForm(request.POST or None, instance=one)
    numbers = NumberFormSet(request.POST or None, initial=number_forms(one))
    return _edit(request, form, numbers, heading=one.name, back=reverse("contact", args=[one.pk]))


def _edit(request: HttpRequest, form: ContactForm, numbers: BaseFormSet, *, heading: str, back: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid() and numbers.is_valid():
        try:
            pairs = typed_numbers(numbers)
            kept = keep_contact(actor=signed_in(request), form=form, numbers=pairs, country=home_country())
        except ContactProblem as problem:
            form.add_error(None, str(problem))
        else:
            messages.info(request, _("Saved. The next call from these numbers shows %(name)s.") % {"name": kept.name})
            return redirect("contact", kept.pk)
    context = {"form": form, "formset": numbers, "heading": heading, "back": back}
    return render(request, "contacts/edit.html", context)

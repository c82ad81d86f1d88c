"""Contacts: the list with its search, a page each, adding and editing. For everybody, with those they may see."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crmconnector.contacts.models import Contact, ContactKind
from crmconnector.contacts.selectors import contacts_seen_by, merged_into, tags_in_use, teams_offered_to
from crmconnector.contacts.services import ContactProblem, ContactStale
from crmconnector.pbx.selectors import home_country
from crmconnector.screenpop.payload import initials
from crmconnector.web.access import searched
from crmconnector.web.contact_acts import keep_contact
from crmconnector.web.contact_page import clash_rows, contact_story, list_page, number_rows, wanted_of
from crmconnector.web.forms.contacts import ContactForm, NumberFormSet, number_forms, rows_so_far, typed_numbers
from crmconnector.web.people import signed_in

MOST_TAGS_OFFERED = 60
SHOWS = ("all", "calls", "notes", "changes")


@require_safe
def contacts(request: HttpRequest) -> HttpResponse:
    user, country = signed_in(request), home_country()
    wanted = wanted_of(request.GET, user, text=searched(request))
    asked = request.GET
    page = list_page(user, wanted, page=asked.get("page", ""), after=asked.get("after", ""), country=country)
    seen = contacts_seen_by(user)
    context = {
        "page": page, "wanted": wanted, "text": wanted.text, "teams": teams_offered_to(user), "kinds": ContactKind,
        "tags": tags_in_use(seen, most=MOST_TAGS_OFFERED), "narrowed": wanted.text or _narrowed(request),
        "query": request.GET.urlencode(),
    }  # fmt: skip
    return render(request, "contacts/contacts.html", context)


@require_safe
def contact(request: HttpRequest, contact_id: int) -> HttpResponse:
    user = signed_in(request)
    if kept := _where_it_went(request, contact_id):
        return redirect("contact", kept)
    one = seen_or_404(request, contact_id)
    show = request.GET.get("show", "all")
    show = show if show in SHOWS else "all"
    story = contact_story(one, user, show=show, country=home_country())
    context = {"contact": one, "story": story, "show": show, "initials": initials(one.name)}
    return render(request, "contacts/contact.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def contact_new(request: HttpRequest) -> HttpResponse:
    """A card of an unknown caller sends number and network name along."""
    user = signed_in(request)
    form = ContactForm(request.POST or None, initial={"name": request.GET.get("name", "")[:200]}, actor=user)
    form.instance.owner = user
    form.initial["owner"] = user.pk
    first = number_forms(None, first=request.GET.get("number", ""))
    return _edit(request, form, first, heading=_("New contact"), back=reverse("contacts"))


@require_http_methods(["GET", "HEAD", "POST"])
def contact_edit(request: HttpRequest, contact_id: int) -> HttpResponse:
    one = seen_or_404(request, contact_id)
    heading, first = one.name, number_forms(one)
    form = ContactForm(request.POST or None, instance=one, actor=signed_in(request))
    return _edit(request, form, first, heading=heading, back=reverse("contact", args=[one.pk]))


def seen_or_404(request: HttpRequest, contact_id: int) -> Contact:
    """What one may not see is not there."""
    seen = contacts_seen_by(signed_in(request))
    return get_object_or_404(seen.select_related("owner", "team").prefetch_related("numbers"), pk=contact_id)


def _edit(
    request: HttpRequest, form: ContactForm, first: list[dict[str, str]], *, heading: str, back: str
) -> HttpResponse:
    country = home_country()
    if "more" in request.POST:
        return _more_rows(request, form, heading=heading, back=back)
    # What was typed stands for itself: beside the stored numbers an unchanged row would count as an empty one.
    typed = {"data": request.POST} if request.method == "POST" else {"initial": first}
    rows = NumberFormSet(**typed, form_kwargs={"country": country})
    context = {"form": form, "formset": rows, "heading": heading, "back": back}
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        try:
            kept = keep_contact(actor=signed_in(request), form=form, numbers=typed_numbers(rows), country=country)
            return _saved(request, kept, country)
        except ContactStale as stale:
            context |= {"stale": stale, "clashes": clash_rows(stale.clashes)}
            _take_new_stamp(form, stale)
        except ContactProblem as problem:
            form.add_error(None, str(problem))
    return render(request, "contacts/edit.html", context)


def _more_rows(request: HttpRequest, form: ContactForm, *, heading: str, back: str) -> HttpResponse:
    """Without a script: the same page again, as it was typed, with two more empty rows. Nothing is checked yet."""
    fresh = ContactForm(instance=form.instance, actor=signed_in(request))
    fresh.initial = {name: request.POST.get(name, "") for name in fresh.fields}
    rows = NumberFormSet(initial=rows_so_far(request.POST))
    return render(
        request, "contacts/edit.html", {"form": fresh, "formset": rows, "heading": heading, "back": back, "grown": True}
    )


def _take_new_stamp(form: ContactForm, stale: ContactStale) -> None:
    """Who has read what the other saved may save over it."""
    form.data = {**form.data.dict(), "seen": stale.at.isoformat()} if isinstance(form.data, QueryDict) else form.data


def _saved(request: HttpRequest, kept: Contact, country: str) -> HttpResponse:
    messages.info(request, _("Saved. The next call from these numbers shows %(name)s.") % {"name": kept.name})
    for row in number_rows(kept, signed_in(request), country=country):
        names = [one.name for one in row.others] + ([_("others you may not see")] if row.hidden else [])
        if names:
            text = _("%(number)s is also a number of %(names)s. The card will show all of them.")
            messages.warning(request, text % {"number": row.number.written, "names": ", ".join(names[:5])})
    return redirect("contact", kept.pk)


def _where_it_went(request: HttpRequest, contact_id: int) -> int | None:
    """An old link to a contact that was merged leads to the one that was kept, for who may see it."""
    if Contact.objects.filter(pk=contact_id).exists():
        return None
    kept = merged_into(contact_id)
    if kept is None or not contacts_seen_by(signed_in(request)).filter(pk=kept).exists():
        raise Http404
    return kept


def _narrowed(request: HttpRequest) -> bool:
    return any(request.GET.get(name) for name in ("owner", "team", "tag", "kind", "numbers"))

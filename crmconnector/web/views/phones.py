"""Phones, for administrators: the list, adding, editing, and who sits where."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.web.access import administrators_only, page_of, searched
from crmconnector.web.acts import give_phone, keep_phone, take_phone_back
from crmconnector.web.desk_page import Tab
from crmconnector.web.forms.phones import AccountForms, AccountFormSet, AssignForm, PhoneForm
from crmconnector.web.people import signed_in
from crmconnector.web.phone_words import phone_health, phone_row
from phones.models import Phone
from phones.selectors import find_phones, needing_attention, nobody_assigned, phones_overview
from phones.services import PhoneProblem

MOST_HISTORY = 50


@require_safe
@administrators_only
def phones(request: HttpRequest) -> HttpResponse:
    now, text, which = utc_now(), searched(request), request.GET.get("show", "")
    found = find_phones(phones_overview(at=now), text, at=now)
    if which == "attention":
        found = needing_attention(found)
    elif which == "nobody":
        found = nobody_assigned(found, at=now)
    page = page_of(request, found)
    tabs = [Tab("all", _("All")), Tab("attention", _("Need attention")), Tab("nobody", _("Nobody assigned"))]
    context = {
        "page": page, "rows": [phone_row(phone) for phone in page], "text": text, "tabs": tabs,
        "which": which if which in ("attention", "nobody") else "all",
        "total": Phone.objects.count(), "attention": needing_attention(Phone.objects.all()).count(),
    }  # fmt: skip
    return render(request, "phones/phones.html", context)


@require_safe
@administrators_only
def phone(request: HttpRequest, phone_id: int) -> HttpResponse:
    return _phone_page(request, _phone(phone_id), AssignForm())


@sensitive_post_parameters("passcode")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def phone_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Phone(), heading=_("New phone"), back=reverse("phones"))


@sensitive_post_parameters("passcode")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def phone_edit(request: HttpRequest, phone_id: int) -> HttpResponse:
    one = get_object_or_404(Phone, pk=phone_id)
    return _edit(request, one, heading=one.name, back=reverse("phone", args=[one.pk]))


@require_POST
@administrators_only
def phone_assign(request: HttpRequest, phone_id: int) -> HttpResponse:
    one, form = _phone(phone_id), AssignForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        from_at = wanted["from_at"] or utc_now()
        try:
            give_phone(
                actor=signed_in(request), phone=one, user=wanted["user"], from_at=from_at, until_at=wanted["until_at"]
            )
        except PhoneProblem as problem:
            form.add_error(None, str(problem))
        else:
            messages.info(request, _("%(phone)s is assigned.") % {"phone": one.name})
            return redirect("phone", one.pk)
    return _phone_page(request, one, form)


@require_POST
@administrators_only
def phone_release(request: HttpRequest, phone_id: int) -> HttpResponse:
    one = get_object_or_404(Phone, pk=phone_id)
    ended = take_phone_back(actor=signed_in(request), phone=one, at=utc_now())
    told = _("%(phone)s is free now.") if ended else _("%(phone)s was free already. Nothing changed.")
    messages.info(request, told % {"phone": one.name})
    return redirect("phone", one.pk)


def _phone(phone_id: int) -> Phone:
    return get_object_or_404(phones_overview(at=utc_now()).prefetch_related("accounts__pbx"), pk=phone_id)


def _phone_page(request: HttpRequest, one: Phone, form: AssignForm) -> HttpResponse:
    history = one.assignments.select_related("user").order_by("-during")[:MOST_HISTORY]
    row = phone_row(one)
    context = {"phone": one, "seat": row.seat, "health": phone_health(one), "history": history, "form": form}
    return render(request, "phones/phone.html", context)


def _edit(request: HttpRequest, one: Phone, *, heading: str, back: str) -> HttpResponse:
    form = PhoneForm(request.POST or None, instance=one)
    accounts = AccountFormSet(request.POST or None, instance=one, prefix="accounts")
    if request.method == "POST" and form.is_valid() and accounts.is_valid():
        kept = keep_phone(actor=signed_in(request), form=form, accounts=cast(AccountForms, accounts))
        messages.info(request, _("%(phone)s is saved.") % {"phone": kept.name})
        return redirect("phone", kept.pk)
    context = {"form": form, "formset": accounts, "heading": heading, "back": back}
    return render(request, "phones/edit.html", context)

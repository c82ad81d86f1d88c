"""Phones, for administrators: the list, the page of one, adding, editing, and who sits where."""

from datetime import datetime
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.calls.selectors import open_legs
from crmconnector.common.clock import utc_now
from crmconnector.web.access import administrators_only
from crmconnector.web.acts import give_phone, keep_phone, take_phone_back
from crmconnector.web.context import Shell
from crmconnector.web.fleet import (
    Moment,
    asked_ids,
    columns,
    deaf_pbxes,
    fleet_page,
    fleet_rows,
    fleet_size,
    fleet_tabs,
    wanted_of,
)
from crmconnector.web.forms.phones import AccountForms, AccountFormSet, AssignForm, KeysForm, PhoneForm
from crmconnector.web.people import signed_in
from crmconnector.web.phone_acts import new_key
from crmconnector.web.phone_page import PhoneNow, guarded_offers, hints_of
from crmconnector.web.phone_page import phone_now as phone_as_it_is
from crmconnector.web.ways_page import lines_of_phone
from phones.drivers.grandstream.keys import KEYS
from phones.models import Phone
from phones.selectors import phones_overview
from phones.services import PhoneProblem

MOST_HISTORY = 50


@require_safe
@administrators_only
def phones(request: HttpRequest) -> HttpResponse:
    shell, wanted = Shell(request), wanted_of(request)
    moment = Moment(utc_now(), deaf_pbxes(shell))
    page, rows = fleet_page(moment, wanted, request.GET.get("page"))
    context = {
        "page": page, "rows": rows, "ids": ",".join(str(row.phone.pk) for row in rows), "wanted": wanted,
        "columns": columns(wanted), "tabs": fleet_tabs(moment, text=wanted.text), "fleet": fleet_size(), "shell": shell,
    }  # fmt: skip
    return render(request, "phones/phones.html", context)


@require_safe
@administrators_only
def phones_live(request: HttpRequest) -> HttpResponse:
    """What changes in the rows that one page shows, and the counts of its filters; each swapped into its own place."""
    shell, wanted = Shell(request), wanted_of(request)
    moment = Moment(utc_now(), deaf_pbxes(shell))
    rows = fleet_rows(asked_ids(request), at=moment.at, deaf=moment.deaf)
    tabs = fleet_tabs(moment, text=wanted.text)
    return render(request, "phones/live_rows.html", {"rows": rows, "tabs": tabs, "shell": shell})


@require_safe
@administrators_only
def phone(request: HttpRequest, phone_id: int) -> HttpResponse:
    return show_phone(request, phone_id)


@require_safe
@administrators_only
def phone_now(request: HttpRequest, phone_id: int) -> HttpResponse:
    return show_phone_now(request, phone_id)


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
    one, form = get_object_or_404(Phone, pk=phone_id), AssignForm(request.POST)
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
    return show_phone(request, one.pk, form=form)


@require_POST
@administrators_only
def phone_release(request: HttpRequest, phone_id: int) -> HttpResponse:
    one = get_object_or_404(Phone, pk=phone_id)
    ended = take_phone_back(actor=signed_in(request), phone=one, at=utc_now())
    told = _("%(phone)s is free now.") if ended else _("%(phone)s was free already. Nothing changed.")
    messages.info(request, told % {"phone": one.name})
    return redirect("phone", one.pk)


def show_phone(
    request: HttpRequest, phone_id: int, *, form: AssignForm | None = None, keys_form: KeysForm | None = None
) -> HttpResponse:
    """The page of one phone, with the errors of the form that was sent."""
    one, shell, user = _phone(phone_id), Shell(request), signed_in(request)
    now = now_of(one, shell)
    history = one.assignments.select_related("user").order_by("-during")[:MOST_HISTORY]
    sitting = now.seat.user if now.seat else None
    context = {
        "phone": one, "now": now, "seat": now.seat, "history": history, "form": form or AssignForm(), "shell": shell,
        "keys_form": keys_form or KeysForm(), "keys_refused": sitting is not None and sitting.pk != user.pk,
        "key": new_key(), "offers": guarded_offers(user), "key_names": KEYS.values(), "verbs": lines_of_phone(one),
        "hints": hints_of(one),
    }  # fmt: skip
    return render(request, "phones/phone.html", context)


def show_phone_now(request: HttpRequest, phone_id: int) -> HttpResponse:
    """What changes on that page by itself."""
    shell = Shell(request)
    now = now_of(_phone(phone_id), shell)
    return render(request, "phones/now.html", {"now": now, "shell": shell, "key": new_key()})


def now_of(one: Phone, shell: Shell, *, since: datetime | None = None) -> PhoneNow:
    at, deaf = utc_now(), [link for link in shell.links if not link.heard]
    return phone_as_it_is(one, legs=list(open_legs(phone_ids=[one.pk], now=at)), deaf=deaf, now=at, since=since)


def _phone(phone_id: int) -> Phone:
    return get_object_or_404(phones_overview(at=utc_now()).prefetch_related("accounts__pbx"), pk=phone_id)


def _edit(request: HttpRequest, one: Phone, *, heading: str, back: str) -> HttpResponse:
    form = PhoneForm(request.POST or None, instance=one)
    accounts = AccountFormSet(request.POST or None, instance=one, prefix="accounts")
    if request.method == "POST" and form.is_valid() and accounts.is_valid():
        kept = keep_phone(actor=signed_in(request), form=form, accounts=cast(AccountForms, accounts))
        messages.info(request, _("%(phone)s is saved.") % {"phone": kept.name})
        return redirect("phone", kept.pk)
    context = {"form": form, "formset": accounts, "heading": heading, "back": back}
    return render(request, "phones/edit.html", context)

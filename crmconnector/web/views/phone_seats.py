"""Who sits where, for many phones at once: bulk acts, swapping two phones, sitting down at a free one."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web.access import administrators_only, local_path
from crmconnector.web.forms.phone_imports import OtherPhoneForm, PeopleForm
from crmconnector.web.people import signed_in
from crmconnector.web.phone_acts import new_key
from crmconnector.web.seat_acts import (
    MOST_DOCTORS,
    MOST_TO_ASSIGN,
    ask_doctors,
    assign_many,
    release_many,
    seats_shown,
    sit_at,
    swap_users,
)
from crmconnector.web.seat_rows import SeatRow, chosen_ids, seat_rows
from phones.models import Phone
from phones.seats import MOST_AT_ONCE, BulkProblem
from phones.services import PhoneProblem
from tasks.device_control import enqueue_orders

MOST_NAMES = 2000  # offered while one types
HANDED_ON = ("q", "show")


@require_POST
@administrators_only
def bulk(request: HttpRequest) -> HttpResponse:
    """One of three acts for the phones that were chosen in the list; each but the doctor asks once more."""
    acts = {"assign": (_assign, MOST_TO_ASSIGN), "release": (_release, MOST_AT_ONCE), "doctor": (_doctor, MOST_DOCTORS)}
    act, most = acts.get(request.POST.get("action", ""), (None, 0))
    ids = chosen_ids(request)
    if act is None or not ids:
        messages.warning(request, _("Nothing was done. Choose phones first, then what to do with them."))
        return _to_list(request)
    if len(ids) > most:
        told = _("Nothing was done. You chose %(n)d phones, and %(most)d is the most for this. Choose fewer.")
        messages.warning(request, told % {"n": len(ids), "most": most})
        return _to_list(request)
    return act(request, ids)


def _release(request: HttpRequest, ids: Sequence[int]) -> HttpResponse:
    if "confirmed" in request.POST:
        shown = request.POST.get("shown", "")
        try:
            ended = release_many(actor=signed_in(request), phone_ids=ids, shown=shown, at=utc_now())
        except PhoneProblem as problem:
            return _bulk_page(request, "bulk_release", ids, problem=str(problem), status=409)
        told = ngettext("%(n)d phone is free now.", "%(n)d phones are free now.", len(ended)) % {"n": len(ended)}
        messages.info(request, told)
        return _to_list(request)
    return _bulk_page(request, "bulk_release", ids)


def _assign(request: HttpRequest, ids: Sequence[int]) -> HttpResponse:
    if "confirmed" not in request.POST:
        return _bulk_page(request, "bulk_assign", ids)
    form = PeopleForm(request.POST, phones=[row.phone for row in seat_rows(ids, at=utc_now()) if row.seat is None])
    if form.is_valid():
        try:
            made = assign_many(actor=signed_in(request), pairs=form.pairs(), at=utc_now())
        except BulkProblem as problem:
            for phone_id, reason in problem.reasons.items():
                form.add_error(f"user-{phone_id}", reason)
        except PhoneProblem as problem:
            form.add_error(None, str(problem))
        else:
            told = ngettext("%(n)d phone is assigned.", "%(n)d phones are assigned.", len(made)) % {"n": len(made)}
            messages.info(request, told)
            return _to_list(request)
    return _bulk_page(request, "bulk_assign", ids, form=form)


def _doctor(request: HttpRequest, ids: Sequence[int]) -> HttpResponse:
    phones = list(Phone.objects.filter(pk__in=ids).order_by("name"))
    key = request.POST.get("key", "").replace("\x00", "") or new_key()
    with transaction.atomic():
        asked, refused = ask_doctors(actor=signed_in(request), phones=phones, key=key, now=utc_now())
        transaction.on_commit(partial(enqueue_orders, [order.pk for order in asked]))
    if asked:
        told = ngettext("The doctor looks at %(n)d phone now.", "The doctor looks at %(n)d phones now.", len(asked))
        messages.info(request, told % {"n": len(asked)})
    for sentence in refused[:5]:
        messages.warning(request, sentence)
    return _to_list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def swap(request: HttpRequest, phone_id: int) -> HttpResponse:
    """A GET chooses the other phone and shows both users; only the POST swaps."""
    phone, form = get_object_or_404(Phone, pk=phone_id), OtherPhoneForm(request.POST or request.GET or None)
    if request.method != "POST" or not form.is_valid():
        return _swap_page(request, phone, form)
    other = form.cleaned_data["other"]
    try:
        shown = request.POST.get("shown", "")
        swap_users(actor=signed_in(request), phone=phone, other=other, shown=shown, at=utc_now())
    except PhoneProblem as problem:
        return _swap_page(request, phone, form, problem=str(problem), status=409)
    messages.info(request, _("%(one)s and %(two)s are swapped.") % {"one": phone.name, "two": other.name})
    return redirect("phone", phone.pk)


@require_POST
def sit_here(request: HttpRequest, phone_id: int) -> HttpResponse:
    """Everybody may sit down at a free phone; somebody else's stays theirs."""
    phone = get_object_or_404(Phone, pk=phone_id)
    try:
        sit_at(actor=signed_in(request), phone=phone, at=utc_now())
    except PhoneProblem as problem:
        messages.warning(request, str(problem))
    else:
        messages.info(request, _("You sit at %(phone)s now.") % {"phone": phone.name})
    return redirect(local_path(request, request.POST.get("next", ""), otherwise=reverse("own-phone")))


def _swap_page(
    request: HttpRequest, phone: Phone, form: OtherPhoneForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    other = form.cleaned_data.get("other") if form.is_bound and form.is_valid() else None
    rows = seat_rows([phone.pk, other.pk] if other else [phone.pk], at=utc_now())
    if other is not None and other.pk == phone.pk:
        form.add_error("other", _("Choose another phone than this one."))
        other = None
    context = {
        "phone": phone, "form": form, "problem": problem, "rows": rows, "other": other,
        "shown": seats_shown(row.seat for row in rows if row.seat),
        "names": Phone.objects.exclude(pk=phone.pk).order_by("name").values_list("name", flat=True)[:MOST_NAMES],
    }  # fmt: skip
    return render(request, "phones/swap.html", context, status=status)


def _bulk_page(
    request: HttpRequest,
    page: str,
    ids: Sequence[int],
    *,
    form: PeopleForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    rows = seat_rows(ids, at=utc_now())
    context: dict[str, object] = {
        "rows": _with_fields(rows, form) if page == "bulk_assign" else rows,
        "form": form, "problem": problem, "ids": ",".join(str(row.phone.pk) for row in rows),
        "shown": seats_shown(row.seat for row in rows if row.seat),
        "handed_on": {name: request.POST.get(name, "")[:80] for name in HANDED_ON},
        "back": _list_address(request),
    }  # fmt: skip
    if page == "bulk_assign":
        people = User.objects.filter(is_active=True).order_by("full_name", "username")
        context["people"] = people.only("username", "full_name")[:MOST_NAMES]
    return render(request, f"phones/{page}.html", context, status=status)


def _with_fields(rows: Sequence[SeatRow], form: PeopleForm | None) -> list[dict[str, object]]:
    """Each row with its field; a phone that somebody has gets none."""
    form = form or PeopleForm(phones=[row.phone for row in rows if row.seat is None])
    known = form.fields
    return [
        {"row": row, "field": form[form.name_of(row.phone)] if form.name_of(row.phone) in known else None}
        for row in rows
    ]


def _to_list(request: HttpRequest) -> HttpResponse:
    return redirect(_list_address(request))


def _list_address(request: HttpRequest) -> str:
    """The list as it was left: with its search and its filter."""
    kept = {name: value for name in HANDED_ON if (value := request.POST.get(name, "").replace("\x00", "")[:80])}
    return f"{reverse('phones')}?{urlencode(kept)}" if kept else reverse("phones")

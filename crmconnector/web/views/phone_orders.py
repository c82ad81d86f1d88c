"""What a person asks of a phone itself. A GET never acts: it shows the page on which one confirms."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from crmconnector.common.clock import utc_now
from crmconnector.common.secrets import Secret
from crmconnector.users.models import User
from crmconnector.web.access import administrators_only
from crmconnector.web.forms.phones import ConfirmForm, KeysForm
from crmconnector.web.order_story import name_of
from crmconnector.web.people import signed_in
from crmconnector.web.phone_acts import (
    GUARDED,
    ask_phone,
    asked_before,
    call_on,
    key_of_confirmation,
    may_order,
    new_confirmation,
    phones_seen_by,
    refuse_keys_of_others,
)
from crmconnector.web.phone_page import what_happens
from crmconnector.web.views.own_phone import show_own_now
from crmconnector.web.views.phones import show_phone, show_phone_now
from phones.models import OrderKind, Phone
from phones.orders import OrderProblem
from tasks.device_control import enqueue_order
from tasks.handover import hand_over

LONGEST_KEY = 80
HANDOVER_SECONDS = 5.0


@require_POST
def check(request: HttpRequest, phone_id: int) -> HttpResponse:
    """Look at the phone now. Everybody may for the own phone; others' are not there."""
    user, now = signed_in(request), utc_now()
    phone = get_object_or_404(phones_seen_by(user, at=now), pk=phone_id)
    try:
        _ask(user, phone, OrderKind.LOOK, _button_key(request))
    except OrderProblem as problem:
        messages.warning(request, problem.sentence)
    return _back(request, phone)


@require_POST
@administrators_only
def press_keys(request: HttpRequest, phone_id: int) -> HttpResponse:
    """Keys of a phone at which nobody sits, or only who asks."""
    user, phone = signed_in(request), get_object_or_404(Phone, pk=phone_id)
    form = KeysForm(request.POST)
    if form.is_valid():
        try:
            refuse_keys_of_others(actor=user, phone=phone, now=utc_now())
            _ask(user, phone, OrderKind.KEYS, _button_key(request), argument=form.cleaned_data["keys"])
        except OrderProblem as problem:
            form.add_error(None, problem.sentence)
        else:
            return redirect("phone", phone.pk)
    return show_phone(request, phone_id, keys_form=form)


@never_cache
@sensitive_post_parameters("admin_passcode")
@sensitive_variables("form", "secret")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def order(request: HttpRequest, phone_id: int, kind: str) -> HttpResponse:
    """Lock, unlock, restart or reset one phone, after its name was typed. The GET only shows what would happen."""
    user, now = signed_in(request), utc_now()
    if kind not in GUARDED:
        raise Http404
    if not may_order(user, kind):
        raise PermissionDenied
    phone = get_object_or_404(Phone.objects.select_related("status"), pk=phone_id)
    form = ConfirmForm(request.POST or None, phone=phone, kind=kind)
    if request.method == "POST" and form.is_valid() and _confirmed(request, user, phone, OrderKind(kind), form):
        return redirect("phone", phone.pk)
    context = {
        "phone": phone, "kind": kind, "heading": name_of(kind), "form": form, "blocked": call_on(phone, now=now),
        "sentences": what_happens(kind), "confirmation": new_confirmation(user=user, phone=phone, kind=kind),
    }  # fmt: skip
    return render(request, "phones/order_confirm.html", context)


@sensitive_variables("secret")
def _confirmed(request: HttpRequest, user: User, phone: Phone, kind: OrderKind, form: ConfirmForm) -> bool:
    """Ask for it once; False with the reason in the form. The same confirmation again finds what it asked for."""
    key = key_of_confirmation(form.cleaned_data["confirmation"], user=user, phone=phone, kind=kind)
    secret = form.secret()
    if key is None:
        form.add_error(None, _("This page is older than 10 minutes, or was made for something else. Type it again."))
        return False
    if asked_before(actor=user, key=key):
        messages.info(request, _("This was asked already. Nothing was sent a second time."))
        return True
    blocked = call_on(phone, now=utc_now())
    if blocked:
        form.add_error(None, blocked)
        return False
    try:
        _ask(user, phone, kind, key, secret=secret)
    except OrderProblem as problem:
        form.add_error(None, problem.sentence)
        return False
    return True


@sensitive_variables("secret")
def _ask(
    user: User, phone: Phone, kind: OrderKind, key: str, *, argument: str = "", secret: Secret | None = None
) -> None:
    """The row and its audit event are committed before a worker hears of it. May raise OrderProblem."""
    with transaction.atomic():
        asked, made = ask_phone(actor=user, phone=phone, kind=kind, key=key, now=utc_now(), argument=argument)
        if made:
            transaction.on_commit(partial(enqueue_order, asked.pk))
            if secret is not None:
                # Past the database and the broker: from this request to the worker that was granted the order.
                transaction.on_commit(partial(hand_over, asked.pk, secret, wait_seconds=HANDOVER_SECONDS))


def _button_key(request: HttpRequest) -> str:
    key = request.POST.get("key", "")
    if not key or len(key) > LONGEST_KEY or "\x00" in key:
        raise OrderProblem("bad_key", _("This button is out of date. Press it again."))
    return key


def _back(request: HttpRequest, phone: Phone) -> HttpResponse:
    """To the page the button is on; for htmx only what has changed there."""
    own = request.POST.get("from") == "own" or not signed_in(request).is_administrator
    if request.headers.get("HX-Request"):
        return show_own_now(request) if own else show_phone_now(request, phone.pk)
    return redirect("own-phone") if own else redirect("phone", phone.pk)

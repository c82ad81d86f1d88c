"""New passwords: one's own, with the old one; somebody's, by an administrator."""

import secrets

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from crmconnector.users.models import User
from crmconnector.web.access import administrators_only
from crmconnector.web.acts import give_password
from crmconnector.web.forms.people import OwnPasswordForm, PasswordForm
from crmconnector.web.people import signed_in
from crmconnector.web.throttle import count_old_password, give_back

PLAIN_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # no l and 1, no o and 0, no i: it is read out and typed


@never_cache
@sensitive_post_parameters("old", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def own_password(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = OwnPasswordForm(request.POST or None, person=user)
    if request.method == "POST" and form.is_valid():
        status = _checked_old(form, user)
        if form.errors:
            return render(request, "users/own_password.html", {"form": form}, status=status)
        give_password(actor=user, user=user, password=form.cleaned_data["new"])
        update_session_auth_hash(request, user)  # all rows of this person's sessions are gone: a new one, a new key
        messages.info(request, _("Your password is changed. You are signed out everywhere else."))
        return redirect("desk")
    return render(request, "users/own_password.html", {"form": form})


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def person_password(request: HttpRequest, user_id: int) -> HttpResponse:
    one = get_object_or_404(User, pk=user_id)
    if one.pk == signed_in(request).pk:
        return redirect("own-password")  # there the old one is asked
    form = PasswordForm(request.POST if request.method == "POST" else None, person=one)
    if request.method == "POST" and form.is_valid():
        password = form.cleaned_data["password"] or made_password()
        give_password(actor=signed_in(request), user=one, password=password)
        if not form.cleaned_data["password"]:
            return shown_once(request, one, password)
        messages.info(request, _("%(name)s has a new password and is signed out.") % {"name": one.display_name})
        return redirect("people")
    return render(request, "users/password.html", {"form": form, "person": one})


def made_password() -> str:
    """15 letters of 31: about 74 bits."""
    return "-".join("".join(secrets.choice(PLAIN_LETTERS) for _place in range(5)) for _group in range(3))


@sensitive_variables("password")
def shown_once(request: HttpRequest, person: User, password: str) -> HttpResponse:
    """On this answer and nowhere else: not in the session, not in a message, not in the audit."""
    return render(request, "users/shown_once.html", {"person": person, "password": password})


def _checked_old(form: OwnPasswordForm, user: User) -> int:
    """Adds the refusal to the form; returns the status of the answer then."""
    tried = count_old_password(username=user.username)
    if not tried.allowed:
        form.add_error(None, _("Too many tries with a wrong password. Try again within an hour."))
        return 429
    if not user.check_password(form.cleaned_data["old"]):
        form.add_error("old", _("This is not your password. Nothing was changed."))
        return 200
    give_back(tried)
    return 200

"""Signing in and out, and the look of the pages."""

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from crmconnector.audit.services import record_act
from crmconnector.users.models import User
from crmconnector.web.access import local_path
from crmconnector.web.context import THEMES
from crmconnector.web.forms.sign_in import SignInForm
from crmconnector.web.people import signed_in
from crmconnector.web.throttle import count_try, give_back, remember_browser

THEME_SECONDS = 365 * 24 * 3600


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    name, word = form.cleaned_data["username"], form.cleaned_data["password"]
    tried = count_try(request, username=name)
    if not tried.allowed:
        form.add_error(
            None, _("Too many tries. Sign-in for this account or from this place opens again within an hour.")
        )
        return _page(request, form, status=429)
    user = authenticate(request, username=name, password=word)
    if not isinstance(user, User):
        form.add_error(None, _("Wrong user name or password"))
        return _page(request, form)
    give_back(tried)
    return _welcome(request, user, stay=form.cleaned_data["stay"])


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    record_act(actor=user, action="user.signed_out", target=user)
    logout(request)
    return redirect("sign-in")


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system has it. A cookie, so that the first byte of a page has the right colours."""
    response = HttpResponseRedirect(local_path(request, request.POST.get("next", ""), otherwise=reverse("desk")))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=THEME_SECONDS, samesite="Lax", httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def _welcome(request: HttpRequest, user: User, *, stay: bool) -> HttpResponse:
    login(request, user)  # gives the session a new key
    if not stay:
        request.session.set_expiry(0)
    record_act(actor=user, action="user.signed_in", target=user)
    response = HttpResponseRedirect(local_path(request, request.POST.get("next", ""), otherwise=reverse("desk")))
    remember_browser(request, response, username=user.username)
    return response


def _page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    context = {"form": form, "next": local_path(request, wanted, otherwise=""), "rehearsal": settings.REHEARSAL}
    return render(request, "users/sign_in.html", context, status=status)

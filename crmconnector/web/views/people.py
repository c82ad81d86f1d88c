"""People and teams, for administrators. Passwords are in password.py."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.users.models import User
from crmconnector.users.selectors import find_people, teams_with_sizes
from crmconnector.users.services import UserProblem
from crmconnector.web.access import administrators_only, page_of, searched
from crmconnector.web.acts import keep_person, name_team
from crmconnector.web.forms.people import PasswordForm, PersonForm, TeamForm
from crmconnector.web.people import signed_in
from crmconnector.web.views.password import made_password, shown_once


@require_safe
@administrators_only
def people(request: HttpRequest) -> HttpResponse:
    return _list(request, TeamForm())


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def person_new(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.POST or None, actor=signed_in(request))
    word = PasswordForm(request.POST or None, person=form.instance)  # its name is filled in when the form is checked
    if request.method == "POST" and form.is_valid() and word.is_valid():
        password = word.cleaned_data["password"] or made_password()
        person = keep_person(actor=signed_in(request), form=form, password=password)
        if not word.cleaned_data["password"]:
            return shown_once(request, person, password)
        messages.info(request, _("%(name)s can sign in now.") % {"name": person.display_name})
        return redirect("people")
    return render(request, "users/edit.html", {"form": form, "word": word, "heading": _("New person")})


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def person_edit(request: HttpRequest, user_id: int) -> HttpResponse:
    one = get_object_or_404(User, pk=user_id)
    heading, form = one.display_name, PersonForm(request.POST or None, instance=one, actor=signed_in(request))
    if request.method == "POST" and form.is_valid():
        try:
            keep_person(actor=signed_in(request), form=form, session=request.session.session_key or "")
        except UserProblem as problem:
            form.add_error(None, str(problem))
        else:
            messages.info(request, _("%(name)s is saved.") % {"name": one.display_name})
            return redirect("people")
    return render(request, "users/edit.html", {"form": form, "person": one, "heading": heading})


@require_POST
@administrators_only
def team_new(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST)
    if form.is_valid():
        try:
            team = name_team(actor=signed_in(request), name=form.cleaned_data["name"])
        except UserProblem as problem:
            form.add_error("name", str(problem))
        else:
            messages.info(request, _("Team %(name)s is there. Put people into it below.") % {"name": team.name})
            return redirect("people")
    return _list(request, form)


def _list(request: HttpRequest, form: TeamForm) -> HttpResponse:
    text = searched(request)
    context = {"page": page_of(request, find_people(text)), "text": text, "teams": teams_with_sizes(), "form": form}
    return render(request, "users/people.html", context)

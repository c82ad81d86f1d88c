"""The desk: cards, own lines, recent calls. The stream of cards is in stream.py, the buttons in commands.py."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from crmconnector.screenpop.selectors import latest_version, open_cards
from crmconnector.web.context import Shell
from crmconnector.web.desk_page import desk_status
from crmconnector.web.first_run import first_steps
from crmconnector.web.people import signed_in
from crmconnector.web.views.stream import told


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("desk")


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    user, shell = signed_in(request), Shell(request)
    after = latest_version(user_id=user.pk)  # before the cards: a change in between comes again by the stream
    context = {"cards": open_cards(user=user), "after": after, "rehearsal": settings.REHEARSAL, "shell": shell}
    if settings.REHEARSAL and user.is_administrator:
        steps = first_steps(user)
        context |= {"steps": steps, "steps_done": sum(step.state == "done" for step in steps)}
    status = desk_status(user=user, news=shell.news, which=request.GET.get("recent", ""))
    return render(request, "desk/desk.html", context | status)


@require_safe
def desk_status_fragment(request: HttpRequest) -> HttpResponse:
    """Banners, lines, recent calls, side column and the rail's foot, each swapped into its own place."""
    shell = Shell(request)
    status = desk_status(user=signed_in(request), news=shell.news, which=request.GET.get("recent", ""))
    return render(request, "desk/status.html", {**status, "shell": shell})


@require_safe
def desk_cards_fragment(request: HttpRequest) -> HttpResponse:
    """All cards anew, for a page that cannot trust what it shows."""
    user = signed_in(request)
    after = latest_version(user_id=user.pk)  # before the cards: a page that has a newer one keeps it
    cards = [{"card": one, "told": told(one)} for one in open_cards(user=user)]
    return render(request, "desk/cards_anew.html", {"cards": cards, "after": after})

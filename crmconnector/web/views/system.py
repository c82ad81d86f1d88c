"""The health page for administrators, and what is said when something breaks."""

import sys

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from crmconnector.common.clock import utc_now
from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.selectors import pbx_overview, recent_gaps
from crmconnector.web.access import administrators_only
from crmconnector.web.gap_rows import gap_rows
from crmconnector.web.link_news import news_of
from crmconnector.web.middleware import DATABASE_AWAY, database_away
from crmconnector.web.views.health import checked_parts

MOST_DEAD = 20
MOST_GAPS = 10
GAP_MINUTES = 12 * 60


@require_safe
@administrators_only
def health(request: HttpRequest) -> HttpResponse:
    now = utc_now()
    parts = checked_parts(now)
    context = {
        "parts": [_part(name, part) for name, part in parts.items()],
        "ready": all(part["ok"] for part in parts.values()),
        "links": [{"pbx": pbx, "news": news_of(pbx, now)} for pbx in pbx_overview()],
        "gaps": gap_rows(recent_gaps(now=now, minutes=GAP_MINUTES)[:MOST_GAPS]),
        "dead": DeadLetter.objects.select_related("pbx")[:MOST_DEAD],
        "dead_total": DeadLetter.objects.count(),
        "looked_at": now,
    }
    return render(request, "health/health.html", context)


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler of last resort; a database that went away outside of a view is told apart here."""
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return database_away(request)
    return HttpResponseServerError(render_to_string("500.html"))


def _part(name: str, part: dict[str, object]) -> dict[str, object]:
    title, good, cure = _words().get(name, (name, "", ""))
    reason = _(str(part.get("reason") or gettext_noop("It does not answer as it should.")))
    return {"title": title, "ok": part["ok"], "good": good, "reason": reason, "cure": cure}


def _words() -> dict[str, tuple[str, str, str]]:
    """Name of a part -> (title, what it means that it works, what to do when it does not)."""
    return {
        "database": (_("Database"), _("Answers."), _("Look at the PostgreSQL server.")),
        "broker": (_("Broker"), _("Answers."), _("Look at the Valkey server. Cards still come, a second late.")),
        "pbx_link": (_("PBX links"), _("Every PBX is heard."), _("See the links below; is the listener running?")),
        "workers": (_("Workers"), _("They take orders for the phones."), _("Start a worker; buttons wait for it.")),
        "sweeper": (_("Sweeper"), _("It ran within the last seconds."), _("The listener runs it.")),
    }

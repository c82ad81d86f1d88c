"""The desk's stream of cards (server-sent events)."""

from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crmconnector.common.database import in_database
from crmconnector.screenpop.selectors import Card, latest_version
from crmconnector.screenpop.subscriber import stream_cards
from crmconnector.users.models import User


@require_GET
async def pop_stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """GET /desk/stream: `card` events after Last-Event-ID (or ?after=), then every change as it happens."""
    user_id = (await request.auser()).pk or 0  # signed in: the middleware saw to it
    after = _last_seen(request)
    if after is None:
        after = await in_database(latest_version, user_id=user_id)
    language = translation.get_language() or settings.LANGUAGE_CODE
    session_key = request.session.session_key
    response = StreamingHttpResponse(
        stream_cards(
            user_id=user_id,
            after=after,
            render=lambda card: rendered_card(card, language),
            still_allowed=lambda: _still_signed_in(user_id, session_key),
        ),
        content_type="text/event-stream",
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def rendered_card(card: Card, language: str) -> dict[str, object]:
    """One card as the browser takes it: identity, version, the drawn card, and one sentence to be read out."""
    with translation.override(language):
        return {
            "pop": card.pop.pk,
            "version": card.pop.version,
            "state": card.pop.state,
            "call": card.pop.call_id,
            "html": render_to_string("screenpop/card.html", card.context()),
            "announce": announcement(card) if card.pop.state == "ringing" else "",
            "title": who(card.payload),
        }


def announcement(card: Card) -> str:
    """Who, company, line: one sentence, said once."""
    payload = card.payload
    people = payload["people"]
    parts = [who(payload)]
    if len(people) == 1 and people[0]["company"]:
        parts.append(people[0]["company"])
    where = payload["queue"] or (payload["line"] or {}).get("label", "")
    if where:
        parts.append(where)
    return _("Ringing: %(who)s. Press A to answer.") % {"who": ", ".join(parts)}


def who(payload: dict) -> str:
    """The caller in a few words: name, number, or that it was withheld."""
    people, caller = payload["people"], payload["caller"]
    if len(people) == 1:
        return people[0]["name"]
    if caller["kind"] == "withheld":
        return _("Number withheld")
    if caller["kind"] == "colleague" and caller["network_name"]:
        return caller["network_name"]
    return caller["number"]


def _last_seen(request: HttpRequest) -> int | None:
    text = request.headers.get("Last-Event-ID") or request.GET.get("after") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _still_signed_in(user_id: int, session_key: str | None) -> bool:
    if not User.objects.filter(pk=user_id, is_active=True).exists():
        return False
    return bool(session_key) and Session.objects.filter(session_key=session_key).exists()

"""The desk's stream of cards (server-sent events)."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crmconnector.common.clock import utc_now
from crmconnector.screenpop.selectors import Card
from crmconnector.screenpop.subscriber import Render, stream_cards
from crmconnector.users.models import User


@require_GET
async def pop_stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """GET /desk/stream: `card` events after Last-Event-ID (or ?after=), then every change as it happens."""
    user_id = (await request.auser()).pk or 0  # signed in: the middleware saw to it
    events = stream_cards(
        user_id=user_id,
        after=_last_seen(request),
        render=_in_language(translation.get_language() or settings.LANGUAGE_CODE),
        still_allowed=SignedIn(user_id, request.session.session_key),
    )
    response = StreamingHttpResponse(_connection_given_back(events), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Is this user still active and this session still there? Many are asked in two queries."""

    user_id: int
    session_key: str | None

    def __call__(self) -> bool:
        return bool(self.among({self}))

    @staticmethod
    def among(many: "Collection[SignedIn]") -> "set[SignedIn]":
        users = User.objects.filter(pk__in={one.user_id for one in many}, is_active=True).values_list("pk", flat=True)
        keys = {one.session_key for one in many if one.session_key}
        sessions = Session.objects.filter(session_key__in=keys, expire_date__gt=utc_now())
        active, living = set(users), set(sessions.values_list("session_key", flat=True))
        return {one for one in many if one.user_id in active and one.session_key in living}


async def _connection_given_back(events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """The events, after the request's own database connection went back to the pool.

    The look-up of the session borrowed one in the request's own thread, and Django returns it when the response has
    ended: a stream would keep it for hours, and a few streams the whole pool. Here, and not in the view, because this
    runs when the last middleware is through (it may have saved the session).
    """
    await sync_to_async(connections.close_all)()
    async with aclosing(events):
        async for event in events:
            yield event


@cache
def _in_language(language: str) -> Render:
    """The same function for the same language, so that its cards are drawn once for all streams."""
    return partial(rendered_card, language=language)


def rendered_card(card: Card, language: str) -> dict[str, object]:
    """One card as the browser takes it: identity, version, the drawn card, and one sentence to be read out."""
    with translation.override(language):
        return {
            "pop": card.pop.pk,
            "version": card.pop.version,
            "state": card.pop.state,
            "call": card.pop.call_id,
            "html": render_to_string("screenpop/card.html", card.context()),
            **told(card),
        }


def told(card: Card) -> dict[str, str]:
    """What is said of a card besides itself: read out while it rings, in the tab's title, in a notification."""
    return {
        "announce": announcement(card) if card.pop.state == "ringing" else "",
        "title": who(card.payload),
        "about": about(card.payload),
    }


def announcement(card: Card) -> str:
    """Who, company, line: one sentence, said once."""
    parts = [who(card.payload), about(card.payload)]
    return _("Ringing: %(who)s. Press A to answer.") % {"who": ", ".join(part for part in parts if part)}


def about(payload: dict) -> str:
    """Company, and the queue or line that was called."""
    people = payload["people"]
    company = people[0]["company"] if len(people) == 1 else ""
    where = payload["queue"] or (payload["line"] or {}).get("label", "")
    return ", ".join(part for part in (company, where) if part)


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

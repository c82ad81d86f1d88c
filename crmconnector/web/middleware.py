"""What every answer carries, and what is said when the database is away. Sync and async alike: the stream is async."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    ]
)
RETRY_SECONDS = 5
DATABASE_AWAY = (OperationalError, InterfaceError)

GetResponse = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class Middleware:
    """Passes a request on in the mode of the chain it stands in."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self._later(request)
        return self.finish(request, self.get_response(request))  # type: ignore[arg-type]

    async def _later(self, request: HttpRequest) -> HttpResponse:
        return self.finish(request, await self.get_response(request))  # type: ignore[misc]

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return response


class ContentSecurityPolicy(Middleware):
    """No inline script or style and no outside address: a caller's name can then never become a program."""

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        if "text/html" in response.headers.get("Content-Type", ""):
            response.headers.setdefault("Cache-Control", "no-store")  # nobody's calls in a shared computer's cache
        return response


class DatabaseAway(Middleware):
    """A database that does not answer is a 503 that says when to come back, not a fault of the page."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return database_away(request) if isinstance(exception, DATABASE_AWAY) else None


def database_away(request: HttpRequest) -> HttpResponse:
    """503 as a page, or as JSON for what reads JSON. Touches neither session nor database."""
    wants_page = "text/html" in request.headers.get("Accept", "") and not request.headers.get("HX-Request")
    response: HttpResponse
    if wants_page:
        response = HttpResponse(render_to_string("503.html"), status=503)
    else:
        sentence = "The database does not answer. Nothing was saved. Try again in a few seconds."
        response = JsonResponse({"code": "database_away", "sentence": sentence}, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response

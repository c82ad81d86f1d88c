"""Who may open a page, where `next` may lead, and pages of a list."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from crmconnector.web.people import signed_in

ROWS_ON_A_PAGE = 50
View = Callable[..., HttpResponse]


def administrators_only(view: View) -> View:
    """403 for everybody else. Anonymous visitors were sent to the sign-in page before."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not signed_in(request).is_administrator:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


def local_path(request: HttpRequest, wanted: str, *, otherwise: str) -> str:
    """`wanted` when it leads to this site, else `otherwise`: nobody is sent on to a stranger's page."""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else otherwise


def searched(request: HttpRequest) -> str:
    """The text of a search field, cut and without NUL, which PostgreSQL cannot take."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:80]


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    """The page that was asked for; the nearest one when it does not exist."""
    return Paginator(rows, ROWS_ON_A_PAGE).get_page(request.GET.get("page"))

"""Bringing in contacts from a CSV or vCard file. For administrators and supervisors; everybody sees the own files only,
administrators all."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports.limits import CHUNK_BYTES, MOST_BYTES, FileRefused, ImportProblem, too_large
from crmconnector.contacts.imports.options import Options
from crmconnector.contacts.imports.selectors import imports_seen_by
from crmconnector.contacts.imports.services import (
    BEFORE,
    ask_bring_in,
    ask_check,
    ask_undo,
    choose,
    is_stalled,
    receive_file,
    remove_import,
)
from crmconnector.contacts.imports.source import Reading
from crmconnector.contacts.models import ContactImport
from crmconnector.pbx.selectors import home_country
from crmconnector.web.access import View, page_of
from crmconnector.web.contact_import_page import first_rows, mapped_columns, page_context, read_anew
from crmconnector.web.forms.contact_imports import ContactFileForm, ContactImportForm
from crmconnector.web.people import signed_in
from crmconnector.web.spreadsheet import csv_response
from tasks.contact_imports import enqueue_import

MOST_LISTED = 20
FORM_BYTES = 64 * 1024  # what a form adds to its file


def supervisors_only(view: View) -> View:
    """403 for agents: a file changes what everybody sees."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not signed_in(request).is_supervisor:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


@csrf_exempt  # looked at below, as soon as it is known that the body is small enough to be read at all
@require_http_methods(["GET", "HEAD", "POST"])
@supervisors_only
def imports(request: HttpRequest) -> HttpResponse:
    """The file is refused by its announced length before a byte of it is unpacked."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if request.method == "POST" and (not length.isdigit() or int(length) > MOST_BYTES + FORM_BYTES):
        return _list_page(request, ContactFileForm(), refused=too_large(), status=413)
    return _received(request)


@csrf_protect
def _received(request: HttpRequest) -> HttpResponse:
    form = ContactFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            one = receive_file(
                actor=signed_in(request), file_name=file.name or "", chunks=file.chunks(CHUNK_BYTES),
                country=home_country(), now=utc_now(),
            )  # fmt: skip
            return redirect("contact-import", one.pk)
        except FileRefused as refused:
            form.add_error("file", str(refused))
    return _list_page(request, form)


@require_safe
@supervisors_only
def one_import(request: HttpRequest, file_id: int) -> HttpResponse:
    """The page of a file in its state; `?list=csv`: all its refused rows as a file."""
    one = _seen(request, file_id)
    if request.GET.get("list") == "csv":
        head: list[list[object]] = [[_("Line"), _("Refused"), _("Cause"), _("What it is about")]]
        rows = one.problems.values_list("line", "refused", "sentence", "shown")
        told: list[list[object]] = [
            [line, _("yes") if refused else _("no"), cause, shown] for line, refused, cause, shown in rows
        ]
        return csv_response(f"refused-rows-{one.pk}.csv", head + told)
    return _page(request, one)


@require_safe
@supervisors_only
def now(request: HttpRequest, file_id: int) -> HttpResponse:
    """The progress alone, asked for again and again; when there is none any more, the whole page is loaded anew."""
    one = _seen(request, file_id)
    context = page_context(one, utc_now())
    response = render(request, "contacts/import_now.html", context)
    if not context["under_way"]:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@supervisors_only
def check(request: HttpRequest, file_id: int) -> HttpResponse:
    """Keep what was chosen and check the file; when it is to be cut otherwise, show it anew first."""
    one = _seen(request, file_id)
    if one.state not in BEFORE:
        return _told(request, one, ImportProblem(_("This file is in work, so nothing can be changed now.")))
    form = _form(request, one, request.POST)
    if not form.is_valid():
        return _page(request, one, form)
    try:
        show_first = form.reread() or request.POST.get("what") == "look"
        reading = read_anew(one, form) if form.reread() else _mapped(form)
        choose(import_id=one.pk, reading=reading, options=form.chosen(), now=utc_now())
        if not show_first:
            _ask(ask_check, request, one)
    except (FileRefused, ImportProblem) as problem:
        return _told(request, one, problem)
    return redirect("contact-import", one.pk)


@require_POST
@supervisors_only
def bring_in(request: HttpRequest, file_id: int) -> HttpResponse:
    return _asked(request, file_id, ask_bring_in)


@require_POST
@supervisors_only
def undo(request: HttpRequest, file_id: int) -> HttpResponse:
    return _asked(request, file_id, ask_undo)


@require_POST
@supervisors_only
def go_on(request: HttpRequest, file_id: int) -> HttpResponse:
    """Its worker was stopped, or never heard of it."""
    one = _seen(request, file_id)
    if is_stalled(one, now=utc_now()) and not enqueue_import(one.pk):
        messages.error(request, _("The worker cannot be reached. Look at Health."))
    return redirect("contact-import", one.pk)


@require_POST
@supervisors_only
def remove(request: HttpRequest, file_id: int) -> HttpResponse:
    one = _seen(request, file_id)
    try:
        remove_import(import_id=one.pk)
    except ImportProblem as problem:
        return _told(request, one, problem)
    messages.info(request, _("%(file)s is removed. Nothing was brought in.") % {"file": one.file_name})
    return redirect("contact-imports")


def _seen(request: HttpRequest, file_id: int) -> ContactImport:
    return get_object_or_404(imports_seen_by(signed_in(request)).select_related("by"), pk=file_id)


def _asked(request: HttpRequest, file_id: int, ask: Callable[..., ContactImport]) -> HttpResponse:
    one = _seen(request, file_id)
    try:
        _ask(ask, request, one)
    except ImportProblem as problem:
        return _told(request, one, problem)
    return redirect("contact-import", one.pk)


def _ask(ask: Callable[..., ContactImport], request: HttpRequest, one: ContactImport) -> None:
    """The row is committed before a worker hears of it. May raise ImportProblem."""
    with transaction.atomic():
        ask(import_id=one.pk, actor=signed_in(request), now=utc_now())
        transaction.on_commit(partial(enqueue_import, one.pk))


def _mapped(form: ContactImportForm) -> Reading:
    known = form.reading.as_json() | {"columns": [use.as_json() for use in form.columns()]}
    return Reading.from_json(known)


def _form(request: HttpRequest, one: ContactImport, typed: Any = None) -> ContactImportForm:
    reading, options = Reading.from_json(one.reading), Options.from_json(one.options)
    return ContactImportForm(typed, reading=reading, options=options, user=signed_in(request))


def _told(request: HttpRequest, one: ContactImport, problem: Exception) -> HttpResponse:
    return _page(request, _seen(request, one.pk), problem=str(problem), status=409)


def _page(
    request: HttpRequest, one: ContactImport, form: ContactImportForm | None = None, *, problem: str = "",
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    context = page_context(one, utc_now()) | {"problem": problem, "page": page_of(request, one.problems.all())}
    if context["choosable"]:
        form = form or _form(request, one)
        context |= {
            "form": form, "columns": mapped_columns(one, form),
            "first": first_rows(one, form.reading, form.options.country),
        }  # fmt: skip
    return render(request, "contacts/import_one.html", context, status=status)


def _list_page(request: HttpRequest, form: ContactFileForm, *, refused: str = "", status: int = 200) -> HttpResponse:
    last = imports_seen_by(signed_in(request)).select_related("by").defer("reading")[:MOST_LISTED]
    context = {"form": form, "refused": refused, "last": last}
    return render(request, "contacts/import.html", context, status=status)

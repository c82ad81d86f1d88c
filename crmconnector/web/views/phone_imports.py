"""Bringing in phones and seats from a CSV file: the file, the plan, bringing in, undoing. For administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import get_default_timezone_name
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crmconnector.common.clock import utc_now
from crmconnector.web.access import administrators_only
from crmconnector.web.forms.phone_imports import FileForm
from crmconnector.web.people import signed_in
from crmconnector.web.seat_acts import bring_in, check_file, networks, take_back_file
from crmconnector.web.spreadsheet import csv_response
from phones.imports.reading import MOST_BYTES, SAMPLE, FileRefused, too_large
from phones.imports.services import KEPT_HOURS, UNDO_DAYS, ImportProblem
from phones.models import PhoneImport

MOST_SHOWN = 100  # bad lines on the page; the download has all
MOST_LISTED = 10
FORM_BYTES = 64 * 1024  # what a form adds to its file


@csrf_exempt  # looked at below, as soon as it is known that the body is small enough to be read at all
@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def imports(request: HttpRequest) -> HttpResponse:
    """The file is refused by its announced length before a byte of it is unpacked."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if request.method == "POST" and (not length.isdigit() or int(length) > MOST_BYTES + FORM_BYTES):
        return _file_page(request, FileForm(), refused=too_large(), status=413)
    return _checked(request)


@csrf_protect
@sensitive_post_parameters()
@sensitive_variables()
def _checked(request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            name = form.cleaned_data["file"].name or ""
            one = check_file(
                actor=signed_in(request), name=name, content=form.content(), options=form.options(), now=utc_now()
            )
            return redirect("phone-import-plan", one.pk)
        except FileRefused as refused:
            form.add_error("file", str(refused))
    return _file_page(request, form)


@require_safe
@administrators_only
def plan(request: HttpRequest, import_id: int) -> HttpResponse:
    """What the file would do, or did; `?list=csv`: all its bad lines as a file."""
    one = get_object_or_404(PhoneImport.objects.select_related("user").defer("rows", "undo"), pk=import_id)
    if request.GET.get("list") == "csv":
        head = [[_("Line"), _("Column"), _("Phone"), _("Cause")]]
        rows = [[row["line"], row["column"], row.get("phone", ""), row["cause"]] for row in one.problems]
        return csv_response(f"bad-lines-{one.pk}.csv", head + rows)
    return _plan_page(request, one)


@require_POST
@administrators_only
def apply(request: HttpRequest, import_id: int) -> HttpResponse:
    one = get_object_or_404(PhoneImport.objects.defer("rows", "undo"), pk=import_id)
    good_only = request.POST.get("which") == "good"
    try:
        bring_in(actor=signed_in(request), import_id=one.pk, leave_bad_out=good_only, now=utc_now())
    except ImportProblem as problem:
        return _refused(request, import_id, problem)
    messages.info(request, _("%(file)s is brought in.") % {"file": one.file_name})
    return redirect("phone-import-plan", one.pk)


@require_POST
@administrators_only
def undo(request: HttpRequest, import_id: int) -> HttpResponse:
    one = get_object_or_404(PhoneImport.objects.defer("rows", "undo"), pk=import_id)
    try:
        take_back_file(actor=signed_in(request), import_id=one.pk, now=utc_now())
    except ImportProblem as problem:
        return _refused(request, import_id, problem)
    messages.info(request, _("%(file)s is undone. Everything is as it was before.") % {"file": one.file_name})
    return redirect("phone-import-plan", one.pk)


@require_safe
@administrators_only
def sample(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("\ufeff" + SAMPLE, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="phones.csv"'
    return response


def _file_page(request: HttpRequest, form: FileForm, *, refused: str = "", status: int = 200) -> HttpResponse:
    last = PhoneImport.objects.select_related("user").defer("rows", "undo", "problems")[:MOST_LISTED]
    context = {
        "form": form, "refused": refused, "last": last, "networks": networks(), "kept_hours": KEPT_HOURS,
        "zone": get_default_timezone_name(),
    }  # fmt: skip
    return render(request, "phones/import.html", context, status=status)


def _plan_page(
    request: HttpRequest, one: PhoneImport, *, problem: ImportProblem | None = None, status: int = 200
) -> HttpResponse:
    more = max(0, len(one.problems) - MOST_SHOWN)
    can_undo = PhoneImport.objects.filter(pk=one.pk, state=PhoneImport.State.APPLIED).exclude(undo=[]).exists()
    context = {
        "one": one, "told": one.summary, "bad_lines": one.problems[:MOST_SHOWN], "more": more, "problem": problem,
        "can_undo": can_undo, "undo_days": UNDO_DAYS,
    }  # fmt: skip
    return render(request, "phones/import_plan.html", context, status=status)


def _refused(request: HttpRequest, import_id: int, problem: ImportProblem) -> HttpResponse:
    one = get_object_or_404(PhoneImport.objects.select_related("user").defer("rows", "undo"), pk=import_id)
    return _plan_page(request, one, problem=problem, status=409)

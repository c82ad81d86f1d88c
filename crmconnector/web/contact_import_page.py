"""What the page of one file of contacts shows: how it is read, its first contacts, how far it is, what became of it."""

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crmconnector.contacts.imports.cells import Problem, Wanted
from crmconnector.contacts.imports.encodings import CHOICES
from crmconnector.contacts.imports.guessing import sample_rows
from crmconnector.contacts.imports.limits import CHUNK_BYTES, FileRefused
from crmconnector.contacts.imports.services import can_undo, is_stalled
from crmconnector.contacts.imports.source import CSV, Reading, chunks_of, first_lines, guess_csv, wanted_rows
from crmconnector.contacts.models import ContactImport
from crmconnector.web.forms.contact_imports import ContactImportForm, example_cells

FIRST_CONTACTS = 6
State = ContactImport.State


@dataclass(frozen=True, slots=True)
class MappedColumn:
    heading: str
    examples: list[str]
    field: BoundField | None  # None: too many columns to show a choice for each


@dataclass(frozen=True, slots=True)
class FirstRow:
    line: int
    wanted: Wanted | None
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` None: not begun. `left`: about how long still, in words; empty while nobody can tell."""

    verb: str
    percent: int | None
    rows: int
    refused: int
    left: str
    stalled: bool


def mapped_columns(one: ContactImport, form: ContactImportForm) -> list[MappedColumn]:
    reading = form.reading
    lines = _first_lines(one, reading.encoding) if reading.format == CSV else []
    rows = sample_rows(lines[int(reading.hint) :], reading.separator)[int(reading.header) :]
    names = set(form.fields)
    return [
        MappedColumn(use.heading, example_cells(rows, place), form[f"c{place}"] if f"c{place}" in names else None)
        for place, use in enumerate(reading.columns)
    ]


def first_rows(one: ContactImport, reading: Reading, country: str) -> list[FirstRow]:
    """The first contacts as they would be brought in; the start of the file only is read."""
    rows = wanted_rows(itertools.islice(chunks_of(one), 2), reading, country=country)
    found = []
    try:
        for _place, wanted, problems in itertools.islice(rows, FIRST_CONTACTS):
            found.append(FirstRow(wanted.line if wanted else problems[0].line, wanted, problems))
    except FileRefused as refused:
        found.append(FirstRow(0, None, [Problem(0, "file", str(refused))]))
    return found


def read_anew(one: ContactImport, form: ContactImportForm) -> Reading:
    """The rest guessed again, after the person changed how the file is cut. Raises FileRefused."""
    old = form.reading
    encoding = form.cleaned_data["encoding"]
    if old.format != CSV:
        return Reading(old.format, encoding)
    lines = _first_lines(one, encoding)
    return guess_csv(
        lines, encoding, sure=False, country=form.cleaned_data["country"], separator=form.chosen_separator(),
        header=form.cleaned_data["header"],
    )  # fmt: skip


def _first_lines(one: ContactImport, encoding: str) -> list[str]:
    start = next(chunks_of(one), b"")
    return first_lines(start, encoding, whole=one.byte_count <= CHUNK_BYTES)


def progress_of(one: ContactImport, now: datetime) -> Progress:
    share = float(one.counts.get("share", 0.0))
    verbs = {
        State.CHECKING: _("Checking %(file)s"), State.RUNNING: _("Bringing in %(file)s"),
        State.UNDOING: _("Undoing %(file)s"),
    }  # fmt: skip
    verb = verbs.get(State(one.state), "%(file)s") % {"file": one.file_name}
    left = _left((now - one.started_at).total_seconds(), share) if one.started_at and share > 0.02 else ""
    percent = round(100 * share) if one.started_at else None
    rows = one.rows_done if one.state != State.UNDOING else _undone_so_far(one)
    return Progress(verb, percent, rows, int(one.counts.get("refused", 0)), left, is_stalled(one, now=now))


def _undone_so_far(one: ContactImport) -> int:
    return sum(int(one.counts.get(name, 0)) for name in ("removed", "restored", "kept"))


def _left(seconds: float, share: float) -> str:
    left = seconds * (1 - share) / share
    if left < 90:
        return ngettext("about %(n)d s", "about %(n)d s", max(1, round(left))) % {"n": max(1, round(left))}
    return ngettext("about %(n)d minute", "about %(n)d minutes", round(left / 60)) % {"n": round(left / 60)}


def page_context(one: ContactImport, now: datetime) -> dict[str, Any]:
    """What every state of the page needs."""
    reading = Reading.from_json(one.reading) if one.reading else None
    return {
        "one": one, "told": one.counts, "progress": progress_of(one, now), "undoable": can_undo(one.pk),
        "encoding": CHOICES.get(reading.encoding, reading.encoding) if reading else "", "reading": reading,
        "under_way": one.state in (State.CHECKING, State.RUNNING, State.UNDOING),
        "unlisted": _unlisted(one.counts),
        "choosable": one.state in (State.RECEIVED, State.CHECKED, State.FAILED) and not can_undo(one.pk),
    }  # fmt: skip


def _unlisted(counts: dict[str, Any]) -> int:
    """Refused or left out beyond what is stored line by line."""
    return max(0, int(counts.get("refused", 0)) + int(counts.get("left_out", 0)) - int(counts.get("told", 0)))

"""The work itself: checking a file, bringing it in, undoing it; slice by slice, by whoever claimed it last.

Every slice is one transaction: its contacts, its problems and the note of how far the file is done are written together
or not at all. The note is a conditional UPDATE with the token of the claim, so a run that was taken over (its worker
was thought dead) writes nothing more, and a run that goes on begins where the last one ended. Nothing is brought in
twice.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import Error as DatabaseProblem
from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports.cells import Number, Problem, Wanted
from crmconnector.contacts.imports.copying import (
    Placed,
    SeenRows,
    copy_contacts,
    copy_history,
    copy_import_rows,
    locked_contacts,
    twins_of,
    write_changes,
)
from crmconnector.contacts.imports.limits import MOST_PROBLEMS, MOST_SECONDS, SLICE_ROWS, FileRefused, too_slow
from crmconnector.contacts.imports.options import Names, Options, tagged, teams_of
from crmconnector.contacts.imports.plan import Duplicates, changes_of, history_of, join_alike, keys_of
from crmconnector.contacts.imports.source import Reading, chunks_of, wanted_rows
from crmconnector.contacts.imports.undo import take_back
from crmconnector.contacts.models import ContactImport, ContactImportChunk, ContactImportProblem
from crmconnector.users.models import User

State = ContactImport.State
UNDER_WAY = (State.CHECKING, State.RUNNING, State.UNDOING)
Report = Callable[[ContactImport], None]
RawRow = tuple[int, Wanted | None, list[Problem]]

log = structlog.get_logger(__name__)


class TakenOver(Exception):
    """Somebody else goes on with this file, or it is gone: write nothing more."""


@dataclass(slots=True)
class Counts:
    """Of the rows so far. `left_out`: cells that were; `share`: of the file's bytes, 0 to 1."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    refused: int = 0
    left_out: int = 0
    numbers: int = 0
    told: int = 0  # problems stored
    share: float = 0.0


def run_import(import_id: int, *, report: Report = lambda one: None) -> ContactImport | None:
    """Do what the state of this import asks for; None when nothing is asked or somebody took it over.

    The database being away raises: the state stays, and whoever calls again goes on.
    """
    one = claim(import_id, now=utc_now())
    if one is None:
        return None
    try:
        _WORK[State(one.state)](one, report)
    except TakenOver:
        log.info("import.taken_over", id=import_id)
        return None
    except FileRefused as refused:
        _end(one, State.FAILED, sentence=str(refused))
    except DatabaseProblem:
        raise
    except Exception as error:  # no text of it: rows of people may stand in there
        log.error("import.failed", id=import_id, reason=type(error).__name__)
        _end(one, State.FAILED, sentence=_("Something went wrong here, not in the file. The log has the reason."))
    return one


def claim(import_id: int, *, now: datetime) -> ContactImport | None:
    """Become the one who works on it: `started_at` is the token, and only its holder writes from now on."""
    if not ContactImport.objects.filter(pk=import_id, state__in=UNDER_WAY).update(started_at=now, changed_at=now):
        return None
    one = ContactImport.objects.select_related("by").get(pk=import_id)
    return one if one.started_at == now else None


def _note(one: ContactImport, counts: Counts | None = None, **changes: object) -> None:
    """Write how far it is, if it is still ours."""
    if counts is not None:
        one.counts = asdict(counts)
        one.rows_done = counts.rows
    one.changed_at = utc_now()
    ours = ContactImport.objects.filter(pk=one.pk, state=one.state, started_at=one.started_at)
    wrote = ours.update(counts=one.counts, rows_done=one.rows_done, changed_at=one.changed_at, **changes)
    if wrote != 1:
        raise TakenOver
    for name, value in changes.items():
        setattr(one, name, value)


@transaction.atomic
def _end(one: ContactImport, state: ContactImport.State, *, sentence: str = "", act: str = "") -> None:
    _note(one, state=state.value, sentence=sentence, ended_at=utc_now())
    if act:
        asked_by = User.objects.filter(pk=one.options.get("asked_by")).first()
        told = {name: one.counts.get(name, 0) for name in ("rows", "created", "updated", "skipped", "refused")}
        record_act(actor=asked_by, action=act, target=one, details=told)


# --- one file -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Job:
    """What the slices of one run share."""

    one: ContactImport
    options: Options
    teams: list[int] | None
    names: Names
    counts: Counts = field(default_factory=Counts)
    passed: int = 0  # bytes

    @classmethod
    def of(cls, one: ContactImport) -> "Job":
        options, teams = Options.from_json(one.options), teams_of(one.by)
        return cls(one, options, teams, Names(options, teams=teams))

    def slices(self, *, after: int = 0) -> Iterator[list[RawRow]]:
        """The rows after so many, in slices. Raises FileRefused when it takes too long."""
        began = time.monotonic()
        reading = Reading.from_json(self.one.reading)
        rows = wanted_rows(self._chunks(), reading, country=self.options.country)
        rows = itertools.islice(rows, after, None)
        while piece := list(itertools.islice(rows, SLICE_ROWS)):
            if time.monotonic() - began > MOST_SECONDS:
                raise FileRefused(too_slow())
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        for chunk in chunks_of(self.one):
            self.passed += len(chunk)
            yield chunk


def _check(one: ContactImport, report: Report) -> None:
    """The dry run: everything but the writing of contacts."""
    ContactImportProblem.objects.filter(source=one).delete()
    job = Job.of(one)
    with SeenRows() as seen:
        for piece in job.slices():
            with transaction.atomic():
                good, problems = _placed(job, piece)
                alone, _joined = _sorted_out(job, good)
                keys = [(row.place, key) for row, _owner, _team in alone for key in keys_of(row, job.options.same)]
                adding = job.options.duplicates is Duplicates.ADD
                twins = set() if adding else {*twins_of(keys, teams=job.teams), *seen.had(keys)}
                if not adding:
                    seen.add(keys)
                _count(job, piece, alone, len(twins))
                _keep_problems(job, problems)
                _note(one, job.counts)
            report(one)
    _refuse_empty(job)
    _end(one, State.CHECKED)


def _bring_in(one: ContactImport, report: Report) -> None:
    job = Job.of(one)
    if one.rows_done:
        job.counts = Counts(**one.counts)
    else:
        ContactImportProblem.objects.filter(source=one).delete()
    for piece in job.slices(after=one.rows_done):
        with transaction.atomic():
            good, problems = _placed(job, piece)
            _write_slice(job, piece, good)
            _keep_problems(job, problems)
            _note(one, job.counts)
        report(one)
    with transaction.atomic():
        ContactImportChunk.objects.filter(source=one).delete()
        _end(one, State.DONE, act="contacts.imported")


def _undo(one: ContactImport, report: Report) -> None:
    take_back(one, note=lambda: _note(one), report=report)
    _end(one, State.UNDONE, act="contacts.import_undone")


def _placed(job: Job, piece: Iterable[RawRow]) -> tuple[list[Placed], list[Problem]]:
    good: list[Placed] = []
    problems: list[Problem] = []
    for _place, row, wrong in piece:
        problems += wrong
        if row is not None:
            owner, team, more = job.names.place(row)
            problems += more
            if not any(problem.refused for problem in more):
                good.append((row, owner, team))
    tagged((row for row, _owner, _team in good), job.options.tag)
    return good, problems


def _sorted_out(job: Job, good: list[Placed]) -> tuple[list[Placed], int]:
    """(rows that stand for themselves, how many were joined to one of them)."""
    alone, joined = join_alike([row for row, _owner, _team in good], same=job.options.same, rule=job.options.duplicates)
    places = {row.place for row in alone}
    job.counts.numbers += sum(len(row.numbers) for row in alone)
    count = sum(len(rows) for rows in joined.values())
    _count_twins(job, count)
    return [each for each in good if each[0].place in places], count


def _write_slice(job: Job, piece: list[RawRow], good: list[Placed]) -> None:
    alone, _joined = _sorted_out(job, good)
    keys = [(row.place, key) for row, _owner, _team in alone for key in keys_of(row, job.options.same)]
    twins = {} if job.options.duplicates is Duplicates.ADD else twins_of(keys, teams=job.teams)
    at = utc_now()
    _add(job, [each for each in alone if each[0].place not in twins], at)
    if job.options.duplicates in (Duplicates.FILL, Duplicates.OVERWRITE):
        _change(job, [(twins[each[0].place], each) for each in alone if each[0].place in twins], at)
    _count(job, piece, alone, len(twins))


def _add(job: Job, rows: list[Placed], at: datetime) -> None:
    ids = copy_contacts(rows, at=at)
    details = {"import": job.one.pk, "file": job.one.file_name}
    copy_history(((pk, details) for pk in ids), at=at, by_id=job.one.by_id, by=job.one.by_name)
    copy_import_rows(job.one.pk, ((pk, None) for pk in ids))


def _change(job: Job, pairs: list[tuple[int, Placed]], at: datetime) -> None:
    """Rows of contacts that are there already; two rows may mean the same one."""
    stored = locked_contacts(pk for pk, _row in pairs)
    changes: dict[int, Change] = {}
    for pk, (row, owner, team) in pairs:
        if pk not in stored:
            continue  # erased or merged since the look a moment ago
        now = stored[pk]
        changed, numbers = changes_of(now, row, rule=job.options.duplicates, owner_id=owner, team_id=team)
        if changed or numbers:
            changes.setdefault(pk, Change(dict(now.fields))).add(changed, numbers)
            now.fields |= changed
            now.numbers += numbers
    write_changes({pk: (one.fields, one.numbers) for pk, one in changes.items()}, at=at)
    source = {"import": [None, job.one.pk]}
    told = [(pk, history_of(one.before, one.fields, one.numbers) | source) for pk, one in changes.items()]
    copy_history(told, at=at, by_id=job.one.by_id, by=job.one.by_name)
    copy_import_rows(job.one.pk, ((pk, one.for_undo(at)) for pk, one in changes.items()))


@dataclass(slots=True)
class Change:
    """What a slice does to one contact that was there already."""

    before: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    numbers: list[Number] = field(default_factory=list)

    def add(self, fields: dict[str, Any], numbers: list[Number]) -> None:
        self.fields |= fields
        self.numbers += numbers

    def for_undo(self, at: datetime) -> dict[str, object]:
        """`at`: when it was changed; `numbers`: those that were added, as written."""
        was = {name: self.before[name] for name in self.fields}
        numbers = [one.written for one in self.numbers]
        return {
            "fields": was, "numbers": numbers, "at": at.isoformat(), "updated_at": self.before["updated_at"].isoformat()
        }  # fmt: skip


def _count(job: Job, piece: list[RawRow], alone: list[Placed], twins: int) -> None:
    counts = job.counts
    counts.rows += len(piece)
    counts.created += len(alone) - twins
    _count_twins(job, twins)
    counts.share = min(1.0, job.passed / job.one.byte_count) if job.one.byte_count else 1.0


def _count_twins(job: Job, count: int) -> None:
    if job.options.duplicates is Duplicates.SKIP:
        job.counts.skipped += count
    else:
        job.counts.updated += count


def _keep_problems(job: Job, problems: list[Problem]) -> None:
    counts = job.counts
    counts.refused += sum(problem.refused for problem in problems)
    counts.left_out += sum(not problem.refused for problem in problems)
    kept = problems[: max(0, MOST_PROBLEMS - counts.told)]
    counts.told += len(kept)
    ContactImportProblem.objects.bulk_create(
        [ContactImportProblem(
            source=job.one, line=one.line, refused=one.refused, code=one.code, sentence=one.sentence[:300],
            shown=one.shown[:200].replace("\x00", ""),
        ) for one in kept],
        batch_size=1000,
    )  # fmt: skip


def _refuse_empty(job: Job) -> None:
    if not job.counts.rows:
        raise FileRefused(_("There is no row with a contact in this file."))


_WORK: dict[ContactImport.State, Callable[[ContactImport, Report], None]] = {
    State.CHECKING: _check,
    State.RUNNING: _bring_in,
    State.UNDOING: _undo,
}

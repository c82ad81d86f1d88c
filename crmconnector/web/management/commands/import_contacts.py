"""`manage.py import_contacts FILE`: bring in a CSV or vCard file of contacts in this process, with a progress line."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import is_country
from crmconnector.contacts.imports.encodings import CHOICES
from crmconnector.contacts.imports.guessing import FIELDS, ColumnUse
from crmconnector.contacts.imports.limits import CHUNK_BYTES, FileRefused, ImportProblem
from crmconnector.contacts.imports.options import Options
from crmconnector.contacts.imports.plan import Duplicates, Same
from crmconnector.contacts.imports.running import run_import
from crmconnector.contacts.imports.services import (
    ask_bring_in,
    ask_check,
    ask_undo,
    choose,
    receive_file,
    remove_import,
)
from crmconnector.contacts.imports.source import Reading
from crmconnector.contacts.models import ContactImport
from crmconnector.pbx.selectors import home_country

MOST_SHOWN = 20
COUNTS = ("rows", "created", "updated", "skipped", "refused", "left_out", "numbers")
UNDO_COUNTS = ("removed", "restored", "kept")


class Command(BaseCommand):
    help = (
        "Bring in a CSV or vCard file of contacts. It is checked first; refused rows are told with their line and left "
        "out. Exit code 1 when nothing was brought in. The page Contacts, Bring in does the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="the file")
        parser.add_argument("--dry-run", action="store_true", help="check it only")
        parser.add_argument(
            "--mapping", nargs="+", default=[], metavar="COLUMN=FIELD", help="fields: " + ", ".join(FIELDS[1:])
        )
        parser.add_argument("--duplicates", choices=[str(one) for one in Duplicates], default=str(Duplicates.SKIP))
        parser.add_argument(
            "--same", nargs="*", choices=[str(one) for one in Same], help="how a contact is known again"
        )
        parser.add_argument("--country", default="", help="of numbers without a plus; two letters")
        parser.add_argument("--encoding", choices=sorted(CHOICES), help="instead of the guessed one")
        parser.add_argument("--tag", default="", help="a tag for all of them")
        parser.add_argument("--undo", type=int, metavar="ID", help="undo this import instead")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["undo"]:
                self._work(ask_undo(import_id=options["undo"], actor=None, now=utc_now()), UNDO_COUNTS)
            elif options["file"]:
                self._bring_in(options)
            else:
                raise CommandError("Name a file, or --undo ID.")
        except (ImportProblem, FileRefused) as problem:
            raise CommandError(str(problem)) from None

    def _bring_in(self, options: dict[str, Any]) -> None:
        one = self._receive(options["file"], options["country"].upper() or home_country())
        try:
            self._choose(one, options)
        except CommandError:
            remove_import(import_id=one.pk)
            raise
        self._work(ask_check(import_id=one.pk, actor=None, now=utc_now()), COUNTS)
        self._tell_problems(one)
        if options["dry_run"]:
            remove_import(import_id=one.pk)
            self.stdout.write("Nothing was changed.")
            return
        self._work(ask_bring_in(import_id=one.pk, actor=None, now=utc_now()), COUNTS)
        self.stdout.write(f"Brought in. To undo it: manage.py import_contacts --undo {one.pk}")

    def _receive(self, path: Path, country: str) -> ContactImport:
        if not is_country(country):
            raise CommandError(f"{country!r} is no country. Two letters, such as DE.")
        try:
            return receive_file(actor=None, file_name=path.name, chunks=pieces_of(path), country=country, now=utc_now())
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None

    def _choose(self, one: ContactImport, options: dict[str, Any]) -> None:
        stored = one.reading | ({"encoding": options["encoding"]} if options["encoding"] else {})
        reading = Reading.from_json(stored)
        mapped = Reading.from_json(
            stored | {"columns": [use.as_json() for use in mapping(reading, options["mapping"])]}
        )
        same = {"same": options["same"]} if options["same"] is not None else {}
        chosen = Options.from_json(
            one.options | same | {"duplicates": options["duplicates"], "tag": options["tag"][:40]}
        )
        choose(import_id=one.pk, reading=mapped, options=chosen, now=utc_now())
        self.stdout.write(f"{one.format}, {CHOICES.get(mapped.encoding, mapped.encoding)}")
        for use in mapped.columns:
            self.stdout.write(f"  {use.heading or '(no heading)'}: {use.field or 'not read'}")

    def _work(self, one: ContactImport, counts: Sequence[str]) -> None:
        done = run_import(one.pk, report=self._progress)
        if self.stderr.isatty():
            self.stderr.write("")
        if done is None:
            raise CommandError("Another process works on it.")
        if done.state == ContactImport.State.FAILED:
            raise CommandError(done.sentence)
        told = ", ".join(f"{name.replace('_', ' ')} {done.counts.get(name, 0)}" for name in counts)
        self.stdout.write(f"{done.get_state_display()}: {told}")

    def _progress(self, one: ContactImport) -> None:
        """One line that is written over and over, for a person only."""
        if self.stderr.isatty():
            share, refused = 100 * one.counts.get("share", 0), one.counts.get("refused", 0)
            self.stderr.write(f"\r{one.rows_done:,} rows, {share:.0f} %, {refused} refused ", ending="")
            self.stderr.flush()

    def _tell_problems(self, one: ContactImport) -> None:
        for problem in one.problems.all()[:MOST_SHOWN]:
            self.stdout.write(f"line {problem.line}: {problem.sentence}")
        more = one.problems.count() - MOST_SHOWN
        if more > 0:
            self.stdout.write(f"and {more} more; the page of import {one.pk} has all")


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def mapping(reading: Reading, wanted: Sequence[str]) -> list[ColumnUse]:
    """The columns as guessed, but for those named: by heading, or by place as in `3=phone`."""
    uses = list(reading.columns)
    for one in wanted:
        heading, _is, field = one.rpartition("=")
        place = next((at for at, use in enumerate(uses) if use.heading == heading), None)
        if place is None and heading.isdecimal() and 0 < int(heading) <= len(uses):
            place = int(heading) - 1
        if place is None or field not in FIELDS:
            raise CommandError(f"{one!r}: there is no such column, or no such field. Fields: {', '.join(FIELDS[1:])}.")
        uses[place] = ColumnUse(uses[place].heading, field, uses[place].place, uses[place].label)
    return uses

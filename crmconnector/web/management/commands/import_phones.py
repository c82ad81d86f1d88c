"""`manage.py import_phones FILE`: check a CSV file of phones and seats; with --apply bring it in."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from crmconnector.common.clock import utc_now
from crmconnector.web.seat_acts import bring_in, check_file
from phones.imports.plan import Options
from phones.imports.reading import MOST_BYTES, FileRefused
from phones.imports.services import ImportProblem
from phones.models import PhoneImport

COUNTS = (
    "lines", "good", "bad", "phones_new", "phones_changed", "phones_unchanged", "passcodes_replaced", "accounts_new",
    "accounts_changed", "seats_new", "seats_changed", "seats_ended", "seats_unchanged",
)  # fmt: skip


class Command(BaseCommand):
    help = (
        "Check a CSV file of phones and seats, and say what bringing it in would do. Nothing is changed without "
        "--apply; with it, all of the file is brought in or nothing. The page Phones, Import CSV does the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV file; its first line names the columns")
        parser.add_argument("--apply", action="store_true", help="bring it in")
        parser.add_argument("--leave-bad-out", action="store_true", help="bring in the good lines only")
        parser.add_argument("--take-over", action="store_true", help="take phones from the people who have them now")
        parser.add_argument("--move", action="store_true", help="people leave their other phones")

    def handle(self, *args: object, **options: object) -> None:
        one = self._check(Path(str(options["file"])), Options(bool(options["take_over"]), bool(options["move"])))
        self._tell(one)
        if not options["apply"]:
            self.stdout.write("Nothing was changed. With --apply it is brought in.")
            one.delete()  # its passcodes need not lie anywhere
            return
        try:
            done = bring_in(actor=None, import_id=one.pk, leave_bad_out=bool(options["leave_bad_out"]), now=utc_now())
        except ImportProblem as problem:
            one.delete()
            raise CommandError("\n".join([problem.sentence, *problem.reasons])) from None
        self.stdout.write(f"Brought in. It can be undone on the page of import {done.pk}.")

    def _check(self, path: Path, options: Options) -> PhoneImport:
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            return check_file(actor=None, name=path.name, content=content, options=options, now=utc_now())
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except FileRefused as refused:
            raise CommandError(str(refused)) from None

    def _tell(self, one: PhoneImport) -> None:
        told = one.summary
        self.stdout.write(f"Read as {told['encoding']}, separated by {told['separator']}.")
        if told["unknown"]:
            self.stdout.write(f"Columns that are not known and not read: {', '.join(told['unknown'])}")
        self.stdout.write(", ".join(f"{name.replace('_', ' ')} {told[name]}" for name in COUNTS))
        for problem in one.problems:
            self.stdout.write(f"line {problem['line']}, {problem['column'] or 'whole line'}: {problem['cause']}")

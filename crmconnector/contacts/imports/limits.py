"""How much one file of contacts may ask for, and what is said when it asks for more. Plain Python but for the words."""

from typing import Final

from django.utils.translation import gettext as _

CHUNK_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 200 * 1024 * 1024
MOST_ROWS: Final = 1_000_000
MOST_COLUMNS: Final = 200
LONGEST_LINE: Final = 256 * 1024  # characters
LONGEST_CELL: Final = 32 * 1024  # characters
MOST_PROBLEMS: Final = 10_000  # stored with their line; the rest are counted
MOST_SECONDS: Final = 3600  # of one check or one run
SLICE_ROWS: Final = 5_000  # brought in or undone at once: all of them or none
KEPT_DAYS: Final = 7  # a file that nobody brought in
UNDO_DAYS: Final = 30


class FileRefused(Exception):
    """The file as a whole is not read: why, and what to do; safe to show."""


class ImportProblem(Exception):
    """What was asked for cannot be done now, in words; nothing was changed."""


def too_large() -> str:
    return _("The file is larger than 200 MB. Split it into several.")


def line_too_long(line: int) -> str:
    return _("Line %(line)d is longer than 256 KB: this is no list of contacts.") % {"line": line}


def too_many_rows() -> str:
    return _("The file has more than 1,000,000 rows. Split it.")


def too_many_columns() -> str:
    return _("The file has more than 200 columns. Save it with the columns you need only.")


def too_slow() -> str:
    return _("The file took longer than an hour and was given up. Split it into several.")

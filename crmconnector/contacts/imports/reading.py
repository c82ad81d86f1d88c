"""The bytes of a file -> its lines -> the cells of its rows, without ever holding more of it than a piece.

A file is what a stranger's program made: its lines, rows, columns and cells are capped before they are looked at. Bytes
that the encoding does not know stay in the text as surrogates, so that only the row they stand in is refused.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crmconnector.contacts.imports.limits import (
    LONGEST_LINE,
    MOST_COLUMNS,
    MOST_ROWS,
    FileRefused,
    line_too_long,
    too_many_columns,
    too_many_rows,
)

_SPREADSHEETS = {b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls"}
_OTHERS = (b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"7z\xbc\xaf", b"Rar!", b"GIF8")
MOST_HEADINGS_BEFORE = 20  # lines that a program may write above the headings


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file. `place` counts rows from 1, `line` lines as an editor counts them.

    `why` says why it cannot be read; then `cells` is empty.
    """

    place: int
    line: int
    cells: list[str]
    why: str = ""


def refuse_foreign(start: bytes) -> None:
    """Spreadsheets and other files that are no text are told so by their first bytes."""
    if any(start.startswith(sign) for sign in _SPREADSHEETS):
        raise FileRefused(_("This is a spreadsheet file. Save it as CSV (“CSV UTF-8”) and bring that file."))
    if start.startswith(_OTHERS):
        raise FileRefused(_("This is not a text file. A CSV file or a vCard file is needed."))


def text_lines(chunks: Iterable[bytes], *, encoding: str, ending: str = "\n") -> Iterator[str]:
    """The lines with their ends; `ending` is "\\n", or "\\r" for files of very old programs."""
    wrong = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(wrong)
    rest, count = "", 0
    for text in _texts(decoder, chunks):
        *whole, rest = (rest + text).split(ending)
        for line in whole:
            count += 1
            if len(line) > LONGEST_LINE:
                raise FileRefused(line_too_long(count))
            yield line + ending
        if len(rest) > LONGEST_LINE:
            raise FileRefused(line_too_long(count + 1))
    if rest:
        yield rest


def _texts(decoder: codecs.IncrementalDecoder, chunks: Iterable[bytes]) -> Iterator[str]:
    first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        yield text.removeprefix("\ufeff") if first else text
        first = first and not text
    yield decoder.decode(b"", final=True)


def csv_rows(lines: Iterable[str], *, separator: str, skip: int = 0) -> Iterator[Row]:
    """The rows below the first `skip` of them (headings). Empty rows are passed over and not counted."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    place = -skip
    for line, cells, why in _records(reader):
        if not why and not any(cell and not cell.isspace() for cell in cells):
            continue
        place += 1
        if place <= 0:
            continue
        if place > MOST_ROWS:
            raise FileRefused(too_many_rows())
        if len(cells) > MOST_COLUMNS:
            raise FileRefused(too_many_columns())
        yield Row(place, line, cells, why)


def _records(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str], str]]:
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            yield line, next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], unreadable(error)


def unreadable(error: csv.Error) -> str:
    if "end of data" in str(error):
        return _("A quotation mark is opened here and never closed.")
    if "field limit" in str(error):
        return _("A field is far too long. A quotation mark may be missing.")
    return _("The quotation marks do not fit. A mark inside a quoted field is written twice.")

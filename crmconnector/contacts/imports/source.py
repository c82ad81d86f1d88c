"""A stored file as rows: its pieces come from the database one by one, and nobody holds it whole."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from crmconnector.contacts.imports.cells import CellMap, Problem, RowRefused, Wanted, read_cells
from crmconnector.contacts.imports.encodings import ByteCensus, census_of, guess_encoding
from crmconnector.contacts.imports.guessing import (
    ColumnUse,
    guess_columns,
    guess_header,
    guess_separator,
    sample_rows,
    sep_hint,
)
from crmconnector.contacts.imports.limits import MOST_COLUMNS, FileRefused, too_many_columns
from crmconnector.contacts.imports.reading import csv_rows, refuse_foreign, text_lines
from crmconnector.contacts.imports.vcard import cards, is_vcard
from crmconnector.contacts.models import ContactImport, ContactImportChunk

CSV, VCARD = "csv", "vcard"
SAMPLE_LINES = 200
_folds = re.compile(rb"\r?\n[ \t]")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: guessed, then perhaps changed by the person. `ending` of its lines; `hint`: `sep=;` stands
    in its first line."""

    format: str
    encoding: str
    sure: bool = True
    separator: str = ","
    ending: str = "\n"
    hint: bool = False
    header: bool = True
    columns: tuple[ColumnUse, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format, "encoding": self.encoding, "sure": self.sure, "separator": self.separator,
            "ending": self.ending, "hint": self.hint, "header": self.header,
            "columns": [use.as_json() for use in self.columns],
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Reading":
        columns = tuple(ColumnUse(**use) for use in stored.get("columns", ()))
        return cls(**{**stored, "columns": columns})


def chunks_of(one: ContactImport) -> Iterator[bytes]:
    for position in itertools.count():
        row = ContactImportChunk.objects.filter(source=one, position=position).values_list("content").first()
        if row is None:
            return
        yield bytes(row[0])


def guess_reading(census: ByteCensus, *, country: str) -> Reading:
    """Raises FileRefused."""
    start = census.start
    refuse_foreign(start)
    if not start.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise FileRefused(_("The file is empty."))
    encoding, sure = guess_encoding(census)
    if is_vcard(start):
        # A program may fold a line within a letter, so its bytes are looked at unfolded.
        encoding, sure = (encoding, sure) if sure else guess_encoding(census_of([_folds.sub(b"", start)]))
        return Reading(VCARD, encoding, sure)
    whole = census.count <= len(start)
    return guess_csv(first_lines(start, encoding, whole=whole), encoding, sure=sure, country=country)


def guess_csv(
    lines: list[str], encoding: str, *, sure: bool, country: str, separator: str = "", header: bool | None = None
) -> Reading:
    """The rest of the guesses, once the encoding, and perhaps the separator and the headings, are decided."""
    hinted = sep_hint(lines[0]) if lines else ""
    lines = lines[1:] if hinted else lines
    separator = separator or hinted or guess_separator(lines)
    rows = sample_rows(lines, separator)
    if rows and len(rows[0]) > MOST_COLUMNS:
        raise FileRefused(too_many_columns())
    header = guess_header(rows) if header is None else header
    columns = tuple(guess_columns(rows, header=header, country=country))
    ending = "\n" if not lines or lines[0].endswith("\n") or "\r" not in lines[0] else "\r"
    return Reading(CSV, encoding, sure, separator, ending, bool(hinted), header, columns)


def first_lines(start: bytes, encoding: str, *, whole: bool) -> list[str]:
    """The first lines; the last one only when it is known to be whole."""
    ending = "\n"
    wide = encoding.startswith("utf-16")
    if (b"\n" not in start) and (b"\r" in start):
        ending = "\r"
    start = start[: len(start) // 2 * 2] if wide else start
    lines = list(itertools.islice(text_lines([start], encoding=encoding, ending=ending), SAMPLE_LINES))
    return lines if whole or len(lines) < 2 or len(lines) == SAMPLE_LINES else lines[:-1]


def wanted_rows(
    chunks: Iterable[bytes], reading: Reading, *, country: str
) -> Iterator[tuple[int, Wanted | None, list[Problem]]]:
    """(place, what the row asks for, what is wrong with it) of every row. Raises FileRefused."""
    if reading.format == VCARD:
        yield from _wanted_cards(chunks, reading, country)
        return
    cell_map = CellMap(reading.columns)
    lines = text_lines(chunks, encoding=reading.encoding, ending=reading.ending)
    skipped = int(reading.hint)
    lines = itertools.islice(lines, skipped, None)
    for row in csv_rows(lines, separator=reading.separator, skip=int(reading.header)):
        try:
            if row.why:
                raise RowRefused("quotes", row.why)
            cells = cell_map.cells(cell_map.refuse_ragged(row.cells))
            wanted, problems = read_cells(row.place, row.line + skipped, cells, country=country)
        except RowRefused as refused:
            yield row.place, None, [_refusal(row.line + skipped, refused)]
        else:
            yield row.place, wanted, problems


def _wanted_cards(
    chunks: Iterable[bytes], reading: Reading, country: str
) -> Iterator[tuple[int, Wanted | None, list[Problem]]]:
    for card in cards(chunks, encoding=reading.encoding):
        try:
            if not card.cells:
                raise RowRefused("card", _("This card is empty, or its end is missing."))
            wanted, problems = read_cells(card.place, card.line, card.cells, country=country)
        except RowRefused as refused:
            yield card.place, None, [_refusal(card.line, refused)]
        else:
            yield card.place, wanted, problems


def _refusal(line: int, refused: RowRefused) -> Problem:
    shown = refused.shown.encode("utf-8", "replace").decode().replace("\x00", "")[:200]
    return Problem(line, refused.code, refused.sentence, shown)

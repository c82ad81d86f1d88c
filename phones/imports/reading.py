"""A CSV file of phones and seats -> rows, and everything that is wrong with it. Pure: bytes in, no database.

How it is written is guessed and said: the encoding, the separator, the columns by their headings, in any order. What
cannot be read with certainty is refused with its line; nothing is read half. Everything is capped before it is looked
at, because a file is what a stranger's program made.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crmconnector.common.network import AddressPolicy
from phones.imports.cells import HEADINGS, Problem, WantedRow, column_of, read_row

MOST_BYTES = 2 * 1024 * 1024
MOST_ROWS = 10_000
MOST_COLUMNS = 32
LONGEST_LINE = 64 * 1024  # characters
MOST_PROBLEMS = 20_000  # of one file; a line has few
SEPARATORS = {
    ",": gettext_noop("comma"), ";": gettext_noop("semicolon"), "\t": gettext_noop("tab"),
    "|": gettext_noop("vertical bar"),
}  # fmt: skip
SAMPLE = (
    "phone,mac,model,firmware,address,port,connection,passcode,pbx,extension,endpoint,user,from,until\r\n"
    "Front desk left,00:0B:82:A1:4C:07,GRP2614,1.0.13.24,192.168.10.21,80,http,change-me,,204,PJSIP/204,anna,,\r\n"
    "Hot desk 7,00:0B:82:A1:4C:08,GRP2612W,,192.168.10.22,443,https unverified,change-me,,205,PJSIP/205,ben,"
    "2026-03-01,2026-06-30\r\n"
    "Store room,,,,192.168.10.23,,,change-me,,,,,,\r\n"
)
_BINARY = {
    b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls", b"%PDF": "other", b"\x1f\x8b": "other", b"\x89PNG": "other",
    b"\xff\xfe\x00\x00": "other", b"\x00\x00\xfe\xff": "other",
}  # fmt: skip


class FileRefused(Exception):
    """The file as a whole is not read: why, and what to do; safe to show."""


@dataclass(slots=True)
class PhonesFile:
    """A file as it was understood. `read_as` is said to the person who brought it: a guess may be wrong."""

    encoding: str
    separator: str
    columns: list[str]
    unknown: list[str]  # headings that are none of ours: not read
    unusual: str = ""  # a name with letters by which a person sees whether the encoding was guessed right
    lines: int = 0  # lines with something in them, the headings not counted
    rows: list[WantedRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_phones_file(content: bytes, *, zone: tzinfo, policy: AddressPolicy) -> PhonesFile:
    """Every line as what it asks for or as what is wrong with it; raises FileRefused.

    `zone`: of times without an offset. `policy`: where phones may be.
    """
    if len(content) > MOST_BYTES:
        raise FileRefused(too_large())
    text, encoding = _decoded(content)
    text, skipped, said = _without_hint(text)
    separator = said or _separator_of(text)
    lines = _Lines(text, skipped)
    records = _records(lines, separator)
    file = _headed(records, encoding, separator)
    for number, cells in records:
        _read_line(file, number, cells, zone, policy)
    if not file.lines:
        raise FileRefused(_("There are headings in the file and no line below them."))
    return file


def too_large() -> str:
    return _("The file is larger than 2 MB. Split it: 10,000 lines fit into one.")


def _read_line(file: PhonesFile, number: int, cells: list[str] | str, zone: tzinfo, policy: AddressPolicy) -> None:
    file.lines += 1
    if file.lines > MOST_ROWS:
        raise FileRefused(_("The file has more than 10,000 lines. Split it."))
    if isinstance(cells, str):
        _add(file, [Problem(number, "", cells)])
        return
    if len(cells) != len(file.columns):
        _add(file, [_ragged(file, number, cells)])
        return
    row, problems = read_row(number, _known(file.columns, cells), zone=zone, policy=policy)
    _add(file, problems)
    if row is not None:
        file.rows.append(row)
        if not file.unusual and not row.phone.isascii():
            file.unusual = row.phone


def _add(file: PhonesFile, problems: list[Problem]) -> None:
    file.problems += problems[: max(0, MOST_PROBLEMS - len(file.problems))]


def _ragged(file: PhonesFile, number: int, cells: list[str]) -> Problem:
    """Where it stops: a line with a field too few or too many has all its values in doubt."""
    have = ngettext("%(n)d field", "%(n)d fields", len(cells)) % {"n": len(cells)}
    cause = _("This line has %(have)s, the headings are %(want)d. A field with a separator in it stands in quotes.")
    place = min(len(cells), len(file.columns) - 1)
    return Problem(number, file.columns[place], cause % {"have": have, "want": len(file.columns)})


def _known(columns: list[str], cells: list[str]) -> dict[str, str]:
    return {column: cell for column, cell in zip(columns, cells, strict=True) if column in HEADINGS}


# --- how it is written --------------------------------------------------------------------------------------------
def _decoded(content: bytes) -> tuple[str, str]:
    """(text, the encoding in words)"""
    kind = next((kind for start, kind in _BINARY.items() if content.startswith(start)), "")
    if kind in ("xlsx", "xls"):
        raise FileRefused(_("This is an Excel workbook. Save it as “CSV UTF-8” and bring that file."))
    if kind:
        raise FileRefused(_("This is not a text file. A CSV file is needed."))
    if not content.strip():
        raise FileRefused(_("The file is empty."))
    for codec, words in _codecs(content):
        try:
            return content.decode(codec).removeprefix("\ufeff"), words
        except UnicodeDecodeError:
            continue
    raise FileRefused(_("The file’s encoding is not known. Save it as “CSV UTF-8”."))


def _codecs(content: bytes) -> list[tuple[str, str]]:
    """Those that may be meant, the surest first."""
    if content.startswith(b"\xef\xbb\xbf"):
        return [("utf-8", _("UTF-8 with a byte order mark"))]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return [("utf-16", _("UTF-16"))]
    start = content[:4096]
    if start[1::2].count(0) > len(start) // 8 and not start[::2].count(0):
        return [("utf-16-le", _("UTF-16, guessed"))]
    if start[::2].count(0) > len(start) // 8 and not start[1::2].count(0):
        return [("utf-16-be", _("UTF-16, guessed"))]
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        _refuse_mixed(content)
        return [("cp1252", _("Windows-1252, guessed")), ("latin-1", _("Latin-1, guessed"))]
    return [("utf-8", _("UTF-8"))]


def _refuse_mixed(content: bytes) -> None:
    """Two files glued together: in each guess the names of one half would be wrong."""
    utf8_line = other_line = 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf8_line = utf8_line or number
        except UnicodeDecodeError:
            other_line = other_line or number
        if utf8_line and other_line:
            cause = _("The file mixes two encodings: line %(one)d is UTF-8, line %(two)d is not. Save it in one.")
            raise FileRefused(cause % {"one": utf8_line, "two": other_line})


def _without_hint(text: str) -> tuple[str, int, str]:
    """Excel may write `sep=;` as a first line: (the text after it, lines taken away, the separator it names)."""
    first, _end, rest = text.partition("\n")
    first = first.rstrip("\r")
    if len(first) == 5 and first.casefold().startswith("sep=") and first[4] in SEPARATORS:
        return rest, 1, first[4]
    return text, 0, ""


def _separator_of(text: str) -> str:
    """The one with which most headings mean something to us; then the one that makes most of them."""
    start = text[: LONGEST_LINE + 1]

    def meaning(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader(io.StringIO(start, newline=""), delimiter=separator), [])
        except csv.Error:
            return 0, 0
        return len({column_of(cell) for cell in cells} - {None}), len(cells)

    return max(SEPARATORS, key=meaning)


class _Lines:
    """The lines of a text, counted as an editor counts them, none longer than is allowed."""

    def __init__(self, text: str, skipped: int) -> None:
        self._lines = io.StringIO(text, newline="")
        self.number = skipped

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > LONGEST_LINE:
            raise FileRefused(
                _("Line %(line)d is longer than 64 KB: this is no list of phones.") % {"line": self.number}
            )
        return line


def _records(lines: _Lines, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """(line on which it begins, its fields or why it cannot be read); empty lines are passed over."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        number = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, _unreadable(error)
            continue
        if any(cell.strip() for cell in cells):
            yield number, cells


def _unreadable(error: csv.Error) -> str:
    if "end of data" in str(error):
        return _("A quotation mark is opened here and never closed.")
    if "field limit" in str(error):
        return _("A field is far too long. A quotation mark may be missing.")
    return _("The quotation marks do not fit. A mark inside a quoted field is written twice.")


def _headed(records: Iterator[tuple[int, list[str] | str]], encoding: str, separator: str) -> PhonesFile:
    number, cells = next(records, (0, ""))
    if isinstance(cells, str):
        raise FileRefused(cells or _("The file is empty."))
    if len(cells) > MOST_COLUMNS:
        raise FileRefused(_("The file has more than 32 columns."))
    columns = [column_of(cell) or f"{cell.strip()[:40]} " for cell in cells]  # with a blank: never one of ours
    if "phone" not in columns:
        # The headings are not repeated: without them this line may be a phone with its passcode.
        raise FileRefused(
            _("Line %(line)d has no heading “phone”. The first line names the columns.") % {"line": number}
        )
    twice = next((column for column in HEADINGS if columns.count(column) > 1), "")
    if twice:
        raise FileRefused(_("Two columns mean “%(column)s”. Keep one.") % {"column": twice})
    places = enumerate(columns, start=1)
    unknown = [column.strip() or _("column %(n)d") % {"n": place} for place, column in places if column not in HEADINGS]
    return PhonesFile(encoding, SEPARATORS[separator], columns, unknown)

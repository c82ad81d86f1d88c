"""How a CSV file of contacts is written: its separator, whether it has headings, and what each column holds. Pure.

Headings are known by name in seven languages (`crmconnector.contacts.columns`); a column without one that helps is
looked at itself. Every guess is shown and may be changed.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from crmconnector.common.numbers import NumberKind, read_number
from crmconnector.contacts.columns import COLUMNS, PHONE, PHONE_LABEL, fold_header, guess_column

SEPARATORS: Final = (",", ";", "\t", "|")
FIRST_NAME, LAST_NAME, IGNORE = "first_name", "last_name", ""
FIELDS: Final = (IGNORE, *(column.field for column in COLUMNS), FIRST_NAME, LAST_NAME, PHONE, PHONE_LABEL)
SAMPLE_ROWS: Final = 100
LONGEST_HEADING: Final = 60

_FIRST = frozenset(
    fold_header(word) for word in (
        "first name", "firstname", "given name", "forename", "Vorname", "prénom", "nombre de pila", "primer nombre",
        "nome di battesimo", "voornaam", "imię",
    )
)  # fmt: skip
_LAST = frozenset(
    fold_header(word) for word in (
        "last name", "lastname", "surname", "family name", "Nachname", "Familienname", "Zuname", "nom de famille",
        "apellido", "apellidos", "cognome", "achternaam", "nazwisko",
    )
)  # fmt: skip
_email = re.compile(r"\A[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_digit = re.compile(r"[0-9]")


@dataclass(slots=True)
class ColumnUse:
    """One column of the file. `place` joins a number with the column of its label; `label` is what its number gets."""

    heading: str
    field: str = IGNORE
    place: int = 0
    label: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def sep_hint(first_line: str) -> str:
    """Excel may write `sep=;` as a first line; the separator it names, or nothing."""
    line = first_line.strip("\r\n\ufeff")
    return line[4] if len(line) == 5 and line.casefold().startswith("sep=") and line[4] in SEPARATORS else ""


def guess_separator(lines: Sequence[str]) -> str:
    """The one with which most headings mean something; then the one that cuts most lines into equally many fields."""

    def meaning(separator: str) -> tuple[int, float, int]:
        rows = sample_rows(lines, separator)
        if not rows:
            return 0, 0.0, 0
        known = sum(_guess(cell) is not None for cell in rows[0])
        sizes = [len(row) for row in rows]
        usual = max(set(sizes), key=sizes.count)
        alike = sizes.count(usual) / len(sizes) if usual > 1 else 0.0
        return (known if usual > 1 else 0), round(alike, 1), usual

    return max(SEPARATORS, key=meaning)


def sample_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows; what cannot be read is left out, because the check will tell."""
    rows: list[list[str]] = []
    reader = csv.reader(iter(lines), delimiter=separator)
    while len(rows) < SAMPLE_ROWS:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        if any(cell.strip() for cell in row):
            rows.append(row)
    return rows


def guess_header(rows: Sequence[Sequence[str]]) -> bool:
    """Headings name something and are no numbers or addresses themselves."""
    if not rows:
        return True
    first = rows[0]
    if any(_is_email(cell) or _is_number(cell, "") for cell in first):
        return False
    return any(_guess(cell) for cell in first) or not _looks_like(first, rows[1:])


def _looks_like(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Without a known heading: the first row is one of the others when no column stands out below it."""
    columns = list(zip(*[row for row in rest if len(row) == len(first)], strict=True))
    return not any(_mostly(column, lambda text: _is_email(text) or _is_number(text, "")) for column in columns)


def guess_columns(rows: Sequence[Sequence[str]], *, header: bool, country: str) -> list[ColumnUse]:
    """What each column holds. `rows`: the first ones of the file, with the headings if there are some."""
    width = max((len(row) for row in rows[:1]), default=0)
    body = [row for row in rows[header:] if len(row) == width]
    headings = [shown_text(cell)[:LONGEST_HEADING] for cell in rows[0]] if header and rows else [""] * width
    uses = [_by_heading(heading) for heading in headings]
    _join_names(uses)
    for place, use in enumerate(uses):
        if use.field == IGNORE:
            _by_content(use, [row[place] for row in body], uses, country=country, header=header)
    _once_each(uses)
    return uses


def shown_text(text: str) -> str:
    """To be stored and shown whatever stood in the file: no control characters, no bytes that were not understood."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _guess(heading: str) -> ColumnUse | None:
    folded = fold_header(heading)
    if folded in _FIRST or folded in _LAST:
        return ColumnUse(heading, FIRST_NAME if folded in _FIRST else LAST_NAME)
    known = guess_column(heading)
    return ColumnUse(heading, known.field, known.place, known.label) if known else None


def _by_heading(heading: str) -> ColumnUse:
    return _guess(heading) or ColumnUse(heading)


def _join_names(uses: list[ColumnUse]) -> None:
    """Beside `Vorname`, `Name` means the family name; beside `Cognome`, `Nome` the given one."""
    fields = {use.field for use in uses}
    missing = {FIRST_NAME: LAST_NAME, LAST_NAME: FIRST_NAME}
    have = fields & set(missing)
    if len(have) != 1:
        return
    for use in uses:
        if use.field == "name":
            use.field = missing[have.pop()]
            return


def _by_content(use: ColumnUse, texts: Sequence[str], uses: Sequence[ColumnUse], *, country: str, header: bool) -> None:
    taken = {each.field for each in uses}
    if "email" not in taken and _mostly(texts, _is_email):
        use.field = "email"
    elif _mostly(texts, lambda text: _is_number(text, country)):
        use.field, use.label = PHONE, use.heading[:40]
    elif not header and _mostly(texts, _has_letters):
        named = bool(taken & {"name", FIRST_NAME, LAST_NAME})
        use.field = "name" if not named else "company" if "company" not in taken else IGNORE


def _once_each(uses: Sequence[ColumnUse]) -> None:
    """A second column of the same meaning is left out, but for numbers, tags and notes: a contact has several."""
    seen: set[tuple[str, int]] = set()
    for use in uses:
        what = (use.field, use.place if use.field == PHONE_LABEL else 0)
        if use.field in (PHONE, "notes", "tags"):
            continue
        if what in seen:
            use.field = IGNORE
        seen.add(what)


def _mostly(texts: Sequence[str], test: Any) -> bool:
    filled = [text.strip() for text in texts if text.strip()]
    return bool(filled) and sum(bool(test(text)) for text in filled) * 10 >= len(filled) * 7


def _is_email(text: str) -> bool:
    return bool(_email.match(text.strip()))


def _is_number(text: str, country: str) -> bool:
    """A whole number with at least seven digits; without a country a plus or a trunk zero shows that it is one."""
    text = text.strip().lstrip("'")
    if len(_digit.findall(text)) < 7:
        return False
    if country:
        return read_number(text, country=country).kind is NumberKind.E164
    return text.startswith(("+", "00", "0", "(")) and not re.search(r"[^\W\d_]", text)


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)

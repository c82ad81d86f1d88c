"""The cells of one row -> the contact it asks for, or why it is refused. Plain Python but for words and validators.

A row is refused when one cannot know what it means (no name, control characters, a name cut nowhere). What is wrong
with one cell alone is left out and told: the rest of the person is worth having. Formulas are text here.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils.translation import gettext as _

from crmconnector.common.numbers import NumberKind, NumberReading, read_number
from crmconnector.contacts.columns import PHONE, PHONE_LABEL
from crmconnector.contacts.imports.guessing import FIRST_NAME, IGNORE, LAST_NAME, ColumnUse
from crmconnector.contacts.imports.limits import LONGEST_CELL

LONGEST: Final = {"name": 200, "company": 200, "title": 120, "email": 254, "external_id": 120, "external_link": 500}
LONGEST_NUMBER, LONGEST_LABEL, LONGEST_TAG, MOST_TAGS, MOST_NUMBERS = 60, 40, 40, 20, 50
WORDS: Final[Mapping[str, Callable[[], str]]] = {
    "name": lambda: _("name"), "company": lambda: _("company"), "title": lambda: _("role or title"),
    "email": lambda: _("e-mail"), "external_id": lambda: _("id in the CRM"),
    "external_link": lambda: _("link to the CRM"),
}  # fmt: skip
_COMPANY_WORDS = frozenset(
    (
        "company", "organisation", "organization", "org", "firma", "unternehmen", "business", "account", "entreprise",
        "societe", "société", "empresa", "azienda", "società", "bedrijf",
    )
)  # fmt: skip
_wrong = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_undecoded = re.compile("[\ud800-\udfff\ufffd]")
_breaks = re.compile(r"[\r\n\t]+")
_apostrophe = re.compile(r"\A'(?=[' \u00a0]*[=+\-@\t\r\n＝＋－＠])")
_tag_ends = re.compile(r"[;,]")
_web = URLValidator(schemes=["https", "http"])

Cell = tuple[str, str, str]  # field, label of a number, text


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is refused, or something of it that is left out. `line` as an editor counts."""

    line: int
    code: str
    sentence: str
    shown: str = ""
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    label: str
    written: str
    e164: str
    key: str


@dataclass(slots=True)
class Wanted:
    """The contact one row asks for. `owner` is a user name, `team` a team's name; empty: as chosen for the file."""

    place: int
    line: int
    kind: str = "person"
    name: str = ""
    company: str = ""
    title: str = ""
    email: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    owner: str = ""
    team: str = ""
    external_id: str = ""
    external_link: str = ""
    numbers: list[Number] = field(default_factory=list)


class RowRefused(Exception):
    def __init__(self, code: str, sentence: str, shown: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.shown = code, sentence, shown


def without_guard(text: str) -> str:
    """The apostrophe that our export puts before what a spreadsheet would compute is taken off again."""
    return text[1:] if text[:1] == "'" and _apostrophe.match(text) else text


class CellMap:
    """Which cell of a row is what; made once for a file."""

    def __init__(self, uses: Sequence[ColumnUse]) -> None:
        self.width = len(uses)
        labels = {use.place: at for at, use in enumerate(uses) if use.field == PHONE_LABEL}
        self._plain = [
            (at, use.field, use.label) for at, use in enumerate(uses) if use.field not in (IGNORE, PHONE, PHONE_LABEL)
        ]
        self._phones = [(at, labels.get(use.place), use.label) for at, use in enumerate(uses) if use.field == PHONE]

    def cells(self, row: Sequence[str]) -> list[Cell]:
        found = [(name, "", row[at]) for at, name, _label in self._plain if row[at]]
        for at, label_at, label in self._phones:
            if row[at]:
                found.append((PHONE, row[label_at] if label_at is not None else label, row[at]))
        return found

    def refuse_ragged(self, row: list[str]) -> list[str]:
        """A field too few or too many leaves all values of the row in doubt; empty ones at the end do not."""
        if len(row) > self.width and not any(row[self.width :]):
            return row[: self.width]
        if len(row) != self.width:
            sentence = _("This row has %(have)d fields, the first row %(want)d. A field with a separator in it stands "
                         "in quotes.")  # fmt: skip
            raise RowRefused("ragged", sentence % {"have": len(row), "want": self.width}, " ".join(row))
        return row


def read_cells(place: int, line: int, cells: Iterable[Cell], *, country: str) -> tuple[Wanted, list[Problem]]:
    """Raises RowRefused."""
    wanted, problems = Wanted(place, line), []
    names = {FIRST_NAME: "", LAST_NAME: ""}

    def left_out(code: str, sentence: str, shown: str) -> None:
        problems.append(Problem(line, code, sentence, shown[:200], refused=False))

    for name, label, raw in cells:
        text = _clean(raw)
        if not text:
            continue
        if name == PHONE:
            _add_number(wanted, _one_line(_clean(label)), text, country, left_out)
        elif name in names:
            names[name] = names[name] or _one_line(text)
        elif name == "notes":
            wanted.notes = f"{wanted.notes}\n{text}" if wanted.notes else text
        elif name == "tags":
            _add_tags(wanted, text, left_out)
        elif name == "kind":
            wanted.kind = "company" if text.casefold() in _COMPANY_WORDS else "person"
        elif not getattr(wanted, name):
            setattr(wanted, name, _one_line(text))
    _finish(wanted, names, left_out)
    return wanted, problems


LeftOut = Callable[[str, str, str], None]


def _clean(text: str) -> str:
    if len(text) > LONGEST_CELL:
        raise RowRefused("long", _("A cell of this row is longer than 32 KB."), text[:40])
    if not text.isprintable():
        if _undecoded.search(text):
            raise RowRefused(
                "encoding", _("There are bytes in this row that the encoding of the file does not know."),
                text.encode("utf-8", "replace").decode(),
            )  # fmt: skip
        if _wrong.search(text):
            raise RowRefused("control", _("There is a control character in this row that cannot be seen."), "")
    elif "\ufffd" in text:
        raise RowRefused("encoding", _("There are bytes in this row that the encoding of the file does not know."))
    return without_guard(text).strip()


def _one_line(text: str) -> str:
    return text if text.isprintable() else _breaks.sub(" ", text)


def _finish(wanted: Wanted, names: Mapping[str, str], left_out: LeftOut) -> None:
    wanted.name = wanted.name or " ".join(filter(None, (names[FIRST_NAME], names[LAST_NAME])))
    if not wanted.name and wanted.company:
        wanted.name, wanted.kind = wanted.company, "company"
        wanted.company = ""
    if not wanted.name:
        shown = wanted.numbers[0].written if wanted.numbers else wanted.email
        raise RowRefused("no_name", _("There is neither a name nor a company in this row."), shown)
    for name, most in LONGEST.items():
        text = getattr(wanted, name)
        if len(text) > most:
            sentence = _("%(field)s: longer than %(most)d characters.") % {"field": WORDS[name](), "most": most}
            raise RowRefused("long", sentence[:1].upper() + sentence[1:], text[:200])
    if wanted.email and not _is_valid(validate_email, wanted.email):
        left_out("email", _("This is no e-mail address, so it was left out."), wanted.email)
        wanted.email = ""
    if wanted.external_link and not _is_valid(_web, wanted.external_link):
        left_out("link", _("This is no link that begins with https:// or http://, so it was left out."),
                 wanted.external_link)  # fmt: skip
        wanted.external_link = ""


def _is_valid(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ValidationError:
        return False
    return True


def _add_number(wanted: Wanted, label: str, text: str, country: str, left_out: LeftOut) -> None:
    text = _one_line(text)
    if len(text) > LONGEST_NUMBER:
        return left_out("number", _("No telephone number is that long, so it was left out."), text)
    reading = read_once(text, country)
    # As `read_contact_number` refuses it for a typed contact.
    if reading.kind is NumberKind.WITHHELD or not reading.key:
        return left_out("number", _("This is not a telephone number, so it was left out."), text)
    if len(wanted.numbers) >= MOST_NUMBERS:
        return left_out("number", _("A contact has at most 50 numbers; this one was left out."), text)
    if all(number.written != reading.written for number in wanted.numbers):
        wanted.numbers.append(Number(label[:LONGEST_LABEL], reading.written, reading.e164, reading.key))
    return None


@lru_cache(maxsize=4096)
def read_once(text: str, country: str) -> NumberReading:
    """Companies' numbers stand in a file again and again, and reading one is the dearest part of a row."""
    return read_number(text, country=country)


def _add_tags(wanted: Wanted, text: str, left_out: LeftOut) -> None:
    for part in _tag_ends.split(_one_line(text)):
        tag = part.strip()
        if not tag or tag in wanted.tags:
            continue
        if len(tag) > LONGEST_TAG or len(wanted.tags) >= MOST_TAGS:
            left_out("tag", _("A contact has at most 20 tags of 40 characters; this one was left out."), tag)
        else:
            wanted.tags.append(tag)

"""A vCard file (2.1, 3.0, 4.0) -> cells like those of a CSV file. Plain Python.

A card is a row. Lines are unfolded, quoted-printable and the character set of each property are undone; pictures,
sounds and keys are passed over without keeping them; nothing is fetched from anywhere.
"""

import codecs
import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from crmconnector.contacts.columns import PHONE
from crmconnector.contacts.imports.cells import Cell
from crmconnector.contacts.imports.guessing import FIRST_NAME, LAST_NAME
from crmconnector.contacts.imports.limits import LONGEST_LINE, MOST_ROWS, FileRefused, too_many_rows

_FIELDS: Final = {
    "FN": "name", "N": "n", "ORG": "company", "TITLE": "title", "ROLE": "role", "EMAIL": "email", "NOTE": "notes",
    "CATEGORIES": "tags", "KIND": "kind", "X-ABSHOWAS": "kind", "URL": "external_link", "UID": "external_id",
    "TEL": PHONE, "X-ABLABEL": "label",
}  # fmt: skip
_LABELS: Final = {
    "CELL": "Mobile", "MOBILE": "Mobile", "WORK": "Work", "HOME": "Home", "FAX": "Fax", "PAGER": "Pager", "CAR": "Car",
    "MAIN": "Main", "IPHONE": "iPhone", "OTHER": "Other",
}  # fmt: skip
_begin = re.compile(rb"\A(?:\xef\xbb\xbf)?[\s]*BEGIN:VCARD[ \t]*\r?\n?", re.IGNORECASE)
_property = re.compile(rb'\A(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)((?:;(?:"[^"]*"|[^";:])*)*):(.*)\Z', re.DOTALL)
_parameter = re.compile(r';((?:"[^"]*"|[^";])*)')
_escape = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class Card:
    """`line` is that of its BEGIN."""

    place: int
    line: int
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class _Property:
    group: str
    name: str
    types: list[str]
    charset: str
    quoted: bool
    value: bytes


def is_vcard(start: bytes) -> bool:
    wide = start[:2] in (b"\xff\xfe", b"\xfe\xff")
    return bool(_begin.match(start.decode("utf-16", "replace").encode() if wide else start[:4096]))


def cards(chunks: Iterable[bytes], *, encoding: str) -> Iterator[Card]:
    """Every card of the file; `encoding` of what does not say its own. Raises FileRefused."""
    if encoding.startswith("utf-16"):
        chunks, encoding = _as_utf8(chunks, encoding), "utf-8"
    place, depth, begun = 0, 0, 0
    lines: list[_Property] = []
    for number, line in _unfolded(_byte_lines(chunks)):
        word = line.strip().upper()
        if word in (b"BEGIN:VCARD", b"\xef\xbb\xbfBEGIN:VCARD", b"AGENT:BEGIN:VCARD"):
            depth += 1
            if depth == 1:
                lines, begun = [], number
        elif word == b"END:VCARD" and depth:
            depth -= 1
            if not depth:
                place += 1
                if place > MOST_ROWS:
                    raise FileRefused(too_many_rows())
                yield Card(place, begun, _cells(lines, encoding))
        elif depth == 1:  # a card within a card is somebody's agent: not this person
            known = _known(line)
            if known:
                lines.append(known)
    if depth:
        yield Card(place + 1, begun, [])


def _as_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).removeprefix("\ufeff").encode("utf-8", "replace")


def _byte_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends. A longer one than allowed (a picture in one line) is cut: nobody wants its rest."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line[:LONGEST_LINE].removesuffix(b"\r")
        rest = rest[: LONGEST_LINE + 1]
    if rest:
        yield rest.removesuffix(b"\r")


def _unfolded(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, the whole line). A blank in front continues a line, and so does `=` at the end of a
    quoted-printable one."""
    held, begun, soft = b"", 0, False
    for number, line in enumerate(lines, start=1):
        if soft and held:
            held = (held[:-1] + line)[:LONGEST_LINE]
        elif line[:1] in (b" ", b"\t") and held:
            held = (held + line[1:])[:LONGEST_LINE] if _is_wanted(held) else held
            continue
        else:
            if held:
                yield begun, held
            held, begun = line, number
        soft = line.endswith(b"=") and b"QUOTED-PRINTABLE" in held[:200].upper()
    if held:
        yield begun, held


def _is_wanted(line: bytes) -> bool:
    """Continuations of pictures are not put together at all."""
    name = re.split(rb"[;:]", line[:80], maxsplit=1)[0].rpartition(b".")[2]
    return name.upper().decode("ascii", "replace") in _FIELDS or b"BEGIN" in line[:8].upper()


def _known(line: bytes) -> _Property | None:
    found = _property.match(line)
    name = found[2].decode().upper() if found else ""
    if not found or name not in _FIELDS:
        return None
    types, charset, quoted = [], "", False
    for one in _parameter.findall(found[3].decode("ascii", "replace")):
        key, _is, text = one.partition("=")
        key, text = (key.strip().upper(), text.strip('" ')) if _is else ("TYPE", key)
        if key == "TYPE":
            types += [word.strip().upper() for word in text.split(",")]
        elif key == "CHARSET":
            charset = text
        elif key == "ENCODING":
            quoted = text.upper() == "QUOTED-PRINTABLE"
    return _Property((found[1] or b"").decode(), name, types, charset, quoted or "QUOTED-PRINTABLE" in types, found[4])


def _cells(lines: Iterable[_Property], encoding: str) -> list[Cell]:
    texts = [(one, _text(one, encoding)) for one in lines]
    labels = {one.group: _escape.sub(_plain, text) for one, text in texts if one.name == "X-ABLABEL" and one.group}
    found: list[Cell] = []
    for one, text in texts:
        found += _cell(one, text, labels)
    # A role stands in for a missing title.
    roles = [("title", label, text) for name, label, text in found if name == "role"]
    return [cell for cell in found if cell[0] != "role"] + roles


def _cell(one: _Property, text: str, labels: dict[str, str]) -> list[Cell]:
    name = _FIELDS[one.name]
    if name == "n":
        family, given = [*_parts(text, ";"), "", ""][:2]
        return [(LAST_NAME, "", family), (FIRST_NAME, "", given)]
    if name == "company":
        return [(name, "", next(iter(_parts(text, ";")), ""))]
    if name == "tags":
        return [(name, "", part) for part in _parts(text, ",")]
    plain = _escape.sub(_plain, text)
    if name == PHONE:
        label = labels.get(one.group, "").removeprefix("_$!<").removesuffix(">!$_")
        return [(PHONE, label or _label(one.types), _dialled(plain))]
    if name == "kind":
        return [("kind", "", "company" if plain.strip().casefold() in ("org", "company") else "person")]
    return [] if name == "label" else [(name, "", plain)]


def _text(one: _Property, encoding: str) -> str:
    value = quopri.decodestring(one.value) if one.quoted else one.value
    try:
        return value.decode(one.charset or encoding, "surrogateescape")
    except LookupError:
        return value.decode(encoding, "surrogateescape")


def _parts(text: str, sign: str) -> list[str]:
    parts, held = [], ""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            held += _plain_of(text[at + 1])
            at += 1
        elif char == sign:
            parts.append(held.strip())
            held = ""
        else:
            held += char
        at += 1
    return [*parts, held.strip()]


def _plain(match: re.Match[str]) -> str:
    return _plain_of(match[1])


def _plain_of(char: str) -> str:
    return "\n" if char in "nN" else char if char in ",;:\\" else f"\\{char}"


def _label(types: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(_LABELS[word] for word in types if word in _LABELS))[:40]


def _dialled(text: str) -> str:
    """`tel:+49-30-1234` is its number; with an extension or another parameter it is none that we could match."""
    bare = text.strip()
    return bare[4:] if bare[:4].casefold() == "tel:" else bare

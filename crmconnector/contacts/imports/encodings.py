"""Which encoding a file is written in, told by its bytes. Plain Python; a guess is shown to the person, who may know
better.

UTF-8 proves itself. The one-byte encodings do not: there the one wins in which the file's words look like words.
"""

import codecs
import re
from collections.abc import Iterable
from typing import Final

CHOICES: Final[dict[str, str]] = {
    "utf-8": "UTF-8", "utf-16-le": "UTF-16 (LE)", "utf-16-be": "UTF-16 (BE)",
    "cp1252": "Windows-1252", "iso8859-15": "ISO-8859-15", "cp1250": "Windows-1250", "iso8859-2": "ISO-8859-2",
    "cp1251": "Windows-1251", "koi8-r": "KOI8-R", "cp1253": "Windows-1253", "cp1254": "Windows-1254",
    "iso8859-1": "ISO-8859-1", "cp850": "DOS 850", "mac-roman": "Mac Roman",
}  # fmt: skip
_START = 320 * 1024  # more than the longest line, so that a longer one is seen at once
_SAMPLE_LINES = 2_000
_LINES_A_LOOK = 40
_LOOK_BYTES = 64 * 1024
_CONTINUES = bytes(range(0x80, 0xC0))
_high_line = re.compile(rb"[^\r\n]{0,200}[\x80-\xff][^\r\n]{0,200}")

_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯІЇЄҐ№")
_WESTERN = frozenset("äöüÄÖÜßéèêëàâçîïôùûáíóúñåæøœÅÆØÉÈÀÇÑÁÍÓÚ€’‘“”„–—·«»ãõ")
_CENTRAL = frozenset("ąćęłńóśźżĄĆĘŁŃŚŹŻčďěňřšťůžýáéíúČĎŇŘŠŤŽőűŐŰăâîşţđäöüß€’“”„–")
# What is usual in each; the order decides between equals.
_USUAL: Final[dict[str, frozenset[str]]] = {
    "cp1252": _WESTERN,
    "iso8859-15": _WESTERN | frozenset("ŠšŽžŒœŸ"),
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "cp1253": frozenset("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ€"),
    "cp1254": frozenset("ğışĞİŞçöüÇÖÜâî"),
}


class ByteCensus:
    """Looks at the bytes of a file while they pass; keeps its start and some lines with other letters than ASCII."""

    def __init__(self) -> None:
        self.start = b""
        self.count = 0
        self.utf8 = True
        self.lines: list[bytes] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._held = b""

    def feed(self, chunk: bytes) -> None:
        self.count += len(chunk)
        if len(self.start) < _START:
            self.start = (self.start + chunk)[:_START]
        if self.utf8:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self.utf8 = False
        self._held += chunk
        if len(self._held) >= _LOOK_BYTES:
            self._sample()

    def end(self) -> None:
        self._sample()
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            self.utf8 = False

    def _sample(self) -> None:
        if len(self.lines) < _SAMPLE_LINES and not self._held.isascii():
            found = (match[0] for match in _high_line.finditer(self._held))
            self.lines += [line for line, _place in zip(found, range(_LINES_A_LOOK), strict=False)]
        self._held = b""


def census_of(chunks: Iterable[bytes]) -> ByteCensus:
    census = ByteCensus()
    for chunk in chunks:
        census.feed(chunk)
    census.end()
    return census


def guess_encoding(census: ByteCensus) -> tuple[str, bool]:
    """(the codec, whether this is sure)."""
    start = census.start
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8", True
    if start.startswith(b"\xff\xfe"):
        return "utf-16-le", True
    if start.startswith(b"\xfe\xff"):
        return "utf-16-be", True
    wide = _wide(start[:4096])
    if wide:
        return wide, False
    if census.utf8:
        return "utf-8", True
    if _mostly_utf8(census.lines):
        return "utf-8", False  # two files glued together: the rows of the smaller part are refused with their lines
    return _one_byte(census.lines), False


def _wide(start: bytes) -> str:
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > len(start) // 8 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(start) // 8 and not odd else ""


def _mostly_utf8(lines: list[bytes]) -> bool:
    return bool(lines) and sum(map(_is_utf8, lines)) * 2 > len(lines)


def _is_utf8(line: bytes) -> bool:
    """A long line was cut out of a longer one, perhaps within a letter."""
    cut = line.lstrip(_CONTINUES) if len(line) > 200 else line
    try:
        codecs.getincrementaldecoder("utf-8")().decode(cut, final=len(line) <= 200)
    except UnicodeDecodeError:
        return False
    return True


def _one_byte(lines: list[bytes]) -> str:
    sample = b"\n".join(lines)
    return max(_USUAL, key=lambda codec: _looks_right(sample.decode(codec, "replace"), _USUAL[codec]))


def _looks_right(text: str, usual: frozenset[str]) -> float:
    score = 0.0
    for before, char in zip(" " + text, text, strict=False):
        if char.isascii():
            continue
        if char in usual:
            score += 1 - (2 if char.isupper() and before.islower() else 0)
        elif char.isalpha():
            score -= 0.2
        else:
            score -= 5 if char == "\ufffd" or (not char.isprintable() and not char.isspace()) else 1
    return score

"""Whether a text may be dialled from at all: digits and what merely separates them, nothing that does more.

A comma is a pause, an ampersand a second call, a semicolon and a slash with letters an address: all of them are known
ways to make a PBX or a phone do something else than call one number. Such a text is refused as a whole.
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from crmconnector.common.marked import gettext_noop as _
from crmconnector.common.number_text import fold_digits
from crmconnector.common.sentences import Sentence

LONGEST_TEXT: Final = 60  # characters; no number is longer
LEAST_BEFORE_EXTENSION: Final = 6  # digits; "0x112" is no number with an extension


@dataclass(frozen=True, slots=True)
class NoDial:
    """Why nothing would be dialled. `code` for programs, `sentence` for people: what is wrong and what to do."""

    code: str
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class CleanText:
    """`text` to be read; empty with a `trouble`. `folded`: its bare digits in ASCII, when it is nothing but digits and
    separators: so that an emergency number is known in any script. `extension`: what stood behind "ext."."""

    text: str = ""
    folded: str = ""
    extension: str = ""
    trouble: NoDial | None = None


# Direction marks come along when a number is copied from a page or an address book; they separate and mean nothing.
_marks = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
_between = rf" ()\[\]./\-\u2010-\u2015\u2212\u00a0\u2007\u2009\u202f{_marks}"
_number = re.compile(rf"\A[{_between}]*\+?[0-9{_between}]*[0-9][0-9{_between}]*\Z")
_separators = re.compile(rf"[{_between}]+")
_only_marks = re.compile(rf"[{_marks}]+")
_extension = re.compile(r"(?<=[0-9) ])[ ]*(?:;ext=|ext\.?|x)[ ]*([0-9]{1,6})\Z", re.IGNORECASE)
_tel = re.compile(r"\A(?:tel|callto):(?://)?", re.IGNORECASE)


def clean_text(text: object, extensions: Container[str] = ()) -> CleanText:
    """The text without scheme and extension when it is safe to read, else why not. Never raises."""
    if not isinstance(text, str) or not text.strip():
        return CleanText(trouble=NO_TEXT)
    if len(text) > LONGEST_TEXT:
        return CleanText(trouble=TOO_LONG)
    if _has_controls(text):
        return CleanText(trouble=CONTROL)
    text = text.strip()
    if text in extensions:
        return CleanText(text, text if text.isdigit() else "")
    if (scheme := _tel.match(text)) is not None:
        text = unquote(text[scheme.end() :]).strip()  # once: what is still escaped afterwards is refused
    extension = ""
    found = _extension.search(text)
    if found is not None and len(re.findall("[0-9]", text[: found.start()])) >= LEAST_BEFORE_EXTENSION:
        text, extension = text[: found.start()].rstrip(), found.group(1)
    if _number.match(text):
        return CleanText(_only_marks.sub("", text), _separators.sub("", text), extension)
    return CleanText(folded=_folded(text), trouble=_why_not(text))


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


def _folded(text: str) -> str:
    folded = fold_digits(text)
    return _separators.sub("", folded) if _number.match(folded) else ""


def _why_not(text: str) -> NoDial:
    if "*" in text or "#" in text:
        return FEATURE
    if any(not char.isascii() and (char.isnumeric() or char.isdigit()) for char in text):
        return OTHER_DIGITS
    if any(char.isalpha() for char in text):
        return LETTERS
    return CHARACTERS


NO_TEXT: Final = NoDial("no_number", Sentence(_("There is no number here that a phone could call.")))
TOO_LONG: Final = NoDial(
    "too_long",
    Sentence(
        _("This is longer than %(most)d characters, so it is no telephone number. Type the number alone."),
        most=LONGEST_TEXT,
    ),
)
CONTROL: Final = NoDial(
    "control", Sentence(_("There are line breaks or control characters in it. Type the number anew."))
)
FEATURE: Final = NoDial(
    "feature_code",
    Sentence(_("Codes with * or # change settings of the PBX and are not dialled from here. Dial them at the phone.")),
)
OTHER_DIGITS: Final = NoDial("digits", Sentence(_("Write the number with the digits 0 to 9.")))
LETTERS: Final = NoDial("letters", Sentence(_("There are letters in it. Write the number with the digits 0 to 9.")))
CHARACTERS: Final = NoDial(
    "characters",
    Sentence(
        _(
            "There is something in it besides digits and separators. Pauses and second numbers are not dialled. "
            "Type the number alone."
        )
    ),
)

"""Telephone numbers: how a text is read, and the keys by which it is matched.

Terms: *E.164* is the worldwide form (`+493023125447`); the *national significant number* is what follows the country
code (`3023125447`); the *matching key* is its last nine digits, or all of them when it is shorter (Danish and
Icelandic numbers are). Reading never guesses: a text that is no number says so and matches nobody.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

KEY_DIGITS = 9
LONGEST_TEXT = 60
LONGEST_EXTENSION = 6

_digits_only = re.compile(r"[0-9]+")
_dialable = re.compile(r"\A\+?[0-9*#]{1,32}\Z")
_separators = re.compile(r"[\s().\-/–—\u00a0\u2010-\u2015]+")
_zero_width = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class NumberKind(StrEnum):
    E164 = "e164"  # read completely
    INTERNAL = "internal"  # an extension or a short code
    WITHHELD = "withheld"  # the caller chose not to show it, or there is none
    UNREADABLE = "unreadable"  # digits, but no valid number


@dataclass(frozen=True, slots=True)
class NumberReading:
    """How one text was read. `e164` and `key` are empty when there is nothing to match by."""

    written: str
    kind: NumberKind
    e164: str = ""
    key: str = ""
    country: str = ""


def read_number(text: str | None, *, country: str, outside_prefixes: tuple[str, ...] = ()) -> NumberReading:
    """Read one number as a person in `country` (ISO 3166) would. Never raises.

    An outside-line prefix of the PBX is taken off only when the rest is a valid number and the whole is not.
    """
    written = (text or "").strip()[:LONGEST_TEXT]
    plain = fold_digits(written)
    if not plain or plain.casefold() in _WITHHELD_WORDS:
        return NumberReading(written, NumberKind.WITHHELD)
    parsed = _parse(plain, country) or _parse_without_prefix(plain, country, outside_prefixes)
    if parsed is not None:
        return _complete(written, parsed)
    digits = "".join(_digits_only.findall(plain))
    if digits and len(digits) <= LONGEST_EXTENSION and _dialable.match(_separators.sub("", plain)):
        return NumberReading(written, NumberKind.INTERNAL, key=digits)
    return NumberReading(written, NumberKind.UNREADABLE, key=digits[-KEY_DIGITS:] if len(digits) >= 7 else "")


def fold_digits(text: str) -> str:
    """ASCII digits for any script's digits, without invisible marks; other characters stay as they are."""
    return "".join(_ascii_digit(char) for char in _zero_width.sub("", text))


def shown_number(e164: str, *, country: str) -> str:
    """A number as a person in `country` writes it: national at home, international elsewhere."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    at_home = phonenumbers.region_code_for_number(parsed) == country
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)


_WITHHELD_WORDS = frozenset(
    {"anonymous", "unknown", "<unknown>", "restricted", "private", "unavailable", "withheld", "s", "asterisk"}
)


def _ascii_digit(char: str) -> str:
    if char.isascii():
        return char
    value = unicodedata.digit(char, -1) if unicodedata.category(char) == "Nd" else -1
    if value >= 0:
        return str(value)
    return "+" if char == "\uff0b" else char


def _parse(text: str, country: str) -> PhoneNumber | None:
    if not _looks_like_number(text):
        return None
    try:
        parsed = phonenumbers.parse(text, country or None)
    except NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) and parsed.extension is None else None


def _parse_without_prefix(text: str, country: str, prefixes: tuple[str, ...]) -> PhoneNumber | None:
    compact = _separators.sub("", text)
    for prefix in sorted(prefixes, key=len, reverse=True):
        if compact.startswith(prefix):
            parsed = _parse(compact[len(prefix) :], country)
            if parsed is not None:
                return parsed
    return None


def _looks_like_number(text: str) -> bool:
    """Only digits, one leading plus and separators: no letters (vanity numbers are not callers), no parameters."""
    compact = _separators.sub("", text)
    bare = compact.removeprefix("+")
    return bare.isascii() and bare.isdigit()


def _complete(written: str, parsed: PhoneNumber) -> NumberReading:
    national = phonenumbers.national_significant_number(parsed)
    if phonenumbers.number_type(parsed) == PhoneNumberType.UNKNOWN and len(national) <= LONGEST_EXTENSION:
        return NumberReading(written, NumberKind.INTERNAL, key=national)
    return NumberReading(
        written,
        NumberKind.E164,
        e164=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        key=national[-KEY_DIGITS:],
        country=phonenumbers.region_code_for_number(parsed) or "",
    )


def is_country(code: str) -> bool:
    """Whether a two-letter code is a region that telephone numbers are known for."""
    return code in phonenumbers.SUPPORTED_REGIONS

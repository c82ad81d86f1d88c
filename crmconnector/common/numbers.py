"""Telephone numbers: how a text is read, and the keys by which it is matched.

Terms: *E.164* is the worldwide form (`+493023125447`); the *national significant number* is what follows the country
code (`3023125447`); the *matching key* is its last nine digits, or all of them when it is shorter (Danish and
Icelandic numbers are). Reading never guesses: a text that is no number says so and matches nobody.

Decisions: an extension after a number ("030 23125 ext. 447") is kept apart, the main number is what is read. A text
with two numbers is neither of them. Vanity letters and control characters are never turned into digits.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from crmconnector.common import number_plans as plans
from crmconnector.common.number_text import BareDigits, Trouble, bare_digits, fold_digits
from crmconnector.common.number_ways import Way, at_home, national_digits, other_meanings, ways_of

__all__ = ["KEY_DIGITS", "NumberKind", "NumberReading", "dialled_form", "fold_digits", "is_country", "read_number",
           "shown_number"]  # fmt: skip

KEY_DIGITS = 9
LONGEST_TEXT = 60  # of what is kept as written
LONGEST_EXTENSION = 6
LEAST_KEY_DIGITS = 7  # shorter unreadable texts are not worth comparing


class NumberKind(StrEnum):
    E164 = "e164"  # read completely
    INTERNAL = "internal"  # an extension or a short code
    SERVICE = "service"  # an emergency or service number of the country: 112, 11833
    WITHHELD = "withheld"  # the caller chose not to show it, or there is none
    UNREADABLE = "unreadable"  # digits, but no valid number


@dataclass(frozen=True, slots=True)
class NumberReading:
    """How one text was read. `e164` and `key` are empty when there is nothing to match by.

    `others`: what the same digits also mean when neither plus nor trunk prefix was written (`33142685300` in Germany).
    `likely`: E.164 form of an unreadable number of a right length. `digits`: as written, without plus; `plus`: whether
    there was one before a digit that can begin a country code.
    `prefix`: the outside-line prefix that was taken off. `home`: the country as whose person it was read.
    """

    written: str
    kind: NumberKind
    e164: str = ""
    key: str = ""
    country: str = ""
    extension: str = ""
    others: tuple[str, ...] = ()
    likely: str = ""
    digits: str = ""
    plus: bool = False
    prefix: str = ""
    home: str = ""
    trouble: Trouble = Trouble.NONE


def read_number(text: str | None, *, country: str, outside_prefixes: tuple[str, ...] = ()) -> NumberReading:
    """Read one number as a person in `country` (ISO 3166) would. Never raises.

    An outside-line prefix of the PBX is taken off only when the rest is a valid number and the whole is not.
    """
    bare = bare_digits(text)
    written = _as_kept(text, bare)
    if bare.trouble is Trouble.FEATURE:
        return NumberReading(written, NumberKind.INTERNAL, key=bare.cores[0], home=country, trouble=bare.trouble)
    if bare.trouble:
        kind = NumberKind.WITHHELD if bare.trouble is Trouble.WITHHELD else NumberKind.UNREADABLE
        return NumberReading(written, kind, home=country, trouble=bare.trouble)
    if not bare.extension and (short := _short(written, bare, country, outside_prefixes)) is not None:
        return short
    prefixes = () if bare.outside else tuple(sorted({*outside_prefixes} - {""}, key=len, reverse=True))
    for core in bare.cores:
        ways = ways_of(core, country, prefixes, bare.groups)
        if ways and _is_known(ways[0]):
            return _complete(written, core, ways, bare, country)
    return _unreadable(written, bare, country, prefixes)


def shown_number(e164: str, *, country: str) -> str:
    """A number as a person in `country` writes it: national at home, international elsewhere."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    at_home = phonenumbers.region_code_for_number(parsed) == country
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)


def dialled_form(reading: NumberReading, *, country: str, outside_prefix: str = "") -> str:
    """What a desk phone of a PBX in `country` dials for this number; empty when it cannot be dialled.

    At home the national form, elsewhere the international prefix of the country; extensions need no outside line.
    """
    if reading.kind is NumberKind.INTERNAL:
        return reading.key
    if reading.kind is NumberKind.SERVICE:
        return outside_prefix + reading.key
    if not reading.e164:
        return ""
    code = plans.country_code_of(country)
    if not code or not reading.e164.startswith("+" + code):
        return outside_prefix + plans.international_prefix_of(country) + reading.e164[1:]
    parsed = phonenumbers.parse(reading.e164, None)
    if code == "1":  # one plan for twenty countries: the 1 always works, ten digits do not everywhere
        return outside_prefix + reading.e164[1:]
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    return outside_prefix + "".join(char for char in national if char in "0123456789")


def is_country(code: str) -> bool:
    """Whether a two-letter code is a region that telephone numbers are known for."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _complete(written: str, core: str, ways: list[Way], bare: BareDigits, home: str) -> NumberReading:
    first = ways[0]
    e164 = _e164(first.number)
    return NumberReading(
        written,
        NumberKind.E164,
        e164=e164,
        key=national_digits(first.number)[-KEY_DIGITS:],
        country=phonenumbers.region_code_for_number(first.number) or "",
        extension=bare.extension,
        others=tuple(
            dict.fromkeys(_e164(way.number) for way in other_meanings(first, ways, core) if _e164(way.number) != e164)
        ),
        digits=core.removeprefix("+"),
        prefix=first.prefix or bare.outside,
        home=home,
    )


def _short(written: str, bare: BareDigits, home: str, prefixes: tuple[str, ...]) -> NumberReading | None:
    """Extensions, and the short numbers that everybody in the country may dial."""
    core = bare.cores[0]
    for digits in (core, *(core.removeprefix(prefix) for prefix in prefixes if core.startswith(prefix))):
        if len(digits) <= LONGEST_EXTENSION and _is_service(digits, home):
            return NumberReading(written, NumberKind.SERVICE, key=digits, country=home, digits=digits, home=home)
    if core.startswith("+") or len(core) > LONGEST_EXTENSION or _is_short_national(core, home):
        return None
    if core.strip("0") == "" and len(core) > 3:
        return NumberReading(written, NumberKind.WITHHELD, home=home, trouble=Trouble.WITHHELD)
    return NumberReading(written, NumberKind.INTERNAL, key=core, digits=core, home=home)


def _is_short_national(core: str, home: str) -> bool:
    """Six digits in Luxembourg, five that begin with 0 in Norway: whole numbers, as nothing is dialled before them."""
    if trunk := plans.trunk_prefix_of(home):
        return (
            len(core) == LONGEST_EXTENSION
            and core.startswith(trunk)
            and trunk != "1"
            and at_home(core, home) is not None
        )
    long_enough = len(core) == LONGEST_EXTENSION or (len(core) == 5 and core.startswith("0"))
    return long_enough and at_home(core, home) is not None


@lru_cache(maxsize=2000)
def _is_service(digits: str, home: str) -> bool:
    """Emergency, 11x and N11 numbers. Other short codes look like extensions, and those are for colleagues."""
    if len(digits) < 3 or home not in phonenumbers.SUPPORTED_SHORT_REGIONS:
        return False
    if phonenumbers.is_emergency_number(digits, home):
        return True
    by_shape = digits.startswith("11") or (len(digits) == 3 and digits.endswith("11"))
    return by_shape and phonenumbers.is_valid_short_number_for_region(PhoneNumber(
        country_code=int(plans.country_code_of(home)), national_number=int(digits)), home)  # fmt: skip


def _unreadable(written: str, bare: BareDigits, home: str, prefixes: tuple[str, ...]) -> NumberReading:
    """A number in no known range. Its key is still that of the national number when the length is a possible one."""
    digits = bare.cores[0].removeprefix("+")
    if _is_placeholder(digits):
        return NumberReading(written, NumberKind.WITHHELD, home=home, trouble=Trouble.WITHHELD)
    if len(digits) < LEAST_KEY_DIGITS:
        return NumberReading(written, NumberKind.UNREADABLE, digits=digits, home=home)
    ways = [way for core in bare.cores for way in ways_of(core, home, prefixes, bare.groups, strict=False)]
    likely = ways[0] if ways else None
    return NumberReading(
        written,
        NumberKind.UNREADABLE,
        key=(national_digits(likely.number) if likely is not None else digits)[-KEY_DIGITS:],
        extension=bare.extension,
        likely=_e164(likely.number) if likely is not None else "",
        digits=digits,
        plus=bare.cores[0].startswith("+") and not digits.startswith("0"),
        prefix=likely.prefix if likely is not None else bare.outside,
        home=home,
    )


def _is_known(way: Way) -> bool:
    return bool(phonenumbers.is_valid_number(way.number))


# What networks send instead of no number, spelt on a keypad: ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN, BLOCKED …
_SPELT = frozenset({"266696687", "7378742883", "7378742833", "86282452253", "8656696", "2562533", "7748283", "464",
                    "1234567890", "0123456789", "123456789", })  # fmt: skip


def _is_placeholder(digits: str) -> bool:
    return len(set(digits)) == 1 or digits.startswith("0000") or digits in _SPELT


def _e164(parsed: PhoneNumber) -> str:
    return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def _as_kept(text: object, bare: BareDigits) -> str:
    """The text as it is stored and shown; of a long header only the number, so that it can be read again."""
    written = text.strip() if isinstance(text, str) else ""
    return bare.cores[0] if len(written) > LONGEST_TEXT and bare.cores else written[:LONGEST_TEXT]

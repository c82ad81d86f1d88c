"""What the numbering plans of countries say beyond the tables of `phonenumbers`: old forms, carriers, prefixes.

*Trunk prefix*: what is dialled before a national number at home (0 in Germany, 8 in Russia, 06 in Hungary).
*International prefix*: what stands for the plus (00, 011, 0011, 810).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, ValidationResult

# People write the international prefix of wherever they learnt it, not always that of the country they are in.
INTERNATIONAL_PREFIXES = ("0011", "00", "011", "010", "810", "001", "002", "009")

# Dialled before the trunk prefix to choose a carrier for one call; PBXs keep it in what they show.
_carriers = {
    "DE": re.compile(r"010(?:0[0-9]|[1-9])[0-9](?=0)"),
    "AT": re.compile(r"10[0-9]{2}(?=0)"),
    "CH": re.compile(r"107[0-9]{2}(?=0)"),
    "US": re.compile(r"(?:1010[0-9]{3})(?=1?[2-9])"),
    "CA": re.compile(r"(?:1010[0-9]{3})(?=1?[2-9])"),
    "MX": re.compile(r"(?:04[45]|0[12]|1)(?=[1-9])"),
    "CN": re.compile(r"179[0-9]{2}(?=0|1)"),
    "BR": re.compile(r"0[0-9]{2}(?=[1-9][0-9])"),
    "CO": re.compile(r"0[3579](?=[36])"),
}

# Valid numbers that are written or sent in a form of the past: country code -> (pattern of the rest, what it is now).
_old_forms = {
    7: ((re.compile(r"8([3-9][0-9]{9})"), r"\1"),),
    34: ((re.compile(r"0([5-9][0-9]{8})"), r"\1"),),
    39: ((re.compile(r"([124-9][0-9]{5,10})"), r"0\1"), (re.compile(r"0(3[0-9]{8,9})"), r"\1")),
    45: ((re.compile(r"0([2-9][0-9]{7})"), r"\1"),),
    47: ((re.compile(r"0([2-9][0-9]{7})"), r"\1"),),
    48: ((re.compile(r"0([1-9][0-9]{8})"), r"\1"),),
    52: ((re.compile(r"(?:01|04[45]|1)([1-9][0-9]{9})"), r"\1"),),  # mobiles had a 1 until 2019
    54: ((re.compile(r"9?(11|[23][0-9]{2,3})15([0-9]{6,8})"), r"9\1\2"),),  # 15 is for mobiles dialled at home
    55: ((re.compile(r"0?([1-9][0-9])([689][0-9]{7})"), r"\g<1>9\2"),),  # the ninth digit of mobiles, 2012 to 2016
}


def metadata_of(region: str) -> PhoneMetadata | None:
    return PhoneMetadata.metadata_for_region(region) if region in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=300)
def country_code_of(region: str) -> str:
    """Digits of the country code; empty for an unknown region."""
    return str(phonenumbers.country_code_for_region(region) or "")


@lru_cache(maxsize=300)
def trunk_prefix_of(region: str) -> str:
    """What is dialled before a national number in this country; empty where nothing is (Denmark, Italy, Spain …)."""
    metadata = metadata_of(region)
    return (metadata.national_prefix or "") if metadata is not None else ""


@lru_cache(maxsize=300)
def is_written_bare(region: str) -> bool:
    """Whether a national number is complete without a prefix there. The 1 of North America is seldom written."""
    return bool(region) and trunk_prefix_of(region) in ("", "1")


@lru_cache(maxsize=300)
def international_prefix_of(region: str) -> str:
    metadata = metadata_of(region)
    for prefix in (metadata.preferred_international_prefix, metadata.international_prefix) if metadata else ():
        digits = (prefix or "").replace("~", "")
        if digits.isdigit():
            return digits
    return "00"


@lru_cache(maxsize=300)
def is_double_zero_abroad(region: str) -> bool:
    """Whether 00 alone stands for the plus there; beside it a carrier may be chosen (008 in Hong Kong)."""
    metadata = metadata_of(region)
    return metadata is not None and bool(re.fullmatch(metadata.international_prefix or "", "00"))


def parse_number(digits: str, region: str | None, *, strict: bool = True) -> PhoneNumber | None:
    """The number that these digits are in that country (None: they begin with a plus), or None when it is no valid one.

    Not strict: a right length will do. New ranges appear before the tables know them, and exchanges use them at once.
    `country_code_source` says whether the country stood in the text.
    """
    try:
        parsed = phonenumbers.parse(digits, region, keep_raw_input=True)
    except NumberParseException:
        return None
    if phonenumbers.is_valid_number(parsed):
        return parsed
    if (today := _in_todays_form(parsed)) is not None or strict:
        return today
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    return parsed if possible else None


def _in_todays_form(parsed: PhoneNumber) -> PhoneNumber | None:
    national = phonenumbers.national_significant_number(parsed)
    for pattern, today in _old_forms.get(parsed.country_code or 0, ()):
        if pattern.fullmatch(national):
            try:
                fresh = phonenumbers.parse(f"+{parsed.country_code}{pattern.sub(today, national)}", None)
            except NumberParseException:
                continue
            if phonenumbers.is_valid_number(fresh):
                fresh.country_code_source = parsed.country_code_source
                return fresh
    return None


def without_carrier(digits: str, region: str) -> str:
    """What follows a carrier's code of that country; empty when there is none in front."""
    pattern = _carriers.get(region)
    found = pattern.match(digits) if pattern is not None else None
    return digits[found.end() :] if found is not None else ""


def code_of(e164: str) -> str:
    """The country code of a complete number: 692 of +6922470000."""
    return str(phonenumbers.parse(e164, None).country_code)


def subscriber(e164: str) -> str:
    """One form for numbers that reach the same subscriber: Argentine mobiles are sent with and without the 9."""
    return "+54" + e164[4:] if e164.startswith("+549") else e164


def variants(e164: str) -> tuple[str, ...]:
    """All E.164 forms that reach the same subscriber, this one first."""
    if not e164.startswith("+54"):
        return (e164,) if e164 else ()
    return (e164, "+54" + e164[4:] if e164.startswith("+549") else "+549" + e164[3:])


def written_forms(e164: str) -> Iterator[str]:
    """Digits by which this complete number may be written or sent, beyond its own country: each is it and no other.

    The national form with the trunk prefix of its country, the same with country code or international prefix.
    """
    for form in variants(e164):
        parsed = parse_number(form, None)
        if parsed is not None:
            yield from _forms_of(parsed)


def _forms_of(parsed: PhoneNumber) -> Iterator[str]:
    national, code = phonenumbers.national_significant_number(parsed), str(parsed.country_code)
    region = phonenumbers.region_code_for_number(parsed) or ""
    trunk = trunk_prefix_of(region)
    yield code + national
    yield from (prefix + code + national for prefix in INTERNATIONAL_PREFIXES)
    if trunk:
        yield trunk + national
        yield code + trunk + national
        yield from (prefix + code + trunk + national for prefix in ("00", "011"))

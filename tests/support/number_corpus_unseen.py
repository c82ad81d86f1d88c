"""A second corpus, made by other means than the first: random numbers of 60 countries, written by a formatting library.

It was played against the rules before anything was changed for it, and shows what they do with texts nobody tuned for.
"""

import random
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from tests.support.number_corpus import Form, bare

HOMES = (
    "DE", "AT", "CH", "FR", "GB", "IE", "US", "CA", "ES", "PT", "IT", "NL", "BE", "LU", "DK", "NO",
    "SE", "FI", "IS", "EE", "LV", "LT", "PL", "CZ", "SK", "HU", "GR", "RO", "BG", "HR", "SI", "RU",
    "KZ", "UA", "TR", "IL", "AE", "SA", "ZA", "EG", "NG", "KE", "IN", "PK", "CN", "HK", "TW", "JP",
    "KR", "SG", "MY", "TH", "VN", "ID", "PH", "AU", "NZ", "BR", "MX", "AR", "CL", "CO", "PE",
)  # fmt: skip
KINDS = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)


def random_numbers(home: str, count: int, source: random.Random) -> list[PhoneNumber]:
    """Valid numbers of a country: its examples with random last digits."""
    found: list[PhoneNumber] = []
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(home, kind)
        if example is None:
            continue
        national = phonenumbers.national_significant_number(example)
        for _ in range(40):
            fresh = national[:-5] + "".join(source.choice("0123456789") for _ in range(5))
            number = phonenumbers.parse(f"+{example.country_code}{fresh}", None)
            if phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == home:
                found.append(number)
    return source.sample(found, min(count, len(found)))


def forms_everywhere(number: PhoneNumber) -> Iterator[str]:
    shown = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    code, national = str(number.country_code), bare(shown)[len(str(number.country_code)) :]
    yield from (shown, e164, phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), f"00{e164[1:]}")
    yield from (shown.replace(" ", "\u2009"), shown.replace(" ", "\u2013"), shown.replace(" ", "_"), f"({shown})")
    yield from (f"+{code}|{national}".replace("|", "/"), f"+{code}  {national[:3]} - {national[3:]}", f"[{shown}]")
    yield from (
        f"sips:{e164}@voip.example",
        f"{e164}@voip.example",
        f"callto://{e164}",
        f"TEL {shown}",
        f"Cell: {shown}",
    )
    yield from (
        f"{shown} (work)",
        f"{shown} Fax",
        f"H: {shown}",
        f"{shown};ext=204",
        f"{shown} Ext 204",
        f"{shown} #204",
    )
    yield from (f"{shown},,204#", f"{shown} extension 204", f"+{code} (0){national}", f"tel:%2B{e164[1:]}", f"{shown}.")
    yield from (f'"{shown}" <{e164}>', f"Support Desk <sip:{e164};transport=udp@h>", f"\ufeff{shown}", f"{shown}\u200b")
    yield "".join(chr(0x0966 + int(char)) if char.isdigit() else char for char in shown)  # Devanagari
    yield "".join(chr(0x06F0 + int(char)) if char.isdigit() else char for char in shown)  # Persian


def forms_at_home(number: PhoneNumber, home: str) -> Iterator[str]:
    shown = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    yield from (
        shown,
        bare(shown),
        shown.replace(" ", ""),
        shown.replace(" ", "/", 1),
        shown.replace(" ", " - "),
        e164[1:],
    )
    yield from (
        f"Phone {shown}",
        f"{shown} mobile",
        f"<{bare(shown)}>",
        f"sip:{bare(shown)}@pbx",
        f"{shown} x 204",
        national,
    )
    yield phonenumbers.format_out_of_country_calling_number(number, home)
    yield "".join(chr(0xFF10 + int(char)) if char.isdigit() else char for char in shown)


def unseen_corpus(seed: int = 5, each: int = 4) -> tuple[list[Form], list[Form]]:
    """(forms of home numbers, forms that are stored and ring in every home)"""
    source = random.Random(seed)
    numbers = {home: random_numbers(home, each, source) for home in HOMES}
    home_forms = [
        Form(text, phonenumbers.format_number(number, PhoneNumberFormat.E164), home)
        for home, kept in numbers.items()
        for number in kept
        for text in dict.fromkeys((*forms_everywhere(number), *forms_at_home(number, home)))
    ]
    elsewhere = [
        Form(text, phonenumbers.format_number(number, PhoneNumberFormat.E164), home)
        for home, kept in numbers.items()
        for number in kept[:2]
        for text in source.sample(list(forms_everywhere(number)), 3)
    ]
    return home_forms, elsewhere

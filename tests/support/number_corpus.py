"""Numbers of many countries in the forms in which address books keep them and PBXs show them; no product code.

For each country: how it is dialled, a few subscribers, and how people there group their digits. From that every form
is written by hand-made recipes, deterministically.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`trunk`: before the national number at home; `abroad`: for the plus; `numbers`: national, in groups."""

    country: str
    code: str
    trunk: str
    abroad: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """A text that means one subscriber (E.164) to somebody in `home`."""

    text: str
    means: str
    home: str


PLANS = (
    Plan("DE", "49", "0", "00", ("30 23125 447", "171 234 5678", "89 2180 1234", "4931 923 456", "151 2345 6789")),
    Plan("AT", "43", "0", "00", ("1 58858 123", "664 123 4567", "512 53830")),
    Plan("CH", "41", "0", "00", ("44 668 18 00", "79 123 45 67")),
    Plan("FR", "33", "0", "00", ("1 42 68 53 00", "6 12 34 56 78", "4 91 13 89 00")),
    Plan("GB", "44", "0", "00", ("20 7946 0148", "7700 900 123", "161 496 0123", "1865 270 000")),
    Plan("IE", "353", "0", "00", ("1 671 5533", "85 012 3456")),
    Plan("US", "1", "1", "011", ("202 555 0147", "415 555 2671", "212 736 5000")),
    Plan("CA", "1", "1", "011", ("416 555 0134", "604 555 0199")),
    Plan("ES", "34", "", "00", ("91 411 11 11", "612 34 56 78", "93 402 70 00")),
    Plan("PT", "351", "", "00", ("21 321 65 00", "912 345 678")),
    Plan("IT", "39", "", "00", ("06 6982 1234", "02 7200 3456", "391 234 5678", "347 123 4567")),
    Plan("NL", "31", "0", "00", ("20 555 1111", "6 1234 5678")),
    Plan("BE", "32", "0", "00", ("2 501 02 11", "470 12 34 56")),
    Plan("LU", "352", "", "00", ("26 12 34", "27 12 34 56", "621 123 456")),
    Plan("DK", "45", "", "00", ("32 12 34 56", "20 12 34 56")),
    Plan("NO", "47", "", "00", ("22 34 56 78", "912 34 567")),
    Plan("SE", "46", "0", "00", ("8 786 20 00", "70 174 06 05")),
    Plan("FI", "358", "0", "00", ("9 1606 1234", "41 234 5678")),
    Plan("IS", "354", "", "00", ("410 1234", "611 1234")),
    Plan("EE", "372", "", "00", ("693 1234", "5123 4567")),
    Plan("LT", "370", "0", "00", ("5 212 3456", "612 34567")),
    Plan("PL", "48", "", "00", ("22 697 12 34", "512 345 678")),
    Plan("CZ", "420", "", "00", ("224 005 111", "601 123 456")),
    Plan("HU", "36", "06", "00", ("1 234 5678", "20 123 4567")),
    Plan("GR", "30", "", "00", ("21 0349 9999", "691 234 5678")),
    Plan("RU", "7", "8", "810", ("495 123 45 67", "912 345 67 89")),
    Plan("KZ", "7", "8", "810", ("727 250 12 34", "701 234 56 78")),
    Plan("UA", "380", "0", "00", ("44 278 12 34", "50 123 45 67")),
    Plan("TR", "90", "0", "00", ("212 252 12 34", "501 234 56 78")),
    Plan("IL", "972", "0", "00", ("2 530 1234", "50 234 5678")),
    Plan("AE", "971", "0", "00", ("4 332 1234", "50 123 4567")),
    Plan("ZA", "27", "0", "00", ("11 717 1234", "71 123 4567")),
    Plan("IN", "91", "0", "00", ("22 6740 1234", "98765 43210", "91234 56789")),
    Plan("CN", "86", "0", "00", ("10 6552 9988", "138 1234 5678")),
    Plan("JP", "81", "0", "010", ("3 3580 3311", "90 1234 5678")),
    Plan("SG", "65", "", "000", ("6345 1234", "8123 4567")),
    Plan("AU", "61", "0", "0011", ("2 9374 4000", "412 345 678", "3 9650 0123")),
    Plan("NZ", "64", "0", "00", ("9 373 7599", "21 123 4567")),
    Plan("BR", "55", "0", "00", ("11 2345 6789", "21 98765 4321")),
    Plan("MX", "52", "", "00", ("55 5123 4567", "33 3615 1234")),
    Plan("AR", "54", "0", "00", ("11 4321 5678", "351 428 1234")),
)

_arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_wide = str.maketrans("0123456789+", "０１２３４５６７８９＋")


def bare(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def subscribers() -> list[tuple[Plan, str, str]]:
    """(plan, national number in groups, E.164) of all."""
    return [(plan, number, f"+{plan.code}{bare(number)}") for plan in PLANS for number in plan.numbers]


def international_forms(plan: Plan, number: str) -> Iterator[str]:
    """Forms that mean the same everywhere."""
    code, digits = plan.code, bare(number)
    yield from (
        f"+{code}{digits}",
        f"+{code} {number}",
        f"+ {code} {number}",
        f"(+{code}) {number}",
        f"+({code}) {number}",
    )
    yield from (
        f"00{code}{digits}",
        f"00 {code} {number}",
        f"00{code}/{number.replace(' ', '/')}",
        f"++{code} {number}",
    )
    yield from (f"+{code}-{number.replace(' ', '-')}", f"+{code}.{number.replace(' ', '.')}", f"+{code} {digits}")
    yield from (f"011 {code} {number}", f"0011 {code} {number}", f"011-{code}-{number.replace(' ', '-')}")
    yield from (f"tel:+{code}{digits}", f"tel:+{code}-{number.replace(' ', '-')}", f"callto:+{code}{digits}")
    yield from (f"sip:+{code}{digits}@pbx.example.com", f"<sip:+{code}{digits}@10.0.0.1:5060;user=phone>")
    yield from (
        f'"Ada Lovelace" <+{code}{digits}>',
        f'"Ada" <sip:+{code}{digits}@pbx;user=phone>',
        f"Ada <+{code}{digits}>",
    )
    yield from (
        f"Tel.: +{code} {number}",
        f"mobil +{code} {number}",
        f"Phone: +{code} {number}",
        f"+{code} {number} (Büro)",
    )
    yield from (f"+{code} {number} ext. 12", f"+{code} {number} x12", f"+{code} {number}, Durchwahl 12")
    yield from (f"tel:+{code}{digits};ext=12", f"+{code}\u00a0{number.replace(' ', chr(0xA0))}")
    yield from (
        f"+{code} {number}".translate(_arabic),
        f"+{code} {number}".translate(_wide),
        f"\u200e+{code}{digits}\u200f",
    )
    yield from (f"\u202a+{code} {number}\u202c", f"+{code} {number.replace(' ', '‑')}", f"  +{code} {number}  ")
    if plan.trunk and plan.trunk != code:
        yield from (
            f"+{code} ({plan.trunk}) {number}",
            f"+{code} ({plan.trunk}){digits}",
            f"00{code} ({plan.trunk}) {number}",
        )


def national_forms(plan: Plan, number: str) -> Iterator[str]:
    """Forms that people at home write, and that their exchange shows."""
    digits, groups, trunk = bare(number), number.split(), plan.trunk
    rest = " ".join(groups[1:])
    yield from (
        f"{trunk}{digits}",
        f"{trunk}{number}",
        f"({trunk}{groups[0]}) {rest}",
        f"{trunk}{number.replace(' ', '-')}",
    )
    yield from (
        f"{trunk}{number.replace(' ', '.')}",
        f"{trunk}{groups[0]}/{bare(rest)}",
        f"{trunk}{groups[0]} / {rest}",
    )
    yield from (f"Tel. {trunk}{number}", f"mobil {trunk}{digits}", f"{trunk}{number} ext 9", f"tel:{trunk}{digits}")
    yield from (f"{trunk}{number}".translate(_arabic), f"{trunk}{number}".translate(_wide), f'"Ada" <{trunk}{digits}>')
    yield from (f"<sip:{trunk}{digits}@10.1.2.3>", f"{trunk}{number.replace(' ', chr(0xA0))}", digits, number)
    yield from (f"{plan.code}{digits}", f"{plan.code} {number}", f"{plan.abroad}{plan.code}{digits}")


def outside_forms(plan: Plan, number: str, prefix: str) -> Iterator[str]:
    """What a PBX shows that puts its outside-line prefix in front."""
    digits, trunk = bare(number), plan.trunk
    yield from (f"{prefix}+{plan.code}{digits}", f"{prefix} +{plan.code} {number}", f"{prefix},{trunk}{digits}")
    yield f"{prefix}{plan.abroad}{plan.code}{digits}"
    if trunk:
        yield from (f"{prefix}{trunk}{digits}", f"{prefix} {trunk}{number}")


# (text, home, what it means), collected from threads about callers that were not recognised
NASTY = (
    ("+54 9 11 2345 6789", "AR", "+5491123456789"), ("011 15 2345-6789", "AR", "+5491123456789"),
    ("+54 11 2345 6789", "AR", "+5491123456789"), ("(011) 15-2345-6789", "AR", "+5491123456789"),
    ("+54 11 15 2345 6789", "AR", "+5491123456789"), ("5491123456789", "AR", "+5491123456789"),
    ("+52 1 55 5123 4567", "MX", "+525551234567"), ("044 55 5123 4567", "MX", "+525551234567"),
    ("045 55 5123 4567", "MX", "+525551234567"), ("01 55 5123 4567", "MX", "+525551234567"),
    ("5215551234567", "MX", "+525551234567"), ("1 55 5123 4567", "MX", "+525551234567"),
    ("0 15 11 98765-4321", "BR", "+5511987654321"), ("015 11 98765 4321", "BR", "+5511987654321"),
    ("(0xx11) 98765-4321", "BR", "+5511987654321"), ("(11) 8765-4321", "BR", "+5511987654321"),
    ("+55 11 8765-4321", "BR", "+5511987654321"), ("551187654321", "BR", "+5511987654321"),
    ("0 41 21 98765-4321", "BR", "+5521987654321"), ("8 (495) 123-45-67", "RU", "+74951234567"),
    ("8 10 49 30 23125447", "RU", "+493023125447"), ("8~10 49 30 23125447", "RU", "+493023125447"),
    ("8 701 234 56 78", "KZ", "+77012345678"), ("06-20/123-4567", "HU", "+36201234567"),
    ("8 612 34567", "LT", "+37061234567"), ("+39 6 69821234", "IT", "+390669821234"),
    ("01033 030 23125447", "DE", "+493023125447"), ("+030 23125447", "DE", "+493023125447"),
    ("+0049 30 23125447", "DE", "+493023125447"), ("030 / 23 12 54 47", "DE", "+493023125447"),
    ("+49 [0] 30 23125447", "DE", "+493023125447"), ("049 30 23125447", "DE", ""),
    ("T +49 30 23125447", "DE", "+493023125447"), ("☎ 030 23125447", "DE", "+493023125447"),
    ("1-212-736-5000", "GB", "+12127365000"), ("1 (212) 736-5000", "US", "+12127365000"),
    ("17951 138 1234 5678", "CN", "+8613812345678"), ("(+86)138-1234-5678", "CN", "+8613812345678"),
    ("tel:+1-202-555-0147;verstat=TN-Validation-Passed", "US", "+12025550147"),
)  # fmt: skip


def corpus() -> list[Form]:
    """All forms in each home: those of home in every way, those of everybody else in the ways that need no home."""
    known = subscribers()
    forms = [
        Form(text, means, plan.country)
        for plan, number, means in known
        for text in dict.fromkeys((*international_forms(plan, number), *national_forms(plan, number)))
    ]
    return [*forms, *(Form(text, means, home) for text, home, means in NASTY if means)]

"""Which country a complete number is of, and whether calling it is how telephone fraud is paid: pure.

Numbers whose owner gets a share of what the caller pays are the aim of fraud: premium rate, personal numbers, and of
other countries also shared-cost and company numbers. Networks of no country (satellite phones, international services)
have country codes of their own.
"""

import re
from enum import StrEnum
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

WORLDWIDE: Final = "001"  # what the tables call the region of numbers of no country
FREE_WORLDWIDE: Final = 800
PREMIUM_WORLDWIDE: Final = (808, 979)  # shared cost; premium rate
_premium_types = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.PERSONAL_NUMBER})
_shared_types = frozenset({PhoneNumberType.SHARED_COST, PhoneNumberType.UAN})
_exchange_976 = re.compile(r"\A\+1[2-9][0-9]{2}976[0-9]{4}\Z")  # premium in every area of North America


class Cost(StrEnum):
    USUAL = "usual"
    PREMIUM = "premium"
    NETWORK = "network"  # satellite and other international networks


def country_and_cost(e164: str, *, home: str) -> tuple[str, Cost]:
    """ISO 3166 (empty: of no country) and kind of cost, as seen from `home`. `e164` is a valid number."""
    parsed = phonenumbers.parse(e164, None)
    # Toll-free numbers of North America are valid in twenty countries: at home when home is one of them.
    at_home = phonenumbers.is_valid_number_for_region(parsed, home)
    region = home if at_home else phonenumbers.region_code_for_number(parsed) or ""
    if region == WORLDWIDE:
        return "", _of_no_country(parsed.country_code or 0)
    kind = phonenumbers.number_type(parsed)
    if kind in _premium_types or (kind in _shared_types and not at_home) or _exchange_976.match(e164):
        return region, Cost.PREMIUM
    return region, Cost.USUAL


def _of_no_country(code: int) -> Cost:
    if code == FREE_WORLDWIDE:
        return Cost.USUAL
    return Cost.PREMIUM if code in PREMIUM_WORLDWIDE else Cost.NETWORK

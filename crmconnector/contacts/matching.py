"""Whose number is this? Pure: readings in, people out, each with the rule that found it.

Rules in order: the exact E.164 form; then the national form, for stored numbers whose country could not be read.
Several people on one number are all returned: never the first one wins.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from crmconnector.common.numbers import NumberKind, NumberReading


class MatchRule(StrEnum):
    EXACT = "exact"
    NATIONAL = "national"


@dataclass(frozen=True, slots=True)
class StoredNumber:
    """A number in the contacts: whose it is and how it was read when it was stored."""

    contact_id: int
    e164: str
    key: str


@dataclass(frozen=True, slots=True)
class Match:
    contact_id: int
    rule: MatchRule


def can_be_looked_up(reading: NumberReading) -> bool:
    """Withheld and empty callers are never looked up; an extension is a colleague's business, not a contact's."""
    return reading.kind in (NumberKind.E164, NumberKind.UNREADABLE) and bool(reading.e164 or reading.key)


def match_people(reading: NumberReading, stored: Iterable[StoredNumber]) -> list[Match]:
    """All people with this number, each once, by the first rule that finds anybody."""
    candidates = list(stored)
    if not can_be_looked_up(reading):
        return []
    exact = [one.contact_id for one in candidates if reading.e164 and one.e164 == reading.e164]
    if exact:
        return [Match(contact_id, MatchRule.EXACT) for contact_id in dict.fromkeys(exact)]
    national = [one.contact_id for one in candidates if _same_national_number(reading, one)]
    return [Match(contact_id, MatchRule.NATIONAL) for contact_id in dict.fromkeys(national)]


def _same_national_number(reading: NumberReading, stored: StoredNumber) -> bool:
    """Two complete E.164 numbers that differ are different numbers; the key helps only where one is incomplete."""
    if not reading.key or reading.key != stored.key:
        return False
    return not (reading.e164 and stored.e164)

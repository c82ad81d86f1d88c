"""Whose number is this? Pure: readings in, people out, each with the rule that found it.

Rules in order:

1. *exact*: both sides are complete, and they are the same subscriber;
2. *national*: one side is complete only as somebody at home would read it, or was written without plus and prefix;
3. *prefix*: as exact, after an outside-line prefix of the PBX was taken off;
4. *suffix*: the same last digits, and every digit before them is explained as country code, trunk or international
   prefix. Two complete numbers that differ never join, however many digits they share;
5. *extension*: an internal number is a colleague's, never a contact's;
6. *service*: emergency and service numbers are equal or different, in one country.

Several people on one number are all returned: never the first one wins. Who is found only because the caller's digits
may also be read otherwise is returned only when nobody has the number as it was read first.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Generic, TypeVar

from crmconnector.common.number_plans import code_of, subscriber, trunk_prefix_of, variants, written_forms
from crmconnector.common.numbers import KEY_DIGITS, NumberKind, NumberReading, read_number

LEAST_COMPARED_DIGITS = 7


class MatchRule(StrEnum):
    EXACT = "exact"
    NATIONAL = "national"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    EXTENSION = "extension"
    SERVICE = "service"


class Because(StrEnum):
    """Why a rule found somebody, found nobody or was left out; each value is a sentence for people."""

    SAME = "Somebody has exactly this number."
    NOBODY = "Nobody has this number."
    NOT_COMPLETE = "The number could not be read completely."
    NO_PREFIX = "No outside-line prefix was taken off."
    NO_PREFIXES = "The PBX has no outside-line prefixes."
    HOME = "A number without country code is the same when it is read in this country."
    OTHERWISE = "Without plus and prefix the digits may also be read so; nobody has the number as it is read first."
    SAME_END = "The last digits are the same, and all digits before them are explained."
    NOT_EXPLAINED = "Nobody has a number with this end whose other digits could be explained."
    COLLEAGUE = "An extension belongs to a colleague, never to a contact."
    NO_EXTENSION = "It is no extension."
    NO_SERVICE = "It is no service number of this country."
    ONLY_SERVICE = "Service numbers are compared as a whole, by their own rule only."
    WITHHELD = "Withheld and missing numbers are never looked up."
    NO_NUMBER = "The text is no telephone number."


@dataclass(frozen=True, slots=True)
class StoredNumber:
    """A number in the contacts: whose it is, how it was read when it was stored, and the text itself."""

    contact_id: int
    e164: str
    key: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One person found. `form`: the digits or the E.164 number that both sides have in common."""

    contact_id: int
    rule: MatchRule
    form: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was tried. `outcome` is found, nothing or skipped; `because` is a sentence of `Because`."""

    rule: MatchRule
    form: str
    outcome: str
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    reading: NumberReading
    steps: tuple[Step, ...]
    matches: tuple[Match, ...]


def can_be_looked_up(reading: NumberReading) -> bool:
    """Withheld and empty callers are never looked up; an extension is a colleague's business, not a contact's."""
    return reading.kind in (NumberKind.E164, NumberKind.UNREADABLE, NumberKind.SERVICE) and bool(reading.key)


def match_people(reading: NumberReading, stored: Iterable[StoredNumber]) -> list[Match]:
    """All people with this number, each once by the first rule that finds them; the surest rule first."""
    if not can_be_looked_up(reading):
        return []
    found = _first_rules(_compared(reading, stored))
    return sorted(found, key=lambda match: _order[match.rule])


def lookup_forms(reading: NumberReading) -> tuple[str, ...]:
    """E.164 forms under which a number may be stored."""
    forms = [form for one in (reading.e164, reading.likely, *reading.others) if one for form in variants(one)]
    return tuple(dict.fromkeys(forms))


def lookup_keys(reading: NumberReading) -> tuple[str, ...]:
    """Keys under which the same number may be stored when one side is incomplete; verified afterwards, always."""
    if reading.kind is NumberKind.SERVICE:
        return (reading.key,)
    texts = [reading.digits, reading.e164[1:], *(other[1:] for other in reading.others)]
    keys = [reading.key, *(text[-KEY_DIGITS:] for text in texts)]
    trunk = trunk_prefix_of(reading.country) if reading.e164 else ""
    if trunk and len(reading.key) < KEY_DIGITS:
        keys.append((trunk + reading.key)[-KEY_DIGITS:])
    if not reading.e164:  # a short complete number may stand behind a prefix that we do not know
        keys += [reading.digits[-short:] for short in (8, 7) if len(reading.digits) > short]
    return tuple(dict.fromkeys(key for key in keys if len(key) >= 4))


def explain(
    text: str | None, stored: Iterable[StoredNumber], *, country: str, outside_prefixes: tuple[str, ...] = ()
) -> Explanation:
    """Every rule in order, what it compared, and why it found somebody or nobody."""
    reading = read_number(text, country=country, outside_prefixes=outside_prefixes)
    matches = match_people(reading, stored)
    steps = tuple(_step(rule, reading, matches, bool(outside_prefixes)) for rule in MatchRule)
    return Explanation(reading, steps, tuple(matches))


Id = TypeVar("Id", bound=Hashable)


class MatchIndex(Generic[Id]):
    """The same rules over texts in memory: `(id, text)` pairs, read as somebody in `country` would.

    `match` gives the ids in the order of `stored`, each once; it never raises, whatever it is given.
    """

    def __init__(self, stored: Iterable[tuple[Id, str]], *, country: str, outside_prefixes: Iterable[str] = ()) -> None:
        self._country, self._prefixes = country, tuple(outside_prefixes)
        self._ids: list[Id] = []
        self._numbers: list[StoredNumber] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)  # by E.164 form and by key
        for contact_id, text in stored:
            self._add(contact_id, text)

    def match(self, written: str | None) -> list[Id]:
        reading = read_number(written, country=self._country, outside_prefixes=self._prefixes)
        if not can_be_looked_up(reading):
            return []
        wanted = (*lookup_forms(reading), *lookup_keys(reading))
        places = sorted({place for form in wanted for place in self._places.get(form, ())})
        found = {match.contact_id for match in match_people(reading, [self._numbers[place] for place in places])}
        return list(dict.fromkeys(self._ids[place] for place in places if place in found))

    def _add(self, contact_id: Id, text: str) -> None:
        """People write numbers without the outside-line prefix, so it is taken off only where nothing else helps."""
        reading = read_number(text, country=self._country)
        if not reading.e164 and self._prefixes:
            reading = read_number(text, country=self._country, outside_prefixes=self._prefixes)
        if not can_be_looked_up(reading):
            return
        place = len(self._ids)
        self._ids.append(contact_id)
        self._numbers.append(StoredNumber(place, reading.e164, reading.key, reading.written))
        for form in {reading.key, *lookup_forms(reading)}:
            self._places[form].append(place)


_order = {rule: place for place, rule in enumerate(MatchRule)}


def _compared(reading: NumberReading, stored: Iterable[StoredNumber]) -> list[Match]:
    candidates = list(stored)
    found = [match for one in candidates if (match := _compare(reading, one)) is not None]
    if found or not reading.others:
        return found
    # Nobody has the number as it was read first: "33142685300" in Germany may be Paris.
    others = {subscriber(other): other for other in reading.others}
    kept = [(one, subscriber(one.e164 or _reread(one, reading.home).likely)) for one in candidates]
    return [Match(one.contact_id, MatchRule.NATIONAL, others[form]) for one, form in kept if form in others]


def _first_rules(found: Iterable[Match]) -> list[Match]:
    """Each person once, by the surest of the rules that found one of the numbers."""
    best: dict[int, Match] = {}
    for match in found:
        known = best.get(match.contact_id)
        if known is None or _order[match.rule] < _order[known.rule]:
            best[match.contact_id] = match
    return list(best.values())


def _compare(reading: NumberReading, one: StoredNumber) -> Match | None:
    if reading.kind is NumberKind.SERVICE:
        same = not one.e164 and one.key == reading.key and _reread(one, reading.home).kind is NumberKind.SERVICE
        return Match(one.contact_id, MatchRule.SERVICE, reading.key) if same else None
    if one.e164 and reading.e164:
        return _compare_complete(reading, one)
    again = _reread(one, reading.home)
    if not can_be_looked_up(again) or again.kind is NumberKind.SERVICE:
        return None
    if one.e164:  # the caller is incomplete
        if reading.likely in again.others:
            return Match(one.contact_id, MatchRule.NATIONAL, reading.likely)
        return _form_of(one.contact_id, one.e164, reading)
    if not reading.e164:
        return _compare_incomplete(reading, again, one.contact_id)
    if again.e164:  # it was stored as of another country, and is complete when it is read here
        same = subscriber(again.e164) == subscriber(reading.e164)
        return Match(one.contact_id, MatchRule.NATIONAL, again.e164) if same else None
    return _form_of(one.contact_id, reading.e164, again)


def _compare_complete(reading: NumberReading, one: StoredNumber) -> Match | None:
    """Two complete numbers: the same subscriber, or no match. Bare digits have two meanings, and either will do."""
    if one.e164 == reading.e164 or subscriber(one.e164) == subscriber(reading.e164):
        return Match(one.contact_id, MatchRule.PREFIX if reading.prefix else MatchRule.EXACT, reading.e164)
    if one.written and one.key[-4:] == reading.e164[-4:] and reading.e164 in _reread(one, reading.home).others:
        return Match(one.contact_id, MatchRule.NATIONAL, reading.e164)
    return None


def _form_of(contact_id: int, complete: str, incomplete: NumberReading) -> Match | None:
    """Whether the incomplete text is one of the ways to write the complete number: no digit is left unexplained.

    Behind a plus stands a country code and nothing else: "+1 247 0000" is not 247 0000 on the Marshall Islands, where
    one dials a 1 before it.
    """
    if incomplete.digits not in _forms(complete):
        return None
    if incomplete.plus and not incomplete.digits.startswith(code_of(complete)):
        return None
    return Match(contact_id, MatchRule.SUFFIX, incomplete.digits)


def _compare_incomplete(reading: NumberReading, other: NumberReading, contact_id: int) -> Match | None:
    """Two texts in no known range: the same digits, the same likely number, or the same but for the trunk prefix."""
    if min(len(reading.digits), len(other.digits)) < LEAST_COMPARED_DIGITS:
        return None
    trunk = trunk_prefix_of(reading.home)
    same = reading.digits == other.digits or (
        trunk and reading.digits in (trunk + other.digits, other.digits.removeprefix(trunk))
    )
    if reading.likely and other.likely:
        same = reading.likely == other.likely
    return Match(contact_id, MatchRule.SUFFIX, reading.likely or reading.digits) if same else None


def _reread(one: StoredNumber, home: str) -> NumberReading:
    """The stored text as somebody at home reads it. Without the text there is nothing that could be verified."""
    return _read_again(one.written, home)


@lru_cache(maxsize=4096)
def _read_again(written: str, home: str) -> NumberReading:
    return read_number(written, country=home)


@lru_cache(maxsize=4096)
def _forms(e164: str) -> frozenset[str]:
    return frozenset(written_forms(e164))


def _step(rule: MatchRule, reading: NumberReading, matches: list[Match], prefixes: bool) -> Step:
    found = next((match for match in matches if match.rule is rule), None)
    if found is not None:
        return Step(rule, found.form, "found", _why_found(found, reading))
    because, skipped = _why_nothing(rule, reading, prefixes)
    form = "" if skipped else (reading.e164 if rule in (MatchRule.EXACT, MatchRule.PREFIX) else reading.key)
    return Step(rule, form, "skipped" if skipped else "nothing", because)


def _why_found(found: Match, reading: NumberReading) -> Because:
    if found.rule is MatchRule.NATIONAL:
        return Because.OTHERWISE if found.form in reading.others else Because.HOME
    return Because.SAME_END if found.rule is MatchRule.SUFFIX else Because.SAME


def _why_nothing(rule: MatchRule, reading: NumberReading, prefixes: bool) -> tuple[Because, bool]:
    """(reason, whether the rule was left out)"""
    kind = reading.kind
    if kind is NumberKind.WITHHELD:
        return Because.WITHHELD, True
    if rule is MatchRule.EXTENSION:
        return (Because.COLLEAGUE, False) if kind is NumberKind.INTERNAL else (Because.NO_EXTENSION, True)
    if rule is MatchRule.SERVICE:
        return (Because.NOBODY, False) if kind is NumberKind.SERVICE else (Because.NO_SERVICE, True)
    if kind is NumberKind.INTERNAL:
        return Because.COLLEAGUE, True
    if kind is NumberKind.SERVICE:
        return Because.ONLY_SERVICE, True
    if not reading.key:
        return Because.NO_NUMBER, True
    if rule is MatchRule.PREFIX and not reading.prefix:
        return (Because.NO_PREFIX if prefixes else Because.NO_PREFIXES), True
    if rule is MatchRule.EXACT and reading.prefix:
        return Because.NO_PREFIX, True
    if rule is MatchRule.SUFFIX:
        return Because.NOT_EXPLAINED, False
    return (Because.NOBODY, False) if reading.e164 or rule is MatchRule.NATIONAL else (Because.NOT_COMPLETE, True)

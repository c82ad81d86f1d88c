"""What some digits may mean: every valid reading with how sure its form is. Home is where the reader sits.

Words: *marked*, with a plus, an international or a trunk prefix; *bare*, without any.
"""

from collections.abc import Iterator
from typing import NamedTuple

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumber

from crmconnector.common import number_plans as plans

LEAST_BEHIND_PREFIX = 7  # digits that must follow an outside-line prefix
LONGEST_USUAL_NATIONAL = 11  # more digits without any prefix are rather a number with its country code


class Way(NamedTuple):
    """One valid meaning of some digits. `rank`: how sure the form is, 1 with a plus or a trunk prefix; see `_ways`."""

    rank: int
    number: PhoneNumber
    prefix: str = ""


MARKED, BEHIND_PREFIX, BARE, BARE_BEHIND_PREFIX, ODD_PREFIX, FOREIGN, LAST = range(1, 8)


def ways_of(
    core: str, home: str, prefixes: tuple[str, ...], groups: tuple[str, ...], *, strict: bool = True
) -> list[Way]:
    """The valid meanings of some digits, the surest first. Not strict: those of a right length, too.

    1. with a plus, an international or a trunk prefix of home (or as bare as everybody at home writes it);
    2. the same behind an outside-line prefix; 3. bare, with the home country's code or without trunk prefix;
    4. that behind an outside-line prefix; 5. with the international prefix of another country;
    6. bare, with another country's code; 7. those behind an outside-line prefix.
    """
    found = list(_plain_ways(core, home, groups, strict))
    if len(found) == 1 and found[0].rank == MARKED and not prefixes:
        return found
    behind = {MARKED: BEHIND_PREFIX, BARE: BARE_BEHIND_PREFIX}
    for prefix in prefixes:
        if core.startswith(prefix) and len(core) >= len(prefix) + LEAST_BEHIND_PREFIX:
            rest = _plain_ways(core[len(prefix) :], home, (), strict)
            found += [Way(behind.get(way.rank, LAST), way.number, prefix) for way in rest]
    return sorted(found, key=lambda way: way.rank)


def _plain_ways(core: str, home: str, groups: tuple[str, ...], strict: bool) -> Iterator[Way]:
    if core.startswith("+"):
        parsed = plans.parse_number(core, None, strict=strict)
        if parsed is not None:
            yield Way(MARKED, parsed)
            return
        core = core[1:]  # "+0049…", "+030…": a PBX put the plus in front of whatever it had
        if not core.startswith("0"):
            return
    national = at_home(core, home, strict=strict)
    bare = national is not None and national_digits(national) == core
    coded = _with_code(core, home, groups, strict, bare_at_home=bare and plans.is_written_bare(home))
    # "33 1 42…" with the code as a group of its own, or more digits than a national number has: rather abroad
    sure = coded is not None and (national is None or phonenumbers.is_valid_number(coded.number))
    by_shape = len(core) > LONGEST_USUAL_NATIONAL or (coded is not None and groups[:1] == (_code(coded.number),))
    coded_first = coded is not None and sure and (coded.rank == BARE or by_shape)
    if national is not None and (not bare or plans.is_written_bare(home)):
        # A form of the past is surer than nothing, but not than an outside-line prefix before a form of today.
        yield Way(MARKED if national.raw_input else ODD_PREFIX, national)
    if coded is not None and coded_first:
        yield Way(BARE, coded.number)
    if national is not None and bare and not plans.is_written_bare(home):
        yield Way(BARE, national)
    if national is None:
        yield from _odd_prefixes(core, strict)
    elif core.startswith("00") and (abroad := plans.parse_number("+" + core[2:], None)) is not None:
        yield Way(ODD_PREFIX, abroad)
    if coded is not None and not coded_first:
        yield Way(FOREIGN, coded.number)


def at_home(core: str, home: str, *, strict: bool = True) -> PhoneNumber | None:
    """Digits as somebody at home dials them: national, with the international prefix, or behind a carrier's code."""
    if not home:
        return None
    parsed = plans.parse_number(core, home, strict=strict)
    if core.startswith("00"):
        parsed = _behind_double_zero(core, home, parsed)
    if parsed is None and (rest := plans.without_carrier(core, home)):
        parsed = plans.parse_number(rest, home, strict=strict)
    coded = parsed is not None and parsed.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN
    if coded and plans.trunk_prefix_of(home) != plans.country_code_of(home):
        return None  # `_with_code` finds it
    return parsed


def _behind_double_zero(core: str, home: str, parsed: PhoneNumber | None) -> PhoneNumber | None:
    """00 means abroad to people everywhere, also where the exchange wants 001 or 007; 0011 is Australia's prefix."""
    if core.startswith("0011"):  # no number of North America begins with a second 1
        return plans.parse_number("+" + core[4:], None) or parsed
    if parsed is None or plans.is_double_zero_abroad(home):
        return plans.parse_number("+" + core[2:], None) or parsed
    return parsed


def _with_code(core: str, home: str, groups: tuple[str, ...], strict: bool, *, bare_at_home: bool) -> Way | None:
    """Digits that begin with a country code but have no plus: what most trunks send, and what spreadsheets leave."""
    if core.startswith("0"):
        return None
    # At eleven digits and more it is worth a look even where the tables do not know the range: see `other_meanings`.
    parsed = plans.parse_number("+" + core, None, strict=strict and len(core) < LONGEST_USUAL_NATIONAL)
    if parsed is None:
        return None
    code = _code(parsed)
    if groups and groups[0] != code and (bare_at_home or len(groups[0]) == 3):
        return None  # grouped as at home: "479-234-5678" is no Norwegian number
    if code == plans.country_code_of(home) and not bare_at_home:
        return Way(BARE, parsed)
    return Way(FOREIGN, parsed)


def _odd_prefixes(core: str, strict: bool) -> Iterator[Way]:
    """The international prefix of another country than home: 011 in Europe, 00 in America."""
    for prefix in plans.INTERNATIONAL_PREFIXES:
        if core.startswith(prefix):
            parsed = plans.parse_number("+" + core[len(prefix) :], None, strict=strict)
            if parsed is not None:
                yield Way(ODD_PREFIX, parsed)


def other_meanings(first: Way, ways: list[Way], core: str) -> list[Way]:
    """Other meanings that are worth a look when nobody has the first. A plus or a trunk prefix leaves no doubt."""
    if core.startswith("+"):
        return []
    bare = national_digits(first.number) == core or first.rank in (BARE, BARE_BEHIND_PREFIX)
    if first.rank == MARKED and not bare:
        return [way for way in ways[1:] if way.rank in (BEHIND_PREFIX, ODD_PREFIX)]
    return [way for way in ways[1:] if way.rank in (BARE, FOREIGN)] if bare else []


def _code(parsed: PhoneNumber) -> str:
    return str(parsed.country_code)


def national_digits(parsed: PhoneNumber) -> str:
    """The national significant number: all that follows the country code, Italian zeros included."""
    return str(phonenumbers.national_significant_number(parsed))

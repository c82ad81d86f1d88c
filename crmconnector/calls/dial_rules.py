"""What will be dialled for a text that a person typed, pasted or clicked; or why nothing will. Pure: values in and out.

The text is read into a whole number, and what is dialled is made anew from that number: nothing of the text itself
reaches a phone or a PBX. A text with anything in it that does more than separate digits is refused, never repaired.

Terms: the *outside prefix* is what a desk phone dials to leave the PBX (0, 9); the prefix of a *line* is dialled in its
place, so that the number of that line is shown to whom we call. An *extension* is dialled as it is.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from phonenumbers import PhoneNumber, ShortNumberCost, expected_cost_for_region, is_emergency_number
from phonenumbers import is_valid_short_number_for_region as is_short_number

from crmconnector.calls import dial_costs
from crmconnector.calls.dial_costs import Cost
from crmconnector.calls.dial_text import NO_TEXT, NoDial, clean_text
from crmconnector.common.marked import gettext_noop as _
from crmconnector.common.number_plans import country_code_of, international_prefix_of
from crmconnector.common.numbers import NumberKind, NumberReading, dialled_form, read_number, shown_number
from crmconnector.common.sentences import Sentence

__all__ = ["Cost", "DialKind", "DialPlan", "NoDial", "could_dial", "is_emergency", "plan_dial"]

EMERGENCY_EVERYWHERE: Final = frozenset({"112"})
_dialable = re.compile(r"\A\+?[0-9*#]{1,32}\Z")
_some_prefix = re.compile(r"\A[0-9]{0,4}\Z")


class DialKind(StrEnum):
    EXTENSION = "extension"
    NATIONAL = "national"
    INTERNATIONAL = "international"
    SERVICE = "service"  # short numbers of the country: 11833, 115
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class DialPlan:
    """What will be dialled. `dial_string`: digits, * and #, or a plus and digits; at most 32.

    `far_number`: E.164, or the bare digits of an extension or short number. `country`: ISO 3166 of the number, empty
    for one of no single country. `shown`: as people write it. `extension`: digits that stood behind the number and are
    not dialled. `others`: what else the digits could mean; it is not what is dialled.
    """

    dial_string: str = field(repr=False)
    far_number: str = field(repr=False)
    kind: DialKind
    country: str
    shown: str = field(repr=False)
    sentence: Sentence = field(repr=False)
    cost: Cost = Cost.USUAL
    extension: str = field(default="", repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)

    @property
    def outside(self) -> bool:
        return self.kind is not DialKind.EXTENSION


def plan_dial(
    text: str, *, country: str, dial_prefix: str = "", style: str = "national", line_prefix: str = "",
    outside_prefixes: tuple[str, ...] = (), extensions: Container[str] = (),
) -> DialPlan | NoDial:  # fmt: skip
    """What a phone of a PBX in `country` dials for this text. Never raises.

    `style`: "national" (at home as people dial there, else with the international prefix), "international" (always with
    that prefix) or "e164" (a plus, unless digits go before it: then the international prefix). `extensions`: those that
    are known, which no rule about prefixes and feature codes takes for anything else.
    """
    cleaned = clean_text(text, extensions)
    prefixes = tuple(sorted({dial_prefix, *outside_prefixes} - {""}, key=len, reverse=True))
    if digits := _emergency_in(cleaned.folded, country, prefixes, extensions):
        return _emergency(digits, country, "" if digits in extensions else dial_prefix)
    if cleaned.trouble is not None:
        return cleaned.trouble
    if cleaned.text in extensions:
        return _extension(cleaned.text, country, Cost.USUAL)
    reading = read_number(cleaned.text, country=country, outside_prefixes=prefixes)
    prefix = line_prefix or dial_prefix
    if reading.kind is NumberKind.INTERNAL:
        return _inside(reading.key, country, prefixes, prefix)
    if reading.kind is NumberKind.SERVICE:
        return _service(reading.key, country, prefix)
    if not reading.e164:
        return NO_TEXT if reading.kind is NumberKind.WITHHELD else _UNKNOWN
    return _number(reading, country, prefix, style, cleaned.extension)


def could_dial(plan: DialPlan, dial_string: str, *, country: str, prefixes: Container[str]) -> bool:
    """Whether these digits reach the number that was judged, by any of the prefixes and styles of its PBX.

    What is sent is stored apart from whom it is for; the two must never come to mean different things. Of an emergency
    number any digits in front will do: the rules may have been changed since somebody asked for help.
    """
    if not _dialable.match(dial_string):
        return False
    if plan.kind is DialKind.EMERGENCY:
        rest = dial_string.removesuffix(plan.far_number)
        return rest != dial_string and (rest in prefixes or bool(_some_prefix.match(rest)))
    ends = {plan.far_number}
    if plan.far_number.startswith("+"):
        reading = read_number(plan.far_number, country=country)
        ends |= {_rendered(reading, country, "", style) for style in ("national", "international", "e164")}
    return any(
        dial_string.endswith(end) and (not dial_string[: -len(end)] or dial_string[: -len(end)] in prefixes)
        for end in ends
    )


def is_emergency(digits: str, country: str) -> bool:
    """Exactly an emergency number of this country; 112 is one everywhere."""
    return digits in EMERGENCY_EVERYWHERE or (
        len(digits) >= 2 and digits.isascii() and digits.isdigit() and bool(is_emergency_number(digits, country))
    )


def _emergency_in(folded: str, country: str, prefixes: tuple[str, ...], extensions: Container[str]) -> str:
    """The emergency number that stands in plain digits, with or without an outside prefix; empty: none does.

    Looked for before anything is refused. Behind a prefix the digits may be somebody's extension (1 and 110).
    """
    if is_emergency(folded, country):
        return folded
    if folded in extensions:
        return ""
    rests = (folded.removeprefix(prefix) for prefix in prefixes if folded.startswith(prefix))
    return next((rest for rest in rests if is_emergency(rest, country)), "")


def _emergency(digits: str, country: str, prefix: str) -> DialPlan:
    """The prefix of a line is left out: help must see where the building is, not which number it shows."""
    sentence = Sentence(_WILL_DIAL[DialKind.EMERGENCY, False], digits=_spaced(prefix, digits))
    return DialPlan(prefix + digits, digits, DialKind.EMERGENCY, country, digits, sentence)


def _extension(digits: str, country: str, cost: Cost) -> DialPlan:
    sentence = Sentence(_WILL_DIAL[DialKind.EXTENSION, False], digits=digits)
    return DialPlan(digits, digits, DialKind.EXTENSION, country, digits, sentence, cost)


def _inside(digits: str, country: str, prefixes: tuple[str, ...], prefix: str) -> DialPlan | NoDial:
    """A short number that nobody is known to have: of an extension we were not told of, or outside by a prefix."""
    for taken in prefixes:
        if digits.startswith(taken):
            rest = digits.removeprefix(taken)
            if _is_short(rest, country):
                return _service(rest, country, prefix)
            return NoDial("prefix_only", Sentence(_PREFIX_ONLY, digits=digits, prefix=taken))
    # Without a prefix the PBX may send short numbers outside, where some of them cost extra.
    return _extension(digits, country, Cost.USUAL if prefixes else _short_cost(digits, country))


def _service(digits: str, country: str, prefix: str) -> DialPlan:
    sentence = Sentence(_WILL_DIAL[DialKind.SERVICE, bool(prefix)], digits=_spaced(prefix, digits))
    cost = _short_cost(digits, country)
    return DialPlan(prefix + digits, digits, DialKind.SERVICE, country, digits, sentence, cost)


def _number(reading: NumberReading, home: str, prefix: str, style: str, extension: str) -> DialPlan | NoDial:
    dialled = _rendered(reading, home, prefix, style)
    if not _dialable.match(dialled):
        return _UNKNOWN
    country, cost = dial_costs.country_and_cost(reading.e164, home=home)
    kind = DialKind.NATIONAL if country == home else DialKind.INTERNATIONAL
    spaced = _spaced(prefix, dialled.removeprefix(prefix))
    told = [Sentence(_WILL_DIAL[kind, bool(prefix)], digits=spaced)]
    extension = extension or reading.extension
    if extension:
        told.append(Sentence(_NOT_ITS_EXTENSION, extension=extension))
    if reading.others:
        told.append(Sentence(_ALSO, number=shown_number(reading.others[0], country="")))
    sentence = Sentence.of(*told)
    return DialPlan(
        dialled, reading.e164, kind, country, shown_number(reading.e164, country=home), sentence, cost, extension,
        reading.others,
    )  # fmt: skip


def _rendered(reading: NumberReading, home: str, prefix: str, style: str) -> str:
    digits = reading.e164[1:]
    if style == "e164" and not prefix:
        return reading.e164
    at_home_in_north_america = country_code_of(home) == "1" and digits.startswith("1")  # no 011 leads home again
    if style == "national" or at_home_in_north_america:
        return dialled_form(reading, country=home, outside_prefix=prefix)
    return prefix + international_prefix_of(home) + digits


def _is_short(digits: str, country: str) -> bool:
    return len(digits) >= 2 and digits[0] != "0" and bool(is_short_number(_as_number(digits, country), country))


def _short_cost(digits: str, country: str) -> Cost:
    if not (digits.isascii() and digits.isdigit()):
        return Cost.USUAL
    extra = expected_cost_for_region(_as_number(digits, country), country) == ShortNumberCost.PREMIUM_RATE
    return Cost.PREMIUM if extra else Cost.USUAL


def _as_number(digits: str, country: str) -> PhoneNumber:
    return PhoneNumber(country_code=int(country_code_of(country) or 0), national_number=int(digits))


def _spaced(prefix: str, rest: str) -> str:
    return f"{prefix} {rest}" if prefix else rest


_WILL_DIAL: Final[dict[tuple[DialKind, bool], str]] = {  # the second: with digits for an outside line in front
    (DialKind.EMERGENCY, False): _("This will dial %(digits)s: an emergency number."),
    (DialKind.EXTENSION, False): _("This will dial %(digits)s (inside)."),
    (DialKind.SERVICE, False): _("This will dial %(digits)s (service number)."),
    (DialKind.SERVICE, True): _("This will dial %(digits)s (outside line, service number)."),
    (DialKind.NATIONAL, False): _("This will dial %(digits)s (national)."),
    (DialKind.NATIONAL, True): _("This will dial %(digits)s (outside line, national)."),
    (DialKind.INTERNATIONAL, False): _("This will dial %(digits)s (international)."),
    (DialKind.INTERNATIONAL, True): _("This will dial %(digits)s (outside line, international)."),
}
_NOT_ITS_EXTENSION: Final = _("Extension %(extension)s is not dialled: enter it when somebody answers.")
_ALSO: Final = _("The digits could also be %(number)s: write a plus if that is meant.")
_PREFIX_ONLY: Final = _("%(digits)s begins with %(prefix)s, the digits for an outside line, and no whole number "
                        "follows. Write the number with its area code.")  # fmt: skip
_UNKNOWN: Final = NoDial("unknown_number", Sentence(
    _("No country has numbers like this one. Write it with its country code, such as "
      "+49 30 23125447, or dial it at the phone.")))  # fmt: skip

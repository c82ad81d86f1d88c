"""The number playground: how a text is read, what would be dialled, whom it matches and by which rule.

Nothing is stored and nothing is dialled. The page and `manage.py number` tell the same, from here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumbers import PhoneNumberType

from crmconnector.calls.dial_check import brake_of, plan_on, sentence_of
from crmconnector.calls.dial_rules import DialPlan, NoDial, plan_dial
from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import (
    NumberKind,
    NumberReading,
    fold_digits,
    is_country,
    read_number,
    shown_number,
)
from crmconnector.contacts.lookup import Person, explain_number, people_with_numbers
from crmconnector.contacts.matching import Explanation, MatchRule, Step
from crmconnector.pbx.models import Line, Pbx
from crmconnector.pbx.selectors import home_country, pbxes_heard_here
from crmconnector.users.models import User
from crmconnector.users.selectors import names_of
from phones.models import SipAccount
from phones.selectors import seats_of

LONGEST_LINE = 60  # characters; no number is longer
MOST_LINES = 50
MOST_CHARACTERS = 8000  # of all lines together, blanks included


class NumberProblem(Exception):
    """Why the text was not read, and what to do; safe to show. `field` is the one to change."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number is read: as written in this country, by this PBX's prefixes, for a caller of this line."""

    country: str
    pbx: Pbx | None = None
    line: Line | None = None

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self.pbx.outside_prefix_list if self.pbx else ()


@dataclass(frozen=True, slots=True)
class Matches:
    """Who has the number: those this user may see by name, the others as a count."""

    named: tuple[Person, ...]
    hidden: int

    @property
    def count(self) -> int:
        return len(self.named) + self.hidden


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in its order. `state` is the class of the timeline: proven or empty."""

    place: int
    title: str
    outcome: str
    state: str
    icon: str
    form: str
    because: str
    matches: Matches | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """An extension of ours, on which phone, and who sits there."""

    extension: str
    phone: str
    name: str


@dataclass(frozen=True, slots=True)
class NumberStory:
    """Everything about one text. `plan`: what a phone would dial; `why_not`: why nothing; `brake`: what would hold it
    back now, for everybody."""

    reading: NumberReading
    written: str
    folded: str
    kind: str
    lamp: str
    national: str
    international: str
    plan: DialPlan | None
    why_not: str
    brake: str
    type_words: str
    trouble: str
    rules: tuple[RuleRow, ...]
    matches: Matches
    colleague: Colleague | None


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One of several texts: a row of the table."""

    reading: NumberReading
    written: str
    kind: str
    lamp: str
    matches: Matches
    rule: str


def lines_of(text: str) -> list[str]:
    """The numbers that were typed or pasted, one a line. Raises NumberProblem when it is too much."""
    if len(text) > MOST_CHARACTERS:
        told = _("That is more than %(most)d characters. Paste fewer lines at once.")
        raise NumberProblem("number", told % {"most": MOST_CHARACTERS})
    lines = [line.strip() for line in text.replace("\x00", "\ufffd").splitlines()]
    lines = [line for line in lines if line]
    if len(lines) > MOST_LINES:
        told = _("That is %(n)d lines, and %(most)d at once is the most. Paste fewer.")
        raise NumberProblem("number", told % {"n": len(lines), "most": MOST_LINES})
    if any(len(line) > LONGEST_LINE for line in lines):
        told = _("A line is longer than %(most)d characters, so it is no telephone number. Put one number on a line.")
        raise NumberProblem("number", told % {"most": LONGEST_LINE})
    return lines


def place_of(country: str, line: str) -> Place:
    """Where to read: the country that was given, else the line's, else its PBX's. Raises NumberProblem."""
    country, line = country.strip().upper(), line.strip()
    if country and not is_country(country):
        told = _("%(country)s is no country of telephone numbers. Give two letters, such as DE.")
        raise NumberProblem("country", told % {"country": country[:LONGEST_LINE].replace("\x00", "\ufffd")})
    row = _line(line) if line else None
    pbx = row.pbx if row else pbxes_heard_here().first()
    return Place(country or (row.country if row else "") or (pbx.country if pbx else home_country()), pbx, row)


def tell_one(text: str, place: Place, *, seen_by: User | None) -> NumberStory:
    """The whole story of one text. `seen_by` None: whoever has a shell on the server sees every contact."""
    told, people = explain_number(text, country=place.country, outside_prefixes=place.prefixes)
    reading, seen = told.reading, _eyes_of(seen_by)
    plan, why_not = _planned(text, reading, place)
    return NumberStory(
        reading=reading,
        written=text,
        folded=fold_digits(text),
        kind=kind_words(reading),
        lamp=_LAMPS[reading.kind],
        national=shown_number(reading.e164, country=reading.country) if reading.e164 else "",
        international=shown_number(reading.e164, country="") if reading.e164 else "",
        plan=plan,
        why_not=why_not,
        brake=_brake_words(plan, seen_by) if plan else "",
        type_words=_type_words(reading),
        trouble=_(str(reading.trouble.value)) if reading.trouble else "",
        rules=tuple(_rule_row(at, step, told, people, seen) for at, step in enumerate(told.steps, start=1)),
        matches=_matches(people, seen, count=len(told.matches)),
        colleague=_colleague(reading, place.pbx),
    )


def tell_many(texts: Sequence[str], place: Place, *, seen_by: User | None) -> list[NumberRow]:
    """A row for each text; whoever they match is asked for in one query."""
    readings = [read_number(text, country=place.country, outside_prefixes=place.prefixes) for text in texts]
    people, seen = people_with_numbers(readings), _eyes_of(seen_by)
    return [
        NumberRow(
            reading,
            text,
            kind_words(reading),
            _LAMPS[reading.kind],
            _matches(people.get(reading, []), seen, count=len(people.get(reading, []))),
            rule_title(people[reading][0].rule) if people.get(reading) else "",
        )
        for text, reading in zip(texts, readings, strict=True)
    ]


def countries() -> list[str]:
    """Every country that numbers can be read in, by its two letters; the browser puts the names in its language."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def kind_words(reading: NumberReading) -> str:
    return {
        NumberKind.E164: _("Read completely"),
        NumberKind.INTERNAL: _("Extension or short number"),
        NumberKind.SERVICE: _("Emergency or service number"),
        NumberKind.WITHHELD: _("No number: withheld or empty"),
        NumberKind.UNREADABLE: _("No valid number here"),
    }[reading.kind]


def rule_title(rule: MatchRule) -> str:
    return {
        MatchRule.EXACT: _("Exact number"),
        MatchRule.NATIONAL: _("National form"),
        MatchRule.PREFIX: _("Without the outside-line prefix"),
        MatchRule.SUFFIX: _("Same last digits"),
        MatchRule.EXTENSION: _("Extension"),
        MatchRule.SERVICE: _("Short or service number"),
    }[rule]


_LAMPS = {
    NumberKind.E164: "talking",
    NumberKind.INTERNAL: "ready",
    NumberKind.SERVICE: "ready",
    NumberKind.WITHHELD: "idle",
    NumberKind.UNREADABLE: "off",
}
_OUTCOMES = {
    "found": (gettext_lazy("found"), "proven", "proven"),
    "nothing": (gettext_lazy("nobody"), "", "point"),
    "skipped": (gettext_lazy("not needed"), "", "point"),
}


def _planned(text: str, reading: NumberReading, place: Place) -> tuple[DialPlan | None, str]:
    """By the rules of the PBX; without one as a phone at home in that country would. A number that was read as in
    another country is dialled as that whole number."""
    pbx = place.pbx
    if pbx and pbx.country != place.country and reading.e164:
        text = reading.e164
    plan = plan_on(pbx=pbx, text=text) if pbx else plan_dial(text, country=place.country)
    return (None, plan.sentence) if isinstance(plan, NoDial) else (plan, "")


def _brake_words(plan: DialPlan, reader: User | None) -> str:
    brake = brake_of(plan=plan, now=utc_now())
    return sentence_of(brake, reader) if brake else ""


def _line(wanted: str) -> Line:
    """By the number that the PBX calls it by, else by its label."""
    lines = Line.objects.filter(pbx__in=pbxes_heard_here()).select_related("pbx")
    wanted = wanted.replace("\x00", "\ufffd")[:80]
    found = lines.filter(did=wanted).first() or lines.filter(label=wanted).first()
    if found is None:
        told = _("There is no line %(line)s. Lines are set up on the page of their PBX.")
        raise NumberProblem("line", told % {"line": wanted})
    return found


Eyes = Callable[[Person], bool]


def _matches(people: Sequence[Person], seen: Eyes, *, count: int) -> Matches:
    """`count`: how many there are, when `people` are only the first of them."""
    named = tuple(one for one in people if seen(one))
    return Matches(named, count - len(named))


def _eyes_of(user: User | None) -> Eyes:
    """A contact of a team is for its members and administrators; without a team it is everybody's."""
    if user is None or user.is_administrator:
        return lambda person: True
    teams = {None, *user.teams.values_list("pk", flat=True)}
    return lambda person: person.team_id in teams


def _rule_row(at: int, step: Step, told: Explanation, people: Iterable[Person], seen: Eyes) -> RuleRow:
    outcome, state, icon = _OUTCOMES[step.outcome]
    theirs = [one for one in people if one.rule == step.rule]
    count = sum(match.rule == step.rule for match in told.matches)
    found = _matches(theirs, seen, count=count) if count else None
    because = _(str(step.because)) if step.because else ""
    return RuleRow(at, rule_title(step.rule), str(outcome), state, icon, step.form, because, found)


def _type_words(reading: NumberReading) -> str:
    if not reading.e164:
        return ""
    words = {
        PhoneNumberType.FIXED_LINE: _("Landline"),
        PhoneNumberType.MOBILE: _("Mobile"),
        PhoneNumberType.FIXED_LINE_OR_MOBILE: _("Landline or mobile; the number does not tell"),
        PhoneNumberType.TOLL_FREE: _("Free for the caller"),
        PhoneNumberType.PREMIUM_RATE: _("Premium rate: the caller pays extra"),
        PhoneNumberType.SHARED_COST: _("Shared cost"),
        PhoneNumberType.VOIP: _("Internet telephony"),
        PhoneNumberType.PERSONAL_NUMBER: _("Personal number"),
        PhoneNumberType.PAGER: _("Pager"),
        PhoneNumberType.UAN: _("Company number"),
        PhoneNumberType.VOICEMAIL: _("Voicemail"),
    }
    return words.get(phonenumbers.number_type(phonenumbers.parse(reading.e164, None)), _("Not known"))


def _colleague(reading: NumberReading, pbx: Pbx | None) -> Colleague | None:
    if reading.kind is not NumberKind.INTERNAL or pbx is None:
        return None
    endpoints = SipAccount.objects.filter(pbx=pbx, extension=reading.key).values_list("endpoint", flat=True)[:1]
    for seat in seats_of(pbx_id=pbx.pk, endpoints=endpoints, at=utc_now()).values():
        name = names_of([seat.user_id]).get(seat.user_id, "") if seat.user_id else ""
        return Colleague(seat.extension, seat.phone_name, name)
    return None

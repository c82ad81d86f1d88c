"""What holds a person's dial back: kinds of numbers, countries, how many a minute, the night, the stop. Pure.

They are against stolen sessions and mistakes that cost money. An emergency number passes before any of them is looked
at, whatever is stopped and however often it is dialled.
"""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from crmconnector.calls.dial_rules import Cost, DialKind, DialPlan
from crmconnector.common.marked import gettext_noop as _
from crmconnector.common.sentences import Sentence

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600
MOST_OF_A_RANGE: Final = 20  # different numbers of one hundred in an hour: somebody dials through a range


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings as plain values. `countries`: ISO 3166, those of the PBXes among them. `stopped`: who and why in one
    clause, empty while dialling is allowed. Times are of the installation's own zone."""

    countries: frozenset[str]
    premium: bool = False
    satellite: bool = False
    calls_a_minute: int = 5
    night_from: time | None = None
    night_until: time | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Recent:
    """What was dialled before this one: by the person and to the number within a minute, and different numbers of the
    same hundred within an hour. `…_free_in`: seconds until one of them is older than that."""

    by_person: int = 0
    to_number: int = 0
    of_range: int = 0
    person_free_in: int = MINUTE_SECONDS
    number_free_in: int = MINUTE_SECONDS


@dataclass(frozen=True, slots=True)
class Brake:
    """Why it is not dialled. `may_allow`: an administrator's setting can let it through. `alarm`: somebody should look
    at it even though it was stopped. `retry_after_seconds`: when the same is allowed again; 0: not by waiting."""

    code: str
    sentence: Sentence
    may_allow: bool = True
    alarm: bool = False
    retry_after_seconds: int = 0


def why_not_dial(plan: DialPlan, limits: Limits, recent: Recent, now_local: datetime) -> Brake | None:
    """The first brake that holds this dial back, or None. `now_local`: in the installation's time zone."""
    if plan.kind is DialKind.EMERGENCY:
        return None
    if limits.stopped:
        return Brake("stopped", Sentence(STOPPED, who=limits.stopped))
    return _of_number(plan, limits) or _of_night(plan, limits, now_local) or _of_pace(plan, limits, recent)


def alarm_of(plan: DialPlan, limits: Limits, now_local: datetime) -> str:
    """What is dialled and should be noticed all the same: "emergency", "night", or empty."""
    if plan.kind is DialKind.EMERGENCY:
        return "emergency"
    return "night" if plan.outside and is_night(limits, now_local) else ""


def is_night(limits: Limits, now_local: datetime) -> bool:
    start, end, at = limits.night_from, limits.night_until, now_local.time()
    if start is None or end is None or start == end:
        return False
    return start <= at < end if start < end else at >= start or at < end


def range_of(far_number: str) -> str:
    """The hundred a complete number belongs to, by the digits that its numbers share; empty for short ones."""
    return far_number[:-2] if far_number.startswith("+") else ""


def _of_number(plan: DialPlan, limits: Limits) -> Brake | None:
    if plan.cost is Cost.PREMIUM and not limits.premium:
        return Brake("premium", Sentence(_PREMIUM, number=plan.shown))
    if plan.cost is Cost.NETWORK and not limits.satellite:
        return Brake("satellite", Sentence(_NETWORK, number=plan.shown))
    if plan.kind is not DialKind.INTERNATIONAL or plan.country in limits.countries:
        return None
    if not plan.country and plan.far_number.startswith(_WORLDWIDE):
        return None  # of no country at all: judged above
    text = _COUNTRY if plan.country else _NO_COUNTRY
    return Brake("country", Sentence(text, number=plan.shown, country=plan.country))


def _of_night(plan: DialPlan, limits: Limits, now_local: datetime) -> Brake | None:
    if plan.kind is not DialKind.INTERNATIONAL or not is_night(limits, now_local):
        return None
    until = limits.night_until.strftime("%H:%M") if limits.night_until else ""
    return Brake("night", Sentence(_NIGHT, until=until), alarm=True)


def _of_pace(plan: DialPlan, limits: Limits, recent: Recent) -> Brake | None:
    if recent.of_range >= MOST_OF_A_RANGE:
        sentence = Sentence(_RANGE, times=recent.of_range)
        return Brake("range", sentence, may_allow=False, alarm=True, retry_after_seconds=HOUR_SECONDS)
    most = limits.calls_a_minute
    if recent.by_person >= most:
        wait = recent.person_free_in
        sentence = Sentence(_TOO_OFTEN, times=recent.by_person, seconds=wait)
        return Brake("person_rate", sentence, retry_after_seconds=wait)
    if recent.to_number >= most:
        wait = recent.number_free_in
        sentence = Sentence(_THAT_NUMBER_TOO_OFTEN, number=plan.shown, times=recent.to_number, seconds=wait)
        return Brake("number_rate", sentence, retry_after_seconds=wait)
    return None


STOPPED: Final = _("Not dialled: %(who)s. Emergency numbers still work.")
_PREMIUM: Final = _("Not dialled: %(number)s is a premium-rate number and your rules do not allow it.")
_NETWORK: Final = _(
    "Not dialled: %(number)s is of a satellite or international network and your rules do not allow it."
)
_COUNTRY: Final = _(
    "Not dialled: %(number)s is a number of another country (%(country)s) and your rules do not allow it."
)
_NO_COUNTRY: Final = _("Not dialled: %(number)s is a number of no country we know and your rules do not allow it.")
_NIGHT: Final = _("Not dialled: other countries are not called at night. They are again from %(until)s.")
_RANGE: Final = _("Not dialled: %(times)d numbers of this range were dialled within an hour.")
_TOO_OFTEN: Final = _("Not dialled: you dialled %(times)d times within a minute, and your rules allow no more. "
                      "Try again in %(seconds)d s.")  # fmt: skip
_THAT_NUMBER_TOO_OFTEN: Final = _("Not dialled: %(number)s was dialled %(times)d times within a minute, and your rules "
                                  "allow no more. Try again in %(seconds)d s.")  # fmt: skip
_WORLDWIDE: Final = ("+800", "+808", "+870", "+878", "+881", "+882", "+883", "+888", "+979")

"""What holds a dial back, and that nothing ever holds back an emergency number."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from crmconnector.calls.brakes import MOST_OF_A_RANGE, Brake, Limits, Recent, alarm_of, is_night, range_of, why_not_dial
from crmconnector.calls.dial_rules import DialPlan, plan_dial

NOON, MIDNIGHT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC), datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
CAREFUL = Limits(frozenset({"DE"}))
NIGHTLY = replace(CAREFUL, countries=frozenset({"DE", "GB"}), night_from=time(22), night_until=time(6))
LONDON, BERLIN = "+44 20 7946 0148", "030 23125447"
WORST = Limits(
    frozenset(), calls_a_minute=1, night_from=time(0), night_until=time(23, 59), stopped="Marek stopped all dialling"
)
BUSIEST = Recent(by_person=99, to_number=99, of_range=99)


def plan(text: str) -> DialPlan:
    made = plan_dial(text, country="DE", dial_prefix="0")
    assert isinstance(made, DialPlan)
    return made


def brake(text: str, limits: Limits = CAREFUL, recent: Recent | None = None, at: datetime = NOON) -> Brake | None:
    return why_not_dial(plan(text), limits, recent or Recent(), at)


def code(text: str, limits: Limits = CAREFUL, recent: Recent | None = None, at: datetime = NOON) -> str:
    held = brake(text, limits, recent, at)
    return held.code if held else ""


@pytest.mark.parametrize("text", ["112", "0112", "110", "0 110"])
@pytest.mark.parametrize("at", [NOON, MIDNIGHT])
def test_no_brake_holds_an_emergency_number_whatever_is_stopped(text: str, at: datetime) -> None:
    assert brake(text, WORST, BUSIEST, at) is None


@pytest.mark.parametrize("text", ["204", BERLIN, LONDON, "11833"])
def test_the_stop_holds_everything_else(text: str) -> None:
    held = brake(text, replace(CAREFUL, countries=frozenset({"DE", "GB"}), stopped="Marek stopped all dialling"))
    assert held is not None and held.code == "stopped"
    assert held.sentence == "Not dialled: Marek stopped all dialling. Emergency numbers still work."


@pytest.mark.parametrize(
    ("text", "expected", "opened"),
    [
        ("0900 1234567", "premium", {"premium": True}),
        ("+881 612345678", "satellite", {"satellite": True}),
        ("+979 123456789", "premium", {"premium": True}),
        (LONDON, "country", {"countries": frozenset({"DE", "GB"})}),
        ("+371 21234567", "country", {"countries": frozenset({"LV"})}),
    ],
)
def test_each_kind_is_denied_by_default_and_allowed_by_its_own_setting(
    text: str, expected: str, opened: dict[str, object]
) -> None:
    assert code(text) == expected
    assert code(text, replace(CAREFUL, **opened)) == ""  # type: ignore[arg-type]


def test_an_allowed_country_does_not_allow_its_premium_numbers() -> None:
    assert code("+44 909 8790000", replace(CAREFUL, countries=frozenset({"DE", "GB"}))) == "premium"
    assert code("+44 70 1234 5678", replace(CAREFUL, countries=frozenset({"DE", "GB"}))) == "premium"


def test_free_and_usual_numbers_pass() -> None:
    for text in (BERLIN, "0800 1234567", "+800 12345678", "0180 5 123456", "204", "11833"):
        assert code(text) == "", text


def test_the_sixth_call_of_a_minute_waits() -> None:
    assert code(BERLIN, recent=Recent(by_person=4, to_number=4)) == ""
    held = brake(BERLIN, recent=Recent(by_person=5, person_free_in=17))
    assert held is not None and (held.code, held.retry_after_seconds) == ("person_rate", 17)
    assert "Try again in 17 s." in held.sentence
    assert code(BERLIN, recent=Recent(to_number=5)) == "number_rate"
    assert code(BERLIN, replace(CAREFUL, calls_a_minute=6), Recent(by_person=5, to_number=5)) == ""


def test_dialling_through_a_range_is_stopped_and_alarms() -> None:
    assert code(BERLIN, recent=Recent(of_range=MOST_OF_A_RANGE - 1)) == ""
    held = brake(BERLIN, recent=Recent(of_range=MOST_OF_A_RANGE))
    assert held is not None and held.code == "range" and held.alarm and not held.may_allow
    assert range_of("+493023125447") == "+4930231254" and range_of("204") == ""


@pytest.mark.parametrize(
    ("at", "night"),
    [(time(21, 59, 59), False), (time(22), True), (time(23, 59), True), (time(0), True), (time(5, 59, 59), True),
     (time(6), False), (time(12), False)],
)  # fmt: skip
def test_the_night_goes_over_midnight_and_ends_on_its_minute(at: time, *, night: bool) -> None:
    assert is_night(NIGHTLY, datetime.combine(NOON, at)) is night


def test_at_night_other_countries_wait_and_calls_at_home_are_noticed() -> None:
    held = brake(LONDON, NIGHTLY, at=MIDNIGHT)
    assert held is not None and held.code == "night" and held.alarm and "06:00" in held.sentence
    assert code(BERLIN, NIGHTLY, at=MIDNIGHT) == "" and alarm_of(plan(BERLIN), NIGHTLY, MIDNIGHT) == "night"
    assert code(LONDON, NIGHTLY, at=NOON) == "" and alarm_of(plan(BERLIN), NIGHTLY, NOON) == ""
    assert alarm_of(plan("204"), NIGHTLY, MIDNIGHT) == "" and alarm_of(plan("112"), NIGHTLY, NOON) == "emergency"


def test_without_both_times_there_is_no_night() -> None:
    assert not is_night(replace(NIGHTLY, night_until=None), MIDNIGHT)
    assert not is_night(replace(NIGHTLY, night_until=time(22)), MIDNIGHT)

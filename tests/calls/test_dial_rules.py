"""What is dialled for a text, and what never is."""

import re
import string

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.calls.brakes import Limits, Recent, why_not_dial
from crmconnector.calls.dial_rules import Cost, DialKind, DialPlan, NoDial, could_dial, plan_dial
from crmconnector.common.clock import utc_now
from tests.support.dial_attacks import FRAUD, HOSTILE, NUMBER

DIALABLE = re.compile(r"\A\+?[0-9*#]{1,32}\Z")


def plan(text: str, country: str = "DE", **rules: object) -> DialPlan:
    made = plan_dial(text, country=country, **rules)  # type: ignore[arg-type]
    assert isinstance(made, DialPlan), made
    return made


def why_not(text: str, country: str = "DE", **rules: object) -> str:
    made = plan_dial(text, country=country, **rules)  # type: ignore[arg-type]
    assert isinstance(made, NoDial), made
    assert made.sentence.endswith(".")
    return made.code


def test_there_are_enough_attacks() -> None:
    assert len(HOSTILE) + len(FRAUD) >= 300


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_text_is_refused_and_never_repaired(name: str) -> None:
    for rules in ({}, {"dial_prefix": "0", "outside_prefixes": ("0", "9")}, {"style": "e164"}):
        assert isinstance(plan_dial(HOSTILE[name], country="DE", **rules), NoDial)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(FRAUD))
@pytest.mark.parametrize("style", ["e164", "international", "national"])
def test_expensive_numbers_are_held_back_however_they_are_written(name: str, style: str) -> None:
    text, country = FRAUD[name]
    made = plan_dial(text, country=country, dial_prefix="0", style=style, outside_prefixes=("0", "9"))
    limits = Limits(frozenset({country}))
    assert isinstance(made, NoDial) or why_not_dial(made, limits, Recent(), utc_now()) is not None


@pytest.mark.parametrize(
    ("text", "rules", "dialled", "sentence"),
    [
        (NUMBER, {}, "03023125447", "This will dial 03023125447 (national)."),
        (NUMBER, {"dial_prefix": "0"}, "003023125447", "This will dial 0 03023125447 (outside line, national)."),
        ("+49 30 23125447", {"style": "international"}, "00493023125447", "This will dial 00493023125447 (national)."),
        (NUMBER, {"style": "e164"}, "+493023125447", "This will dial +493023125447 (national)."),
        (NUMBER, {"style": "e164", "dial_prefix": "9"}, "900493023125447",
         "This will dial 9 00493023125447 (outside line, national)."),
        ("+44 20 7946 0148", {"dial_prefix": "0"}, "000442079460148",
         "This will dial 0 00442079460148 (outside line, international)."),
        (NUMBER, {"dial_prefix": "0", "line_prefix": "*81"}, "*8103023125447",
         "This will dial *81 03023125447 (outside line, national)."),
        ("204", {"dial_prefix": "0"}, "204", "This will dial 204 (inside)."),
        ("11833", {"dial_prefix": "0"}, "011833", "This will dial 0 11833 (outside line, service number)."),
        ("0 11833", {"dial_prefix": "0"}, "011833", "This will dial 0 11833 (outside line, service number)."),
        ("tel:+49%2030%2023125447", {}, "03023125447", "This will dial 03023125447 (national)."),
        ("\u202a+49 30 23125447\u202c", {}, "03023125447", "This will dial 03023125447 (national)."),
        ("030 23125-447 ext. 12", {}, "03023125447",
         "This will dial 03023125447 (national). Extension 12 is not dialled: enter it when somebody answers."),
        ("tel:+493023125447;ext=12", {}, "03023125447",
         "This will dial 03023125447 (national). Extension 12 is not dialled: enter it when somebody answers."),
    ],
)  # fmt: skip
def test_it_says_what_will_be_dialled(text: str, rules: dict[str, object], dialled: str, sentence: str) -> None:
    made = plan(text, **rules)
    assert (made.dial_string, made.sentence) == (dialled, sentence)


@pytest.mark.parametrize(
    ("text", "country", "dialled"),
    [("(202) 555-0147", "US", "912025550147"), ("+1 604 555 0123", "US", "916045550123"),
     ("+44 20 7946 0148", "US", "9011442079460148"), ("+61 2 5550 1234", "AU", "90255501234"),
     ("+34 911 23 45 67", "ES", "9911234567"), ("+39 06 1234 5678", "IT", "90612345678")],
)  # fmt: skip
def test_every_country_dials_in_its_own_way(text: str, country: str, dialled: str) -> None:
    assert plan(text, country, dial_prefix="9").dial_string == dialled


def test_no_international_prefix_leads_home_in_north_america() -> None:
    assert plan("+1 202 555 0147", "US", style="international").dial_string == "12025550147"


def test_digits_with_two_meanings_say_the_other_one() -> None:
    made = plan("33142685300")
    assert made.far_number == "+4933142685300" and made.others == ("+33142685300",)
    assert "could also be +33 1 42 68 53 00" in made.sentence


EMERGENCIES = [("112", "DE"), ("110", "DE"), ("911", "US"), ("112", "US"), ("999", "GB"), ("112", "GB"), ("000", "AU"),
               ("112", "AU"), ("15", "FR"), ("17", "FR"), ("18", "FR"), ("112", "ZZ"), ("190", "BR"), ("119", "JP"),
               ("111", "NZ"), ("113", "IT"), ("112", "NL"), ("100", "IN")]  # fmt: skip


@pytest.mark.parametrize(("number", "country"), EMERGENCIES)
@pytest.mark.parametrize("prefix", ["", "0", "9", "8"])
def test_emergency_numbers_are_known_with_and_without_the_outside_prefix(
    number: str, country: str, prefix: str
) -> None:
    for text in (number, f" {number} ", f"{prefix}{number}", f"{prefix} {number}", "-".join(number), f"tel:{number}"):
        made = plan(text, country, dial_prefix=prefix, line_prefix="*81")
        assert (made.kind, made.far_number, made.dial_string) == (DialKind.EMERGENCY, number, prefix + number), text


def test_an_emergency_number_is_known_in_any_script() -> None:
    assert plan("١١٢", "EG").far_number == plan("１１２", "JP").far_number == "112"


def test_an_extension_behind_the_prefix_is_no_emergency_number() -> None:
    assert plan("1110", dial_prefix="1").kind is DialKind.EMERGENCY
    assert plan("1110", dial_prefix="1", extensions={"1110"}).kind is DialKind.EXTENSION
    assert plan("112", dial_prefix="0", extensions={"112"}).dial_string == "112"
    assert plan("112", dial_prefix="0", extensions={"112"}).kind is DialKind.EMERGENCY


def test_what_only_begins_like_an_emergency_number_is_none() -> None:
    for text in ("1120", "1122", "91155", "+112", "+49112"):
        made = plan_dial(text, country="DE")
        assert isinstance(made, NoDial) or made.kind is not DialKind.EMERGENCY


def test_a_feature_code_is_dialled_only_where_it_is_an_extension() -> None:
    assert why_not("*21") == "feature_code"
    assert plan("*21", extensions={"*21"}).dial_string == "*21"


def test_a_short_number_behind_the_prefix_is_no_extension_unless_it_is_known() -> None:
    assert why_not("901", dial_prefix="9") == "prefix_only"
    assert why_not("00115", dial_prefix="0") == "prefix_only"
    assert plan("0115", dial_prefix="0").dial_string == "0115"
    assert plan("901", dial_prefix="9", extensions={"901"}).dial_string == "901"
    assert plan("9101", "GB", dial_prefix="9").kind is DialKind.SERVICE


def test_short_numbers_that_cost_extra_are_known_where_they_would_get_outside() -> None:
    expensive = next(
        digits for digits in map(str, range(10000, 100000))
        if phonenumbers.expected_cost_for_region(
            phonenumbers.PhoneNumber(country_code=33, national_number=int(digits)), "FR"
        ) == phonenumbers.ShortNumberCost.PREMIUM_RATE
    )  # fmt: skip
    assert plan(expensive, "FR").cost is Cost.PREMIUM
    assert plan(expensive, "FR", extensions={expensive}).cost is Cost.USUAL


def test_toll_free_numbers_of_north_america_are_at_home_in_all_of_it() -> None:
    assert plan("+1 800 234 5678", "CA").kind is DialKind.NATIONAL


@pytest.mark.parametrize(
    ("dial_string", "reaches"),
    [("03023125447", True), ("003023125447", True), ("*8103023125447", True), ("+493023125447", True),
     ("0+493023125447", False), ("00493023125447", True), ("903023125447", False), ("03023125448", False),
     ("03023125447,1", False), ("03023125447\n", False), ("", False), ("0900123456703023125447", False)],
)  # fmt: skip
def test_what_is_sent_must_reach_whom_was_judged(dial_string: str, *, reaches: bool) -> None:
    prefixes = frozenset({"0", "*81"})
    assert could_dial(plan(NUMBER), dial_string, country="DE", prefixes=prefixes) is reaches


@pytest.mark.parametrize(
    ("dial_string", "reaches"),
    [("112", True), ("0112", True), ("9112", True), ("", False), ("113", False), ("0900123456112", False),
     ("*72112", False), ("112,1", False), ("+112", False)],
)  # fmt: skip
def test_a_call_for_help_reaches_it_by_any_prefix_that_was_there(dial_string: str, *, reaches: bool) -> None:
    assert could_dial(plan("112"), dial_string, country="DE", prefixes=frozenset()) is reaches


@pytest.mark.parametrize("prefix", ["*9", "9#", "#"])
def test_a_call_for_help_goes_out_by_a_code_for_an_outside_line(prefix: str) -> None:
    help_ = plan("112", dial_prefix=prefix)
    assert help_.dial_string == prefix + "112"
    assert could_dial(help_, help_.dial_string, country="DE", prefixes={prefix})
    assert not could_dial(help_, f"*72{prefix}112", country="DE", prefixes={prefix})


@given(st.text(alphabet=string.printable + "٠١２\u200f\u202e\u2028é", max_size=70))
def test_whatever_is_typed_nothing_but_digits_is_dialled(text: str) -> None:
    made = plan_dial(text, country="DE", dial_prefix="0", outside_prefixes=("0", "9"))
    if isinstance(made, DialPlan):
        assert DIALABLE.match(made.dial_string) and "*" not in made.dial_string and "#" not in made.dial_string
        again = plan_dial(made.far_number, country="DE", dial_prefix="0", outside_prefixes=("0", "9"))
        assert isinstance(again, DialPlan) and again.far_number == made.far_number
        assert could_dial(again, made.dial_string, country="DE", prefixes={"0"})


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_number_of_every_country_is_dialled_as_itself(country: str) -> None:
    example = phonenumbers.example_number(country)
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for home in (country, "DE", "US"):
        for style in ("national", "international", "e164"):
            made = plan(e164, home, dial_prefix="" if style == "e164" else "0", style=style)
            assert made.far_number == e164 and DIALABLE.match(made.dial_string)


def test_the_country_is_that_of_the_number() -> None:
    assert plan("+44 20 7946 0148").country == "GB" and plan("+881612345678").country == ""
    assert plan("+1 876 210 1234", "US").country == "JM"

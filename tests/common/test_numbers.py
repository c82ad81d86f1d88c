"""How a number is read: as a person in that country would, never guessing, never raising."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.numbers import NumberKind, read_number, shown_number

COUNTRIES = ["DE", "GB", "US", "FR", "DK", "IS", "IT", "BR", "SG"]


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("030 23125447", "DE", "+493023125447"),
        ("+49 (0)30 23125-447", "DE", "+493023125447"),
        ("0049 30 23125447", "DE", "+493023125447"),
        ("030/23125.447", "DE", "+493023125447"),
        ("020 7946 0148", "GB", "+442079460148"),
        ("(202) 555-0147", "US", "+12025550147"),
        ("011 49 30 23125447", "US", "+493023125447"),
        ("٠٣٠ ٢٣١٢٥٤٤٧", "DE", "+493023125447"),
        ("０３０２３１２５４４７", "DE", "+493023125447"),
        ("\u202a+49 30 23125447\u202c", "DE", "+493023125447"),
        ("32 12 34 56", "DK", "+4532123456"),
    ],
)
def test_a_number_is_read_as_its_country_writes_it(text, country, e164):
    reading = read_number(text, country=country)
    assert (reading.kind, reading.e164) == (NumberKind.E164, e164)


@pytest.mark.parametrize("text", ["", None, "anonymous", "Anonymous", "<unknown>", "restricted", "   ", "s"])
def test_a_caller_without_a_number_is_withheld(text):
    reading = read_number(text, country="DE")
    assert (reading.kind, reading.e164, reading.key) == (NumberKind.WITHHELD, "", "")


@pytest.mark.parametrize("text", ["204", "1001", "*97", "600"])
def test_a_short_number_is_internal(text):
    assert read_number(text, country="DE").kind is NumberKind.INTERNAL


@pytest.mark.parametrize(
    "text",
    [
        "1-800-FLOWERS",
        "+49 30 23125447;ext=5",
        "sip:030@evil",
        "300&Local/x",
        "${SHELL(id)}",
        "tel:+4930",
        "+",
        "12x34",
    ],
)
def test_what_is_no_number_is_never_made_one(text):
    assert read_number(text, country="DE").e164 == ""


def test_an_outside_prefix_is_taken_off_only_when_the_whole_is_no_number():
    assert read_number("003023125447", country="DE", outside_prefixes=("0",)).e164 == "+493023125447"
    assert read_number("03023125447", country="DE", outside_prefixes=("0",)).e164 == "+493023125447"


def test_the_key_of_a_short_national_number_is_all_of_it():
    assert read_number("+45 32 12 34 56", country="DE").key == "32123456"
    assert read_number("+49 30 23125447", country="DE").key == "023125447"


def test_a_number_is_shown_national_at_home_and_international_elsewhere():
    assert shown_number("+493023125447", country="DE") == "030 23125447"
    assert shown_number("+493023125447", country="GB") == "+49 30 23125447"
    assert shown_number("not a number", country="GB") == "not a number"


@given(st.text(max_size=80), st.sampled_from(COUNTRIES))
def test_reading_never_raises_and_gives_only_ascii_digits(text, country):
    reading = read_number(text, country=country, outside_prefixes=("0", "9"))
    assert set(reading.e164) <= set("+" + string.digits)
    assert set(reading.key) <= set(string.digits)
    assert len(reading.key) <= 9
    assert bool(reading.e164) == (reading.kind is NumberKind.E164)


@given(st.text(alphabet="0123456789+ -()/", min_size=1, max_size=20), st.sampled_from(COUNTRIES))
def test_reading_what_was_read_gives_the_same(text, country):
    first = read_number(text, country=country)
    if first.e164:
        again = read_number(first.e164, country="US")
        assert (again.e164, again.key) == (first.e164, first.key)


def test_a_million_characters_are_read_at_once():
    assert read_number("1" * 1_000_000 + "x", country="DE").e164 == ""

"""How a number is read: as a person in that country would, never guessing, never raising."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.numbers import NumberKind, dialled_form, is_country, read_number, shown_number

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
        ("Tel.: 030/23125447", "DE", "+493023125447"),
        ("Büro Ost: 030 23125447", "DE", "+493023125447"),
        ('"Ada" <sip:+493023125447@pbx;user=phone>', "US", "+493023125447"),
        ("493023125447", "DE", "+493023125447"),
        ("3023125447", "DE", "+493023125447"),
        ("011 49 30 23125447", "FR", "+493023125447"),
        ("0011 36 1 234 5678", "HU", "+3612345678"),
        ("+030 23125447", "DE", "+493023125447"),
        ("33 1 42 68 53 00", "DE", "+33142685300"),
        ("044 55 5123 4567", "MX", "+525551234567"),
        ("+55 11 8765-4321", "BR", "+5511987654321"),
    ],
)
def test_a_number_is_read_as_its_country_writes_it(text, country, e164):
    reading = read_number(text, country=country)
    assert (reading.kind, reading.e164) == (NumberKind.E164, e164)


WITHHELD = [
    "", None, 49, "anonymous", "Anonymous", "<unknown>", "restricted", "   ", "s", '"Anonymous" <anonymous>',
    "Anonymous <sip:anonymous@anonymous.invalid>", "unavailable", "Private Number", "sip:unknown@10.0.0.1", "<>", "-",
    "0000000000", "00000", "+266696687", "9999999999", "1234567890", "unbekannt",
]  # fmt: skip


@pytest.mark.parametrize("text", WITHHELD, ids=ascii)
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
        "0800 (FLOWERS)",
        "+49 30 23125447;isub=5",
        "+49 30 23125447;phone-context=evil",
        "tel:03023125447;phone-context=+44",
        "sip:+493023125447@pbx?Replaces=x",
        "tel:%0d%0a+493023125447",
        "+49 30 231\x0025447",
        "+49 30 23125447\x00",
        "+49 30\n23125447",
        "javascript:+493023125447",
        "+49 30 ²³¹²⁵⁴⁴⁷",
        "030 23125447 / 0171 2345678",
        "030 1 / 0171 2",
        "030 23125447 or 030 23125448",
        "+49 30 23125447, +49 171 2345678",
        "030 23125447/-448",
        "030 23125447/48",
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
        assert (again.e164, again.key, again.others) == (first.e164, first.key, ())


def test_a_million_characters_are_read_at_once():
    assert read_number("1" * 1_000_000 + "x", country="DE").e164 == ""


def test_an_extension_after_a_number_is_kept_apart():
    for text in (
        "+49 30 23125447 ext. 12",
        "030 23125447 Durchwahl 12",
        "tel:+493023125447;ext=12",
        "030 23125447,,12#",
    ):
        reading = read_number(text, country="DE")
        assert (reading.e164, reading.extension) == ("+493023125447", "12")


def test_emergency_and_service_numbers_are_of_the_country():
    assert read_number("112", country="DE").kind is NumberKind.SERVICE
    assert read_number("11833", country="DE").kind is NumberKind.SERVICE
    assert read_number("911", country="US").kind is NumberKind.SERVICE
    assert read_number("911", country="DE").kind is NumberKind.INTERNAL


@pytest.mark.parametrize(
    ("text", "prefixes", "e164"),
    [
        ("0 030 23125447", ("0",), "+493023125447"),
        ("0,03023125447", (), "+493023125447"),
        ("0+493023125447", (), "+493023125447"),
        ("0004930 23125447", ("0",), "+493023125447"),
        ("9 030 23125447", ("0", "9"), "+493023125447"),
        ("99030 23125447", ("9", "99"), "+493023125447"),
    ],
)
def test_an_outside_prefix_stands_before_every_form(text, prefixes, e164):
    assert read_number(text, country="DE", outside_prefixes=prefixes).e164 == e164


def test_a_trunk_zero_is_no_outside_prefix_of_a_foreign_number():
    reading = read_number("015123456789", country="DE", outside_prefixes=("0",))
    assert (reading.e164, reading.others) == ("+4915123456789", ())


def test_digits_without_plus_and_trunk_prefix_keep_their_second_meaning():
    reading = read_number("33142685300", country="DE")
    assert (reading.e164, reading.others) == ("+4933142685300", ("+33142685300",))
    assert read_number("033142685300", country="DE").others == ()


def test_a_number_in_no_known_range_keeps_the_key_of_its_national_number():
    readings = [read_number(text, country="GB") for text in ("07700 900123", "+44 7700 900123", "00447700900123")]
    assert {(one.e164, one.key, one.likely) for one in readings} == {("", "700900123", "+447700900123")}


@pytest.mark.parametrize(
    ("e164", "country", "dialled"),
    [
        ("+493023125447", "DE", "03023125447"),
        ("+442079460148", "DE", "00442079460148"),
        ("+493023125447", "US", "011493023125447"),
        ("+12025550147", "US", "12025550147"),
        ("+12025550147", "CA", "12025550147"),
        ("+4532123456", "DK", "32123456"),
        ("+3612345678", "HU", "0612345678"),
        ("+493023125447", "RU", "810493023125447"),
        ("+390669821234", "IT", "0669821234"),
        ("+5491123456789", "AR", "01115 23456789".replace(" ", "")),
    ],
)
def test_a_phone_dials_national_at_home_and_the_international_prefix_elsewhere(e164, country, dialled):
    reading = read_number(e164, country=country)
    assert dialled_form(reading, country=country) == dialled
    assert dialled_form(reading, country=country, outside_prefix="0") == "0" + dialled


def test_what_is_dialled_is_read_as_the_same_number():
    for e164 in ("+493023125447", "+442079460148", "+390669821234", "+12025550147", "+3612345678", "+4532123456"):
        for country in ("DE", "GB", "IT", "US", "HU", "DK", "AU", "RU"):
            assert (
                read_number(dialled_form(read_number(e164, country=""), country=country), country=country).e164 == e164
            )


def test_extensions_are_dialled_as_they_are_and_unreadable_texts_not_at_all():
    assert dialled_form(read_number("204", country="DE"), country="DE", outside_prefix="0") == "204"
    assert dialled_form(read_number("112", country="DE"), country="DE", outside_prefix="0") == "0112"
    assert dialled_form(read_number("anonymous", country="DE"), country="DE", outside_prefix="0") == ""
    assert dialled_form(read_number("1-800-FLOWERS", country="US"), country="US") == ""


def test_what_is_kept_as_written_of_a_long_header_can_be_read_again():
    header = f'"{"A long name " * 6}" <sip:+493023125447@pbx.example.com;user=phone>'
    reading = read_number(header, country="DE")
    assert read_number(reading.written, country="DE").e164 == reading.e164 == "+493023125447"


def test_countries_are_known_by_two_letters():
    assert is_country("DE")
    assert not is_country("XX")


@given(st.text(alphabet="+0123456789()/.-,; xXoretEl:<>@\"'", max_size=40), st.sampled_from(COUNTRIES))
def test_reading_texts_that_look_like_numbers_never_raises(text, country):
    reading = read_number(text, country=country, outside_prefixes=("0", "9", "00"))
    assert read_number(reading.e164, country="ES").e164 == reading.e164

"""What holds for every number and every text: nothing raises, nothing is guessed, two numbers never become one."""

import json
import string
import subprocess
import sys
import time

import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from crmconnector.common.number_plans import subscriber
from crmconnector.common.numbers import NumberKind, read_number
from crmconnector.contacts.matching import MatchIndex
from tests.support.processes import ROOT

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
HOMES = ["DE", "GB", "US", "FR", "DK", "IT", "BR", "SG", "AR", "MX", "RU", "HU", "AU", "LU", "JP"]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.digits + '+-()/.,;:@<>" xXtelsip=#*０٣\u200e\x00', max_size=40),
    st.none(),
    st.integers(),
    st.binary(max_size=20),
)


@st.composite
def valid_numbers(draw):
    """E.164 forms of valid numbers of all regions: an example of the region with other last digits."""
    kind = draw(st.sampled_from([PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE]))
    sample = phonenumbers.example_number_for_type(draw(st.sampled_from(REGIONS)), kind)
    assume(sample is not None)
    national = phonenumbers.national_significant_number(sample)
    tail = draw(st.text(alphabet=string.digits, min_size=4, max_size=4))
    e164 = f"+{sample.country_code}{national[:-4]}{tail}"
    assume(phonenumbers.is_valid_number(phonenumbers.parse(e164, None)))
    return phonenumbers.format_number(phonenumbers.parse(e164, None), PhoneNumberFormat.E164)


def clear_forms(e164, home):
    """Ways to write a number that leave no doubt in this country."""
    parsed = phonenumbers.parse(e164, None)
    forms = [e164, f"00{e164[1:]}", *(phonenumbers.format_number(parsed, style) for style in (1, 3))]
    if phonenumbers.region_code_for_number(parsed) == home:
        forms.append(phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))
    return forms


@given(TEXTS, TEXTS, st.sampled_from(HOMES))
@example("0" * 1000, "0" * 1000, "DE")
@example("\ud800", "\ud800", "DE")
def test_an_index_never_raises_whatever_it_is_given(stored, ringing, home):
    index = MatchIndex([(1, stored), (2, ringing)], country=home, outside_prefixes=("0", "9", ""))
    assert set(index.match(ringing)) <= {1, 2}


@given(valid_numbers(), st.sampled_from(HOMES))
def test_reading_a_valid_number_gives_it_and_reading_that_again_changes_nothing(e164, home):
    reading = read_number(e164, country=home)
    assume(reading.kind is NumberKind.E164)
    assert reading.e164 == e164
    assert read_number(reading.e164, country="ES").e164 == e164


@settings(max_examples=300)
@given(valid_numbers(), valid_numbers(), st.sampled_from(HOMES))
def test_two_valid_numbers_never_join(one, other, home):
    assume(subscriber(one) != subscriber(other))
    index = MatchIndex(list(enumerate(clear_forms(one, home))), country=home)
    assert [index.match(text) for text in clear_forms(other, home)] == [[]] * len(clear_forms(other, home))


@given(valid_numbers(), st.data())
def test_numbers_of_two_countries_with_the_same_last_nine_digits_never_join(one, data):
    code = data.draw(st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)))
    other = f"+{code}{phonenumbers.national_significant_number(phonenumbers.parse(one, None))}"
    assume(subscriber(one) != subscriber(other))
    home = data.draw(st.sampled_from(HOMES))
    index = MatchIndex(list(enumerate(clear_forms(one, home))), country=home)
    assert index.match(other) == []


@settings(max_examples=200)
@given(valid_numbers(), st.sampled_from(HOMES), st.data())
def test_it_makes_no_difference_which_form_is_stored_and_which_one_rings(e164, home, data):
    forms = [*clear_forms(e164, home), e164[1:]]
    one, other = data.draw(st.sampled_from(forms)), data.draw(st.sampled_from(forms))
    there = MatchIndex([(1, one)], country=home).match(other)
    back = MatchIndex([(1, other)], country=home).match(one)
    assert there == back


@given(st.text(alphabet=string.digits, min_size=1, max_size=6), valid_numbers(), st.sampled_from(HOMES))
def test_an_extension_is_nobody_among_the_contacts(extension, e164, home):
    assume(read_number(extension, country=home).kind is NumberKind.INTERNAL)
    index = MatchIndex([(1, e164), (2, e164[: -len(extension)] + extension), (3, extension)], country=home)
    assert index.match(extension) == []


def test_ids_come_once_and_in_the_order_in_which_they_were_stored():
    stored = [("b", "030 23125447"), ("a", "+49 30 23125447"), ("b", "0049 30 23125447"), ("c", "+49 30 23125448")]
    assert MatchIndex(stored, country="DE").match("+493023125447") == ["b", "a"]


@pytest.mark.parametrize("text", ["1" * 1_000_000, "+49 30 23125447" + " " * 1_000_000, "a" * 1_000_000, "<" * 249])
def test_over_long_texts_are_refused_before_they_are_read(text):
    index = MatchIndex([(1, text), (2, "+49 30 23125447")], country="DE")
    began = time.process_time()
    assert index.match(text) == []
    assert time.process_time() - began < 1


def test_a_hundred_thousand_numbers_are_indexed_and_matched_without_django():
    """Seconds are printed, not judged: the machine is shared. Without Django's settings nothing may need them."""
    script = (
        "import json, sys, time\n"
        "from crmconnector.contacts.matching import MatchIndex\n"
        "stored = [(n, f'030 {20000000 + n}') for n in range(100_000)]\n"
        "began = time.process_time(); index = MatchIndex(stored, country='DE'); built = time.process_time() - began\n"
        "began = time.process_time()\n"
        "found = [index.match(f'+4930{20000000 + n}') for n in range(0, 100_000, 100)]\n"
        "each = (time.process_time() - began) / len(found)\n"
        "right = found == [[n] for n in range(0, 100_000, 100)]\n"
        "print(json.dumps([built, each, right, 'django' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, timeout=100)
    built, each, right, django = json.loads(done.stdout)
    print(f"built in {built:.1f} s, {1000 * each:.2f} ms a match")
    assert right
    assert not django

"""Whose number is it? Exactly, or by the national form where a country is missing; never the first of several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.numbers import NumberKind, NumberReading, read_number
from crmconnector.contacts.matching import Match, MatchRule, StoredNumber, match_people
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import people_with_number
from crmconnector.contacts.services import ContactProblem, save_contact


def stored(contact_id, text, country="DE"):
    reading = read_number(text, country=country)
    return StoredNumber(contact_id, reading.e164, reading.key)


def caller(text, country="DE"):
    return read_number(text, country=country)


def test_the_same_number_written_otherwise_is_an_exact_match():
    assert match_people(caller("03023125447"), [stored(1, "+49 30 23125-447")]) == [Match(1, MatchRule.EXACT)]


def test_all_people_of_a_number_are_found_and_each_once():
    numbers = [stored(1, "030 23125447"), stored(2, "+493023125447"), stored(1, "+49 30 23125 447")]
    assert [match.contact_id for match in match_people(caller("03023125447"), numbers)] == [1, 2]


def test_the_same_digits_in_another_country_are_somebody_else():
    assert match_people(caller("+44 30 23125447"), [stored(1, "+49 30 23125447")]) == []


def test_a_number_without_a_country_matches_by_its_national_form():
    unread = StoredNumber(1, "", "023125447")
    assert match_people(caller("03023125447"), [unread]) == [Match(1, MatchRule.NATIONAL)]


def test_an_exact_match_silences_the_national_ones():
    numbers = [StoredNumber(1, "", "023125447"), stored(2, "03023125447")]
    assert match_people(caller("03023125447"), numbers) == [Match(2, MatchRule.EXACT)]


@pytest.mark.parametrize("text", ["anonymous", "", "204"])
def test_withheld_callers_and_extensions_match_nobody(text):
    everybody = [StoredNumber(1, "", ""), StoredNumber(2, "", "204"), stored(3, "03023125447")]
    assert match_people(caller(text), everybody) == []


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "+493023125447"]), st.sampled_from(["", "023125447"])))
)
def test_nobody_is_found_by_an_empty_key(rows):
    empty = NumberReading("", NumberKind.UNREADABLE)
    assert match_people(empty, [StoredNumber(*row) for row in rows]) == []


def test_people_are_looked_up_in_one_query_by_index(office, django_assert_num_queries):
    for place in range(30):
        office.add_contact(f"Person {place:02d}", f"030 23125{place:03d}")
    office.add_contact("Second on one number", "030 23125007")
    with django_assert_num_queries(1):
        people = people_with_number(caller("03023125007"))
    assert [person.name for person in people] == ["Person 07", "Second on one number"]


def test_a_contact_keeps_exactly_the_numbers_that_were_given(office):
    contact = office.add_contact("Ada", "030 23125447", "030 23125448")
    kept = contact.numbers.get(written="030 23125447").pk
    save_contact(contact=contact, numbers=[("home", "030 23125447"), ("new", "+44 20 7946 0148")], country="DE")
    assert set(contact.numbers.values_list("label", "e164")) == {("home", "+493023125447"), ("new", "+442079460148")}
    assert contact.numbers.get(written="030 23125447").pk == kept


def test_a_text_that_is_no_number_refuses_the_whole_contact(office):
    with pytest.raises(ContactProblem, match="is not a telephone number"):
        save_contact(contact=Contact(name="Ada"), numbers=[("x", "call me"), ("y", "03023125447")], country="DE")
    assert not Contact.objects.filter(name="Ada").exists()

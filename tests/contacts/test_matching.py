"""Whose number is it? By rules in order, each verified to the last digit; never the first of several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.numbers import NumberKind, NumberReading, read_number
from crmconnector.contacts.matching import Because, Match, MatchRule, StoredNumber, explain, match_people
from crmconnector.contacts.models import Contact
from crmconnector.contacts.services import ContactProblem, save_contact


def stored(contact_id, text, country="DE"):
    reading = read_number(text, country=country)
    return StoredNumber(contact_id, reading.e164, reading.key, reading.written)


def caller(text, country="DE", prefixes=()):
    return read_number(text, country=country, outside_prefixes=prefixes)


def rules(matches):
    return [(match.contact_id, match.rule) for match in matches]


def test_the_same_number_written_otherwise_is_an_exact_match():
    found = match_people(caller("03023125447"), [stored(1, "+49 30 23125-447")])
    assert found == [Match(1, MatchRule.EXACT, "+493023125447")]


def test_all_people_of_a_number_are_found_and_each_once():
    numbers = [stored(1, "030 23125447"), stored(2, "+493023125447"), stored(1, "+49 30 23125 447")]
    assert [match.contact_id for match in match_people(caller("03023125447"), numbers)] == [1, 2]


def test_the_same_digits_in_another_country_are_somebody_else():
    assert match_people(caller("+44 30 23125447"), [stored(1, "+49 30 23125447")]) == []


def test_a_number_that_was_stored_without_its_country_is_read_in_that_of_the_pbx():
    unread = StoredNumber(1, "", "023125447", "030 23125447")
    assert rules(match_people(caller("03023125447"), [unread])) == [(1, MatchRule.NATIONAL)]


def test_a_key_alone_proves_nothing():
    assert match_people(caller("03023125447"), [StoredNumber(1, "", "023125447")]) == []


def test_surer_matches_come_first_and_silence_nobody():
    numbers = [StoredNumber(1, "", "023125447", "030 23125447"), stored(2, "03023125447")]
    found = match_people(caller("03023125447"), numbers)
    assert rules(found) == [(2, MatchRule.EXACT), (1, MatchRule.NATIONAL)]


def test_a_foreign_national_form_matches_when_its_trunk_prefix_explains_all_digits():
    paris = stored(1, "01 42 68 53 00")
    assert not paris.e164
    assert rules(match_people(caller("+33 1 42 68 53 00"), [paris])) == [(1, MatchRule.SUFFIX)]
    assert match_people(caller("+33 1 42 68 53 01"), [paris]) == []
    assert match_people(caller("+34 912 68 53 00"), [paris]) == []


def test_an_incomplete_caller_matches_the_complete_number_that_explains_all_its_digits():
    assert rules(match_people(caller("0142685300"), [stored(1, "+33 1 42 68 53 00")])) == [(1, MatchRule.SUFFIX)]
    assert match_people(caller("0942685300", "US"), [stored(1, "+33 1 42 68 53 00")]) == []


def test_the_area_code_is_no_digit_that_could_be_left_out():
    assert match_people(caller("+49 30 23125447"), [stored(1, "23125447"), stored(2, "0 23125447", "US")]) == []


def test_a_short_number_is_not_the_end_of_a_longer_one():
    assert match_people(caller("+45 32 12 34 56"), [stored(1, "+49 30 32123456"), stored(2, "32123456")]) == []
    assert match_people(caller("+49 30 32123456"), [stored(1, "+45 32 12 34 56")]) == []


def test_behind_a_plus_stands_a_country_code_and_never_a_trunk_prefix():
    """On the Marshall Islands one dials a 1 before the seven digits."""
    islander = stored(1, "+6922470000", country="MH")
    assert rules(match_people(caller("12470000", country="US"), [islander])) == [(1, MatchRule.SUFFIX)]
    assert match_people(caller("+12470000", country="US"), [islander]) == []


def test_an_outside_prefix_is_told_in_the_rule():
    found = match_people(caller("0 030 23125447", prefixes=("0",)), [stored(1, "030 23125447")])
    assert rules(found) == [(1, MatchRule.PREFIX)]


def test_service_numbers_match_as_a_whole_and_extensions_never():
    numbers = [stored(1, "112"), stored(2, "204"), stored(3, "030 23125112"), stored(4, "11833")]
    assert rules(match_people(caller("112"), numbers)) == [(1, MatchRule.SERVICE)]
    assert match_people(caller("204"), numbers) == []
    assert match_people(caller("11834"), numbers) == []


def test_argentine_mobiles_are_one_subscriber_with_and_without_the_nine():
    numbers = [stored(1, "+54 11 2345 6789"), stored(2, "+54 9 351 2345 678")]
    assert [one.contact_id for one in match_people(caller("+54 9 11 2345 6789"), numbers)] == [1]
    assert match_people(caller("+54 9 11 2345 6788"), numbers) == []


def test_a_second_meaning_counts_only_when_nobody_has_the_first():
    numbers = [stored(1, "+33 1 42 68 53 00"), stored(2, "+49 33142 685300")]
    assert rules(match_people(caller("33142685300"), numbers)) == [(2, MatchRule.EXACT)]
    assert rules(match_people(caller("33142685300"), numbers[:1])) == [(1, MatchRule.NATIONAL)]


def test_a_second_meaning_of_a_stored_text_is_found_too():
    assert rules(match_people(caller("+33 1 42 68 53 00"), [stored(1, "33142685300")])) == [(1, MatchRule.NATIONAL)]
    assert match_people(caller("+33 1 42 68 53 00"), [stored(1, "033142685300")]) == []


@pytest.mark.parametrize("text", ["anonymous", "", "204", "0000000000", "+266696687", None])
def test_withheld_callers_and_extensions_match_nobody(text):
    everybody = [StoredNumber(1, "", ""), StoredNumber(2, "", "204", "204"), stored(3, "03023125447"),
                 StoredNumber(4, "", "", "anonymous"), StoredNumber(5, "", "000000000", "0000000000")]  # fmt: skip
    assert match_people(caller(text), everybody) == []


def test_every_rule_is_explained_in_order_with_what_it_compared():
    told = explain("0 030 23125447", [stored(7, "+49 30 23125447")], country="DE", outside_prefixes=("0",))
    assert [step.rule for step in told.steps] == list(MatchRule)
    assert [(step.rule, step.form) for step in told.steps if step.outcome == "found"] == [
        (MatchRule.PREFIX, "+493023125447")
    ]
    assert all(step.because for step in told.steps)
    assert told.matches == (Match(7, MatchRule.PREFIX, "+493023125447"),)


@pytest.mark.parametrize(
    ("text", "rule", "outcome", "because"),
    [
        ("anonymous", MatchRule.EXACT, "skipped", Because.WITHHELD),
        ("204", MatchRule.EXTENSION, "nothing", Because.COLLEAGUE),
        ("204", MatchRule.EXACT, "skipped", Because.COLLEAGUE),
        ("112", MatchRule.SERVICE, "nothing", Because.NOBODY),
        ("112", MatchRule.SUFFIX, "skipped", Because.ONLY_SERVICE),
        ("1-800-FLOWERS", MatchRule.NATIONAL, "skipped", Because.NO_NUMBER),
        ("030 23125447", MatchRule.EXACT, "nothing", Because.NOBODY),
        ("030 23125447", MatchRule.PREFIX, "skipped", Because.NO_PREFIXES),
        ("030 23125447", MatchRule.SUFFIX, "nothing", Because.NOT_EXPLAINED),
    ],
)
def test_a_rule_that_finds_nobody_says_why(text, rule, outcome, because):
    step = next(step for step in explain(text, [], country="DE").steps if step.rule is rule)
    assert (step.outcome, step.because) == (outcome, because)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "+493023125447"]), st.sampled_from(["", "023125447"])))
)
def test_nobody_is_found_by_an_empty_key(rows):
    empty = NumberReading("", NumberKind.UNREADABLE)
    assert match_people(empty, [StoredNumber(*row) for row in rows]) == []


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

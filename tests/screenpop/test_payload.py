"""What a card says, from plain facts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.screenpop.handover import Handover
from crmconnector.screenpop.payload import (
    CallerFacts,
    CardFacts,
    LegFacts,
    PersonFacts,
    card_payload,
    card_state,
    in_groups,
    initials,
    leg_to_answer,
)

NOBODY = CallerFacts("03023125447", "030 23125447", "Germany", "", withheld=False, extension="", colleague="")
OUTCOMES = ["", "answered", "elsewhere", "cancelled", "rejected", "busy", "no_answer", "unseen", "failed"]


def leg(state="ringing", *, leg_id=1, outcome="", answered=None, ended=None, by=""):
    return LegFacts(leg_id, state, outcome, 100.0, answered, ended, by)


def card(*legs, caller=NOBODY):
    return card_payload(CardFacts("inbound", "Support", "+4930", "", caller, legs))


def person(number, name):
    return PersonFacts(number, name, "", "", "work", "")


def test_talking_on_one_phone_beats_ringing_on_another():
    legs = [leg(), leg("talking", leg_id=2, answered=105.0)]
    assert card_state(legs) == "talking"
    assert leg_to_answer(legs) is None


def test_a_queue_that_rings_the_same_person_again_opens_the_same_card():
    again = card(leg("ended", outcome="no_answer", ended=120.0), leg(leg_id=2))
    assert (again["state"], again["closed"]) == ("ringing", None)


def test_who_took_it_is_told_before_anything_else():
    closed = card(
        leg("ended", outcome="cancelled", ended=104.0),
        leg("ended", leg_id=2, outcome="elsewhere", ended=106.0, by="Ada"),
    )
    assert closed["closed"] == {"reason": "elsewhere", "who": "Ada", "seconds": 6}


def test_an_answered_call_that_ended_tells_how_long_it_was():
    assert card(leg("ended", outcome="answered", answered=105.0, ended=165.0))["closed"] == {
        "reason": "ended", "who": "", "seconds": 60,
    }  # fmt: skip


def test_nobody_one_and_several_people_are_told_apart():
    assert card(leg())["caller"]["kind"] == "unknown"
    assert card(leg(), caller=replace(NOBODY, people=[person(1, "Ada")]))["caller"]["kind"] == "known"
    both = card(leg(), caller=replace(NOBODY, people=[person(1, "Ada"), person(2, "Bob")]))
    assert (both["caller"]["kind"], [one["name"] for one in both["people"]]) == ("several", ["Ada", "Bob"])
    assert card(leg(), caller=replace(NOBODY, withheld=True, people=[person(1, "Ada")]))["caller"]["kind"] == "withheld"


def test_initials_do_not_guess_names():
    names = ("Rosalind Achterberg-Whitcombe", "Daniel", "ليلى حدّاد", "", "<b>", "O'Hara Dana")
    assert [initials(name) for name in names] == ["RA", "D", "لح", "", "", "OD"]


def test_new_facts_have_their_place_in_every_card():
    payload = card(leg())
    assert (payload["sent_by"], payload["queued_at"], payload["choices"], payload["hidden"]) == (None, None, [], 0)
    assert payload["last_note"] is None


def test_a_call_sent_on_says_to_whom_and_whether_they_talk():
    to = Handover(7, "Tomasz", "blind", None, talks=False)
    ended = leg("ended", outcome="answered", answered=105.0, ended=165.0)
    payload = card_payload(CardFacts("inbound", "Support", "+4930", "", NOBODY, [ended], sent_to=to))
    assert payload["closed"] == {"reason": "transferred", "who": "Tomasz", "seconds": 60, "talks": False}


def test_what_is_kept_of_the_caller_stays_as_it_was_and_old_cards_lack_nothing_but_what_is_new():
    before = card(leg(), caller=replace(NOBODY, people=[person(1, "Ada")], rule="exact", calls_before=3))
    del before["choices"], before["last_note"]  # as an older version wrote it
    closed = CardFacts("inbound", "", "", "", NOBODY, [leg("ended", outcome="cancelled", ended=104.0)], kept=before)
    payload = card_payload(closed)
    assert (payload["people"], payload["rule"], payload["calls_before"]) == (before["people"], "exact", 3)
    assert "choices" not in payload and payload["state"] == "closed"


PEOPLE = [
    {"id": 1, "company": "Alpha"}, {"id": 2, "company": ""}, {"id": 3, "company": "Beta"},
    {"id": 4, "company": "Alpha"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("choices", "order"),
    [
        ([], [1, 4, 3, 2]),
        ([{"contact": 3}], [3, 1, 4, 2]),
        ([{"contact": 2}, {"contact": 4}], [2, 4, 1, 3]),
        ([{"contact": 99}], [1, 4, 3, 2]),
    ],
    ids=["nobody chosen", "one", "two", "somebody gone"],
)
def test_who_was_chosen_before_comes_first_with_the_company_and_nobody_is_left_out(choices, order):
    assert [one["id"] for one in in_groups(PEOPLE, choices)] == order


legs_of_any_kind = st.lists(
    st.builds(
        LegFacts,
        st.integers(1, 9),
        st.sampled_from(["ringing", "talking", "held", "ended"]),
        st.sampled_from(OUTCOMES),
        st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.text(max_size=5),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@given(legs_of_any_kind)
def test_a_card_is_closed_exactly_when_no_leg_is_open_and_answer_means_a_ringing_leg(legs):
    payload = card(*legs)
    assert (payload["state"] == "closed") == all(one.state == "ended" for one in legs)
    assert (payload["closed"] is not None) == (payload["state"] == "closed")
    meant = leg_to_answer(legs)
    assert meant is None or any(one.leg_id == meant and one.state == "ringing" for one in legs)

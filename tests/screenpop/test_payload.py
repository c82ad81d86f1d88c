"""What a card says, from plain facts."""

from hypothesis import given
from hypothesis import strategies as st

from crmconnector.screenpop.payload import (
    CallerFacts,
    CardFacts,
    LegFacts,
    PersonFacts,
    card_payload,
    card_state,
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
    from dataclasses import replace

    assert card(leg())["caller"]["kind"] == "unknown"
    assert card(leg(), caller=replace(NOBODY, people=[person(1, "Ada")]))["caller"]["kind"] == "known"
    both = card(leg(), caller=replace(NOBODY, people=[person(1, "Ada"), person(2, "Bob")]))
    assert (both["caller"]["kind"], [one["name"] for one in both["people"]]) == ("several", ["Ada", "Bob"])
    assert card(leg(), caller=replace(NOBODY, withheld=True, people=[person(1, "Ada")]))["caller"]["kind"] == "withheld"


def test_initials_do_not_guess_names():
    names = ("Rosalind Achterberg-Whitcombe", "Daniel", "ليلى حدّاد", "", "<b>", "O'Hara Dana")
    assert [initials(name) for name in names] == ["RA", "D", "لح", "", "", "OD"]


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

"""The card of a call that the person placed: opens whatever the rules say, follows the call, closes with its reason."""

import re

import pytest
from django.template.loader import render_to_string

from crmconnector.calls import events as ev
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop, PopRule, QuietHours
from crmconnector.screenpop.selectors import open_cards
from crmconnector.web.views.stream import told as told_beside
from tests.support.placed import NUMBER, OWN, calls_colleague, colleague_answers, dials, fails, hangs_up, talks
from tests.support.story import T0, TRUNK, answered_call, caller

pytestmark = pytest.mark.django_db


def told(office, batch):
    return handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def drawn(office) -> str:
    """The words of the first user's only card."""
    [shown] = open_cards(user=office.users[0])
    html = render_to_string("screenpop/card.html", shown.context())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def card(office, place: int = 0) -> Pop:
    return Pop.objects.get(user=office.users[place])


def closed_because(office, place: int = 0) -> tuple[str, int]:
    closed = card(office, place).payload["closed"]
    return closed["reason"], closed["seconds"]


def test_a_placed_call_is_a_card_from_dialling_to_its_end(office):
    office.add_contact("Ada Lovelace", NUMBER)
    assert told(office, dials()) == {office.users[0].pk}
    pop = card(office)
    assert (pop.state, pop.leg, pop.payload["placed"], pop.payload["direction"]) == ("dialling", None, True, "outbound")
    assert (pop.payload["people"][0]["name"], pop.payload["rang_at"]) == ("Ada Lovelace", T0)
    told(office, talks())
    assert (card(office).state, card(office).payload["answered_at"]) == ("talking", T0 + 5)
    told(office, [ev.LegHeld("1.1", T0 + 9, "1.1", "PJSIP/201")])
    assert card(office).state == "held"
    told(office, hangs_up())
    assert (card(office).state, closed_because(office)) == ("closed", ("ended", 30))
    assert card(office).payload["people"][0]["name"] == "Ada Lovelace"


@pytest.mark.parametrize("when", ["never", "answer"])
def test_rules_for_calls_that_come_in_do_not_hide_an_own_call(office, when):
    PopRule.objects.create(when=when)
    QuietHours.objects.create(user=office.users[0], starts="00:00", ends="00:00", days=[])
    told(office, dials())
    assert card(office).state == "dialling"


def test_a_card_of_an_own_call_is_not_announced(office):
    told(office, dials())
    [shown] = open_cards(user=office.users[0])
    assert told_beside(shown)["announce"] == ""
    assert not shown.answer.possible


def test_a_ringing_card_stands_before_one_that_calls_and_that_before_one_that_talks(office):
    told(office, [*dials(key="1.1"), *talks(key="1.1")])
    told(office, dials("0401234567", key="2.1"))
    ring = ev.LegRinging("3.1", T0 + 9, "3.1-leg", "PJSIP/201", caller("0301"), None, "+493023125100")
    told(office, [ev.CallStarted("3.1", T0 + 9, "inbound", False, caller("0301"), "+493023125100"), ring])
    assert [one.pop.state for one in open_cards(user=office.users[0])] == ["ringing", "dialling", "talking"]


@pytest.mark.parametrize(
    ("outcome", "disposition", "reason"),
    [
        ("busy", "busy", "far_busy"),
        ("rejected", "rejected", "far_rejected"),
        ("no_answer", "no_answer", "far_no_answer"),
        ("failed", "failed", "far_failed"),
        ("cancelled", "cancelled", "hung_up"),
        ("answered_unconnected", "no_answer", "not_connected"),
        ("unseen", "unseen", "unseen"),
    ],
)
def test_a_call_that_came_to_nothing_says_why_on_its_card(office, outcome, disposition, reason):
    told(office, dials())
    told(office, fails(outcome, disposition))
    assert closed_because(office) == (reason, 20)


def test_an_internal_call_is_an_outgoing_card_and_an_incoming_one(office):
    told(office, calls_colleague())
    mine, theirs = card(office, 0), card(office, 1)
    assert (mine.state, mine.payload["placed"], mine.payload["caller"]["network_name"]) == (
        "dialling",
        True,
        "User 202",
    )
    assert (theirs.state, theirs.payload["placed"]) == ("ringing", False)
    assert theirs.payload["caller"]["network_name"] == "User 201"
    told(office, colleague_answers())
    assert {pop.state for pop in Pop.objects.all()} == {"talking"}


def test_a_number_that_is_not_known_yet_is_not_a_withheld_one(office):
    start = ev.CallStarted("1.1", T0, "internal", True, OWN, None)
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", ev.Party(None, None, None), rung=True)])
    assert card(office).payload["caller"]["kind"] == "unknown"
    told(office, [ev.LegChanged("1.1", T0 + 1, "1.1", "PJSIP/201", ev.Party(None, NUMBER, None))])
    assert card(office).payload["caller"]["e164"] == "+493023125447"


def test_who_calls_a_group_that_they_are_in_sees_whom_they_call(office):
    ring = ev.LegRinging("1.1", T0 + 1, "1.2", "PJSIP/201", OWN, None, "600")
    start = ev.CallStarted("1.1", T0, "internal", False, OWN, "600")
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", ev.Party(None, "600", None)), ring])
    assert (card(office).state, card(office).leg) == ("dialling", None)


def test_who_placed_a_call_and_sent_it_on_is_told_to_whom(office):
    told(office, [*dials(), *talks()])
    far = ev.Party(TRUNK, NUMBER, None)
    told(office, [ev.LegEnded("1.1", T0 + 9, "1.1", "PJSIP/201", "answered", None)])
    told(office, [ev.LegRinging("1.1", T0 + 9.2, "1.3", "PJSIP/202", far, None, None)])
    sent_by = card(office, 1).payload["sent_by"]
    assert (sent_by["name"], sent_by["kind"], sent_by["seconds"]) == ("User 201", "blind", 4)
    told(office, [ev.LegAnswered("1.1", T0 + 12, "1.3", "PJSIP/202", far)])
    assert card(office).payload["closed"] == {"reason": "transferred", "who": "User 202", "seconds": 4, "talks": True}


def test_a_consultation_closes_with_the_transfer_and_the_first_card_says_to_whom(office):
    """Bea (201) talks with Ada, asks Bert (202) by a call of her own, and puts the two together."""
    far = caller("0401234567")
    told(office, answered_call(leg_endpoint="PJSIP/201", number="0401234567", key="1.1")[:4])
    told(office, calls_colleague(key="2.1", at=T0 + 10))
    assert {pop.state for pop in Pop.objects.filter(user=office.users[0])} == {"talking", "dialling"}
    told(office, colleague_answers(key="2.1", at=T0 + 12))
    told(office, [
        ev.CallMerged("2.1", T0 + 20, "1.1"),
        ev.LegChanged("1.1", T0 + 20, "2.1-202", "PJSIP/202", far),
        ev.LegEnded("1.1", T0 + 20, "1.1-leg", "PJSIP/201", "answered", None),
        ev.LegEnded("1.1", T0 + 20.1, "2.1", "PJSIP/201", "answered", None),
    ])  # fmt: skip
    first = Pop.objects.get(user=office.users[0], call__linkedid="1.1").payload
    assert (first["placed"], first["rang_at"], first["closed"]["reason"]) == (False, T0, "transferred")
    assert first["closed"]["who"] == "User 202"
    assert Pop.objects.get(user=office.users[0], call__linkedid="2.1").state == "closed"
    assert card(office, 1).payload["caller"]["written"] == "0401234567"


def test_it_says_whether_it_rings_there(office):
    told(office, dials()[:2])
    assert card(office).payload["rings"] == "" and "Calling" in drawn(office)
    told(office, dials()[2:])
    assert card(office).payload["rings"] == "there" and "Ringing there" in drawn(office)
    told(office, talks())
    assert card(office).payload["rings"] == "" and "Talking" in drawn(office)


def test_it_says_that_the_own_phone_waits_to_be_picked_up_until_somebody_is_called(office):
    start = ev.CallStarted("1.1", T0, "internal", True, OWN, None)
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", ev.Party(None, NUMBER, None), rung=True)])
    assert card(office).payload["rings"] == "here" and "Pick up" in drawn(office)
    told(office, [ev.LegRinging("1.1", T0 + 3, "1.2", TRUNK, OWN, None, NUMBER)])
    assert card(office).payload["rings"] == "there"


def test_the_own_phone_waits_no_longer_once_the_pbx_dials_though_nothing_rings_there_yet(office):
    start = ev.CallStarted("1.1", T0, "internal", True, OWN, None)
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", ev.Party(None, NUMBER, None), rung=True)])
    assert "Pick up" in drawn(office)
    told(office, [ev.CallChanged("1.1", T0 + 3, "outbound", OWN, NUMBER)])
    assert card(office).payload["rings"] == "" and "Pick up" not in drawn(office)


def test_ones_own_second_phone_in_a_group_that_one_calls_does_ring_there(office):
    ring = ev.LegRinging("1.1", T0 + 1, "1.2", "PJSIP/201", OWN, None, "600")
    start = ev.CallStarted("1.1", T0, "internal", False, OWN, "600")
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", ev.Party(None, "600", None)), ring])
    assert (card(office).payload["rings"], card(office).payload["caller"]["written"]) == ("there", "600")


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        ("no_answer", "own_no_answer", "The PBX rang your phone for 20 s, and nobody picked up. Not called:"),
        ("rejected", "own_rejected", "the call was rejected there. Not called:"),
        ("busy", "own_busy", "The PBX rang your phone, and it was busy. Not called:"),
        ("failed", "own_failed", "The PBX could not ring your phone. Not called:"),
    ],
)
def test_a_call_that_was_never_made_for_one_did_not_pick_up_says_so(office, outcome, reason, words):
    far = ev.Party(None, NUMBER, None)
    start = ev.CallStarted("1.1", T0, "internal", True, OWN, None)
    told(office, [start, ev.LegPlaced("1.1", T0, "1.1", "PJSIP/201", far, rung=True)])
    end = ev.LegEnded("1.1", T0 + 20, "1.1", "PJSIP/201", outcome, None)
    told(office, [end, ev.CallEnded("1.1", T0 + 20, "no_answer", None, None)])
    assert closed_because(office) == (reason, 20)
    assert words in drawn(office) and "Call again" in drawn(office)


def test_of_a_call_that_one_made_call_again_is_offered_and_of_another_call_back(office):
    told(office, dials())
    told(office, fails("busy", "busy"))
    assert "Call again" in drawn(office) and "Call back" not in drawn(office)
    Pop.objects.all().delete()
    story = answered_call(leg_endpoint="PJSIP/201", number=NUMBER, key="2.1")
    told(office, story[:4])
    told(office, story[4:])
    assert "Call back" in drawn(office) and "Call again" not in drawn(office)


def test_the_first_card_keeps_naming_the_first_party_when_a_second_caller_is_put_together_with_it(office):
    ada, grace = "0401234567", "0307654321"
    told(office, answered_call(leg_endpoint="PJSIP/201", number=ada, key="1.1")[:4])
    told(office, answered_call(leg_endpoint="PJSIP/201", number=grace, key="2.1")[:4])
    told(office, [ev.CallMerged("2.1", T0 + 20, "1.1")])
    told(office, [ev.LegEnded("1.1", T0 + 20, "1.1-leg", "PJSIP/201", "answered", None)])
    told(office, [ev.LegEnded("1.1", T0 + 20.1, "2.1-leg", "PJSIP/201", "answered", None)])
    names = {pop.call.linkedid: pop.payload["caller"]["written"] for pop in Pop.objects.select_related("call")}
    assert names == {"1.1": ada, "2.1": grace}

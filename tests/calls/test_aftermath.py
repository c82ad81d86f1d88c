"""What rows, the PBX's list and the phone's lines say of a command that no event has settled."""

import uuid
from dataclasses import replace

import pytest

from crmconnector.calls.aftermath import (
    Absent,
    Channel,
    Standing,
    by_channels,
    by_lines,
    by_rows,
    still_as_before,
    together,
)
from crmconnector.calls.confirmation import Disproof, Meant, Proof
from phones.drivers.base import LineState, LineWord

ANNA, BEN, TRUNK = "PJSIP/1001", "PJSIP/1002", "PJSIP/trunk"
LONDON = "+442079460456"
MEANT = Meant(
    uuid.uuid4(), "hold", 10.0, leg="1.2", endpoint=ANNA, customer=TRUNK, numbers=("1002",), targets=frozenset({BEN}),
    calls=frozenset({"1.1"}),
)  # fmt: skip
DIAL = Meant(uuid.uuid4(), "make_call", 10.0, endpoint=ANNA, numbers=(LONDON,))
CUSTOMER = Channel("1.1", "1.1", TRUNK, False, "b1")
OWN = Channel("1.2", "1.1", ANNA, False, "b1")
ASKED = Channel("1.3", "1.1", BEN, False, "b2")


def of(kind: str, **more) -> Meant:
    return replace(MEANT, kind=kind, **more)


# --- rows ---


@pytest.mark.parametrize("kind", ["blind_transfer", "attended_complete", "park"])
def test_a_call_that_goes_on_without_us_was_handed_over(kind):
    gone = Standing("ended", "ended", gone_for=1.2, other_gone_for=1.2, call_open=True, heard=True)
    assert isinstance(by_rows(of(kind), gone, at=1.0), Proof)
    assert by_rows(of(kind), replace(gone, call_open=False), at=1.0) is None, "somebody hung up"
    assert by_rows(of(kind), replace(gone, gone_for=0.2), at=1.0) is None, "its end may be on the way"
    assert by_rows(of(kind), replace(gone, heard=False), at=1.0) is None, "nobody would have told of its end"


def test_who_was_asked_and_has_hung_up_can_be_put_together_with_nobody():
    left = Standing("held", "ended", other_gone_for=1.5, heard=True)
    assert isinstance(by_rows(of("attended_complete"), left, at=1.0), Disproof)
    assert by_rows(of("attended_complete"), replace(left, other_gone_for=0.2), at=1.0) is None, "we may go next"
    assert by_rows(of("attended_complete"), replace(left, own="ended"), at=1.0) is None


@pytest.mark.parametrize(
    ("kind", "own"),
    [("answer", "talking"), ("answer", "held"), ("hang_up", "ended"), ("hold", "held"), ("resume", "talking")],
)
def test_a_leg_that_stands_as_was_asked_proves_it(kind, own):
    assert isinstance(by_rows(of(kind), Standing(own), at=1.0), Proof)
    assert by_rows(of(kind), Standing("ringing"), at=1.0) is None


@pytest.mark.parametrize(
    ("kind", "own"), [("answer", "ringing"), ("hold", "talking"), ("resume", "held"), ("park", "held")]
)
def test_only_while_the_pbx_is_heard_nothing_means_that_nothing_happened(kind, own):
    assert still_as_before(of(kind), Standing(own, heard=True))
    assert not still_as_before(of(kind), Standing(own, heard=False))
    assert not still_as_before(of(kind), Standing("ended", heard=True))


# --- the list ---


def listed(meant, *channels, complete=True):
    return by_channels(meant, channels, complete=complete, at=1.0)


def test_a_call_of_this_phone_to_this_number_is_in_the_list():
    dialled = Channel("3.1", "3.1", ANNA, False, "", ("0" + LONDON[3:],))
    found = listed(DIAL, CUSTOMER, dialled)
    assert isinstance(found, Proof)
    assert found.leg == "3.1"


def test_a_caller_is_parked_while_the_place_is_still_read_out_to_us():
    waits = replace(CUSTOMER, bridge="lot")
    listens = replace(OWN, bridge="")
    assert isinstance(by_channels(of("park"), [waits, listens], complete=False, at=1.0), Proof)
    moving = replace(CUSTOMER, bridge="")
    assert not isinstance(by_channels(of("park"), [moving, listens], complete=True, at=1.0), Proof)
    assert isinstance(by_channels(of("park"), [CUSTOMER, OWN], complete=True, at=1.0), Absent)


def test_another_call_of_this_phone_says_nothing_and_none_says_that_it_does_not_dial():
    assert listed(DIAL, Channel("3.1", "3.1", ANNA, False, "", ("1002",))) is None
    assert listed(DIAL, Channel("3.1", "3.1", BEN, False, "", (LONDON,))) == Absent("The PBX has no such call")
    assert listed(DIAL, complete=False) is None, "a part of the list says nothing of what is not in it"


@pytest.mark.parametrize(
    ("kind", "channels", "proved"),
    [
        ("answer", (CUSTOMER, OWN), True),
        ("answer", (CUSTOMER, replace(OWN, ringing=True, bridge="")), False),
        ("reject", (CUSTOMER, replace(OWN, ringing=True, bridge="")), False),
        ("hang_up", (CUSTOMER,), True),
        ("hang_up", (CUSTOMER, OWN), False),
        ("blind_transfer", (CUSTOMER, ASKED), True),
        ("blind_transfer", (CUSTOMER, OWN), False),
        ("park", (replace(CUSTOMER, bridge="lot"),), True),
        ("attended_complete", (CUSTOMER, ASKED), True),
        ("attended_start", (CUSTOMER, OWN, ASKED), True),
        ("attended_start", (CUSTOMER, OWN, Channel("2.1", "2.1", ANNA, False, "", ("1002",))), True),
        ("attended_start", (CUSTOMER, OWN), False),
        ("attended_cancel", (CUSTOMER, OWN), True),
        ("conference", (CUSTOMER, OWN, replace(ASKED, bridge="b1")), True),
    ],
    ids=str,
)  # fmt: skip
def test_the_list_shows_each_kind(kind, channels, proved):
    found = listed(of(kind), *channels)
    assert isinstance(found, Proof if proved else Absent)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        ("answer", (CUSTOMER,)),
        ("blind_transfer", ()),
        ("attended_cancel", (CUSTOMER, replace(OWN, bridge="b2"), ASKED)),
        ("conference", (CUSTOMER, OWN, ASKED)),
        ("hold", (CUSTOMER, OWN)),
        ("dtmf", (CUSTOMER, OWN)),
    ],
    ids=str,
)
def test_of_some_things_the_list_cannot_tell(kind, channels):
    assert listed(of(kind), *channels) is None


def test_an_announcer_in_the_bridge_is_no_third_party():
    announcer = Channel("1.9", "1.1", "CBAnn/crm", False, "b1")
    assert listed(of("conference"), CUSTOMER, OWN, announcer) is None


def test_a_conference_of_the_pbx_that_is_not_in_its_list_is_none():
    assert isinstance(listed(of("conference", by_pbx=True), CUSTOMER, OWN, ASKED), Absent)


# --- lines ---


def line(word: LineWord, number: str = "", place: int = 1) -> LineState:
    return LineState(place, word, number)


def on_lines(meant, *lines):
    return by_lines(meant, lines, far_number=LONDON, at=1.0)


def test_idle_lines_did_not_dial_and_a_line_with_the_number_did():
    assert isinstance(on_lines(DIAL, line(LineWord.IDLE), line(LineWord.FAILED)), Absent)
    assert isinstance(on_lines(DIAL, line(LineWord.CALLING, LONDON)), Proof)
    assert on_lines(DIAL, line(LineWord.CALLING, "1002")) is None
    assert on_lines(DIAL, line(LineWord.DIALING, LONDON)) is None, "being typed is not dialled"
    assert on_lines(DIAL, line(LineWord.RINGING, LONDON)) is None, "they call us"


@pytest.mark.parametrize(
    ("kind", "done", "undone"),
    [
        ("answer", LineWord.CONNECTED, LineWord.RINGING),
        ("hold", LineWord.ON_HOLD, LineWord.CONNECTED),
        ("resume", LineWord.CONNECTED, LineWord.ON_HOLD),
    ],
)
def test_the_one_line_with_this_party_tells(kind, done, undone):
    assert isinstance(on_lines(of(kind), line(done, LONDON)), Proof)
    assert isinstance(on_lines(of(kind), line(undone, LONDON)), Absent)
    assert on_lines(of(kind), line(done, "1002")) is None, "another party"
    assert on_lines(of(kind), line(done, LONDON), line(undone, "1002", 2)) is None, "which of the two"
    assert on_lines(of(kind), line(LineWord.BUSY_UNKNOWN, LONDON)) is None


def test_an_idle_phone_is_no_proof_of_a_rejection():
    assert on_lines(of("reject"), line(LineWord.IDLE)) is None


# --- together ---

NOT_LISTED, IDLE = Absent("The PBX has no such call"), Absent("every line of your phone is idle")
SEEN = Proof("3.1", 1.0, "It is there.")


def test_either_source_proves_and_only_both_disprove():
    assert together(DIAL, SEEN, IDLE, at=1.0) is SEEN
    assert together(DIAL, NOT_LISTED, SEEN, at=1.0) is SEEN
    told = together(DIAL, NOT_LISTED, IDLE, at=1.0)
    assert isinstance(told, Disproof)
    assert told.evidence == "The PBX has no such call and every line of your phone is idle."
    assert together(DIAL, NOT_LISTED, None, at=1.0) is None
    assert together(DIAL, None, IDLE, at=1.0) is None, "the PBX was not asked"


def test_what_the_pbx_was_asked_to_do_needs_no_word_of_the_phone():
    assert isinstance(together(replace(DIAL, by_pbx=True), NOT_LISTED, None, at=1.0), Disproof)


def test_a_hold_is_told_by_the_line_alone():
    assert isinstance(together(MEANT, None, Absent("the line of your phone says connected"), at=1.0), Disproof)
    assert together(MEANT, None, None, at=1.0) is None

"""Which events prove and disprove each kind of command, held against what real phones did on a real Asterisk."""

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from crmconnector.calls import events as ev
from crmconnector.calls.confirmation import (
    KNOWS,
    Disproof,
    Meant,
    Picture,
    Proof,
    same_number,
    settle,
    verdict_of,
)
from crmconnector.calls.events import CallEnded, LegAnswered, LegEnded, LegHeld, LegPlaced, LegResumed, Party, Transfer
from crmconnector.calls.replay import told_from_events

FOLDER = Path(__file__).parent.parent / "recordings" / "asterisk22"
ANNA, BEN, TRUNK = "PJSIP/1001", "PJSIP/1002", "PJSIP/trunk"
LONDON = "+442079460456"


def heard(name: str) -> list[ev.CallEvent]:
    rows = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    return list(told_from_events(rows, trunks=[TRUNK]))


def leg_of(events: list[ev.CallEvent], endpoint: str, place: int = 0) -> str:
    legs = dict.fromkeys(one.leg for one in events if getattr(one, "endpoint", "") == endpoint)
    return list(legs)[place]


def state_after(events: list[ev.CallEvent]) -> Picture:
    words = {ev.LegRinging: "ringing", ev.LegPlaced: "dialling", ev.LegAnswered: "talking", ev.LegHeld: "held",
             ev.LegResumed: "talking", ev.LegEnded: "ended"}  # fmt: skip
    return Picture({one.leg: words[type(one)] for one in events if type(one) in words})


def verdicts(meant: Meant, events: list[ev.CallEvent]) -> list[Proof | Disproof]:
    """As a listener that writes each event by itself would come to know them."""
    found = []
    for place, event in enumerate(events):
        told = settle([meant], [event], state_after(events[: place + 1]))
        found += told.values()
    return found


def anna(kind: str, events: list[ev.CallEvent], **more) -> Meant:
    """A command of Anna, whose phone is 1001, in her first call of the recording."""
    mine = leg_of(events, ANNA)
    of = {"leg": mine, "endpoint": ANNA, "customer": TRUNK, "calls": frozenset({events[0].call})} | more
    return Meant(uuid.uuid4(), kind, 0.0, **of)


BEN_IS_MEANT = {"numbers": ("1002",), "targets": frozenset({BEN})}
# recording, kind, what is meant beyond Anna's own leg, what a proof says
PROVED = [
    ("outbound_answered", "make_call", {"leg": "", "numbers": (LONDON,)}, "dial this number"),
    ("outbound_with_prefix", "make_call", {"leg": "", "numbers": ("+12025550123",)}, "dial this number"),
    ("originate_answered", "make_call", {"leg": "", "numbers": (LONDON,), "by_pbx": True}, "rings PJSIP/1001"),
    ("inbound_answered", "answer", {}, "connected"),
    ("inbound_rejected", "reject", {}, "stop ringing"),
    ("inbound_answered", "hang_up", {}, "ended"),
    ("hold_and_resume", "hold", {}, "on hold"),
    ("hold_and_resume", "resume", {}, "took the other party back"),
    ("transfer_blind", "blind_transfer", BEN_IS_MEANT, "handed the other party over"),
    ("transfer_blind_feature", "blind_transfer", BEN_IS_MEANT, "handed the other party over"),
    ("transfer_blind_busy", "blind_transfer", BEN_IS_MEANT, "handed the other party over"),
    (
        "transfer_blind_outside",
        "blind_transfer",
        {"numbers": (LONDON,), "targets": frozenset({TRUNK})},
        "handed the other",
    ),
    ("transfer_attended", "attended_start", BEN_IS_MEANT, "the one to be asked"),
    ("transfer_attended", "attended_complete", BEN_IS_MEANT, "PJSIP/1002 has the party"),
    ("transfer_attended_feature", "attended_start", BEN_IS_MEANT, "called for PJSIP/1001"),
    ("transfer_attended_feature", "attended_complete", BEN_IS_MEANT, "PJSIP/1002 has the party"),
    ("transfer_blonde_answered", "attended_complete", BEN_IS_MEANT, "handed the other party over"),
    ("transfer_attended_given_up", "attended_start", BEN_IS_MEANT, "the one to be asked"),
    ("transfer_attended_given_up", "attended_cancel", BEN_IS_MEANT, "first party back"),
    ("park_and_retrieve", "park", {}, "handed the other party over"),
]
CASES = [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in PROVED if case[3]]


@pytest.mark.parametrize(("recording", "kind", "more", "said"), CASES)
def test_what_real_phones_did_proves_what_was_asked(recording, kind, more, said):
    events = heard(recording)
    told = verdicts(anna(kind, events, **more), events)
    assert told, "nothing told of it"
    assert isinstance(told[0], Proof), told[0]
    assert said in told[0].evidence


@pytest.mark.parametrize(("recording", "kind", "more", "said"), CASES)
def test_the_same_stream_proves_nothing_for_a_leg_a_phone_or_a_number_that_is_not_in_it(recording, kind, more, said):
    events = heard(recording)
    right = anna(kind, events, **more)
    stranger = replace(right, endpoint="PJSIP/1003", leg="9.9", calls=frozenset({"9.8"}), customer="PJSIP/1003")
    assert not [one for one in verdicts(stranger, events) if isinstance(one, Proof)]
    if kind in ("make_call", "attended_start"):
        other = replace(right, numbers=("+442079460999", "1003"), targets=frozenset({"PJSIP/1003"}))
        assert not [one for one in verdicts(other, events) if isinstance(one, Proof)]
    if kind == "make_call" or right.targets:
        later = replace(right, since=1e12)
        assert not [one for one in verdicts(later, events) if isinstance(one, Proof)] or kind == "attended_cancel"


def test_the_words_of_a_proof_hold_no_number_and_no_name():
    for recording, kind, more, said in PROVED:
        if said:
            events = heard(recording)
            for verdict in verdicts(anna(kind, events, **more), events):
                assert LONDON[1:] not in verdict.evidence
                assert "Ada" not in verdict.evidence


# --- what disproves ---------------------------------------------------------------------------------------------------

OWN = Meant(uuid.uuid4(), "hold", 10.0, leg="1.2", endpoint=ANNA, customer=TRUNK, calls=frozenset({"1.1"}))
ENDED = LegEnded("1.1", 20.0, "1.2", ANNA, "answered", None)


@pytest.mark.parametrize("kind", ["hold", "resume", "attended_start", "attended_cancel", "conference", "dtmf", "mute"])
def test_the_end_of_ones_own_part_ends_what_was_asked_of_it(kind):
    verdict = verdict_of(replace(OWN, kind=kind), ENDED, Picture())
    assert isinstance(verdict, Disproof)


@pytest.mark.parametrize("kind", ["blind_transfer", "attended_complete", "park"])
def test_ones_own_end_says_nothing_of_a_transfer_for_it_ends_either_way(kind):
    assert verdict_of(replace(OWN, kind=kind), ENDED, Picture()) is None


@pytest.mark.parametrize("kind", ["blind_transfer", "attended_complete", "park"])
def test_a_call_that_ends_without_a_transfer_of_ours_was_not_handed_over(kind):
    over = CallEnded("1.1", 21.0, "answered", ANNA, 5.0, (Transfer("blind", BEN, None, True, 15.0),))
    verdict = verdict_of(replace(OWN, kind=kind), over, Picture())
    assert isinstance(verdict, Disproof)
    assert verdict_of(replace(OWN, kind=kind, calls=frozenset({"2.1"})), over, Picture()) is None


HANDED_OVER = ev.CallTransferred("1.1", 12.0, OWN.leg, ANNA, "blind", to="1002")


def test_a_blind_transfer_is_proved_when_the_pbx_takes_it():
    meant = replace(OWN, kind="blind_transfer", numbers=("1002",))
    assert isinstance(verdict_of(meant, HANDED_OVER, Picture()), Proof)
    assert verdict_of(meant, replace(HANDED_OVER, to="1003"), Picture()) is None  # by hand, to somebody else
    assert verdict_of(meant, replace(HANDED_OVER, leg="9.9"), Picture()) is None
    assert verdict_of(meant, replace(HANDED_OVER, kind="attended"), Picture()) is None
    assert verdict_of(meant, replace(HANDED_OVER, at=OWN.since - 9), Picture()) is None
    assert isinstance(verdict_of(meant, replace(HANDED_OVER, to=None), Picture()), Proof)


@pytest.mark.parametrize("kind", ["attended", "blonde"])
def test_putting_two_together_is_proved_when_the_pbx_takes_it_whichever_end_it_names_first(kind):
    meant = replace(OWN, kind="attended_complete", other_leg="2.1")
    over = replace(HANDED_OVER, leg="2.1", other_leg=OWN.leg, kind=kind, to=None)
    assert isinstance(verdict_of(meant, over, Picture()), Proof)
    assert verdict_of(meant, replace(over, kind="blind"), Picture()) is None
    assert verdict_of(replace(meant, leg="", other_leg=""), replace(over, other_leg=""), Picture()) is None


def test_a_transfer_of_before_is_no_proof_of_one_asked_now():
    over = CallEnded("1.1", 21.0, "answered", ANNA, 5.0, (Transfer("blind", ANNA, (TRUNK, BEN), True, 5.0),))
    assert isinstance(verdict_of(replace(OWN, kind="blind_transfer"), over, Picture()), Disproof)


@pytest.mark.parametrize("outcome", ["answered", "elsewhere", "cancelled", "no_answer", "answered_unconnected"])
def test_ringing_that_ended_otherwise_was_not_rejected(outcome):
    ended = LegEnded("1.1", 20.0, "1.2", ANNA, outcome, None)
    assert isinstance(verdict_of(replace(OWN, kind="reject"), ended, Picture()), Disproof)


def test_the_pbx_calls_it_no_answer_when_it_takes_a_ringing_leg_away():
    ended = LegEnded("1.1", 20.0, "1.2", ANNA, "no_answer", None)
    assert isinstance(verdict_of(replace(OWN, kind="reject", by_pbx=True), ended, Picture()), Proof)


def test_a_leg_that_was_answered_was_not_rejected():
    answered = LegAnswered("1.1", 20.0, "1.2", ANNA, Party(TRUNK, None, None))
    assert isinstance(verdict_of(replace(OWN, kind="reject"), answered, Picture()), Disproof)


@pytest.mark.parametrize("kind", ["keys", "dnd_on", "dnd_off"])
def test_what_no_event_can_tell_is_neither_proved_nor_disproved(kind):
    assert verdict_of(replace(OWN, kind=kind), ENDED, Picture()) is None


# --- conference and the way back --------------------------------------------------------------------------------------


def test_a_conference_of_the_phones_own_is_two_calls_that_talk_at_once():
    meant = replace(OWN, kind="conference", other_leg="1.5")
    resumed = LegResumed("1.1", 20.0, "1.2", ANNA)
    assert isinstance(verdict_of(meant, resumed, Picture({"1.2": "talking", "1.5": "talking"})), Proof)
    assert verdict_of(meant, resumed, Picture({"1.2": "talking", "1.5": "held"})) is None
    assert verdict_of(replace(meant, other_leg=""), resumed, Picture({"1.2": "talking"})) is None


def test_a_consultation_that_ended_leads_back_only_when_we_talk_again():
    meant = replace(OWN, kind="attended_cancel", other_leg="1.5")
    over = LegEnded("1.4", 20.0, "1.5", ANNA, "answered", None)
    assert verdict_of(meant, over, Picture({"1.2": "held"})) is None
    assert isinstance(verdict_of(meant, over, Picture({"1.2": "talking"})), Proof)


# --- which call is whose ----------------------------------------------------------------------------------------------

PLACED = LegPlaced("3.1", 20.0, "3.1", ANNA, Party(None, LONDON, None))


def dial(since: float, number: str = LONDON) -> Meant:
    return Meant(uuid.uuid4(), "make_call", since, endpoint=ANNA, numbers=(number,))


def test_one_call_proves_one_command_the_newest():
    old, new, newer = dial(11.0), dial(18.0), dial(30.0)
    assert list(settle([old, new, newer], [PLACED], Picture())) == [new.command]


def test_a_call_from_before_the_click_is_not_its_effect():
    assert not settle([dial(22.5)], [PLACED], Picture())
    assert settle([dial(21.5)], [PLACED], Picture()), "clocks differ a little"


def test_a_number_that_is_learned_after_the_phone_began_counts_as_well():
    learned = ev.LegChanged("3.1", 20.0, "3.1", ANNA, Party(TRUNK, LONDON, None))
    assert settle([dial(18.0)], [learned], Picture({"3.1": "dialling"}))
    assert not settle([dial(18.0)], [learned], Picture({"3.1": "talking"})), "perhaps they called us"


def test_calls_that_became_one_in_the_same_batch_are_one():
    meant = replace(OWN, kind="blind_transfer", targets=frozenset({BEN}), calls=frozenset({"5.1"}))
    rings = LegAnswered("1.1", 20.0, "6.1", BEN, Party(TRUNK, None, None))
    merged = ev.CallMerged("5.1", 19.0, "1.1")
    assert settle([meant], [rings, merged], Picture())
    assert not settle([meant], [rings], Picture())


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("+493023125447", "03023125447", True),
        ("+493023125447", "0003023125447", True),
        ("+493023125447", "+493023125448", False),
        ("204", "204", True),
        ("204", "0204", False),
        ("204", "+493023125204", False),
        ("112", "112", True),
        ("*43", "43", False),
        ("", "", False),
        (None, "204", False),
        ("٢٠٤", "٢٠٤", False),
    ],
    ids=str,
)
def test_numbers_are_compared_by_their_ends_and_extensions_exactly(one, two, same):
    assert same_number(one, two) is same


def test_a_proof_outweighs_a_disproof_that_came_before_it_in_the_same_batch():
    """A wire may bring the end of a leg before its hold: then it was on hold all the same."""
    held = LegHeld("1.1", 20.5, "1.2", ANNA)
    assert isinstance(settle([OWN], [ENDED, held], Picture())[OWN.command], Proof)
    assert isinstance(settle([OWN], [ENDED], Picture())[OWN.command], Disproof)


def test_every_kind_is_decided_on_purpose():
    quiet = {"dtmf", "mute", "unmute"}  # proved by nothing; their leg's end disproves them
    from crmconnector.calls.verbs import VERBS

    assert set(KNOWS) | quiet == set(VERBS)


def test_holds_of_another_leg_are_not_ours():
    assert verdict_of(OWN, LegHeld("1.1", 20.0, "1.3", BEN), Picture()) is None

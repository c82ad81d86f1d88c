"""The stepper alone: it goes on from what was seen and from nothing else, and it always ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.drivers.base import Lines, LineState, LineWord
from phones.sequences import (
    ANYTHING,
    Abort,
    Certainty,
    Deed,
    Done,
    Move,
    Picture,
    Position,
    Send,
    Sequence,
    Step,
    Stop,
    Wait,
    Why,
    as_told,
    broken_off,
    next_move,
)
from phones.sequences_catalogue import (
    MOST_STEP_SECONDS,
    NAMED,
    attended_cancel,
    attended_complete,
    attended_start,
    blind_transfer,
    click_to_call,
    conference,
    timed,
    tones,
)
from phones.sequences_run import Ending
from phones.sequences_words import SENTENCES, STILL_HELD, sentence_of

WORDS = {
    "i": LineWord.IDLE, "r": LineWord.RINGING, "d": LineWord.DIALING, "l": LineWord.CALLING,
    "c": LineWord.CONNECTED, "h": LineWord.ON_HOLD, "f": LineWord.FAILED, "?": LineWord.BUSY_UNKNOWN,
}  # fmt: skip
EVERY: list[Sequence] = [
    blind_transfer(1, "205"), attended_start(1, "205"), attended_complete(1, 2), attended_cancel(1, 2),
    conference(1, 2), tones(1, "12#"), click_to_call("205"), click_to_call("205", line=2),
    *(build(1) for build in NAMED.values()),
]  # fmt: skip
BLIND = EVERY[0]
looks = st.one_of(st.none(), st.text(alphabet="irdlchf?", max_size=3))


def lines(words: str) -> Lines:
    return tuple(LineState(place, WORDS[word], "205" if place > 1 else "") for place, word in enumerate(words, start=1))


def sent(position: Position) -> Position:
    return replace(position, sent=True, acted=True)


def played(sequence: Sequence, seen: list[str | None], poll: float) -> tuple[list[tuple[Step, str | None]], Move]:
    """Every step that was sent with the look it was sent from, and how it ended. The last look goes on for ever."""
    requests: list[tuple[Step, str | None]] = []
    position, since, told = Position(), 0.0, seen or [None]
    for place in range(2000):
        look = told[min(place, len(told) - 1)]
        move = next_move(sequence, position, None if look is None else lines(look), since)
        if isinstance(move, Send):
            requests.append((move.step, look))
            position, since = move.position, 0.0
        elif isinstance(move, Wait):
            position, since = move.position, since + max(poll, move.seconds)
        elif isinstance(move, Abort):
            more, end = played(move.sequence, told[place:] or told[-1:], poll)
            return requests + more, end
        else:
            return requests, move
    raise AssertionError("it never ended")


@given(st.sampled_from(EVERY), st.lists(looks, max_size=40), st.floats(0.0, 5.0))
def test_it_always_ends_and_no_step_is_ever_sent_twice(sequence: Sequence, seen: list[str | None], poll: float) -> None:
    requests, end = played(sequence, seen, poll)
    assert isinstance(end, (Done, Stop))
    assert len({id(step) for step, _ in requests}) == len(requests)


@given(st.sampled_from(EVERY), st.lists(looks, max_size=40))
def test_no_digit_of_a_number_goes_out_while_a_line_is_connected_or_may_be(
    sequence: Sequence, seen: list[str | None]
) -> None:
    for step, look in played(sequence, seen, 0.25)[0]:
        if step.digits and not step.tones:
            assert look is not None
            assert not set(look) & {"c", "?"}


@pytest.mark.parametrize("seen", ["ci", "ic", "?i", "hc"])
def test_a_sequence_that_was_written_carelessly_sends_no_digits_to_a_connected_line_either(seen: str) -> None:
    anything = Picture(other=ANYTHING, rest=ANYTHING)
    careless = Sequence("x", 1, (Step("dial", Deed.KEYS, anything, anything, keys=("1", "SEND"), digits=1),))
    assert isinstance(next_move(careless, Position(), lines(seen), 0.0), Stop)
    assert isinstance(next_move(careless, Position(), lines("hi"), 0.0), Send)


@given(st.sampled_from(EVERY), st.lists(looks, max_size=40))
def test_nothing_ends_a_call_that_may_be_the_waiting_caller(sequence: Sequence, seen: list[str | None]) -> None:
    for step, look in played(sequence, seen, 0.25)[0]:
        assert not {"ONHOOK", "SPEAKER", "HEADSET", "RESET"} & {*step.keys}
        if step.deed is Deed.CANCEL:
            assert "h" not in (look or "")
        if step.deed is Deed.END_OTHER:
            assert look is not None
            assert len(set(look[1:]) & {"c", "d", "l"}) >= 1


@given(st.sampled_from(EVERY), st.lists(looks, max_size=40))
def test_every_step_is_sent_from_a_state_that_was_just_seen(sequence: Sequence, seen: list[str | None]) -> None:
    assert all(look for _, look in played(sequence, seen, 0.25)[0])


@pytest.mark.parametrize(
    ("sequence", "seen", "keys"),
    [
        (blind_transfer(1, "205"), ["cii", "hii", "hii", "iii"], ["XFER", "3 digits, SEND"]),
        (blind_transfer(1, "205"), ["cii", "hdi", "hdi", "iii"], ["XFER", "3 digits, SEND"]),
        (attended_start(1, "205"), ["cii", "hii", "hii", "hdi", "hli"], ["hold", "dial"]),
        (attended_start(1, "205"), ["hii", "hli"], ["dial"]),
        (attended_complete(1, 2), ["hci", *["hci"] * 5, "iii"], ["XFER", "LINE1"]),
        (attended_complete(1, 2), ["hci", "iii"], ["XFER"]),
        (attended_cancel(1, 2), ["hci", "hii", "cii", "cii"], ["end_other", "LINE1"]),
        (attended_cancel(1, 2), ["hhi", "hci", "hii", "cii", "cii"], ["LINE2", "end_other", "LINE1"]),
        (attended_cancel(1, 2), ["hfi", "cfi", "cii"], ["LINE1"]),
        (conference(1, 2), ["hci", *["hci"] * 5, "cci", "cci"], ["CONF", "LINE1"]),
        (tones(1, "12#"), ["cii", "cii", "cii"], ["3 digits"]),
        (click_to_call("205"), ["ihi", "dhi", "lhi"], ["dial"]),
        (click_to_call("205", line=2), ["iii", "idi", "idi", "ili"], ["LINE2", "3 digits, SEND"]),
        (NAMED["swap"](1), ["hci", "chi"], ["LINE1"]),
    ],
)
def test_a_phone_that_does_as_it_is_told_is_led_to_the_end(
    sequence: Sequence, seen: list[str | None], keys: list[str]
) -> None:
    requests, end = played(sequence, seen, 0.25)
    assert ([step.keys_told for step, _ in requests], type(end)) == (keys, Done)


@pytest.mark.parametrize(
    ("sequence", "seen", "keys", "why"),
    [
        # the line never leaves "connected": the customer would hear the digits
        (blind_transfer(1, "205"), ["cii"], ["XFER"], Why.NOT_SEEN),
        # one look alone is not believed
        (blind_transfer(1, "205"), ["cii", "hii", "cii"], ["XFER"], Why.NOT_SEEN),
        # a word that nobody knows may be "connected"
        (blind_transfer(1, "205"), ["cii", "?ii"], ["XFER"], Why.NOT_SEEN),
        (blind_transfer(1, "205"), ["cii", "iii"], ["XFER"], Why.CALLER_GONE),
        # the caller was on hold before
        (blind_transfer(1, "205"), ["hii"], [], Why.NOT_THE_STATE),
        (blind_transfer(1, "205"), ["cri"], [], Why.NOT_THE_STATE),
        (attended_complete(1, 2), ["hli"], [], Why.NOT_THE_STATE),
        (attended_complete(1, 2), ["hci", *["hci"] * 5, "chi"], ["XFER", "LINE1"], Why.SWAPPED),
        (tones(1, "1"), ["hii"], [], Why.NOT_THE_STATE),
        (click_to_call("205"), ["cii"], [], Why.NOT_THE_STATE),
        (click_to_call("205"), ["iii", "fii"], ["dial"], Why.DIAL_FAILED),
    ],
)
def test_what_is_seen_otherwise_ends_it(sequence: Sequence, seen: list[str | None], keys: list[str], why: Why) -> None:
    requests, end = played(sequence, seen, 0.25)
    assert [step.keys_told for step, _ in requests] == keys
    assert isinstance(end, Stop)
    assert end.why is why


@pytest.mark.parametrize(
    ("sequence", "seen", "keys"),
    [
        # a call comes in while the transfer screen is open
        (blind_transfer(1, "205"), ["cii", "hii", "hri", "cri"], ["XFER", "LINE1"]),
        # the phone is set to ask first
        (blind_transfer(1, "205"), ["cii", *["hii"] * 2, *["hli"] * 3, "hii", "cii"],
         ["XFER", "3 digits, SEND", "end_other", "LINE1"]),
        (attended_start(1, "205"), ["cii", *["hii"] * 2, "hfi", "hfi", "cfi"], ["hold", "dial", "LINE1"]),
        (attended_complete(1, 2), ["hci", "hii", "hii", "cii"], ["XFER", "LINE1"]),
        (tones(1, "205"), ["cii", "dii", "dii", "iii"], ["3 digits", "cancel"]),
    ],
)  # fmt: skip
def test_when_it_breaks_off_the_caller_is_taken_back(
    sequence: Sequence, seen: list[str | None], keys: list[str]
) -> None:
    requests, end = played(sequence, seen, 0.25)
    assert [step.keys_told for step, _ in requests] == keys
    assert isinstance(end, Done)


def test_a_phone_that_was_away_has_restarted_and_its_free_lines_prove_nothing() -> None:
    position = sent(Position(step=1))
    away = next_move(BLIND, position, (), 1.0)
    assert isinstance(away, Wait)
    back = next_move(BLIND, away.position, lines("iii"), 2.0)
    assert isinstance(back, Stop)
    assert (back.why, back.certainty) == (Why.AWAY, Certainty.UNSURE)
    unclear = next_move(BLIND, position, None, 1.0)
    assert isinstance(unclear, Wait)
    assert isinstance(next_move(BLIND, unclear.position, lines("iii"), 2.0), Done)


def test_a_transfer_counts_as_failed_only_when_the_caller_stays_connected_for_a_while() -> None:
    seen: list[str | None] = ["cii", "hii", "hii", "cii", "cii", "iii"]
    assert isinstance(played(BLIND, seen, 0.5)[1], Done)
    end = played(BLIND, seen[:-1], 0.5)[1]
    assert isinstance(end, Stop)
    assert (end.why, end.certainty) == (Why.TRANSFER_FAILED, Certainty.NOT_DONE)


@pytest.mark.parametrize("shown", ["205", "5", "20"])
def test_a_number_that_the_phone_dialled_itself_after_the_caller_left_is_not_taken_for_the_caller(shown: str) -> None:
    talking = (LineState(1, LineWord.CONNECTED, "+493012345678"), LineState(2, LineWord.IDLE))
    sequence, position = BLIND.begun_with(talking), sent(Position(step=1))
    dialled = (LineState(1, LineWord.CONNECTED, shown), LineState(2, LineWord.IDLE))
    first = next_move(sequence, position, dialled, 1.0)
    assert isinstance(first, Wait)
    end = next_move(sequence, first.position, dialled, 1.5)
    assert isinstance(end, Stop)
    assert end.why is Why.DIALLED_INSTEAD
    assert isinstance(next_move(BLIND.begun_with(dialled), first.position, dialled, 1.5), Wait)


def test_a_call_that_the_person_takes_meanwhile_is_not_the_one_that_was_dialled() -> None:
    position = sent(Position(step=1))
    stranger = (LineState(1, LineWord.ON_HOLD), LineState(2, LineWord.CONNECTED, "+442079460148"))
    assert isinstance(next_move(attended_start(1, "205"), position, stranger, 0.5), Wait)
    colleague = (LineState(1, LineWord.ON_HOLD), LineState(2, LineWord.CONNECTED, "205"))
    assert isinstance(next_move(attended_start(1, "205"), position, colleague, 0.5), Done)


def test_richer_words_of_some_phones_are_understood_and_others_are_not_guessed() -> None:
    told = as_told(
        tuple(
            LineState(place, LineWord.BUSY_UNKNOWN, raw={"state": word})
            for place, word in enumerate(["transfer", "Transfered", "conference", "parked", 7], start=1)
        )
    )
    assert [line.state for line in told] == [
        LineWord.ON_HOLD, LineWord.ON_HOLD, LineWord.CONNECTED, LineWord.BUSY_UNKNOWN, LineWord.BUSY_UNKNOWN,
    ]  # fmt: skip


def test_a_phone_that_was_measured_slow_is_waited_for_longer_and_never_less() -> None:
    step = BLIND.steps[0]
    assert timed(BLIND, {step.name: 900}).steps[0].deadline_seconds == pytest.approx(2.7)
    assert timed(BLIND, {step.name: 10}).steps[0].deadline_seconds == step.deadline_seconds
    assert timed(BLIND, {step.name: 10**9}).steps[0].deadline_seconds == MOST_STEP_SECONDS


@pytest.mark.parametrize("number", ["", "+49301", "12a", "1" * 33, "1\n", "٣٤", "1:0"])
def test_what_the_keys_cannot_enter_is_no_transfer(number: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        blind_transfer(1, number)
    with pytest.raises(ValueError, match="no"):
        tones(1, number if number != "1" * 33 else "1" * 41)


def test_every_end_has_its_sentence_and_a_caller_on_hold_is_never_kept_quiet() -> None:
    assert {*SENTENCES} == {*Why}
    assert sentence_of(Ending()) == ""
    assert STILL_HELD in sentence_of(Ending(Why.SILENT, observed="1 on hold"))
    assert STILL_HELD in sentence_of(Ending(Why.REFUSED, Certainty.NOT_DONE, back=False))


def test_digits_are_told_by_their_count_alone() -> None:
    assert "205" not in repr(BLIND)
    assert BLIND.steps[1].keys_told == "3 digits, SEND"


def test_a_number_is_not_taken_back_by_cancel_while_another_caller_is_on_hold() -> None:
    requests, end = played(tones(1, "205"), ["cih", "dih", "dih"], 0.25)
    assert [step.keys_told for step, _ in requests] == ["3 digits"]
    assert isinstance(end, Stop)


def test_a_caller_who_was_on_hold_before_anything_was_sent_is_left_there() -> None:
    held = lines("hii")
    end = broken_off(attended_start(1, "205"), Position(step=1), held, Why.REFUSED, Certainty.NOTHING)
    assert isinstance(end, Stop)
    acted = Position(step=1, acted=True)
    assert isinstance(broken_off(attended_start(1, "205"), acted, held, Why.REFUSED, Certainty.NOT_DONE), Abort)

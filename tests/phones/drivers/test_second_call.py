"""Ending the call beside a held one: the phone ends what it looks at, and that must be certain."""

from __future__ import annotations

import pytest

from phones.drivers.base import Lines, LineState, LineWord
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream.situation import check_end

WORDS = {
    "i": LineWord.IDLE, "r": LineWord.RINGING, "d": LineWord.DIALING, "l": LineWord.CALLING,
    "c": LineWord.CONNECTED, "h": LineWord.ON_HOLD, "f": LineWord.FAILED, "?": LineWord.BUSY_UNKNOWN,
}  # fmt: skip


def lines(words: str) -> Lines:
    return tuple(LineState(place, WORDS[word]) for place, word in enumerate(words, start=1))


def refusal(words: str, *, beside_held: bool) -> Reason | None:
    try:
        check_end(lines(words), beside_held=beside_held)
    except NothingSent as error:
        return error.reason
    return None


@pytest.mark.parametrize("words", ["hci", "hli", "hdi", "hhc"])
def test_the_one_call_that_is_not_held_may_be_ended_when_that_is_what_is_meant(words: str) -> None:
    assert refusal(words, beside_held=True) is None
    assert refusal(words, beside_held=False) is Reason.SEVERAL_CALLS


@pytest.mark.parametrize("words", ["hhi", "cci", "hcr", "hc?", "hr", "h?"])
def test_where_it_is_not_certain_which_call_would_end_nothing_is_sent(words: str) -> None:
    assert refusal(words, beside_held=True) is not None

"""Who sent a call to whom, from the times of the parts alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.screenpop.handover import Part, receiver, sender

VICTORIA, TOMASZ, THIRD = 1, 2, 3


def part(user, rang, answered=None, ended=None):
    return Part(user, f"User {user}", rang, answered, ended)


@pytest.mark.parametrize(
    ("tomasz", "kind"),
    [
        (part(TOMASZ, 60.0), "blind"),
        (part(TOMASZ, 40.0, 45.0), "attended"),
        (part(TOMASZ, 50.0), "blonde"),
        (part(TOMASZ, 50.0, 70.0), "blonde"),
        (part(TOMASZ, 59.8), "blind"),  # told in the other order
    ],
    ids=["blind", "attended", "blonde ringing", "blonde answered", "blind, order"],
)
def test_the_kind_of_a_transfer_is_read_from_the_times(tomasz, kind):
    victoria = part(VICTORIA, 0.0, 10.0, 60.0)
    sent = sender([tomasz], [victoria])
    assert sent is not None and (sent.user_id, sent.kind, sent.seconds) == (VICTORIA, kind, 50.0)
    to = receiver([victoria], [tomasz])
    assert to is not None and (to.user_id, to.talks) == (TOMASZ, tomasz.answered_at is not None)


def test_a_ring_group_sends_nothing_to_anybody():
    winner, loser = part(VICTORIA, 0.0, 5.0, 60.0), part(TOMASZ, 0.0, None, 5.0)
    assert sender([loser], [winner]) is None
    assert receiver([winner], [loser]) is None


def test_who_rang_from_the_start_was_sent_nothing():
    assert sender([part(TOMASZ, 0.0, 70.0)], [part(VICTORIA, 0.0, 5.0, 60.0)]) is None


def test_who_still_talks_has_not_sent_the_call():
    assert sender([part(TOMASZ, 40.0, 45.0)], [part(VICTORIA, 0.0, 10.0)]) is None
    assert receiver([part(VICTORIA, 0.0, 10.0)], [part(TOMASZ, 40.0, 45.0)]) is None


def test_the_last_of_several_senders_is_named():
    sent = sender([part(THIRD, 100.0)], [part(VICTORIA, 0.0, 10.0, 60.0), part(TOMASZ, 60.0, 65.0, 99.0)])
    assert sent is not None and sent.user_id == TOMASZ


def test_a_colleague_who_did_not_answer_got_nothing():
    assert receiver([part(VICTORIA, 0.0, 10.0, 60.0)], [part(TOMASZ, 30.0, None, 50.0)]) is None


times = st.none() | st.floats(0, 1e6)


@given(st.lists(st.builds(part, st.just(1), st.floats(0, 1e6), times, times), max_size=3),
       st.lists(st.builds(part, st.just(2), st.floats(0, 1e6), times, times), max_size=3))  # fmt: skip
def test_no_order_of_times_breaks_it_and_nobody_sends_to_themselves(own, others):
    for found in (sender(own, others), receiver(own, others)):
        assert found is None or (found.user_id == 2 and (found.seconds is None or found.seconds >= 0))

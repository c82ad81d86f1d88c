"""The count of dials must itself see a second dial: what keeps a command from being sent twice is taken away in turn.

No listener runs here: nobody proves, ends or asks again. So the grant and the early acknowledgement stand alone, each
in a test where it is all that is left.
"""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tasks.call_control import enqueue, look_now
from tests.support.dials import Ended, ask_to_dial, ends_of, ids, problems_in
from tests.support.killed import Workers
from tests.support.killed_dials import Killing, killing
from tests.support.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
QUEUE, NOT_ACKNOWLEDGED = "crmconnector:phone_control", "crmconnector:unacked"
POINT = "between answer and commit"


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


def test_two_workers_with_the_same_message_dial_once(stage_of, workers) -> None:
    with killing(stage_of(phones=4), workers, listens=False) as two:
        assert {end.dials for end in told_twice(two)} == {1}


def test_without_the_grant_two_workers_with_the_same_message_are_seen_to_dial_twice(stage_of, workers) -> None:
    with killing(stage_of(phones=4), workers, faults="no_grant", listens=False) as two:
        ends = told_twice(two)
    assert min(end.dials for end in ends) >= 2
    assert sum("was dialled" in problem for problem in problems_in(ends)) == len(ends)


@pytest.mark.parametrize(
    ("faults", "dials"),
    [("", 1), ("no_grant", 1), ("late_acks", 1), ("late_acks no_grant", 2)],
    ids=["as it is", "no grant", "late acknowledgement", "neither"],
)
def test_the_message_of_a_worker_killed_after_the_dial_dials_again_only_with_both_guards_gone(
    stage_of, workers, faults, dials
) -> None:
    with killing(stage_of(phones=1), workers, faults=faults, listens=False) as one:
        late = "late_acks" in faults
        asked = one.call_and_crash() if late else one.kill(POINT, 0, 1)
        eventually(nothing_waits, seconds=30, what="the broker has no message any more")
        if dials > 1:  # a message that is just given back stands in neither list
            eventually(lambda: ends_of(one.board, asked)[0].dials == dials, seconds=30, what="it is dialled again")
        [end] = ends_of(one.board, asked)
    assert end.dials == dials


def test_what_dials_is_acknowledged_before_it_runs_and_never_tried_again() -> None:
    assert (look_now.acks_late, bool(look_now.reject_on_worker_lost), look_now.max_retries) == (False, False, 0)


def told_twice(two: Killing) -> list[Ended]:
    """Two calls by phones and two by the PBX; each command in both workers' hands, and once more when it is over."""
    asked = ask_to_dial(two.stage, range(2), hand_out=False)
    asked += ask_to_dial(two.stage, range(2, 4), by=two.board.second_pbx, hand_out=False)
    pids = [two.workers.fork(f"work {two.faults}") for _ in range(2)]
    assert enqueue(ids(asked) * 2)
    eventually(lambda: all(end.dials for end in ends_of(two.board, asked)), seconds=60, what="everything is dialled")
    for extension in ("201", "202"):
        two.stage.office.user(extension, "hangup")  # a phone in a call would be left alone anyhow
    assert enqueue(ids(asked))
    eventually(nothing_waits, seconds=60, what="the broker has no message any more")
    two.dismiss(pids, in_order=True)
    return ends_of(two.board, asked)


def nothing_waits() -> bool:
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        return not broker.llen(QUEUE) and not broker.hlen(NOT_ACKNOWLEDGED)

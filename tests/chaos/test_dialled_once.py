"""Commands to dial, while workers, broker and database die: never dialled twice, always a true end.

Part of `make chaos`; one table of all of it is printed at the end. CHAOS_TIMES=1 makes each fault happen once.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import pytest
from django.db import OperationalError, close_old_connections, connection

from crmconnector.calls.models import CallCommand
from tasks.call_control import enqueue
from tests.settings import servers
from tests.support.dials import (
    Asked,
    Ended,
    Switchboard,
    ask_to_dial,
    ends_of,
    hang_up_all,
    ids,
    problems_in,
    requests_by_number,
    wait_for_ends,
)  # fmt: skip
from tests.support.double_clicks import MANNERS, Desks
from tests.support.killed import Workers, told
from tests.support.killed_dials import Killing, killing
from tests.support.processes import eventually
from tests.support.stage import Stage

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
EACH, BY_PBX = 25, 5  # killed at each point in one turn
PEOPLE = 25
AT_ONCE = 20
Noted = Callable[[str, Sequence[Ended]], None]
BEFORE = "before the grant"


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.fixture
def board(stage_of) -> Switchboard:
    """Phones at work under a listener and two workers."""
    stage = stage_of(phones=AT_ONCE)
    stage.product.listener()
    for _ in range(2):
        stage.product.worker()
    stage.in_step()
    return Switchboard(stage)


@pytest.mark.parametrize("turn", range(4))
def test_a_hundred_workers_killed_at_every_point_never_dial_twice(stage_of, workers, times, noted, turn) -> None:
    each = min(times(EACH), EACH)
    by_pbx = min(each, BY_PBX)
    with killing(stage_of(phones=(each + by_pbx) * 4), workers) as killed:
        ends = killed.turn(each, by_pbx)
    for point, some in ends.items():
        noted(f"killed {point}", some)
    assert [problem for some in ends.values() for problem in problems_in(some)] == []
    shown = [end for end in ends[BEFORE] if end.dials == 1 or end.state == "expired"]
    assert len(shown) >= 0.99 * len(ends[BEFORE])
    assert {end.dials for end in ends["between grant and send"]} == {0}
    assert {end.dials for end in ends["between send and answer"]} == {1}


def test_a_thousand_double_clicks_dial_once_each(stage_of, times, noted) -> None:
    stage = stage_of(phones=PEOPLE)
    stage.product.listener()
    for _ in range(2):
        stage.product.worker()
    _, address = stage.product.web()
    stage.in_step()
    board, manners = Switchboard(stage), itertools.cycle(MANNERS)
    with contextlib.closing(Desks(stage, address)) as desks:
        for _ in range(times(40)):
            pressed = desks.press([next(manners) for _ in range(PEOPLE)])
            assert [problem for one in pressed if (problem := one.problem())] == []
            ends = wait_for_ends(board, [one.asked for one in pressed])
            noted("pressed twice or more", ends)
            assert problems_in(ends) == []
            hang_up_all(stage)


@pytest.mark.parametrize("step", ["before_grant", "after_grant", "before_check"])
def test_a_worker_frozen_longer_than_its_grant_sends_nothing_late(stage_of, workers, times, noted, step) -> None:
    each = min(times(10), 10)
    with killing(stage_of(phones=2 * each), workers) as frozen:
        pids, asked = frozen.freeze(step, each, each)
        before = seen_without_them(frozen, step, asked)
        for pid in pids:
            workers.thaw(pid)
        frozen.dismiss(pids, in_order=True)  # each ends what it was at
        ends = wait_for_ends(frozen.board, asked)
    noted(f"frozen {step.replace('_', ' the ')}", ends)
    assert problems_in(ends) == []
    assert [end.dials for end in ends] == [end.dials for end in before], "sent late"
    assert {end.dials for end in ends} == ({1} if step == "before_grant" else {0})


def test_two_workers_with_every_message_many_times_dial_once(board, times, noted) -> None:
    for _ in range(times(10)):
        asked = ask_to_dial(board.stage, range(AT_ONCE), hand_out=False)
        assert enqueue(ids(asked) * 5)
        ended(board, asked, noted, "each message five times")


@pytest.mark.alone
def test_a_broker_that_forgets_everything_loses_no_call(stage_of, workers, times, noted) -> None:
    assert servers is not None, "run this test without -n"
    with killing(stage_of(phones=AT_ONCE), workers) as idle:
        for turn in range(times(10)):
            idle.again()
            asked = ask_to_dial(idle.stage, range(AT_ONCE))  # in the queue: nobody works
            if turn % 2:
                servers.kill_valkey()
                servers.start_valkey()
            servers.flush()
            ends = idle.recover(asked)
            noted("broker flushed", ends)
            assert problems_in(ends) == []
            assert {end.state for end in ends} <= {"confirmed", "expired"}
            hang_up_all(idle.stage)


@pytest.mark.alone
def test_a_broker_killed_while_calls_are_asked_for_costs_time_and_nothing_else(board, times, noted) -> None:
    assert servers is not None, "run this test without -n"
    for _ in range(times(5)):
        asked = ask_to_dial(board.stage, range(AT_ONCE // 2))
        servers.kill_valkey()
        asked += ask_to_dial(board.stage, range(AT_ONCE // 2, AT_ONCE), hand_out=False)
        assert not enqueue(ids(asked)), "the broker is there"
        servers.start_valkey()
        servers.flush()
        ended(board, asked, noted, "broker killed, its data lost")


@pytest.mark.alone
def test_a_database_restarted_in_mid_flight_never_makes_a_second_dial(board, times, noted) -> None:
    assert servers is not None, "run this test without -n"
    for _ in range(times(5)):
        for extension in board.stage.extensions[::2]:
            board.stage.office.fault(extension, "slow", seconds=1.5, function="api-make_call")
        asked = ask_to_dial(board.stage, range(AT_ONCE))
        eventually(lambda: sum(requests_of(board.stage, asked)) > 0, seconds=30, what=lambda: told(ids(asked)))  # noqa: B023
        servers.restart_postgres(immediate=True)
        connection.close()
        eventually(database_answers, seconds=30)
        ended(board, asked, noted, "database restarted")
        for extension in board.stage.extensions:
            board.stage.office.clear_faults(extension)


def seen_without_them(frozen: Killing, step: str, asked: Sequence[Asked]) -> list[Ended]:
    """What is there when those who are frozen have had their time: others did what was not yet granted."""
    if step == "before_grant":
        return frozen.recover(asked)
    granted = CallCommand.objects.filter(pk__in=ids(asked), state="granted")
    eventually(lambda: not granted.exists(), seconds=30, what=lambda: told(ids(asked)))  # "not sure yet", after 3 s
    return ends_of(frozen.board, asked)


def ended(board: Switchboard, asked: Sequence[Asked], noted: Noted, name: str) -> None:
    """One round is over: noted, held against the truth, and every phone is idle again."""
    ends = wait_for_ends(board, asked)
    noted(name, ends)
    assert problems_in(ends) == []
    hang_up_all(board.stage)


def requests_of(stage: Stage, asked: Sequence[Asked]) -> list[int]:
    requests = requests_by_number(stage)
    return [requests[(one.extension, one.number)] for one in asked]


def database_answers() -> bool:
    """This test's own connections were cut too."""
    try:
        close_old_connections()
        return CallCommand.objects.exists()
    except OperationalError:
        connection.close()
        return False

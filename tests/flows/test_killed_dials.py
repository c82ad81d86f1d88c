"""kill -9 at each point of the way to a dial, ten times and some by the PBX: never two dials, always a true end."""

from collections.abc import Iterator

import pytest

from tests.support.dials import DIAL_TABLE, problems_in, table_row
from tests.support.killed import Workers
from tests.support.killed_dials import POINTS, killing
from tests.support.table import print_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
EACH, BY_PBX = 10, 2


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


def test_workers_killed_at_every_point_never_dial_twice_and_every_command_ends_true(stage_of, workers) -> None:
    stage = stage_of(phones=(EACH + BY_PBX) * len(POINTS))
    with killing(stage, workers) as killed:
        ends = killed.turn(EACH, BY_PBX)
    print_table(DIAL_TABLE, [table_row(f"killed {point}", some) for point, some in ends.items()])
    assert [problem for some in ends.values() for problem in problems_in(some)] == []
    assert {end.state for end in ends["before the grant"]} <= {"confirmed", "expired"}
    assert {end.dials for end in ends["between grant and send"]} == {0}
    assert {end.dials for end in ends["between send and answer"]} == {1}
    assert {end.dials for end in ends["between answer and commit"]} == {1}
    assert stage.office.tripwires() == []

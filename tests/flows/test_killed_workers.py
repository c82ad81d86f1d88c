"""kill -9 at each step of the answer's path, ten times each: never two sends, always an end or an honest "not sure"."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.killed import GROUPS, Workers, kill_at, sends_per_phone, states, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
TIMES = 10


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.mark.parametrize(("steps", "right_ends"), GROUPS, ids=lambda value: "+".join(sorted(value)))
def test_workers_killed_at_these_steps_never_make_two_sends(stage_of, workers, steps, right_ends):
    count = TIMES * len(steps)
    stage = stage_of(phones=count)
    commands = kill_at(stage, workers, steps, times=TIMES)
    per_phone = sends_per_phone(stage)
    print(f"\nkilled {' and '.join(steps)}: {count} commands, {sum(per_phone)} sends, ends {Counter(states(commands))}")
    assert max(per_phone) <= 1, "two sends"
    ends = Counter(state for state, _ in states(commands))
    late = ends.pop("expired", 0)  # on a machine so busy that nobody carried the click out while it was valid
    assert set(ends) <= right_ends, told(commands)
    assert sum(per_phone) == (count - late if right_ends == {"confirmed"} else 0)
    assert late < count
    assert stage.office.tripwires() == []

"""Fifty double clicks on Call, through the real web process and with two workers: one command and one dial each."""

import contextlib
import itertools

import pytest

from tests.support.dials import (
    DIAL_TABLE,
    Switchboard,
    hang_up_all,
    problems_in,
    table_row,
    wait_for_ends,
)  # fmt: skip
from tests.support.double_clicks import MANNERS, Desks
from tests.support.table import print_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PEOPLE, ROUNDS = 10, 5


def test_whoever_presses_call_twice_dials_once(stage_of) -> None:
    stage = stage_of(phones=PEOPLE)
    board = Switchboard(stage)
    stage.product.listener()
    for _ in range(2):
        stage.product.worker()
    _, address = stage.product.web()
    stage.in_step()
    manners, ends = itertools.cycle(MANNERS), []
    with contextlib.closing(Desks(stage, address)) as desks:
        for _ in range(ROUNDS):
            pressed = desks.press([next(manners) for _ in range(PEOPLE)])
            assert [problem for one in pressed if (problem := one.problem())] == []
            ends += wait_for_ends(board, [one.asked for one in pressed])
            hang_up_all(stage)
    print_table(DIAL_TABLE, [table_row("pressed twice or more", ends)])
    assert problems_in(ends) == []
    assert {(end.dials, end.state) for end in ends} == {(1, "confirmed")}
    assert stage.office.tripwires() == []

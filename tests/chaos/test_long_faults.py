"""Everything dies, many times, while calls come and go; afterwards the book must agree with what happened.

`make chaos` runs these; CHAOS_TIMES=3 makes them short. Each prints what it counted.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import OperationalError, close_old_connections, connection

from crmconnector.calls.models import Call, CallCommand
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.screenpop.models import Pop
from tasks.call_control import enqueue
from tests.settings import servers
from tests.support.killed import GROUPS, Workers, kill_at, sends_per_phone, states, told
from tests.support.ledger import Balance, Span, check_ledger
from tests.support.processes import Process, eventually
from tests.support.stage import Stage
from tests.support.table import print_table
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]
AT_ONCE = 10  # killed workers, or flaky phones, in one round
SETTLED_SECONDS = 10.5  # a link that lived so long resets the pause before the next try
FAULTS = ("slow", "cut_off", "truncated", "effect_no_answer", "success_no_effect", "error_500", "close")


@pytest.fixture
def workers(transactional_db) -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize(("steps", "right_ends"), GROUPS, ids=lambda value: "+".join(sorted(value)))
def test_thirty_workers_killed_at_every_step_never_make_two_sends(stage_of, workers, times, steps, right_ends, turn):
    each = min(times(AT_ONCE), AT_ONCE)
    stage = stage_of(phones=each * len(steps))
    commands = kill_at(stage, workers, steps, times=each)
    sent = sends_per_phone(stage)
    ends = Counter(state for state, _ in states(commands))
    print_table(("killed at", "commands", "sends", "ends"), [("+".join(steps), len(commands), sum(sent), dict(ends))])
    assert set(ends) <= right_ends, told(commands)
    assert sum(sent) == (len(commands) if right_ends == {"confirmed"} else 0)
    for call in stage.diary.live():
        stage.office.remote_hangup(call)
    assert balanced(stage).problems == []


def test_a_link_that_is_cut_at_random_moments_loses_no_call_and_doubles_none(stage_of, times):
    stage = stage_of()
    stage.product.listener()
    stage.in_step()
    traffic, waits = Traffic(stage, seed=1), []
    for cut in range(times(100)):
        traffic.go_on(SETTLED_SECONDS if cut % 4 == 3 else traffic.random.uniform(0.0, 2.0))
        stage.office.drop_link()
        cut_at = time.monotonic()
        while stage.office.snapshot()["ami"]["clients"] == 0:
            traffic.go_on(0.1)
            assert time.monotonic() - cut_at < 60, stage.product.said()
        waits.append(time.monotonic() - cut_at)
    traffic.end()
    balance = balanced(stage)
    balance.counts |= {"cuts": len(waits), "longest time without a link, s": f"{max(waits):.1f}"}
    tell("cut links", balance)
    assert balance.problems == []


def test_listeners_killed_in_turn_during_calls_hand_everything_over(stage_of, times):
    stage = stage_of()
    leader = stage.product.listener()
    stage.in_step()
    traffic, blind = Traffic(stage, seed=2), []
    for _ in range(times(10)):
        standby = stage.product.listener()
        eventually(lambda: "stands_by" in standby.said(), seconds=30, what=standby.said)  # noqa: B023
        traffic.go_on(traffic.random.uniform(1.0, 3.0))
        blind.append(killed_and_followed(leader, standby, traffic))
        leader = standby
    traffic.end()
    balance = balanced(stage, blind)
    longest = max(until - since for since, until in blind)
    balance.counts |= {"kills": len(blind), "longest from kill to in step, s": f"{longest:.1f}"}
    tell("killed listeners", balance)
    assert balance.problems == []


def test_flaky_phones_get_one_request_per_click_and_every_click_has_an_end(stage_of, times):
    stage = stage_of(phones=AT_ONCE)
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    chance, ends = random.Random(3), Counter[tuple[str, str]]()
    left = times(100)
    while left > 0:
        ends += flaky_round(stage, chance, stage.extensions[: min(left, AT_ONCE)])
        left -= AT_ONCE
    balance = balanced(stage)
    print_table(("fault", "end", "clicks"), [(*pair, count) for pair, count in sorted(ends.items())])
    tell("flaky phones", balance)
    assert balance.problems == []


@pytest.mark.alone
@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_killed_server_under_traffic_costs_time_and_nothing_else(stage_of, times, server):
    assert servers is not None, "run this test without -n"
    stage = stage_of()
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    traffic, away = Traffic(stage, seed=4, clicks_on="201"), []
    for turn in range(times(5)):
        traffic.go_on(2.0)
        away_click = server == "valkey" and turn % 2 == 0  # the broker is away when Answer is pressed
        if not away_click:
            traffic.ring_and_press()
        began = time.monotonic()
        getattr(servers, f"kill_{server}")()
        connection.close()
        traffic.go_on(1.5)
        if away_click:
            traffic.ring_and_press()
        getattr(servers, f"start_{server}")()
        eventually(database_answers, seconds=30)
        away.append(time.monotonic() - began)
    commands = CallCommand.objects.filter(settled=False)
    eventually(lambda: not commands.exists(), seconds=60, what=stage.product.said)
    traffic.end()
    balance = balanced(stage)
    balance.counts |= {f"{server} killed": len(away), "longest away, s": f"{max(away):.1f}"}
    tell(f"killed {server}", balance)
    assert balance.problems == []


def flaky_round(stage: Stage, chance: random.Random, extensions: list[str]) -> Counter[tuple[str, str]]:
    """One call and one click per phone, each phone with a fault of its own: (fault, end) -> clicks."""
    faults = {extension: chance.choice(FAULTS) for extension in extensions}
    for extension, kind in faults.items():
        stage.office.fault(extension, kind, seconds=5.0, function="api-phone_operation")
        stage.office.incoming(f"03023127{extension}", target=extension)
    ringing = Pop.objects.filter(state="ringing").select_related("leg__phone", "user")
    eventually(lambda: ringing.count() == len(extensions), seconds=30, what=stage.product.said)
    rung = [(pop.user, pop.leg) for pop in ringing.all() if pop.leg]
    asked = [request_answer(user=user, leg=leg, key=f"flaky:{leg.pk}", now=utc_now())[0].pk for user, leg in rung]
    enqueue(asked)
    mine = CallCommand.objects.filter(pk__in=asked)
    eventually(
        lambda: not mine.filter(settled=False).exists(), seconds=60, what=lambda: list(mine.values_list("state"))
    )
    for extension in extensions:
        stage.office.clear_faults(extension)
    Traffic(stage, seed=0).end()
    eventually(lambda: not Pop.objects.exclude(state="closed").exists(), seconds=30, what=stage.product.said)
    ends = mine.values_list("leg__endpoint", "state")
    return Counter((faults[endpoint.removeprefix("PJSIP/")], state) for endpoint, state in ends)


def killed_and_followed(leader: Process, standby: Process, traffic: Traffic) -> Span:
    """Kill the leader in the middle of calls; from when to when nobody heard the PBX."""
    epoch = PbxLink.objects.get().epoch
    since = time.time()
    leader.kill()
    while PbxLink.objects.get().epoch == epoch or "in_step" not in standby.said():
        traffic.go_on(0.1)
        assert time.time() - since < 30, standby.said()
    return since, time.time()


def balanced(stage: Stage, blind: list[Span] | None = None) -> Balance:
    """The ledger once everything has come to rest, or as it is after a generous while."""

    def rests() -> bool:
        open_rows = Call.objects.filter(ended_at=None) | Call.objects.filter(legs__ended_at=None)
        return not (
            open_rows.exists()
            or Pop.objects.exclude(state="closed").exists()
            or CallCommand.objects.filter(settled=False).exists()
            or LinkGap.objects.filter(until_at=None).exists()
        )

    try:
        eventually(rests, seconds=45)
    except AssertionError:
        pass  # the ledger tells what did not come to rest, better than a time-out
    return check_ledger(lives=stage.diary.lives(), journal=stage.office.journal(), blind=blind or ())


def tell(story: str, balance: Balance) -> None:
    print_table((story, "count"), [*balance.counts.items(), ("problems", len(balance.problems))])


def database_answers() -> bool:
    """This test's own connections were cut too."""
    try:
        close_old_connections()
        return PbxLink.objects.exists()
    except OperationalError:
        connection.close()
        return False

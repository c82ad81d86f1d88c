"""Time that moves only when it is told to."""

import asyncio

import pytest

from crmconnector.simulator.office import Office
from crmconnector.simulator.pace import Pace, VirtualPace
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import load_story
from tests.support.phone_farm import running_farm


def in_a_loop(deed):
    return asyncio.run(deed())


def test_what_is_due_runs_in_its_order_at_its_own_moment():
    async def deed():
        pace, seen = VirtualPace(), []
        for seconds, name in ((3, "c"), (1, "a"), (3, "d"), (2, "b"), (9, "never")):
            pace.later(seconds, lambda name=name: seen.append((name, pace.now())))
        await pace.advance(5)
        return seen, pace.now()

    assert in_a_loop(deed) == ([("a", 1), ("b", 2), ("c", 3), ("d", 3)], 5)


def test_nothing_happens_as_long_as_nobody_advances():
    async def deed():
        pace, seen = VirtualPace(), []
        pace.later(0, seen.append, "now")
        await asyncio.sleep(0.02)
        before = [*seen]
        await pace.advance(0)
        return before, seen

    assert in_a_loop(deed) == ([], ["now"])


def test_a_timer_that_was_set_by_a_timer_runs_in_the_same_advance():
    async def deed():
        pace, seen = VirtualPace(), []
        pace.later(1, lambda: pace.later(1, lambda: seen.append(pace.now())))
        await pace.advance(3)
        return seen

    assert in_a_loop(deed) == [2]


def test_one_who_sleeps_wakes_at_his_own_moment_and_may_sleep_again():
    async def deed():
        pace, seen = VirtualPace(), []

        async def sleeper():
            for _ in range(3):
                await pace.sleep(10)
                seen.append(pace.now())

        task = asyncio.create_task(sleeper())
        await pace.advance(25)
        task.cancel()
        return seen

    assert in_a_loop(deed) == [10, 20]


def test_a_cancelled_timer_does_not_run():
    async def deed():
        pace, seen = VirtualPace(), []
        pace.later(1, seen.append, "a").cancel()
        pace.later(1, seen.append, "b")
        await pace.advance(2)
        pace.later(1, seen.append, "c")
        pace.cancel_all()
        await pace.advance(2)
        return seen

    assert in_a_loop(deed) == ["b"]


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="backwards"):
        asyncio.run(VirtualPace().advance(-1))


def test_thousands_of_cancelled_timers_are_not_kept():
    async def deed():
        pace = Pace()
        for _ in range(5000):
            pace.later(60, print).cancel()
        kept = len(pace._timers)
        pace.cancel_all()
        return kept

    assert in_a_loop(deed) <= 512


def test_a_lockout_of_five_minutes_ends_without_waiting_for_it():
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.profile(farm.first, attempt_limit=1)
        farm.answer("api-get_phone_status", passcode="wrong")
        assert farm.answer("api-get_phone_status") == {"response": "error", "body": "locked", "lockTime": 300}
        farm.advance(299)
        assert farm.answer("api-get_phone_status")["lockTime"] == 1
        farm.advance(1)
        assert farm.answer("api-get_phone_status")["body"] == "available"


def test_a_call_goes_through_its_states_as_the_clock_is_moved():
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.far_end("030123", after_seconds=4.0, talk_seconds=60.0)
        assert farm.answer("api-make_call", phonenumber="030123")["body"] is True
        seen = [farm.states(farm.first)]
        for seconds in (0.2, 4.2, 61):
            farm.advance(seconds)
            seen.append(farm.states(farm.first))
        assert seen == [{1: "dialing"}, {1: "calling"}, {1: "connected"}, {}]


def test_a_reboot_of_twenty_seconds_is_over_when_the_clock_says_so(wait_until):
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.reboot(farm.first)
        farm.advance(19)
        assert farm.look(farm.first)["is_up"] is False
        farm.advance(1)
        wait_until(lambda: farm.farm.door(farm.first).http.is_open)
        assert farm.answer("api-get_phone_status")["body"] == "available"


def test_an_office_can_run_on_a_virtual_clock():
    async def visit():
        office = Office(load_story(FIRST_DAY), clock=VirtualPace())
        await office.start()
        try:
            await office.control.incoming("03023125201", target="204")
            before = (await office.control.snapshot())["phones"]["204"]["status"]
            await office.control.advance(1)
            return before, (await office.control.snapshot())["phones"]["204"]["status"]
        finally:
            await office.stop()

    before, after = asyncio.run(visit())
    assert before != "ringing"
    assert after == "ringing"

"""The buffer between hearing and the database: bounded, overtaken facts go first, nothing that the log needs."""

import asyncio

import pytest

from crmconnector.calls import events as ev
from crmconnector.listener.outbox import Job, Outbox
from tests.support.story import answered_call, caller, inbound_call

FAR = caller("03023125447")


def held(at=1.0, leg="1.1-leg"):
    return ev.LegHeld("1.1", at, leg, "PJSIP/201")


def resumed(at=1.0, leg="1.1-leg"):
    return ev.LegResumed("1.1", at, leg, "PJSIP/201")


def taken(outbox: Outbox, limit: int = 500) -> list[ev.CallEvent] | Job:
    async def take() -> list[ev.CallEvent] | Job:
        async with asyncio.timeout(1):
            return await outbox.take(limit)

    return asyncio.run(take())


def all_of(outbox: Outbox) -> list[ev.CallEvent]:
    return taken(outbox)


def test_facts_come_out_as_they_went_in():
    outbox = Outbox(100)
    story = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    assert outbox.put(story)
    assert all_of(outbox) == story


def test_when_it_is_full_the_oldest_overtaken_fact_goes_and_is_counted():
    outbox = Outbox(4, clock=lambda: 7.0)
    changes = [ev.LegChanged("1.1", at, "1.1-leg", "PJSIP/201", FAR) for at in (1.0, 2.0)]
    assert outbox.put([held(1.0), resumed(2.0), *changes])
    assert outbox.put([held(3.0)])
    assert (outbox.dropped, outbox.dropped_at) == (1, 7.0)
    assert outbox.put([held(4.0)])
    assert all_of(outbox) == [changes[0], changes[1], held(3.0), held(4.0)], "the oldest went first"


def test_the_newest_of_its_kind_is_never_dropped():
    outbox = Outbox(2)
    assert outbox.put([held(1.0, "a"), held(1.0, "b")])
    assert not outbox.put([held(1.0, "c")])
    assert outbox.dropped == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ev.CallChanged("1.1", 1.0, "inbound", FAR, "1"), ev.CallChanged("1.1", 2.0, "inbound", FAR, "2")),
        (ev.LegChanged("1.1", 1.0, "x", "PJSIP/1", FAR), ev.LegAnswered("1.1", 2.0, "x", "PJSIP/1", FAR)),
        (held(leg="x"), ev.LegEnded("1.1", 2.0, "x", "PJSIP/1", "answered", None)),
        (ev.QueueLeft("1.1", 1.0, "600", False), ev.QueueEntered("1.1", 2.0, "601")),
        (ev.QueueLeft("1.1", 1.0, "600", False), ev.CallEnded("1.1", 2.0, "answered", None, None)),
    ],
)
def test_what_overtakes_what(old, new):
    outbox = Outbox(2)
    assert outbox.put([old, new, held(leg="other")])
    assert all_of(outbox) == [new, held(leg="other")]


@pytest.mark.parametrize(
    "fact", answered_call(leg_endpoint="PJSIP/201", number="1"), ids=lambda one: type(one).__name__
)
def test_what_the_log_needs_is_never_dropped(fact):
    outbox = Outbox(2)
    assert outbox.put([fact, fact])
    assert not outbox.put([fact])
    assert all_of(outbox) == [fact, fact]


def test_a_fact_that_is_being_written_can_no_longer_be_overtaken():
    outbox = Outbox(2)
    assert outbox.put([held(1.0)])
    assert all_of(outbox) == [held(1.0)]
    assert outbox.put([resumed(2.0), held(3.0, "other")])
    assert not outbox.put([held(4.0, "third")])


def test_legs_whose_end_waits_behind_are_known_to_be_over():
    outbox = Outbox(100)
    story = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    outbox.put(story)
    taken(outbox, 2)
    assert outbox.over() == {"1.1-leg"}
    taken(outbox, 4)
    assert outbox.over() == frozenset()


def test_a_job_keeps_its_place_among_the_facts():
    outbox = Outbox(1)
    first, second = inbound_call(leg_endpoint="PJSIP/201", number="1")
    outbox.put([first])
    job = Job("gap", lambda: None)
    assert outbox.put_job(job), "a job always finds room"
    assert not outbox.put([second])
    assert all_of(outbox) == [first]
    assert taken(outbox) is job


def test_a_job_may_take_the_place_of_an_earlier_one_and_some_are_few():
    outbox = Outbox(10)
    jobs = [Job("unseen", lambda: None) for _ in range(3)]
    for job in jobs:
        outbox.put_job(job, instead=True)
    assert len(outbox) == 1
    assert taken(outbox) is jobs[-1]
    kept = [outbox.put_job(Job("bury", lambda: None), most=2) for _ in range(4)]
    assert kept == [True, True, False, False]


def test_it_tells_since_when_something_is_not_written_also_while_it_is_being_written():
    times = iter([10.0, 20.0])
    outbox = Outbox(10, clock=lambda: next(times))
    assert outbox.oldest_at() is None
    outbox.put([held()])
    outbox.put([resumed()])
    assert outbox.oldest_at() == 10.0
    taken(outbox, 1)
    assert outbox.oldest_at() == 10.0, "taken, not yet written"
    taken(outbox, 1)
    assert outbox.oldest_at() == 20.0


def test_its_own_books_stay_small_over_a_long_time():
    outbox = Outbox(100)
    for turn in range(1000):
        outbox.put([held(turn, f"leg{turn}"), resumed(turn, f"leg{turn}")])
        all_of(outbox)
        assert len(outbox._newest) == 0
        assert len(outbox._droppable) <= 100
    for turn in range(1000):  # never empty
        outbox.put([held(turn, "a"), resumed(turn, "a")])
        taken(outbox, 1)
        assert len(outbox._droppable) <= 101

"""The stream: every card from rows, in order, once, to the right person; Valkey only makes it quicker."""

import asyncio
import json
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop import subscriber
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import touch_pops, wake
from crmconnector.screenpop.subscriber import STREAMS_PER_USER, Hub, stream_cards
from tests.support.story import answered_call, inbound_call, missed_call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_hub(monkeypatch):
    """A hub for this test's event loop, as a web process has one for its own."""
    hub = Hub()
    monkeypatch.setattr(subscriber, "hub", hub)
    return hub


def ring(office, number="03023125447", key="1.1", endpoint="PJSIP/201", *, announce=True):
    try:
        users = handle_batch(
            pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(),
            batch=inbound_call(leg_endpoint=endpoint, number=number, key=key),
        )  # fmt: skip
        if announce:
            wake(users)
    finally:
        connection.close()


async def read(stream, count, seconds=10.0):
    """The next `count` events as (name, id, data), hello and keep-alives left out."""
    events = []
    async with asyncio.timeout(seconds):
        async for text in stream:
            fields = dict(line.split(": ", 1) for line in text.strip().split("\n") if not line.startswith(":"))
            if fields.get("event", "hello") != "hello":
                events.append((fields["event"], int(fields.get("id", 0)), json.loads(fields["data"])))
            if len(events) == count:
                break
    return events


def opened(user, after=0, allowed=lambda: True):
    return stream_cards(
        user_id=user.pk, after=after, still_allowed=allowed,
        render=lambda card: {"pop": card.pop.pk, "state": card.pop.state},
    )  # fmt: skip


def run(story):
    asyncio.run(story)


def test_a_card_comes_as_soon_as_it_is_written(office):
    async def story():
        stream = opened(office.users[0])
        waiting = asyncio.create_task(read(stream, 1))
        await asyncio.sleep(0.1)
        await sync_to_async(ring, thread_sensitive=False)(office)
        [(name, _, card)] = await waiting
        assert (name, card["state"]) == ("card", "ringing")

    run(story())


@pytest.mark.parametrize("url", ["unix:///tmp/no-valkey-here.sock?db=0", "redis://127.0.0.1:1/0"])
def test_without_valkey_a_card_still_comes(office, settings, url):
    settings.REDIS_URL = url

    async def story():
        waiting = asyncio.create_task(read(opened(office.users[0]), 1))
        await asyncio.sleep(0.1)
        await sync_to_async(ring, thread_sensitive=False)(office, announce=False)
        [(name, _, _card)] = await waiting
        assert name == "card"

    run(story())


def test_after_a_reconnect_only_what_was_missed_comes_and_in_its_order(office):
    for place in range(3):
        ring(office, number=f"0302312550{place}", key=f"{place}.1")
    first, second, third = Pop.objects.order_by("version")

    async def story():
        events = await read(opened(office.users[0], after=first.version), 2)
        assert [event_id for _, event_id, _ in events] == [second.version, third.version]

    run(story())


def test_nobody_gets_another_persons_card(office):
    ring(office, endpoint="PJSIP/201")
    ring(office, endpoint="PJSIP/202", key="2.1")

    async def story():
        return await read(opened(office.users[1]), 1)

    events = asyncio.run(story())
    assert events[0][2]["pop"] == Pop.objects.get(user=office.users[1]).pk


def test_a_card_that_changed_twice_while_away_comes_once_as_it_is_now(office):
    batch = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    for part in (batch[:2], batch[2:4]):
        handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=part, now=utc_now())

    async def story():
        return await read(opened(office.users[0]), 1)

    assert [card["state"] for _, _, card in asyncio.run(story())] == ["talking"]


def test_a_user_with_too_many_streams_is_told_so(office, own_hub):
    async def story():
        for _ in range(STREAMS_PER_USER):
            own_hub.join(office.users[0].pk)
        [(name, _, content)] = await read(opened(office.users[0]), 1)
        assert (name, content["most"]) == ("crowded", STREAMS_PER_USER)

    run(story())


def test_a_stream_that_ends_gives_its_place_back(office, own_hub):
    async def story():
        stream = opened(office.users[0])
        await anext(stream)
        assert own_hub.waiting(office.users[0].pk) == 1
        await stream.aclose()
        assert own_hub.waiting(office.users[0].pk) == 0

    run(story())


def test_a_signed_out_user_gets_a_goodbye_and_no_more_cards(office, monkeypatch):
    monkeypatch.setattr(subscriber, "RECHECK_SECONDS", 0.0)
    ring(office)

    async def story():
        return await read(opened(office.users[0], allowed=lambda: False), 1)

    assert asyncio.run(story())[0][0] == "bye"


def test_a_version_is_given_only_after_the_older_one_of_that_user_is_committed(office):
    """Or a reader that has seen the newer one would never look for the older one that becomes visible later."""
    ring(office)
    ring(office, number="03023125448", key="2.1")
    older, newer = Pop.objects.order_by("version")
    taken, may_commit, second_done = threading.Event(), threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            touch_pops(legs=[(older.call_id, older.user_id)], now=utc_now())
            taken.set()
            may_commit.wait(10)
        connection.close()

    def second():
        taken.wait(10)
        with transaction.atomic():
            touch_pops(legs=[(newer.call_id, newer.user_id)], now=utc_now())
        second_done.set()
        connection.close()

    workers = [threading.Thread(target=one) for one in (first, second)]
    for one in workers:
        one.start()
    taken.wait(10)
    overtook = second_done.wait(0.5)
    may_commit.set()
    for one in workers:
        one.join(10)
    assert not overtook
    assert second_done.is_set()


def test_a_version_is_never_taken_outside_a_transaction(office):
    """A worker that shows a command is in none of its own: the lock would be gone before the row is written."""
    ring(office)
    pop = Pop.objects.get()
    inside = []

    def watch(execute, sql, params, many, context):
        if "pg_advisory_xact_lock" in sql:
            inside.append(connection.in_atomic_block)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        touch_pops(legs=[(pop.call_id, pop.user_id)], now=utc_now())
    assert inside == [True]


def test_cards_of_different_users_do_not_wait_for_each_other(office):
    ring(office)
    ring(office, endpoint="PJSIP/202", key="2.1")
    mine, other = (Pop.objects.get(user=user) for user in office.users[:2])
    done = threading.Event()

    def touch_other():
        touch_pops(legs=[(other.call_id, other.user_id)], now=utc_now())
        done.set()
        connection.close()

    with transaction.atomic():
        touch_pops(legs=[(mine.call_id, mine.user_id)], now=utc_now())
        thread = threading.Thread(target=touch_other)
        thread.start()
        assert done.wait(10)
    thread.join(10)


def test_a_missed_call_closes_its_card(office):
    ring(office)
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=missed_call(), now=utc_now())
    assert Pop.objects.get().state == "closed"

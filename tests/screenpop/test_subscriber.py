"""The hub: one read for everybody, each card drawn once, and nothing lost between a stream's own read and the hub's."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop import subscriber
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import touch_pops
from crmconnector.screenpop.selectors import MOST_CARDS, Card, cards_since
from crmconnector.screenpop.subscriber import Drawn, Feed, Hub, stream_cards
from crmconnector.users.models import User
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.story import inbound_call

pytestmark = pytest.mark.django_db(transaction=True)
Story = Callable[[], Coroutine[object, object, None]]


@pytest.fixture(autouse=True)
def own_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr(subscriber, "hub", hub)
    return hub


def ring(office: RowOffice, extension: str = "201", key: str = "1.1") -> None:
    batch = inbound_call(leg_endpoint=f"PJSIP/{extension}", number="03023125447", key=key)
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(), batch=batch)
    connection.close()


def touch(*pops: Pop) -> None:
    touch_pops(legs=[(pop.call_id, pop.user_id) for pop in pops], now=utc_now())
    connection.close()


def drawn(card: Card) -> dict[str, object]:
    return {"pop": card.pop.pk, "version": card.pop.version}


def opened(user: User, after: int | None = 0, render: subscriber.Render = drawn) -> AsyncIterator[str]:
    return stream_cards(user_id=user.pk, after=after, render=render, still_allowed=lambda: True)


async def card_of(stream: AsyncIterator[str], seconds: float = 10.0) -> dict[str, int]:
    async with asyncio.timeout(seconds):
        async for text in stream:
            if "event: card" in text:
                return dict(json.loads(text.split("data: ", 1)[1]))
    raise AssertionError("the stream ended")


def test_a_card_is_drawn_once_for_all_streams_of_its_person(office: RowOffice) -> None:
    ring(office)
    pop = Pop.objects.get()
    times: list[int] = []

    def counted(card: Card) -> dict[str, object]:
        times.append(card.pop.version)
        return drawn(card)

    async def story() -> None:
        streams = [opened(office.users[0], render=counted) for _ in range(3)]
        await asyncio.gather(*(card_of(stream) for stream in streams))
        await sync_to_async(touch, thread_sensitive=False)(pop)
        again = await asyncio.gather(*(card_of(stream) for stream in streams))
        newest = again[0]["version"]
        assert newest > pop.version and [card["version"] for card in again] == [newest] * 3
        assert times.count(newest) == 1

    asyncio.run(story())


def test_one_read_serves_everybody_and_one_persons_past_does_not_reach_the_others(office: RowOffice) -> None:
    for place, extension in enumerate(("201", "202", "203")):
        ring(office, extension, key=f"{place}.1")
    first, second, third = (Pop.objects.get(user=user) for user in office.users)
    found = cards_since({first.user_id: 0, second.user_id: second.version})
    assert {user: [card.pop.pk for card in cards] for user, cards in found.items()} == {first.user_id: [first.pk]}
    assert third.user_id not in found


def test_a_card_that_cannot_be_drawn_does_not_keep_the_next_ones_back(office: RowOffice) -> None:
    ring(office, key="1.1")
    ring(office, key="2.1")
    broken, fine = Pop.objects.order_by("version")

    def sometimes(card: Card) -> dict[str, object]:
        if card.pop.pk == broken.pk:
            raise ValueError("no such word")
        return drawn(card)

    async def story() -> None:
        assert (await card_of(opened(office.users[0], render=sometimes)))["pop"] == fine.pk

    asyncio.run(story())


def test_a_browsers_number_from_the_future_does_not_make_its_person_deaf(office: RowOffice, own_hub: Hub) -> None:
    ring(office)
    pop = Pop.objects.get()

    async def story() -> None:
        stream = opened(office.users[0], after=10**17)
        waiting = asyncio.create_task(card_of(stream))
        await asyncio.to_thread(eventually, lambda: own_hub.version_of(office.users[0].pk) is not None)
        await sync_to_async(touch, thread_sensitive=False)(pop)
        assert (await waiting)["pop"] == pop.pk

    asyncio.run(story())


def test_what_came_while_a_stream_read_by_itself_is_neither_lost_nor_sent_twice() -> None:
    feed = Feed(drawn, None, 5, behind=False)
    for version, pop in ((4, 1), (6, 2), (7, 3), (8, 2)):
        feed.push(Drawn(version, pop, {drawn: str(version)}))
    assert feed.take() == ["7", "8"] and feed.sent == 8  # in order, and card 2 as it is now
    assert feed.take() == [] and not feed.behind


def test_a_browser_that_does_not_read_costs_a_bounded_buffer_and_reads_from_the_rows_later() -> None:
    feed = Feed(drawn, None, 0, behind=False)
    for version in range(1, MOST_CARDS + 2):
        feed.push(Drawn(version, version, {drawn: str(version)}))
    assert feed.behind and feed.take() == [] and feed.sent == 0


def test_a_stream_in_a_language_the_hub_did_not_draw_reads_by_itself() -> None:
    feed = Feed(drawn, None, 0, behind=False)
    feed.push(Drawn(1, 1, {}))
    assert feed.behind and feed.sent == 0

"""A stream without cards says that it lives, in a way that a page notices: comments never reach a page."""

import asyncio
import json
import time

import pytest

from crmconnector.screenpop import subscriber
from crmconnector.screenpop.subscriber import Hub, stream_cards
from tests.support.office import RowOffice

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_quiet_stream_says_that_it_lives_and_what_time_it_is(
    office: RowOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "hub", Hub())
    monkeypatch.setattr(subscriber, "KEEP_ALIVE_SECONDS", 0.05)

    async def story() -> list[str]:
        user_id = office.users[0].pk
        stream = stream_cards(user_id=user_id, after=0, render=lambda card: {}, still_allowed=lambda: True)
        async with asyncio.timeout(10):
            said = [await anext(stream) for _ in range(3)]
        await stream.aclose()
        return said

    hello, *still = asyncio.run(story())
    assert hello.startswith("retry: 1000\nevent: hello\n")
    for text in still:
        assert text.startswith("event: still\ndata: ")  # without an id: it must not move Last-Event-ID
        assert abs(json.loads(text.split("data: ")[1])["now"] - time.time()) < 60

"""Actions that are answered by a list: whole, refused, cut, late, too large."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import pytest

from crmconnector.asterisk.ami import AmiError, BadHeader, Refused, Unclear
from tests.support.fake_ami import AT_ONCE, LOOPS, FakeAmi, Received, Session, event, eventually, listening, run, up

both_loops = pytest.mark.parametrize("loop", LOOPS)
LIST: tuple[str, dict[str, str], str] = ("CoreShowChannels", {}, "CoreShowChannelsComplete")


def channels(session: Session, action: Received, number: int) -> None:
    """A list as Asterisk sends it: a yes, the items, the event that ends it."""
    session.answer(action, "Success", "Channels will follow", EventList="start")
    for n in range(number):
        session.send(event("CoreShowChannel", ActionID=action.id, Channel=f"PJSIP/100{n}-0000000{n}", AccountCode=""))
    session.send(event("CoreShowChannelsComplete", ActionID=action.id, EventList="Complete", ListItems=str(number)))


@both_loops
def test_a_list_is_whole_and_its_items_are_no_events(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = lambda session, action: channels(session, action, 3)
            items = await listener.client.list_action(*LIST)
            assert [item["Channel"] for item in items] == [f"PJSIP/100{n}-0000000{n}" for n in range(3)]
            assert all(item["AccountCode"] == "" for item in items)
            pbx.say(event("Hangup"))
            await eventually(lambda: listener.named("Hangup"))
            assert not listener.named("CoreShowChannel") and not listener.named("CoreShowChannelsComplete")

    run(story(), loop)


def test_events_between_the_items_of_a_list_stay_events() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def mixed(session: Session, action: Received) -> None:
                session.answer(action, "Success", "Channels will follow")
                session.send(event("CoreShowChannel", ActionID=action.id, Channel="a"))
                session.send(event("Hangup", Channel="b") + event("OriginateResponse", ActionID="attempt-7"))
                session.send(event("coreshowchannelscomplete", ActionID=action.id))

            pbx.handlers["CoreShowChannels"] = mixed
            items = await listener.client.list_action(*LIST)
            assert [item["Channel"] for item in items] == ["a"]
            await eventually(lambda: listener.named("Hangup") and listener.named("OriginateResponse"))

    run(story())


def test_a_list_larger_than_memory_should_bear_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = lambda session, action: channels(session, action, 100)
            with pytest.raises(Unclear, match="larger than"):
                await listener.client.list_action(*LIST)
            assert not listener.downs

    monkeypatch.setattr("crmconnector.asterisk.ami_protocol.LIST_LIMIT_BYTES", 5000)
    run(story())


def test_a_list_does_not_take_an_actionid_from_its_caller() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            with pytest.raises(BadHeader):
                await listener.client.list_action("CoreShowChannels", {"actionid": "mine"}, "CoreShowChannelsComplete")
            assert pbx.names() == []

    run(story())


@pytest.mark.parametrize(
    ("ends", "items", "complete"),
    [
        ({"EventList": "Complete", "ListItems": "2"}, 2, True),
        ({"EventList": "Complete", "ListItems": "3"}, 3, False),
        ({"EventList": "Complete", "ListItems": "1"}, 1, False),
        ({"EventList": "Cancelled", "ListItems": "2"}, 2, False),
        ({"ListItems": "2"}, 2, True),
        ({}, None, True),  # Asterisk before 13 says nothing
        ({"EventList": "Complete", "ListItems": "\u0662"}, None, True),
        ({"EventList": "Complete", "ListItems": "9" * 5000}, None, True),
    ],
    ids=str,
)
def test_a_list_tells_whether_it_is_all_that_the_pbx_sent(
    ends: dict[str, str], items: int | None, complete: bool
) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def two(session: Session, action: Received) -> None:
                session.answer(action, "Success", "Channels will follow", EventList="start")
                session.send(event("CoreShowChannel", ActionID=action.id, Channel="a") * 2)
                session.send(event("CoreShowChannelsComplete", ActionID=action.id, **ends))

            pbx.handlers["CoreShowChannels"] = two
            answer = await listener.client.list_action(*LIST)
            assert (len(answer), answer.items, answer.complete) == (2, items, complete)

    run(story())


def test_ten_thousand_items_among_ten_thousand_events_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    number = 10_000

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            async def long(session: Session, action: Received) -> None:
                session.answer(action, "Success", "Channels will follow", EventList="start")
                for n in range(number):
                    session.send(event("CoreShowChannel", ActionID=action.id, Channel=f"PJSIP/{n}", AccountCode=""))
                    session.send(event("VarSet", Number=str(n)))
                    await session.writer.drain()
                session.send(event("CoreShowChannelsComplete", ActionID=action.id, ListItems=str(number)))

            pbx.handlers["CoreShowChannels"] = long
            began = time.monotonic()
            answer = await listener.client.list_action(*LIST, deadline=25)
            took = time.monotonic() - began
            assert answer.complete and [item["Channel"] for item in answer] == [f"PJSIP/{n}" for n in range(number)]
            await eventually(lambda: len(listener.named("VarSet")) == number)
            assert [str(e.headers["Number"]) for e in listener.named("VarSet")] == [str(n) for n in range(number)]
            with capsys.disabled():
                print(f"\n{number} items and {number} events between them in {took:.2f} s")

    run(story())


def test_two_hundred_cuts_inside_a_list_give_each_time_a_whole_list_or_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each cut is made after a random byte of the stream, so also inside an item and inside an event."""
    endings: Counter[str] = Counter()

    async def story() -> None:
        chance = random.Random(1303)
        async with FakeAmi() as pbx, listening(pbx.address(), back_off=AT_ONCE) as listener:

            async def cut_short(session: Session, action: Received) -> None:
                yes = f"Response: Success\r\nActionID: {action.id}\r\n\r\n".encode()
                item = event("CoreShowChannel", ActionID=action.id, Channel="PJSIP/1001-00000001") + event(
                    "VarSet", N="1"
                )
                end = event("CoreShowChannelsComplete", ActionID=action.id, EventList="Complete", ListItems="5")
                whole = yes + item * 5 + end + event("VarSet", N="1") * 3
                session.send(whole[: chance.randrange(len(whole))])
                await session.writer.drain()
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                session.writer.close()  # what was written is still delivered, so the cut is at that very byte
                session.open = False

            pbx.handlers["CoreShowChannels"] = cut_short
            for epoch in range(1, 201):
                await up(listener, epoch)
                try:
                    answer = await listener.client.list_action(*LIST, deadline=5)
                    assert answer.complete and len(answer) == 5
                    endings["whole"] += 1
                except AmiError as error:
                    endings[type(error).__name__] += 1
            await up(listener, 201)
            assert [u.epoch for u in listener.ups[:200]] == [d.epoch for d in listener.downs]
            assert all(found.headers == {"Event": "VarSet", "N": "1"} for found in listener.named("VarSet"))
            assert not listener.named("CoreShowChannel")
            assert pbx.count("CoreShowChannels") == 200

    run(story(), seconds=90)
    assert sum(endings.values()) == 200 and endings["whole"] and endings["Unclear"]
    with capsys.disabled():
        print(f"\n200 lists cut at random bytes: {dict(endings)}")


def test_an_empty_list_is_a_list() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = lambda session, action: channels(session, action, 0)
            assert await listener.client.list_action(*LIST) == []

    run(story())


def test_a_refused_list_is_refused_at_once() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = lambda session, action: session.answer(
                action, "Error", "Permission denied"
            )
            with pytest.raises(Refused, match="Permission denied"):
                await listener.client.list_action(*LIST)

    run(story())


def test_a_list_without_its_end_is_unclear_and_its_late_items_are_no_events() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            asked: list[Received] = []
            pbx.handlers["CoreShowChannels"] = lambda _, action: asked.append(action)
            with pytest.raises(Unclear):
                await listener.client.list_action(*LIST, deadline=0.05)
            channels(pbx.live[0], asked[0], 3)
            pbx.say(event("Hangup"))
            await eventually(lambda: listener.named("Hangup"))
            assert not listener.named("CoreShowChannel") and not listener.named("CoreShowChannelsComplete")
            assert listener.client.state().late == 5  # the yes, three items, the end

    run(story())


def test_a_list_cut_in_the_middle_fails_at_once() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            async def half(session: Session, action: Received) -> None:
                session.answer(action, "Success", "Channels will follow")
                session.send(event("CoreShowChannel", ActionID=action.id))
                await session.writer.drain()
                await asyncio.sleep(0.02)
                session.cut()

            pbx.handlers["CoreShowChannels"] = half
            with pytest.raises(Unclear, match="ended before the answer"):
                await listener.client.list_action(*LIST)

    run(story())

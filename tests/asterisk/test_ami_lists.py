"""Actions that are answered by a list: whole, refused, cut, late, too large."""

from __future__ import annotations

import asyncio

import pytest

from crmconnector.asterisk.ami import BadHeader, Refused, Unclear
from tests.support.fake_ami import LOOPS, FakeAmi, Received, Session, event, eventually, listening, run, up

both_loops = pytest.mark.parametrize("loop", LOOPS)
LIST = ("CoreShowChannels", {}, "CoreShowChannelsComplete")


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

"""The life of a link: coming up, ending, coming back."""

from __future__ import annotations

import asyncio

import pytest

from crmconnector.asterisk.ami import AmiClient, LinkDown, LinkUp, RawEvent
from tests.support.fake_ami import (
    AT_ONCE,
    LOOPS,
    QUICK,
    FakeAmi,
    event,
    eventually,
    listening,
    run,
    up,
)

both_loops = pytest.mark.parametrize("loop", LOOPS)
WATCHFUL = {"ping_every": 0.1, "silent_after": 0.4}


@both_loops
def test_a_login_is_followed_by_events_in_order_and_a_close_by_nothing(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi(with_login=event("Newchannel", Uniqueid="1.1")) as pbx:
            async with listening(pbx.address()) as listener:
                await up(listener)
                pbx.say(event("Newstate", Uniqueid="1.1") + event("Hangup", Uniqueid="1.1"))
                await eventually(lambda: listener.named("Hangup"))
                state = listener.client.state()
                assert (state.connected, state.reason_code, state.attempts, state.tries) == (True, "", 0, 1)
                assert state.last_heard_at is not None and state.version == "11.0.0"
            first, *events, last = listener.items
            assert isinstance(first, LinkUp) and (first.epoch, first.version) == (1, "11.0.0")
            assert [e.headers["Event"] for e in events if isinstance(e, RawEvent)] == [
                "FullyBooted",
                "Newchannel",
                "Newstate",
                "Hangup",
            ]
            assert [e.sequence for e in events if isinstance(e, RawEvent)] == [1, 2, 3, 4]
            assert isinstance(last, LinkDown) and (last.epoch, last.reason_code) == (1, "closed")
            assert await listener.client.next_batch() == []
            assert not listener.client.state().connected

    run(story(), loop)


def test_a_user_without_the_system_class_gets_no_fullybooted_and_is_up_all_the_same() -> None:
    async def story() -> None:
        async with FakeAmi(fully_booted=False) as pbx, listening(pbx.address()) as listener:
            await up(listener)
            assert (await listener.client.action("Ping", {})).success

    run(story())


@both_loops
def test_a_cut_link_comes_back_as_a_new_epoch_with_its_own_sequence(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            await eventually(lambda: len(listener.events) == 1)
            pbx.cut()
            await up(listener, 2)
            await eventually(lambda: len(listener.events) == 2)
            kinds = [type(item).__name__ for item in listener.items]
            assert kinds == ["LinkUp", "RawEvent", "LinkDown", "LinkUp", "RawEvent"]
            assert [(e.epoch, e.sequence) for e in listener.events] == [(1, 1), (2, 1)]
            assert listener.downs[0].reason_code == "cut"

    run(story(), loop)


@both_loops
def test_a_link_that_fell_silent_is_given_up_though_its_socket_looks_fine(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), **WATCHFUL) as listener:
            await up(listener)
            await eventually(lambda: pbx.count("Ping") >= 2, "pings")
            pbx.silent = True
            await eventually(lambda: listener.downs, "the end of the link")
            assert listener.downs[0].reason_code == "silent"
            pbx.silent = False
            await up(listener, 2)

    run(story(), loop)


def test_a_quiet_link_whose_pings_are_answered_stays_up() -> None:
    async def story() -> None:
        async with FakeAmi(fully_booted=False) as pbx, listening(pbx.address(), **WATCHFUL) as listener:
            await up(listener)
            await eventually(lambda: pbx.count("Ping") >= 20, "far more time than death by silence or deafness needs")
            assert not listener.downs

    run(story())


def test_a_link_with_events_but_without_answers_is_given_up() -> None:
    async def story() -> None:
        async with FakeAmi(pings=False) as pbx, listening(pbx.address(), **WATCHFUL) as listener:
            await up(listener)
            while not listener.downs:
                pbx.say(event("VarSet"))
                await asyncio.sleep(0.01)
            assert listener.downs[0].reason_code == "deaf"

    run(story())


@both_loops
def test_a_shutdown_event_ends_the_link_after_the_event_itself(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.say(event("Shutdown", Shutdown="Cleanly", Restart="True") + event("Hangup"))
            await up(listener, 2)
            assert listener.downs[0].reason_code == "pbx_shutdown"
            assert len(listener.named("Shutdown")) == 1
            assert not listener.named("Hangup")

    run(story(), loop)


def test_a_fault_of_our_own_while_reading_costs_one_link_and_is_told() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            await eventually(lambda: listener.events)

            def broken(_message: str) -> bool:
                del listener.client._inbox.event
                raise RuntimeError("a fault of our own")

            listener.client._inbox.event = broken
            pbx.say(event("VarSet"))
            await up(listener, 2)
            assert listener.downs[0].reason_code == "internal"

    run(story())


@both_loops
def test_close_ends_the_client_in_every_phase(loop: str) -> None:
    async def story() -> None:
        for misbehaviour in ({}, {"login": "ignore"}, {"login": "refuse"}, {"banner": b""}):
            async with FakeAmi(**misbehaviour) as pbx:
                async with listening(pbx.address()) as listener:
                    await eventually(lambda: pbx.sessions)
                await eventually(lambda: not pbx.live, "the end of the connection")
                connections = len(pbx.sessions)
                await asyncio.sleep(0.1)  # longer than the back-off
                assert len(pbx.sessions) == connections
                assert not listener.client.state().connected

    run(story(), loop)


def test_a_cancelled_supervisor_leaves_no_connection_behind() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx:
            client = AmiClient(pbx.address(), back_off=QUICK)
            running = asyncio.create_task(client.run())
            await eventually(lambda: client.state().connected)
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
            await eventually(lambda: not pbx.live)
            assert isinstance((await client.next_batch())[-1], LinkDown)

    run(story())


def test_two_supervisors_for_one_client_are_refused() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            with pytest.raises(RuntimeError):
                await listener.client.run()

    run(story())


def test_two_hundred_cuts_leave_pairs_of_up_and_down_and_no_gap_in_any_epoch() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx:
            async with listening(pbx.address(), back_off=AT_ONCE) as listener:
                for epoch in range(1, 201):
                    await up(listener, epoch)
                    pbx.say(event("VarSet", Epoch=str(epoch)) * (epoch % 7))
                    pbx.cut()
            assert [u.epoch for u in listener.ups] == [d.epoch for d in listener.downs]
            for before, after in zip(listener.items, listener.items[1:], strict=False):
                if isinstance(before, LinkDown):
                    assert isinstance(after, LinkUp) and after.epoch == before.epoch + 1
                if isinstance(before, RawEvent) and isinstance(after, RawEvent):
                    assert (after.epoch, after.sequence) == (before.epoch, before.sequence + 1)

    run(story(), seconds=90)

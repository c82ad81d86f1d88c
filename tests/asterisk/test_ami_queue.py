"""The queue between the link and its consumer: bounded, and never losing anything in silence."""

from __future__ import annotations

import asyncio

from tests.support.fake_ami import (
    FakeAmi,
    event,
    eventually,
    listening,
    run,
    up,
)


def test_a_queue_that_runs_full_gives_the_link_up_and_waits_for_the_consumer() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), queue_size=100, reading=False) as listener:
            await eventually(lambda: listener.client.state().queued > 0)
            pbx.say(b"".join(event("VarSet", Number=str(n)) for n in range(500)))
            await eventually(lambda: listener.client.state().overflows == 1, "the overflow")
            assert listener.client.state().queued <= 102
            await asyncio.sleep(0.3)  # many times the back-off: no new link before the consumer has caught up
            assert len(pbx.sessions) == 1 and listener.client.state().reason_code == "overflow"
            listener.reading.set()
            await up(listener, 2)
            assert listener.downs[0].reason_code == "overflow"
            numbers = [int(str(e.headers["Number"])) for e in listener.named("VarSet")]
            assert numbers == list(range(len(numbers))) and len(numbers) > 90

    run(story())


def test_a_client_that_waits_for_its_consumer_can_be_closed() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), queue_size=100, reading=False) as listener:
            await eventually(lambda: listener.client.state().queued > 0)
            pbx.say(event("VarSet") * 200)
            await eventually(lambda: listener.client.state().overflows == 1, "the overflow")
            await asyncio.sleep(0.1)  # longer than the back-off: now it waits for room

    run(story())


def test_a_queue_of_few_but_huge_events_runs_full_too() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), queue_bytes=1_000_000, reading=False) as listener:
            await eventually(lambda: listener.client.state().queued > 0)
            pbx.say(b"".join(event("VarSet", Value="x" * 200_000) for _ in range(10)))
            await eventually(lambda: listener.client.state().overflows == 1, "the overflow")
            assert listener.client.state().queued < 10
            listener.reading.set()
            await up(listener, 2)

    run(story())


def test_a_consumer_that_never_waits_still_lets_the_socket_be_read() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), reading=False) as listener:
            await eventually(lambda: listener.client.state().queued > 0)
            pbx.say(b"".join(event("VarSet") for _ in range(300)))
            await eventually(lambda: listener.client.state().queued >= 300)
            ticks: list[int] = []
            asyncio.get_running_loop().call_soon(ticks.append, 1)
            await listener.client.next_batch(10)
            assert ticks, "the loop had no turn between two batches"

    run(story())


def test_a_link_given_up_by_its_consumer_is_followed_by_a_new_one() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            listener.client.give_up_link()  # without a link: nothing to do
            await up(listener)
            listener.client.give_up_link()
            await up(listener, 2)
            assert listener.downs[0].reason_code == "given_up"

    run(story())


def test_a_link_for_actions_only_asks_for_no_events_and_keeps_nothing() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), events=False, reading=False) as listener:
            await eventually(lambda: listener.client.state().connected)
            assert pbx.actions[0].headers["Events"] == "off"
            pbx.say(event("VarSet"))
            assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).success
            pbx.cut()
            await eventually(lambda: listener.client.state().tries == 2 and listener.client.state().connected)
            assert listener.client.state().queued == 0

    run(story())


def test_only_wanted_events_take_room_and_the_others_are_counted() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), wanted=["Hangup"], queue_size=100) as listener:
            await up(listener)
            pbx.say(event("DeviceStateChange", Device="PJSIP/1001") * 5000 + event("Hangup", Uniqueid="1.1"))
            pbx.say(b"Event: DeviceStateChange\r\n\r\nEvent: Hangup\r\n\r\nEvent: HangupRequest\r\nA: b\r\n\r\n")
            await eventually(lambda: len(listener.named("Hangup")) == 2)
            await eventually(lambda: listener.client.state().passed_over == 5002)
            # What tells of the link itself is always given out, and so is what is written in an odd way.
            pbx.say(b"Event:Odd\r\n\r\n")
            await eventually(lambda: listener.named("Odd"))
            named = [e.headers["Event"] for e in listener.events]
            assert named == ["FullyBooted", "Hangup", "Hangup", "Odd"]
            assert [e.sequence for e in listener.events] == [1, 2, 3, 4]
            pbx.cut()
            await up(listener, 2)
            pbx.say(event("DeviceStateChange"))
            await eventually(lambda: listener.client.state().passed_over == 5003)

    run(story())

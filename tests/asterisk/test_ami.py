"""The life of a link: coming up, ending for every known reason, coming back."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from crmconnector.asterisk.ami import AmiClient, LinkDown, LinkLost, LinkUp, RawEvent
from tests.support.fake_ami import (
    AT_ONCE,
    LOOPS,
    QUICK,
    SECRET,
    FakeAmi,
    Listener,
    event,
    eventually,
    listening,
    run,
    up,
)

both_loops = pytest.mark.parametrize("loop", LOOPS)
WATCHFUL = {"ping_every": 0.1, "silent_after": 0.4}


async def reason(listener: Listener, code: str) -> None:
    await eventually(lambda: listener.client.state().reason_code == code, code)


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
            await eventually(lambda: pbx.count("Ping") >= 12, "three times the silence that would be death")
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


@pytest.mark.parametrize(
    ("misbehaviour", "code"),
    [
        ({"login": "ignore"}, "login_unanswered"),
        ({"login": "ignore", "banner": b""}, "login_unanswered"),
        ({"login": "cut"}, "login_cut"),
        ({"login": "refuse"}, "login_refused"),
        ({"banner": b"SSH-2.0-OpenSSH_9.2p1\r\n"}, "not_ami"),
        ({"banner": b"HTTP/1.1 400 Bad Request"}, "not_ami"),
        ({"banner": b"Asterisk Call Manager" + b"x" * 5000}, "not_ami"),
    ],
)
@both_loops
def test_a_login_that_fails_is_told_with_its_reason_and_tried_again(
    misbehaviour: dict[str, object], code: str, loop: str
) -> None:
    async def story() -> None:
        async with FakeAmi(**misbehaviour) as pbx:
            async with listening(pbx.address(), login_deadline=0.2) as listener:
                await reason(listener, code)
                state = listener.client.state()
                assert not state.connected and len(state.reason) > 30
                with pytest.raises(LinkLost):
                    await listener.client.action("Ping", {})
                await eventually(lambda: listener.client.state().tries >= 2, "a second try")
                pbx.login, pbx.banner = "accept", b"Asterisk Call Manager/11.0.0\r\n"
                await up(listener)
            assert len(listener.ups) == len(listener.downs)

    run(story(), loop)


def test_no_secret_is_sent_to_something_that_has_not_shown_itself_to_be_a_pbx() -> None:
    async def story() -> None:
        async with FakeAmi(banner=b"220 mail.example ESMTP\r\n") as pbx, listening(pbx.address()) as listener:
            await reason(listener, "not_ami")
            pbx.banner = b""
            await eventually(lambda: len(pbx.sessions) >= 2 and pbx.live)
            assert pbx.raw == b""

    run(story())


def test_a_refused_login_is_tried_rarely_and_a_dead_port_often() -> None:
    async def story() -> None:
        async with FakeAmi(login="refuse") as pbx, listening(pbx.address(), back_off=None) as listener:
            await reason(listener, "login_refused")
            state = listener.client.state()
            assert state.next_try_at is not None and state.next_try_at - state.since > 9
            assert pbx.count("Login") == 1

    run(story())


def test_the_refusal_is_told_in_the_pbx_own_words_without_our_secret(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        refusal = f"Authentication failed for {SECRET}\x1b[31m" + "x" * 5000
        async with FakeAmi(login="refuse", refusal=refusal) as pbx, listening(pbx.address()) as listener:
            await reason(listener, "login_refused")
            told = listener.client.state().reason
            assert "Authentication failed for ***" in told
            assert SECRET not in told and "\x1b" not in told and len(told) < 600

    caplog.set_level(logging.DEBUG)
    run(story())
    assert SECRET not in caplog.text and "login" in caplog.text


def test_the_secret_is_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.cut()
            await up(listener, 2)
            assert SECRET not in repr(pbx.address()) + repr(listener.client) + repr(listener.client.state())

    caplog.set_level(logging.DEBUG)
    run(story())
    assert SECRET not in caplog.text


def test_a_port_where_nobody_listens_is_told_and_found_when_the_pbx_starts() -> None:
    async def story() -> None:
        pbx = FakeAmi()
        await pbx.listen()
        await pbx.stop()
        async with listening(pbx.address()) as listener:
            await reason(listener, "unreachable")
            await eventually(lambda: listener.client.state().attempts >= 3)
            await pbx.listen()
            await up(listener)
            assert listener.client.state().attempts == 0
        await pbx.stop()

    run(story())


def test_a_connection_that_is_never_answered_ends_at_its_deadline() -> None:
    async def story() -> None:
        with socket.socket() as full:  # the queue of a listener that accepts nothing: more connections hang
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            filler = [socket.socket() for _ in range(3)]
            for one in filler:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            address = FakeAmi(port=full.getsockname()[1]).address()
            async with listening(address, connect_deadline=0.3) as listener:
                await reason(listener, "connect_timeout")
            for one in filler:
                one.close()

    run(story())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "..", "\udc80"])
def test_a_host_name_that_cannot_be_used_is_told_and_tried_again(host: str) -> None:
    async def story() -> None:
        async with listening(FakeAmi(port=5038).address(host=host)) as listener:
            await eventually(lambda: listener.client.state().tries >= 2)
            assert listener.client.state().reason_code in {"name_unknown", "bad_address", "connect_timeout"}

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


def test_a_queue_that_runs_full_gives_the_link_up_and_waits_for_the_consumer() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), queue_size=100, reading=False) as listener:
            await eventually(lambda: listener.client.state().queued > 0)
            pbx.say(b"".join(event("VarSet", Number=str(n)) for n in range(500)))
            await eventually(lambda: listener.client.state().overflows == 1, "the overflow")
            queued = listener.client.state().queued
            assert queued <= 102
            await asyncio.sleep(0.3)  # many times the back-off: no new link before the consumer has caught up
            assert len(pbx.sessions) == 1 and listener.client.state().reason_code == "overflow"
            listener.reading.set()
            await up(listener, 2)
            assert listener.downs[0].reason_code == "overflow"
            numbers = [int(str(e.headers["Number"])) for e in listener.named("VarSet")]
            assert numbers == list(range(len(numbers))) and len(numbers) > 90

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

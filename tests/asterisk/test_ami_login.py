"""From no connection to an accepted login, and every known way in which that fails."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from crmconnector.asterisk.ami import BackOff, Clock, LinkLost
from crmconnector.asterisk.ami_inbox import Inbox
from crmconnector.asterisk.ami_protocol import LinkManager, LinkProtocol
from tests.support.fake_ami import (
    LOOPS,
    SECRET,
    FakeAmi,
    event,
    eventually,
    listening,
    reason,
    run,
    up,
)

both_loops = pytest.mark.parametrize("loop", LOOPS)


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


def test_a_refused_login_is_not_tried_again_for_ten_seconds() -> None:
    async def story() -> None:
        async with FakeAmi(login="refuse") as pbx, listening(pbx.address(), back_off=None) as listener:
            await reason(listener, "login_refused")
            state = listener.client.state()
            assert state.next_try_at is not None and state.next_try_at - state.since > 9
            assert pbx.count("Login") == 1

    run(story())


def test_a_pbx_that_is_shutting_down_refuses_logins_and_is_tried_again_soon() -> None:
    async def story() -> None:
        back_off = BackOff(first=0.05, longest=0.05, slow_first=3600, slow_longest=3600)
        refusal = "Asterisk is shutting down"
        async with FakeAmi(login="refuse", refusal=refusal) as pbx, listening(pbx.address(), back_off=back_off) as told:
            await reason(told, "pbx_shutdown")
            pbx.login = "accept"
            await up(told)

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
            await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "the end of the attempt")
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


def test_a_client_that_waits_long_for_its_next_try_can_be_closed() -> None:
    async def story() -> None:
        hours = BackOff(slow_first=3600, slow_longest=3600)
        async with FakeAmi(login="refuse") as pbx, listening(pbx.address(), back_off=hours) as listener:
            await reason(listener, "login_refused")

    run(story())


def test_what_comes_before_the_login_is_accepted_is_no_event() -> None:
    async def story() -> None:
        banner = b"Asterisk Call Manager/11.0.0\r\n" + event("Hangup")
        async with FakeAmi(banner=banner) as pbx, listening(pbx.address()) as listener:
            await up(listener)
            await eventually(lambda: listener.events)
            assert [type(item).__name__ for item in listener.items] == ["LinkUp", "RawEvent"]
            assert (listener.events[0].sequence, listener.events[0].headers["Event"]) == (1, "FullyBooted")

    run(story())


@both_loops
@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_ends_while_it_is_made_is_a_login_cut_short(turns: int, loop: str) -> None:
    class Hasty(LinkProtocol):
        """Its connection ends so many turns of the loop after it was made, among panoramisk's own callbacks."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.end_in(turns)

        def end_in(self, turns: int) -> None:
            if turns:
                asyncio.get_running_loop().call_soon(self.end_in, turns - 1)
            else:
                self.transport.abort()

    async def story() -> None:
        async with FakeAmi(login="ignore") as pbx:
            link = Hasty(Inbox(size=10, clock=Clock(), listening=True), Clock())
            await LinkManager(pbx.address(), link, events=True).connect()
            assert (await link.ended).code == "login_cut"

    run(story(), loop)


def test_a_connection_made_after_its_deadline_is_closed_again() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx:
            link = LinkProtocol(Inbox(size=10, clock=Clock(), listening=True), Clock())
            link.close()
            await LinkManager(pbx.address(), link, events=True).connect()
            await eventually(lambda: pbx.sessions and not pbx.live)
            assert pbx.raw == b""

    run(story())

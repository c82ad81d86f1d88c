"""A PBX that writes oddly, answers wrongly, floods or stands still: over real sockets, as real ones were seen to do."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable

import pytest

from crmconnector.asterisk.actions import HeaderValue
from crmconnector.asterisk.ami import AmiAddress, Refused, Reply, Unclear
from tests.support.fake_ami import (
    AT_ONCE,
    SECRET,
    USERNAME,
    FakeAmi,
    Received,
    Session,
    event,
    eventually,
    listening,
    reason,
    run,
    up,
)

LIST: tuple[str, dict[str, str], str] = ("CoreShowChannels", {}, "CoreShowChannelsComplete")
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def two_channels(session: Session, action: Received) -> None:
    session.answer(action, "Success", "Channels will follow", EventList="start")
    for name in ("PJSIP/1001-1", "PJSIP/1002-2"):
        session.send(event("CoreShowChannel", ActionID=action.id, Channel=name, AccountCode=""))
    session.send(event("CoreShowChannelsComplete", ActionID=action.id, EventList="Complete", ListItems="2"))


# --- how it writes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bend",
    [
        bytes,
        lambda raw: raw.replace(b": ", b":"),  # no space after any colon
        lambda raw: re.sub(rb"(?m)^([A-Za-z]+):", lambda found: found[0].lower(), raw),
        lambda raw: re.sub(rb"(?m)^([A-Za-z]+):", lambda found: found[0].upper(), raw),
        lambda raw: b"\r\n" + raw + b"\r\n\r\n",  # empty lines between the messages
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\nLast: \r\n\r\n") if raw != BANNER else raw,  # empty last header
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\nLast:\r\n\r\n") if raw != BANNER else raw,
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\nno header\r\n\r\n") if raw != BANNER else raw,
    ],
    ids=["as is", "no spaces", "lower", "upper", "empty lines", "empty last", "bare last", "junk last"],
)
def test_login_actions_lists_and_events_are_understood_however_they_are_written(bend: Callable[[bytes], bytes]) -> None:
    async def story() -> None:
        def bent(raw: bytes) -> bytes:
            return raw if raw.startswith(b"Asterisk") else bend(raw)

        async with FakeAmi(bend=bent) as pbx, listening(pbx.address(), ping_every=0.02) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = two_channels
            assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).message == "Done"
            answer = await listener.client.list_action(*LIST)
            assert (len(answer), answer.complete) == (2, True)
            pbx.say(event("Hangup", Uniqueid="1.1"))
            await eventually(lambda: len(listener.events) == 2)  # FullyBooted and this one
            folded = [{k.lower(): v for k, v in e.headers.items()} for e in listener.events]
            assert (folded[1]["event"], folded[1]["uniqueid"]) == ("Hangup", "1.1")
            await eventually(lambda: pbx.count("Ping") >= 3, "answered pings")
            assert not listener.downs and listener.client.state().late == 0
            assert listener.client.state().booted is True

    run(story())


def test_an_event_of_the_test_framework_with_its_states_harms_nothing() -> None:
    """Asterisk built for its own tests says so at every step; `State` and `AppFile` may come more than once."""
    raw = (
        b"Event: TestEvent\r\nPrivilege: reporting,all\r\nType: StateChange\r\nState: DIALING\r\nState: ANSWERED\r\n"
        b"AppFile: app_dial.c\r\nAppFunction: dial\r\nAppLine: 1\r\nEvent: Hangup\r\n\r\n"
        b"Event: TestEvent\r\nType: StateChange\r\nState: \r\n\r\n"
    )

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.say(raw + event("Hangup", Uniqueid="1.1"))
            await eventually(lambda: listener.named("Hangup"))
            first, second, _ = listener.events[1:]
            assert first.headers["State"] == ["DIALING", "ANSWERED"] and first.headers["Type"] == "StateChange"
            assert first.headers["Event"] == ["TestEvent", "Hangup"]  # so it is no Hangup to anybody
            assert second.headers["State"] == ""

    run(story())


def test_a_header_that_comes_twice_keeps_both_values_and_the_first_one_counts() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.say(b"Event: VarSet\r\nChanVariable: a=1\r\nChanVariable: b=2\r\nUniqueid: 1.1\r\n\r\n")

            def doubled(session: Session, action: Received) -> None:
                answer = f"Response: Success\r\nResponse: Error\r\nActionID: {action.id}\r\nActionID: other\r\n"
                session.send(answer.encode() + b"Message: one\r\nMessage: two\r\n\r\n")

            pbx.handlers["Hangup"] = doubled
            reply = await listener.client.action("Hangup", {"Channel": "PJSIP/1"})
            assert (reply.success, reply.message, reply.headers["Message"]) == (True, "one", ["one", "two"])
            await eventually(lambda: listener.named("VarSet"))
            assert listener.named("VarSet")[0].headers["ChanVariable"] == ["a=1", "b=2"]

    run(story())


@pytest.mark.parametrize("before", [b"", b"Output: "], ids=["11 to 13", "14 and later"])
def test_the_output_of_a_command_is_one_answer_in_old_and_new_form(before: bytes) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def follows(session: Session, action: Received) -> None:
                head = (
                    f"Response: {'Success' if before else 'Follows'}\r\nPrivilege: Command\r\nActionID: {action.id}\r\n"
                )
                lines = [b"Channel: PJSIP/1001", b"Event: Hangup", b"ActionID: other", b"0 active channels"]
                if before:
                    body = b"".join(before + line + b"\r\n" for line in lines)
                else:  # old ones end their own lines with LF alone
                    body = b"\n".join([*lines, b"--END COMMAND--\r\n"])
                session.send(head.encode() + body + b"\r\n")
                session.send(event("VarSet", After="it"))

            pbx.handlers["Command"] = follows
            reply = await listener.client.action("Command", {"Command": "core show channels"})
            assert reply.success and isinstance(reply, Reply)
            await eventually(lambda: listener.named("VarSet"))
            assert not listener.named("Hangup") and listener.client.state().late == 0
            assert (await listener.client.action("Hangup", {"Channel": "x"})).success

    run(story())


@pytest.mark.parametrize("cut_at", [None, 1, 12, len(BANNER) - 1])
def test_events_in_the_segment_of_the_banner_cost_nothing_and_are_not_believed(cut_at: int | None) -> None:
    banner = BANNER + event("Newchannel", Uniqueid="1.1") + b"Response: Success\r\n\r\n"

    async def story() -> None:
        async with FakeAmi(banner=banner[:cut_at]) as pbx, listening(pbx.address()) as listener:
            await eventually(lambda: pbx.sessions)
            if cut_at is not None:
                pbx.say(banner[cut_at:])
            await up(listener)
            pbx.say(event("Hangup"))
            await eventually(lambda: listener.named("Hangup"))
            assert not listener.named("Newchannel") and listener.client.state().tries == 1

    run(story())


# --- what it answers --------------------------------------------------------------------------------------------------


def test_a_server_that_says_everything_twice_is_believed_once() -> None:
    async def story() -> None:
        twice = FakeAmi(bend=lambda raw: raw if raw.startswith(b"Asterisk") else raw * 2)
        async with twice as pbx, listening(pbx.address(), ping_every=0.02) as listener:
            await up(listener)
            pbx.handlers["CoreShowChannels"] = two_channels
            for _ in range(20):
                assert (await listener.client.action("Hangup", {"Channel": "x"})).success
            answer = await listener.client.list_action(*LIST)
            assert not answer.complete and len(answer) == 4  # and the caller is told that it cannot be right
            pbx.handlers["Redirect"] = lambda session, action: session.answer(action, "Error", "No such channel")
            with pytest.raises(Refused):
                await listener.client.action("Redirect", {"Channel": "x"})
            pbx.say(event("Hangup"))
            await eventually(lambda: len(listener.named("Hangup")) == 2)
            assert len(listener.ups) == 1 and not listener.downs
            assert listener.client.state().late >= 22

    run(story())


def test_answers_and_items_of_somebody_else_are_nobodys() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def wrong_first(session: Session, action: Received) -> None:
                session.send(b"Response: Error\r\nActionID: somebody-else\r\nMessage: not yours\r\n\r\n")
                session.send(b"Response: Error\r\nMessage: without any id\r\n\r\n")
                session.send(b"Response: Error\r\nActionID: \r\nMessage: with an empty one\r\n\r\n")
                session.send(event("CoreShowChannel", ActionID="crm-list/another-process/1", Channel="not yours"))
                session.send(event("CoreShowChannel", Channel="without any id"))
                session.send(event("CoreShowChannelsComplete", ActionID="crm-list/another-process/1"))
                two_channels(session, action)

            pbx.handlers["CoreShowChannels"] = wrong_first
            answer = await listener.client.list_action(*LIST)
            assert [row["Channel"] for row in answer] == ["PJSIP/1001-1", "PJSIP/1002-2"] and answer.complete
            assert listener.client.state().late == 5

    run(story())


def test_an_answer_without_an_actionid_is_not_guessed_to_be_ours() -> None:
    """With two actions in flight a guess would tell one caller the fate of the other."""

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Redirect"] = lambda session, action: session.send(b"Response: Success\r\n\r\n")
            with pytest.raises(Unclear):
                await listener.client.action("Redirect", {"Channel": "x"}, deadline=0.05)
            assert listener.client.state().connected

    run(story())


@pytest.mark.parametrize("asked", [True, False], ids=["after our logoff", "out of the blue"])
def test_a_goodbye_and_a_close_end_the_link_and_it_comes_back(asked: bool) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def goodbye(session: Session, action: Received) -> None:
                session.answer(action, "Goodbye", "Thanks for all the fish.")
                session.writer.close()

            pbx.handlers["Logoff"] = goodbye
            if asked:
                assert (await listener.client.action("Logoff", {})).success
            else:
                pbx.say(b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n")
                pbx.live[0].writer.close()
            await up(listener, 2)
            assert [down.reason_code for down in listener.downs] == ["cut"]

    run(story())


def test_a_login_that_is_refused_after_it_was_accepted_changes_nothing() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            login = pbx.actions[0]
            pbx.live[0].answer(login, "Error", "Authentication failed")
            assert (await listener.client.action("Hangup", {"Channel": "x"})).success
            assert listener.client.state().connected

    run(story())


def test_no_number_and_no_variable_of_an_action_is_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    originate: dict[str, HeaderValue] = {
        "Channel": "PJSIP/1001",
        "Exten": "+442079460123",
        "Variable": ["X=canary-4713"],
        "Async": "true",
    }

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), back_off=AT_ONCE) as listener:
            await up(listener)
            await listener.client.action("Originate", originate)
            pbx.handlers["Originate"] = lambda session, action: session.cut()
            with pytest.raises(Unclear) as told:
                await listener.client.action("Originate", originate)
            assert "442079460123" not in str(told.value)
            await up(listener, 2)

    run(story())
    assert "442079460123" not in caplog.text and "canary-4713" not in caplog.text and SECRET not in caplog.text


# --- floods and standstill --------------------------------------------------------------------------------------------


def test_a_flood_fills_the_queue_and_costs_the_link_but_no_event_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """200,000 events while the consumer stands still: what fits is kept in order, the rest is told as a gap."""

    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), queue_size=20_000, reading=False) as listener:
            await eventually(lambda: listener.client.state().connected)
            session = pbx.live[0]
            for chunk in range(2_000):
                session.send(b"".join(event("VarSet", Number=str(chunk * 100 + n)) for n in range(100)))
                if session.writer.is_closing():
                    break
                await asyncio.sleep(0)
            await eventually(lambda: listener.client.state().overflows == 1, "the overflow")
            queued = listener.client.state().queued
            assert queued <= 20_002
            listener.reading.set()
            await up(listener, 2)
            numbers = [int(str(e.headers["Number"])) for e in listener.named("VarSet") if e.epoch == 1]
            assert numbers == list(range(len(numbers))) and len(numbers) > 19_000
            assert listener.downs[0].reason_code == "overflow"
            with capsys.disabled():
                print(f"\na flood: {len(numbers)} events kept in order, {queued} items queued at most, one gap told")

    run(story())


def test_two_hundred_cuts_at_random_bytes_of_the_event_stream_leave_no_half_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cuts_inside = itertools.count()

    async def story() -> None:
        chance = random.Random(77)
        one = event("Newchannel", Uniqueid="1700000000.1", CallerIDName="Zoë", CallerIDNum="+442079460123")
        async with FakeAmi() as pbx, listening(pbx.address(), back_off=AT_ONCE) as listener:
            for epoch in range(1, 201):
                await up(listener, epoch)
                cut_at = chance.randrange(5 * len(one))
                if cut_at % len(one):
                    next(cuts_inside)
                session = pbx.live[-1]
                session.send((one * 5)[:cut_at])
                session.open = False
                session.writer.close()  # all that was written still arrives
                whole = cut_at // len(one)
                await eventually(
                    lambda epoch=epoch, whole=whole: (  # type: ignore[misc]
                        sum(e.epoch == epoch for e in listener.named("Newchannel")[-6:]) == whole
                        and len(listener.downs) >= epoch
                    ),
                    f"{whole} events of link {epoch}",
                )
            texts = {tuple(sorted(e.headers.items())) for e in listener.named("Newchannel")}
            assert len(texts) == 1, "a half event got through"

    run(story(), seconds=90)
    with capsys.disabled():
        print(f"\n200 cuts, {next(cuts_inside)} of them inside an event: only whole events came out")


STANDING_SERVER = f"""
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    def serve(connection=connection):
        connection.sendall({BANNER!r})
        held = b""
        while segment := connection.recv(4096):
            *complete, held = (held + segment).split(b"\\r\\n\\r\\n")
            for raw in complete:
                found = [line for line in raw.split(b"\\r\\n") if line.startswith(b"ActionID")]
                connection.sendall(b"Response: Success\\r\\n" + found[0] + b"\\r\\n\\r\\n")
    threading.Thread(target=serve, daemon=True).start()
"""


def test_a_pbx_that_stands_still_is_noticed_within_fifteen_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """A process stopped by SIGSTOP: its sockets stay open and nothing is answered. With the times of the product."""

    async def story() -> None:
        pbx = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STANDING_SERVER, stdout=asyncio.subprocess.PIPE
        )
        assert pbx.stdout is not None
        try:
            port = int(await pbx.stdout.readline())
            async with listening(AmiAddress("127.0.0.1", port, USERNAME, SECRET)) as listener:
                await up(listener)
                await listener.client.action("Ping", {})
                os.kill(pbx.pid, signal.SIGSTOP)
                stopped = time.monotonic()
                await eventually(lambda: listener.downs, "the end of the link", seconds=40)
                noticed = time.monotonic() - stopped
                assert listener.downs[0].reason_code == "silent"
                await reason(listener, "login_unanswered")  # the kernel still accepts for it
                os.kill(pbx.pid, signal.SIGCONT)
                await up(listener, 2)
                with capsys.disabled():
                    print(f"\na stopped PBX was noticed after {noticed:.1f} s")
                assert 10 < noticed < 15
        finally:
            pbx.kill()
            await pbx.wait()

    run(story(), seconds=80)

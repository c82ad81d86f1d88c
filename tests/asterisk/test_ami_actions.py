"""Actions over a link that may break at any moment: what did not go out, what was refused, what is unclear."""

from __future__ import annotations

import asyncio
import random

import pytest

from crmconnector.asterisk.ami import AmiError, BadHeader, LinkLost, NotSent, RawEvent, Refused, Unclear
from tests.support.fake_ami import AT_ONCE, LOOPS, FakeAmi, Received, Session, event, eventually, listening, run, up

both_loops = pytest.mark.parametrize("loop", LOOPS)
ORIGINATE = {"Channel": "PJSIP/1001", "Context": "from-internal", "Exten": "1002", "Priority": "1"}
LIST = ("CoreShowChannels", {}, "CoreShowChannelsComplete")


@both_loops
def test_an_action_goes_out_once_and_its_answer_comes_back(loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            reply = await listener.client.action(
                "Originate", {**ORIGINATE, "ActionID": "attempt-7", "Async": "true", "Variable": ["A=1", "B=2"]}
            )
            assert (reply.success, reply.message) == (True, "Done")
            assert "content" not in reply.headers
            (sent,) = [a for a in pbx.actions if a.name == "Originate"]
            assert sent.lines == [
                "Action: Originate",
                "Channel: PJSIP/1001",
                "Context: from-internal",
                "Exten: 1002",
                "Priority: 1",
                "ActionID: attempt-7",
                "Async: true",
                "Variable: A=1",
                "Variable: B=2",
            ]

    run(story(), loop)


def test_a_refusal_is_told_with_the_pbx_own_words_and_without_what_we_sent() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Redirect"] = lambda session, action: session.answer(action, "Error", "Channel does not exist")
            with pytest.raises(Refused, match="Channel does not exist") as refused:
                await listener.client.action("Redirect", {"Channel": "PJSIP/secretive"})
            assert not refused.value.reply.success
            assert "secretive" not in str(refused.value)

    run(story())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Originate", "Originate successfully queued"),  # without Async this kills panoramisk's connection
        ("QueueAdd", "Added interface to queue"),  # waits for ever in panoramisk
        ("Status", "Channel status will follow"),
        ("Command", "Command output follows"),
    ],
)
def test_an_answer_is_complete_whatever_its_text_says(name: str, message: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers[name] = lambda session, action: session.answer(action, "Success", message)
            assert (await listener.client.action(name, ORIGINATE)).message == message
            assert not listener.downs

    run(story())


def test_an_answer_that_does_not_come_is_unclear_and_a_late_one_harms_nobody() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            waiting: list[Received] = []
            pbx.handlers["Originate"] = lambda _, action: waiting.append(action)
            for _ in range(20):
                with pytest.raises(Unclear, match="did not answer"):
                    await listener.client.action("Originate", ORIGINATE, deadline=0.01)
            await eventually(lambda: len(waiting) == 20)
            for action in waiting:
                pbx.live[0].answer(action)
            await eventually(lambda: listener.client.state().late == 20)
            assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).success
            link = listener.client._link
            assert link is not None and len(link._pending) <= 1, "what nobody waits for is forgotten"

    run(story())


def test_a_caller_that_is_cancelled_leaves_nothing_behind() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Originate"] = lambda _session, _action: None
            asking = asyncio.create_task(listener.client.action("Originate", ORIGINATE))
            await eventually(lambda: pbx.count("Originate"))
            asking.cancel()
            await asyncio.wait({asking})
            link = listener.client._link
            assert asking.cancelled() and link is not None and not link._pending

    run(story())


@both_loops
@pytest.mark.parametrize("moment", ["before", "inside", "after"])
def test_an_action_whose_link_is_cut_around_its_answer_is_never_sent_again(moment: str, loop: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            async def cut(session: Session, action: Received) -> None:
                if moment == "inside":
                    session.send(f"Response: Success\r\nActionID: {action.id}\r\nMess".encode())
                if moment == "after":
                    session.answer(action)
                await session.writer.drain()
                await asyncio.sleep(0.02)
                session.cut()

            pbx.handlers["Originate"] = cut
            if moment == "after":
                assert (await listener.client.action("Originate", ORIGINATE)).success
            else:
                with pytest.raises(Unclear, match="ended before the answer"):
                    await listener.client.action("Originate", ORIGINATE)
            await up(listener, 2)
            assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).success
            assert pbx.names() == ["Originate", "Hangup"]

    run(story(), loop)


def test_two_hundred_cuts_at_random_moments_never_dial_twice() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), back_off=AT_ONCE) as listener:
            chance = random.Random(4711)
            told: dict[str, str] = {}

            async def dial(attempt: str) -> None:
                try:
                    await listener.client.action("Originate", {**ORIGINATE, "ActionID": attempt}, deadline=1)
                    told[attempt] = "sent"
                except AmiError as error:
                    told[attempt] = type(error).__name__

            for epoch in range(1, 201):
                await up(listener, epoch)
                dialling = [asyncio.create_task(dial(f"attempt-{epoch}-{n}")) for n in range(3)]
                for _ in range(chance.randrange(12)):  # turns of the loop: finer than any clock
                    await asyncio.sleep(0)
                pbx.cut()
                await asyncio.gather(*dialling)
            reached = [a.id for a in pbx.actions if a.name == "Originate"]
            assert len(reached) == len(set(reached)), "dialled twice"
            assert {"sent", "Unclear"} <= set(told.values()) <= {"sent", "Unclear", "LinkLost"}
            for attempt, ending in told.items():
                assert ending != "LinkLost" or attempt not in reached
                assert ending != "sent" or attempt in reached

    run(story(), seconds=90)


def test_without_a_link_nothing_is_sent_neither_now_nor_when_it_comes_back() -> None:
    async def story() -> None:
        async with FakeAmi(login="ignore") as pbx, listening(pbx.address(), login_deadline=0.3) as listener:
            await eventually(lambda: pbx.count("Login"))
            with pytest.raises(LinkLost):
                await listener.client.action("Originate", ORIGINATE)
            with pytest.raises(LinkLost):
                await listener.client.list_action(*LIST)
            pbx.login = "accept"
            await up(listener)
            assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).success
            assert pbx.names() == ["Hangup"]

    run(story())


def test_closing_the_client_fails_what_is_in_flight_at_once() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Originate"] = lambda _session, _action: None
            asking = [asyncio.create_task(listener.client.action("Originate", ORIGINATE)) for _ in range(5)]
            await eventually(lambda: pbx.count("Originate") == 5)
            await listener.client.close()
            endings = await asyncio.gather(*asking, return_exceptions=True)
            assert [type(e) for e in endings] == [Unclear] * 5

    run(story())


def test_an_actionid_still_in_use_is_not_sent() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Originate"] = lambda _session, _action: None
            first = asyncio.create_task(listener.client.action("Originate", {**ORIGINATE, "ActionID": "one"}))
            await eventually(lambda: pbx.count("Originate"))
            with pytest.raises(NotSent):
                await listener.client.action("Originate", {**ORIGINATE, "ActionID": "one"})
            first.cancel()
            await asyncio.wait({first})
            assert pbx.count("Originate") == 1

    run(story())


def test_a_pbx_that_answers_nothing_collects_a_thousand_actions_and_no_more() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["Originate"] = lambda _session, _action: None
            asking = [asyncio.create_task(listener.client.action("Originate", ORIGINATE)) for _ in range(1005)]
            await eventually(lambda: sum(task.done() for task in asking) == 5)
            assert {type(task.exception()) for task in asking if task.done()} == {NotSent}
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)

    run(story())


def test_an_action_on_a_connection_that_is_just_closing_is_known_not_to_have_gone_out() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            link = listener.client._link
            assert link is not None
            link.transport.abort()  # asyncio tells the protocol a turn later
            with pytest.raises(LinkLost):
                await listener.client.action("Originate", ORIGINATE)
            await up(listener, 2)
            assert pbx.names() == []

    run(story())


def test_an_event_with_the_actionid_of_a_plain_action_is_still_an_event() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)

            def early(session: Session, action: Received) -> None:
                session.send(event("OriginateResponse", ActionID=action.id, Response="Success", Reason="4"))
                session.answer(action, "Success", "Originate successfully queued")

            pbx.handlers["Originate"] = early
            reply = await listener.client.action("Originate", {**ORIGINATE, "ActionID": "attempt-7"})
            assert reply.message == "Originate successfully queued"
            await eventually(lambda: listener.named("OriginateResponse"))
            found: RawEvent = listener.named("OriginateResponse")[0]
            assert found.headers["ActionID"] == "attempt-7"

    run(story())


# What would end a line or an action if it were let through (sheet of attacks: header injection).
POISON = ["\r", "\n", "\0", "\x0b", "\x1b", "\t", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\r\nVariable: X=1"]
POISON += ["\r\n\r\nAction: Command\r\nCommand: core stop now"]


@pytest.mark.parametrize("poison", POISON, ids=ascii)
def test_a_control_character_anywhere_in_an_action_is_refused_before_a_byte_leaves(poison: str) -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            client = listener.client
            bad: list[tuple[str, dict[str, str | list[str]]]] = [
                ("Originate", {"Exten": f"5551{poison}"}),
                ("Originate", {"Exten": poison + "5551"}),
                ("Originate", {"Variable": ["A=1", f"B={poison}"]}),
                ("Originate", {f"Exten{poison}": "5551"}),
                ("Originate", {"ActionID": f"a{poison}"}),
                (f"Originate{poison}", {"Exten": "5551"}),
            ]
            for name, headers in bad:
                with pytest.raises(BadHeader) as refused:
                    await client.action(name, headers)
                assert "5551" not in str(refused.value)
                with pytest.raises(BadHeader):
                    await client.list_action(name, headers, "End")
            assert (await client.action("Originate", {"Exten": "5551"})).success
            assert [a.lines[0] for a in pbx.actions if a.name not in ("Login", "Ping")] == ["Action: Originate"]
            assert len(pbx.actions[-1].lines) == 3

    run(story())

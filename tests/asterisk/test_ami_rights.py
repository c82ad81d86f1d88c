"""What the PBX says that our user may do, and what people are told of it."""

from __future__ import annotations

import asyncio

import pytest

from crmconnector.asterisk.ami import LinkLost, Refused, Unclear
from crmconnector.asterisk.ami_items import Headers
from crmconnector.asterisk.ami_rights import Rights, excessive, missing, read_sentence, rights_of, write_sentences
from tests.support.fake_ami import FakeAmi, Received, Session, eventually, listening, run, up

# As Asterisk 22 answers: actions by the classes that allow them. What needs none is told to everybody.
ACTIONS = {
    "": "Ping Login Logoff ListCommands QueueStatus",
    "agent": "QueueAdd",
    "agi": "AGI",
    "call": "Redirect Setvar BlindTransfer Atxfer CancelAtxfer Bridge Park PlayDTMF",
    "call,reporting": "Getvar",
    "command": "Command",
    "config": "UpdateConfig",
    "originate": "Originate",
    "system": "ModuleLoad DBPut",
    "system,call": "Hangup",
    "system,call,reporting": "Status",
    "system,config": "GetConfig",
    "system,reporting": "CoreShowChannels CoreStatus",
    "user": "UserEvent",
}


def answer(*held: str) -> Headers:
    """The answer to ListCommands for a user with these classes."""
    told: Headers = {"Response": "Success", "ActionID": "x"}
    for classes, actions in ACTIONS.items():
        if not classes or set(classes.split(",")) & set(held):
            privilege = f"{classes},all" if classes else "<none>"
            told |= dict.fromkeys(actions.split(), f"Does it (whatever it is).  (Priv: {privilege})")
    return told


@pytest.mark.parametrize(
    "held",
    [
        (),
        ("reporting",),
        ("call",),
        ("call", "originate", "reporting"),
        ("system",),
        ("config", "command"),
        ("agent", "agi", "user"),
    ],
    ids=str,
)
def test_the_classes_are_read_off_the_actions(held: tuple[str, ...]) -> None:
    rights = rights_of(answer(*held))
    certain = set(held) - ({"reporting"} if {"call", "system"} & set(held) else set())
    assert certain <= rights.write <= set(held)
    assert rights.may("ping") and rights.may("CoreShowChannels") == bool({"reporting", "system"} & set(held))


def test_reporting_alone_is_known_though_no_action_proves_it_alone() -> None:
    assert rights_of(answer("reporting")).write == {"reporting"}
    assert rights_of(answer("reporting", "originate")).write == {"reporting", "originate"}


@pytest.mark.parametrize(
    ("held", "wanted", "lacking"),
    [
        (("reporting",), ["reporting"], ()),
        ((), ["reporting"], ("reporting",)),
        (("system",), ["reporting"], ()),  # `system` lists calls too
        (("call",), ["reporting", "call", "originate"], ("originate", "reporting")),
        (("reporting",), ["agent"], ("agent",)),
    ],
)
def test_what_is_missing_is_what_the_product_could_not_do(
    held: tuple[str, ...], wanted: list[str], lacking: tuple[str, ...]
) -> None:
    assert missing(rights_of(answer(*held)), wanted) == lacking


def test_what_is_too_much_is_told_in_one_sentence_and_what_is_wanted_never_is() -> None:
    rights = rights_of(answer("originate", "system", "command", "reporting", "agent", "user"))
    assert excessive(rights) == ("command", "system", "originate")
    assert excessive(rights, ["originate"]) == ("command", "system")
    assert write_sentences(rights_of(answer("command", "reporting")), ["reporting"]) == (
        "The AMI user may also run commands on the PBX (write=command). The product never does: take it away.",
    )
    (several,) = write_sentences(rights_of(answer("command", "config", "reporting")), ["reporting"])
    assert "(write=command); and rewrite its settings and add users (write=config)." in several and "them" in several


def test_whoever_takes_system_away_is_told_what_to_leave() -> None:
    (sentence,) = write_sentences(rights_of(answer("system")), ["reporting"])
    assert sentence.endswith("take it away. Leave it `reporting`.")


def test_a_user_with_just_enough_is_told_nothing_and_one_with_nothing_what_to_add() -> None:
    assert write_sentences(rights_of(answer("reporting")), ["reporting"]) == ()
    (sentence,) = write_sentences(rights_of(answer()), ["reporting"])
    assert (
        sentence.startswith("The AMI user may not list") and "add `reporting` to `write` in manager.conf." in sentence
    )
    for right in ("system", "call", "agent"):
        assert f"add `{right}` to `read` in manager.conf." in read_sentence(right)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Response": "Success", "Message": "Authentication accepted"},
        {"Ping": "(Priv: "},
        {"Ping": ["(Priv: system,all)", "(Priv: <none>)"], "": "(Priv: )", "X": "(Priv: system,all) and so on"},
    ],
    ids=str,
)
def test_no_answer_whatever_makes_it_raise_or_gives_rights_that_nobody_told(headers: Headers) -> None:
    rights = rights_of(headers)
    assert isinstance(rights, Rights) and rights.write <= {"system"}
    assert missing(rights, ["reporting"]) == ("reporting",)


# --- over the link ----------------------------------------------------------------------------------------------------


def tells(*held: str) -> object:
    def handler(session: Session, action: Received) -> None:
        told = {key: str(value) for key, value in answer(*held).items() if key not in ("Response", "ActionID")}
        session.answer(action, "Success", "", **told)

    return handler


def test_the_pbx_is_asked_once_for_each_login() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            with pytest.raises(LinkLost):
                await listener.client.rights()
            await up(listener)
            pbx.handlers["ListCommands"] = tells("reporting")  # type: ignore[assignment]
            found = await asyncio.gather(*(listener.client.rights() for _ in range(5)))
            assert {one.write for one in found} == {frozenset({"reporting"})}
            assert await listener.client.rights() == found[0]
            assert pbx.count("ListCommands") == 1
            pbx.handlers["ListCommands"] = tells("command")  # type: ignore[assignment]
            pbx.cut()
            await up(listener, 2)
            assert (await listener.client.rights()).write == {"command"}
            assert pbx.count("ListCommands") == 2

    run(story())


def test_a_pbx_that_does_not_tell_is_not_asked_again_over_the_same_link() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address(), action_deadline=0.05) as listener:
            await up(listener)
            pbx.handlers["ListCommands"] = lambda session, action: None
            for _ in range(2):
                with pytest.raises(Unclear):
                    await listener.client.rights()
            pbx.cut()
            await up(listener, 2)
            pbx.handlers["ListCommands"] = lambda session, action: session.answer(action, "Error", "Unknown command")
            for _ in range(2):
                with pytest.raises(Refused, match="Unknown command"):
                    await listener.client.rights()
            assert pbx.count("ListCommands") == 2

    run(story())


def test_one_who_gives_up_waiting_does_not_end_the_question_for_the_others() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            asked: list[Received] = []
            pbx.handlers["ListCommands"] = lambda session, action: asked.append(action)
            impatient = asyncio.create_task(listener.client.rights())
            patient = asyncio.create_task(listener.client.rights())
            await eventually(lambda: asked)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            tells("reporting")(pbx.live[0], asked[0])  # type: ignore[operator]
            assert (await patient).write == {"reporting"}

    run(story())


def test_a_link_that_ends_ends_the_question() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            await up(listener)
            pbx.handlers["ListCommands"] = lambda session, action: session.cut()
            with pytest.raises(Unclear):
                await listener.client.rights()

    run(story())


# --- reading `system`: does it say that it is up? ---------------------------------------------------------------------


def test_a_pbx_that_says_it_is_up_is_booted_and_one_that_does_not_is_not_after_a_second() -> None:
    async def story() -> None:
        async with FakeAmi() as pbx, listening(pbx.address()) as listener:
            assert listener.client.state().booted is None
            await up(listener)
            await eventually(lambda: listener.client.state().booted is True)
            pbx.fully_booted = False
            pbx.cut()
            await up(listener, 2)
            assert listener.client.state().booted is None  # too early to tell
            await eventually(lambda: listener.client.state().booted is False)
            pbx.say(b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n")  # it was still starting
            await eventually(lambda: listener.client.state().booted is True)
            pbx.cut()
            await eventually(lambda: listener.downs[1:] and listener.client.state().booted is None)

    run(story())


def test_a_link_without_events_cannot_tell_whether_the_pbx_is_up() -> None:
    async def story() -> None:
        async with (
            FakeAmi(fully_booted=False) as pbx,
            listening(pbx.address(), events=False, reading=False) as listener,
        ):
            await eventually(lambda: listener.client.state().connected)
            began = asyncio.get_running_loop().time()
            await eventually(lambda: asyncio.get_running_loop().time() > began + 1.1)
            assert listener.client.state().booted is None

    run(story())

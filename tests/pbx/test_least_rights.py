"""The rights of the product's AMI user: each is needed, and none is missing for what the product does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from crmconnector.asterisk.ami import AmiAddress, AmiClient, ListReply, Rights
from crmconnector.asterisk.ami_rights import (
    LEAST_READ,
    LEAST_WRITE,
    VERBS_WRITE,
    excessive,
    missing,
    read_sentence,
    verb_sentences,
    write_sentences,
)
from crmconnector.calls.verbs import PBX_ACTIONS
from crmconnector.listener.rights import may_send
from tests.pbx.ami_wire import AmiWire
from tests.pbx.children import wait_until
from tests.pbx.stories import STORIES
from tests.support.fake_ami import run
from tests.support.lab import Lab

_names = (f"rights-{number}" for number in itertools.count())
REFUSED = "Permission denied"


def user_with(lab: Lab, *, read: str, write: str) -> AmiWire:
    name = next(_names)
    lab.server.add_ami_user(name, "only-for-this-test", read=read, write=write)
    return AmiWire(lab.ami_host, lab.ami_port, name, "only-for-this-test")


def without(rights: str, taken: str) -> str:
    """`system,call` without `call` -> `system`. Not a single right is written `none`: the PBX wants a word."""
    return ",".join(right for right in rights.split(",") if right != taken) or "none"


def refused(wire: AmiWire, action: str, fields: dict[str, str]) -> bool:
    answer = wire.action(action, timeout_seconds=5, **fields)
    return answer.get("Response") == "Error" and REFUSED in answer.get("Message")


def originate(wire: AmiWire) -> bool:
    return refused(wire, "Originate", {"Channel": "PJSIP/nobody", "Application": "Hangup", "Async": "true"})


def hang_up(wire: AmiWire) -> bool:
    return refused(wire, "Hangup", {"Channel": "PJSIP/nobody-00000000"})


def core_show_channels(wire: AmiWire) -> bool:
    try:
        wire.listing("CoreShowChannels", "CoreShowChannelsComplete")
    except PermissionError as error:
        return REFUSED in str(error)
    return False


@pytest.mark.parametrize(
    ("right", "is_refused"), [("originate", originate), ("call", hang_up), ("reporting", core_show_channels)]
)
def test_each_write_right_is_enough_and_is_needed(lab: Lab, right: str, is_refused: Callable[[AmiWire], bool]) -> None:
    rights = lab.server.rights()
    with user_with(lab, **rights) as whole:
        assert not is_refused(whole)
    with user_with(lab, read=rights["read"], write=without(rights["write"], right)) as lacking:
        assert is_refused(lacking)


@pytest.mark.parametrize(
    ("right", "event"), [("system", "FullyBooted"), ("call", "DialBegin"), ("agent", "QueueCallerJoin")]
)
def test_each_read_right_brings_events_that_the_product_needs(lab: Lab, right: str, event: str) -> None:
    rights = lab.server.rights()
    lacking_read = without(rights["read"], right)
    with (
        user_with(lab, **rights) as whole,
        user_with(lab, read=lacking_read, write=rights["write"]) as lacking,
    ):
        lab.trunk.call(lab.did_queue, from_number="+442079460123")
        lab.phones["1001"].wait_state("ringing")
        whole.wait(lambda message: message.event == event, event)
        lab.trunk.hangup()
        whole_wants = "DialEnd" if right != "call" else event
        whole.wait(lambda message: message.event == whole_wants, whole_wants)
        lacking.action("Ping")  # answered after all that was to be said before
        assert event not in {message.event for message in lacking.messages}


@pytest.mark.parametrize(
    ("action", "complete"),
    [
        ("Status", "StatusComplete"),
        ("QueueStatus", "QueueStatusComplete"),
        ("DeviceStateList", "DeviceStateListComplete"),
        ("ExtensionStateList", "ExtensionStateListComplete"),
    ],
)
def test_the_product_user_may_ask_how_things_stand(lab: Lab, action: str, complete: str) -> None:
    with user_with(lab, **lab.server.rights()) as wire:
        wire.listing(action, complete)
        assert wire.action("Ping").get("Response") == "Success"


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("PJSIPShowEndpoints", {}),  # would need `system`, which may also restart the PBX
        ("Command", {"Command": "core show version"}),
        ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"}),
        ("QueuePause", {"Interface": "PJSIP/1001", "Paused": "true"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
    ],
)
def test_the_product_user_may_not_change_the_pbx(lab: Lab, action: str, fields: dict[str, str]) -> None:
    with AmiWire(lab.ami_host, lab.ami_port, lab.ami_username, lab.ami_secret) as wire:
        assert refused(wire, action, fields)


def test_a_wrong_secret_does_not_log_in(lab: Lab) -> None:
    with pytest.raises(PermissionError):
        AmiWire(lab.ami_host, lab.ami_port, lab.ami_username, "guess")


def test_the_product_user_never_sees_events_of_the_test_framework(lab: Lab) -> None:
    with lab.truth() as truth, AmiWire(lab.ami_host, lab.ami_port, lab.ami_username, lab.ami_secret) as product:
        lab.trunk.call(lab.did_queue, from_number="+442079460123")
        lab.phones["1001"].wait_state("ringing")
        truth.wait(lambda message: message.event == "TestEvent", "TestEvent", timeout_seconds=5)
        product.wait(lambda message: message.event == "DialBegin", "DialBegin")
        assert "TestEvent" not in {message.event for message in product.messages}


# --- what the PBX tells of our rights ---------------------------------------------------------------------------------

# Everything that the product follows, by the one class for reading that brings it; a story in which it happens.
BRINGS = {
    "system": ("FullyBooted",),
    "agent": ("QueueCallerJoin", "QueueCallerLeave", "AgentCalled", "AgentConnect", "QueueMemberStatus"),
    "call": (
        *("Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "Hangup", "Hold", "Unhold"),
        *("DialBegin", "DialState", "DialEnd", "BridgeEnter", "BridgeLeave", "LocalBridge"),
        *("BlindTransfer", "AttendedTransfer", "ParkedCall", "UnParkedCall", "Pickup", "OriginateResponse"),
    ),
}
STORIES_WITH_ALL = (
    "park_and_retrieve",
    "pickup_directed",
    "hold_and_resume",
    "queue_local_answered",
    "transfer_attended",
    "originate_answered",
)
SECRET = "only-for-this-test"


@contextlib.asynccontextmanager
async def linked(lab: Lab, *, read: str, write: str) -> AsyncIterator[AmiClient]:
    """The product's own client, with a user of its own; up."""
    name = next(_names)
    lab.server.add_ami_user(name, SECRET, read=read, write=write)
    client = AmiClient(AmiAddress(lab.ami_host, lab.ami_port, name, SECRET))
    running = asyncio.create_task(client.run())
    try:
        await client.next_batch()
        yield client
    finally:
        await client.close()
        await running


def rights_with(lab: Lab, write: str) -> Rights:
    found: list[Rights] = []

    async def story() -> None:
        async with linked(lab, read="none", write=write) as client:
            found.append(await client.rights())

    run(story())
    return found[0]


@pytest.mark.parametrize("right", ["reporting", "originate", "call"])
def test_a_write_right_that_was_taken_away_is_told_as_missing(lab: Lab, right: str) -> None:
    wanted = ("call", "originate", "reporting")
    assert missing(rights_with(lab, ",".join(wanted)), wanted) == ()
    rights = rights_with(lab, without(",".join(wanted), right))
    assert missing(rights, wanted) == (right,)
    (sentence,) = write_sentences(rights, wanted)
    assert f"add `{right}` to `write`" in sentence


@pytest.mark.parametrize("write", [LEAST_WRITE, VERBS_WRITE])
def test_the_rights_of_the_readme_are_told_as_just_right(lab: Lab, write: str) -> None:
    rights = rights_with(lab, write)
    assert write_sentences(rights, LEAST_WRITE.split(","), VERBS_WRITE.split(",")) == ()
    assert rights.write == set(write.split(","))


@pytest.mark.parametrize(("taken", "count"), [("", 0), ("call", 1), ("originate", 1)], ids=str)
def test_the_real_pbx_tells_which_verbs_our_user_may_not_command(lab: Lab, taken: str, count: int) -> None:
    sentences = verb_sentences(may_send(rights_with(lab, without(VERBS_WRITE, taken))) or ())
    assert len(sentences) == count and all(f"add `{taken}` to `write`" in sentence for sentence in sentences)


def test_every_action_of_the_verb_table_is_allowed_by_the_rights_we_ask_for(lab: Lab) -> None:
    assert may_send(rights_with(lab, VERBS_WRITE)) == sorted(PBX_ACTIONS)


@pytest.mark.parametrize("right", ["command", "config", "system", "agi", "originate"])
def test_a_dangerous_right_is_told_as_too_much(lab: Lab, right: str) -> None:
    rights = rights_with(lab, f"{LEAST_WRITE},{right}")
    assert excessive(rights, LEAST_WRITE.split(",")) == (right,)
    (sentence,) = write_sentences(rights, LEAST_WRITE.split(","))
    assert f"(write={right})" in sentence


def test_a_user_with_every_right_is_told_of_each_dangerous_one(lab: Lab) -> None:
    assert excessive(rights_with(lab, "all")) == ("command", "config", "system", "agi", "originate")


def test_rights_that_allow_nothing_dangerous_are_passed_over(lab: Lab) -> None:
    harmless = "log,verbose,dtmf,cdr,dialplan,cc,security,agent,user,message,aoc,call"
    assert excessive(rights_with(lab, f"{LEAST_WRITE},{harmless}")) == ()


@pytest.mark.parametrize("taken", ["system", "call", "agent"])
def test_each_event_comes_with_one_read_right_and_without_it_does_not(lab: Lab, taken: str) -> None:
    every = LEAST_READ.split(",")
    assert set(every) == set(BRINGS)
    # Not more than `taken` needs: each story takes seconds of people's time.
    stories = {"system": (), "agent": ("queue_local_answered",), "call": STORIES_WITH_ALL}[taken]
    with (
        user_with(lab, read=taken, write="none") as only,
        user_with(lab, read=without(LEAST_READ, taken), write="none") as lacking,
    ):
        for name in stories:
            STORIES[name](lab)
            lab.quiet()
        only.action("Ping")
        lacking.action("Ping")
        heard, heard_lacking = ({message.event for message in wire.messages} for wire in (only, lacking))
    assert set(BRINGS[taken]) <= heard
    assert not set(BRINGS[taken]) & heard_lacking
    assert f"add `{taken}` to `read`" in read_sentence(taken)


@pytest.mark.parametrize(("read", "booted"), [(LEAST_READ, True), ("call,agent", False)])
def test_the_client_notices_whether_it_may_read_system(lab: Lab, read: str, booted: bool) -> None:
    async def story() -> None:
        async with linked(lab, read=read, write="none") as client:
            await asyncio.to_thread(wait_until, lambda: client.state().booted is not None, "a verdict")
            assert client.state().booted is booted

    run(story())


def test_lists_of_the_real_pbx_say_how_many_items_they_have(lab: Lab) -> None:
    async def story() -> None:
        async with linked(lab, read="none", write="reporting") as client:
            channels = await client.list_action("CoreShowChannels", {}, "CoreShowChannelsComplete")
            queues = await client.list_action("QueueStatus", {}, "QueueStatusComplete")
            assert whole(channels) >= 2
            kinds = [str(row["Event"]) for row in queues]
            assert whole(queues) == sum(map(kinds.count, ("QueueParams", "QueueMember", "QueueEntry")))
            assert kinds.count("QueueEntry") == 1

    lab.trunk.call(lab.did_queue, from_number="+442079460123")
    lab.phones["1001"].wait_state("ringing")
    run(story())


def whole(answer: ListReply) -> int:
    assert answer.complete and answer.items == len(answer)
    return len(answer)


def test_without_any_write_right_the_pbx_still_answers_pings_queues_and_the_question_for_rights(lab: Lab) -> None:
    with user_with(lab, read="none", write="none") as wire:
        assert wire.listing("QueueStatus", "QueueStatusComplete")
        assert not refused(wire, "Ping", {}) and not refused(wire, "ListCommands", {})
        assert core_show_channels(wire)


# --- why some rights are dangerous ------------------------------------------------------------------------------------


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """A file that only a program run by the PBX can make."""
    return tmp_path / "made-by-the-pbx"


@contextlib.contextmanager
def intruder(lab: Lab, write: str) -> Iterator[AmiWire]:
    with user_with(lab, read="none", write=write) as wire:
        yield wire


def run_dialplan(lab: Lab, context: str, proof: Path) -> None:
    """Anybody who can be dialled there does: here the referee."""
    with lab.truth() as wire:
        wire.action("Originate", Channel=f"Local/1@{context}", Application="Wait", Data="1", Async="true")
        wait_until(proof.exists, "the PBX to run a program")


def test_with_system_one_can_have_the_pbx_run_programs_and_read_its_passwords(lab: Lab, proof: Path) -> None:
    with intruder(lab, "system") as wire:
        evil = {"Application": "System", "ApplicationData": f"touch {proof}"}
        line = {"Context": "evil", "Extension": "1", "Priority": "1"}
        wire.action("DialplanExtensionAdd", timeout_seconds=5, **line, **evil)
        assert lab.truth_secret in str(wire.action("GetConfig", Filename="manager.conf").headers)
    run_dialplan(lab, "evil", proof)


@pytest.fixture
def settings_restored(lab: Lab) -> Iterator[None]:
    """manager.conf as it was: the PBX rewrites it in its own way."""
    path = lab.server.settings.run_folder / "etc/manager.conf"
    before = path.read_text()
    yield
    path.write_text(before)
    with lab.truth() as wire:
        wire.command("manager reload")


@pytest.mark.usefixtures("settings_restored")
def test_with_config_one_can_make_oneself_a_user_with_every_right(lab: Lab) -> None:
    lines = [("NewCat", "", ""), ("Append", "secret", SECRET), ("Append", "write", "all"), ("Append", "read", "all")]
    change = {"SrcFilename": "manager.conf", "DstFilename": "manager.conf", "Reload": "yes"}
    for number, (deed, name, value) in enumerate(lines):
        change |= {f"Action-{number:06}": deed, f"Cat-{number:06}": "intruder"}
        change |= {f"Var-{number:06}": name, f"Value-{number:06}": value} if name else {}
    with intruder(lab, "config") as wire:
        wire.action("UpdateConfig", timeout_seconds=5, **change)

    def in_power() -> bool:
        try:
            with AmiWire(lab.ami_host, lab.ami_port, "intruder", SECRET) as wire:
                return not refused(wire, "Command", {"Command": "core show uptime"})
        except PermissionError:
            return False

    wait_until(in_power, "the new user to be let in")


def test_with_agi_one_can_run_programs_from_a_call_that_agi_controls(lab: Lab, proof: Path) -> None:
    with lab.truth() as truth, intruder(lab, "agi") as wire:
        phone = lab.phones["1001"]
        truth.action("Originate", Channel=phone.endpoint, Application="AGI", Data="agi:async", Async="true")
        phone.wait_state("ringing")
        phone.answer()
        channel = truth.wait(lambda message: message.event == "AsyncAGIStart", "AsyncAGIStart").get("Channel")
        wire.action("AGI", Channel=channel, Command=f"EXEC System touch\\ {proof}")
        wait_until(proof.exists, "the PBX to run a program")


def test_with_originate_one_can_call_the_world(lab: Lab) -> None:
    with intruder(lab, "originate") as wire:
        wire.action("Originate", Channel="Local/+442079460456@internal", Application="Wait", Data="5", Async="true")
        lab.trunk.wait_state("ringing")


def test_even_the_least_rights_can_read_the_passwords_of_the_pbx(lab: Lab) -> None:
    """So the secret of our user must be kept like those: said in deploy/asterisk/manager.conf."""
    with intruder(lab, LEAST_WRITE) as wire:
        found = wire.action("Getvar", Variable=f"AST_CONFIG(manager.conf,{lab.truth_username},secret)")
        assert found.get("Value") == lab.truth_secret

"""The rights of the product's AMI user: each is needed, and none is missing for what the product does."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.pbx.ami_wire import AmiWire
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

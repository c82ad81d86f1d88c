"""The driver's answering, dialling, holding and hanging up on real SIP phones at the real PBX.

The phones have a face like a GRP26xx by the guide; what came of each deed is asked of the PBX, not of the phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import KeyPlan, LineWord, PhoneAddress, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason
from phones.drivers.registry import open_driver
from tests.pbx.children import wait_until
from tests.pbx.test_calls import LONDON, LONDON_OFFICE, channels, wait_talking
from tests.support.lab import Lab, LabPhone
from tests.support.table import print_table

TOLD: list[tuple[str, str, str]] = []
HEAD = ("deed", "situation", "what the PBX saw, or why nothing was sent")


@pytest.fixture(scope="module", autouse=True)
def told_at_the_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """The table is printed past pytest's capture: it is a result, and it is made of what the tests saw."""
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print_table(HEAD, TOLD)


def driver_of(phone: LabPhone, passcode: str | None = None) -> PhoneDriver:
    return open_driver(
        "grandstream",
        PhoneAddress("http", phone.cti_host, phone.cti_port),
        Secret(phone.passcode if passcode is None else passcode),
        policy=AddressPolicy(["127.0.0.0/8"], allowed_ports=None),
    )


@pytest.fixture
def desk(lab: Lab) -> PhoneDriver:
    return driver_of(lab.phones["1001"])


def why(deed: Callable[[], object]) -> Reason:
    with pytest.raises(PhoneError) as caught:
        deed()
    assert isinstance(caught.value, (NothingSent, CredentialRefused))
    return caught.value.reason


def ring(lab: Lab) -> None:
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    lab.phones["1001"].wait_state("ringing")


def talk(lab: Lab, desk: PhoneDriver) -> None:
    ring(lab)
    desk.accept_call()
    lab.phones["1001"].wait_state("connected")


def wait_gone(lab: Lab) -> None:
    with lab.truth() as truth:
        wait_until(lambda: not channels(truth), "no channel left at the PBX")


def test_the_lines_are_read_as_they_are(lab: Lab, desk: PhoneDriver) -> None:
    assert {line.state for line in desk.line_status()} == {LineWord.IDLE}
    ring(lab)
    first = desk.line_status()[0]
    assert (first.state, first.remote_number, first.remote_name) == (LineWord.RINGING, LONDON, "Ada Smith")
    assert desk.phone_status().state == "ringing"
    assert [account.registered for account in desk.accounts()] == [True]
    TOLD.append(("line status, phone status, accounts", "ringing", "as the SIP phone shows them"))


def test_accept_answers_the_ringing_call(lab: Lab, desk: PhoneDriver) -> None:
    ring(lab)
    desk.accept_call()
    with lab.truth() as truth:
        wait_talking(truth, "PJSIP/1001", "PJSIP/trunk")
    TOLD.append(("acceptcall", "ringing", "PJSIP/1001 and PJSIP/trunk talk"))


def test_reject_ends_the_call_for_the_caller(lab: Lab, desk: PhoneDriver) -> None:
    ring(lab)
    desk.reject_call(lines=desk.line_status())
    lab.trunk.wait_state("idle")
    wait_gone(lab)
    TOLD.append(("rejectcall", "ringing", "no channel left"))


def test_a_call_is_dialled_and_taken_back_while_it_rings(lab: Lab, desk: PhoneDriver) -> None:
    desk.make_call(LONDON_OFFICE, account=1)
    lab.trunk.wait_state("ringing")
    assert lab.trunk.lines()[0]["dialled"] == LONDON_OFFICE
    assert why(lambda: desk.hold_call(lines=desk.line_status())) is Reason.NOTHING_TO_HOLD
    desk.cancel_call(lines=desk.line_status())
    lab.trunk.wait_state("idle")
    wait_gone(lab)
    TOLD.append(("make_call", "idle", f"INVITE to {LONDON_OFFICE}"))
    TOLD.append(("cancel", "calling", "no channel left"))


def test_a_call_is_held_taken_back_and_ended(lab: Lab, desk: PhoneDriver) -> None:
    talk(lab, desk)
    with lab.truth() as truth:
        desk.hold_call(lines=desk.line_status())
        truth.wait(lambda message: message.event == "Hold", "Hold")
        assert why(lambda: desk.hold_call(lines=desk.line_status())) is Reason.NOTHING_TO_HOLD
        desk.resume_call(lines=desk.line_status())
        truth.wait(lambda message: message.event == "Unhold", "Unhold")
    assert why(lambda: desk.resume_call(lines=desk.line_status())) is Reason.NOTHING_TO_RESUME
    desk.end_call(lines=desk.line_status())
    lab.trunk.wait_state("idle")
    wait_gone(lab)
    TOLD.append(("holdcall", "connected", "Hold"))
    TOLD.append(("holdcall again", "on hold", "Unhold"))
    TOLD.append(("endcall", "connected", "no channel left"))


def test_digits_in_a_call_are_heard_by_the_caller(lab: Lab, desk: PhoneDriver) -> None:
    talk(lab, desk)
    desk.send_keys(["1", "*", "#"], lines=desk.line_status(), plan=KeyPlan())
    wait_until(lambda: lab.trunk.lines()[0]["digits_heard"] == "1*#", "the caller heard 1*#")
    TOLD.append(("keys 1:*:#", "connected", "the caller heard 1*#"))


def test_a_number_typed_and_sent_is_dialled(lab: Lab, desk: PhoneDriver) -> None:
    desk.send_keys([*"1002", "SEND"], lines=desk.line_status(), plan=KeyPlan())
    lab.phones["1002"].wait_state("ringing")
    TOLD.append(("keys 1:0:0:2:SEND", "idle", "phone 1002 rings"))


KEYS = [
    ("HOLD", "connected", "onhold"),
    ("LINE1", "ringing", "connected"),
    ("OFFHOOK", "ringing", "connected"),
    ("ONHOOK", "ringing", "idle"),
]


@pytest.mark.parametrize(("key", "before", "after"), KEYS)
def test_a_key_does_on_a_real_call_what_its_name_says(
    lab: Lab, desk: PhoneDriver, key: str, before: str, after: str
) -> None:
    (talk if before == "connected" else lambda lab, _: ring(lab))(lab, desk)
    desk.send_keys([key], lines=desk.line_status(), plan=KeyPlan())
    lab.phones["1001"].wait_state(after)
    TOLD.append((f"key {key}", before, after))


NOT_NOW: list[tuple[str, str, Callable[[PhoneDriver], object], Reason]] = [
    ("endcall", "idle", lambda desk: desk.end_call(lines=desk.line_status()), Reason.NOTHING_TO_END),
    ("holdcall", "idle", lambda desk: desk.hold_call(lines=desk.line_status()), Reason.NOTHING_TO_HOLD),
    ("rejectcall", "idle", lambda desk: desk.reject_call(lines=desk.line_status()), Reason.NOTHING_RINGS),
    ("cancel", "ringing", lambda desk: desk.cancel_call(lines=desk.line_status()), Reason.SOMETHING_RINGS),
    ("endcall", "ringing", lambda desk: desk.end_call(lines=desk.line_status()), Reason.NOTHING_TO_END),
    ("REBOOT", "connected", lambda desk: desk.reboot(lines=desk.line_status()), Reason.IN_A_CALL),
    ("LOCK", "connected", lambda desk: desk.lock_keypad(lines=desk.line_status()), Reason.IN_A_CALL),
    (
        "MUTE", "idle", lambda desk: desk.send_keys(["MUTE"], lines=desk.line_status(), plan=KeyPlan()),
        Reason.MUTE_KEY_UNKNOWN,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("deed", "situation", "ask", "reason"), NOT_NOW, ids=[f"{row[0]}-{row[1]}" for row in NOT_NOW])
def test_what_would_do_something_else_now_never_reaches_the_phone(
    lab: Lab, desk: PhoneDriver, deed: str, situation: str, ask: Callable[[PhoneDriver], object], reason: Reason
) -> None:
    if situation == "ringing":
        ring(lab)
    if situation == "connected":
        talk(lab, desk)
    phone = lab.phones["1001"]
    phone.forget()
    assert why(lambda: ask(desk)) is reason
    assert [entry["path"] for entry in phone.journal()] == ["/cgi-bin/api-get_line_status"]
    assert phone.state() == situation
    TOLD.append((deed, situation, f"not sent: {reason.value}"))


def test_a_wrong_passcode_is_tried_once_and_the_call_rings_on(lab: Lab) -> None:
    ring(lab)
    phone = lab.phones["1001"]
    phone.forget()
    assert why(driver_of(phone, passcode="wrong").accept_call) is Reason.UNAUTHORIZED
    assert len(phone.journal()) == 1
    assert phone.state() == "ringing"
    TOLD.append(("acceptcall", "wrong passcode", "one request, the call rings on"))

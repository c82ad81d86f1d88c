"""From a click in the browser to the real SIP phone, the real PBX and back to the screen: every verb of a call.

Nothing is pretended but the desk phone's CTI face, which is ours: web process, worker and listener are the product's
own, with a real PostgreSQL and Valkey. What came of a press is asked of the PBX and of both phones.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import expect
from pytest_django import DjangoDbBlocker

from crmconnector.calls.models import CallCommand, CommandKind, PathPolicy
from tests.pbx.ami_wire import AmiWire
from tests.pbx.children import wait_until
from tests.pbx.test_verbs_by_pbx import ANNA, BEN, TRUNK, in_one_bridge
from tests.support.lab import Lab
from tests.support.lab_desk import CALLER, CUSTOMER, WRITTEN, LabDesk, calibrated, opened_lab_desk
from tests.support.table import print_table

pytestmark = pytest.mark.browser
HEAD = ("command", "by", "end", "ms", "told by", "on what proof")


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """As pytest-django's, but emptied once, after the last of these tests: the product's processes work on it."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)
        connections.close_all()


@pytest.fixture(scope="module")
def opened(
    lab: Lab, transactional_db: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[LabDesk]:
    """One browser and one set of the product's processes for all these tests: they take their time to start.

    At the end a table is printed past pytest's capture: how every command came to its end.
    """
    with opened_lab_desk(lab, tmp_path_factory.mktemp("lab-desk")) as desk:
        yield desk
        desk.note()
        connections.close_all()  # beside the browser's event loop one has a connection of one's own
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print_table(HEAD, desk.told)


@pytest.fixture
def desk(opened: LabDesk) -> Iterator[LabDesk]:
    opened.fresh()
    opened.open()
    yield opened
    connections.close_all()


@pytest.fixture
def truth(lab: Lab) -> Iterator[AmiWire]:
    with lab.truth() as wire:
        yield wire


def proved_by(command: CallCommand) -> str:
    """Who wrote that it happened: the listener from an event of the PBX, or a worker from its list or its reply."""
    return command.changes.get(state="confirmed").by


def answered_on_the_page(desk: LabDesk, truth: AmiWire) -> None:
    """A caller rings at Anna's phone and her press on Answer takes the call."""
    desk.lab.trunk.call(desk.lab.did_direct, from_number=CALLER, from_name="Ada Smith")
    desk.see("ringing")
    desk.press("Answer")
    desk.ended(CommandKind.ANSWER)
    desk.see("talking")
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "Anna and the caller to hear each other")


def dials(desk: LabDesk) -> list[dict[str, object]]:
    """What the phone's journal has of numbers that it was told to dial."""
    return [row for row in desk.lab.phones["1001"].journal() if row["path"].endswith("api-make_call")]


def keys_pressed(desk: LabDesk) -> list[str]:
    journal = desk.lab.phones["1001"].journal()
    return [row["parameters"]["keys"] for row in journal if row["path"].endswith("api-send_key")]


def test_a_press_on_a_contact_dials_on_the_desk_phone_and_the_screen_says_so_when_it_is_proved(
    desk: LabDesk, truth: AmiWire
) -> None:
    page, phone, far = desk.page, desk.lab.phones["1001"], desk.lab.trunk
    page.goto(f"{desk.seen.address}/contacts/{desk.customer.pk}")
    page.get_by_role("button", name=f"Call {WRITTEN}").click()
    far.wait_state("ringing")
    assert phone.state() == "calling" and far.lines()[0]["dialled"] == CUSTOMER
    command = desk.ended(CommandKind.MAKE_CALL)
    assert (command.path, proved_by(command)) == ("phone", "listener")
    expect(page.locator("#dialled")).to_contain_text("The PBX confirmed it at")
    desk.shot("dialled")
    desk.open()
    desk.see("dialling")
    desk.shot("dialling")
    far.answer()
    desk.see("talking")
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "both to hear each other")
    desk.shot("talking")
    assert len(dials(desk)) == 1 and desk.seen.problems == []


def test_hold_tones_mute_and_hang_up_are_true_on_both_phones(desk: LabDesk, truth: AmiWire) -> None:
    phone, far = desk.lab.phones["1001"], desk.lab.trunk
    answered_on_the_page(desk, truth)
    desk.press("Hold")
    assert proved_by(desk.ended(CommandKind.HOLD)) == "listener"
    desk.says("On hold. The PBX confirmed it at")
    desk.see("held")
    assert phone.state() == "onhold"
    desk.shot("held")
    desk.press("Resume")
    assert proved_by(desk.ended(CommandKind.RESUME)) == "listener"
    desk.says("Resumed: you hear each other.")
    desk.see("talking")
    assert phone.state() == "connected" and in_one_bridge(truth, ANNA, TRUNK)
    desk.press("Keypad")
    desk.page.keyboard.type("12#")
    wait_until(lambda: far.lines()[0]["digits_heard"] == "12#", "the tones at the far end")
    desk.ended(CommandKind.DTMF)
    desk.says("Tones sent.")
    desk.shot("tones")
    desk.page.keyboard.press("Escape")
    desk.press("Mute")
    desk.ended(CommandKind.MUTE)
    desk.says("Muted.")
    desk.shot("muted")
    desk.press("Unmute")
    desk.ended(CommandKind.UNMUTE)
    desk.says("Not muted any more.")
    desk.press("Hang up")
    assert proved_by(desk.ended(CommandKind.HANG_UP)) == "listener"
    desk.see("closed")
    desk.says("Hung up.")
    phone.wait_state("idle")
    far.wait_state("idle")
    desk.shot("hung-up")
    assert desk.seen.problems == []


def test_a_caller_is_handed_over_without_asking(desk: LabDesk, truth: AmiWire) -> None:
    answered_on_the_page(desk, truth)
    desk.aim("1002", "Send without asking")
    ben = desk.lab.phones["1002"]
    ben.wait_state("ringing")
    command = desk.ended(CommandKind.BLIND_TRANSFER)
    assert (command.path, proved_by(command)) == ("pbx", "listener")
    desk.lab.phones["1001"].wait_state("idle")
    assert ben.lines()[0]["remote_number"] == CALLER
    ben.answer()
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")
    desk.see("closed")
    desk.says("Transferred to")
    desk.shot("sent-without-asking")
    assert desk.seen.problems == []


def asking_ben(desk: LabDesk, truth: AmiWire) -> None:
    """The caller waits, Ben has picked up and talks with Anna."""
    answered_on_the_page(desk, truth)
    desk.aim("1002", "Ask first")
    ben = desk.lab.phones["1002"]
    ben.wait_state("ringing")
    desk.ended(CommandKind.ATTENDED_START)
    expect(desk.page.locator(".consult")).to_contain_text("Ben Okafor")
    ben.answer()
    expect(desk.page.locator(".consult")).to_contain_text("talks with you and cannot hear the caller")


def test_a_colleague_is_asked_first_and_gets_the_caller(desk: LabDesk, truth: AmiWire) -> None:
    asking_ben(desk, truth)
    desk.shot("asking")
    assert not in_one_bridge(truth, ANNA, TRUNK)
    desk.press("Put them together")
    assert proved_by(desk.ended(CommandKind.ATTENDED_COMPLETE)) == "listener"
    desk.lab.phones["1001"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")
    desk.see("closed")
    desk.says("Both hear each other.")
    desk.shot("put-together")
    assert desk.seen.problems == []


def test_a_colleague_is_asked_and_one_goes_back_to_the_caller(desk: LabDesk, truth: AmiWire) -> None:
    asking_ben(desk, truth)
    desk.press("Back to caller")
    desk.ended(CommandKind.ATTENDED_CANCEL)
    desk.lab.phones["1002"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "Anna and the caller to hear each other")
    desk.see("talking")
    desk.says("You are back with the caller.")
    desk.shot("back")
    assert desk.lab.phones["1001"].state() == "connected" and desk.seen.problems == []


def test_all_three_talk(desk: LabDesk, truth: AmiWire) -> None:
    asking_ben(desk, truth)
    desk.press("All three")
    desk.ended(CommandKind.CONFERENCE)
    wait_until(lambda: in_one_bridge(truth, ANNA, BEN, TRUNK), "all three in one bridge")
    desk.says("All three hear each other.")
    desk.see("talking")
    desk.shot("all-three")
    desk.press("Hang up")
    desk.ended(CommandKind.HANG_UP)
    desk.lab.phones["1001"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "the two others to go on")
    assert desk.seen.problems == []


def test_a_call_is_rejected_and_the_group_rings_on(desk: LabDesk, truth: AmiWire) -> None:
    lab = desk.lab
    lab.trunk.call(lab.did_group, from_number=CALLER)
    for extension in ("1001", "1002", "1003"):
        lab.phones[extension].wait_state("ringing")
    desk.see("ringing")
    desk.press("Reject")
    assert proved_by(desk.ended(CommandKind.REJECT)) == "listener"
    lab.phones["1001"].wait_state("idle")
    desk.see("closed")
    assert lab.phones["1002"].state() == lab.phones["1003"].state() == "ringing"
    desk.shot("rejected")
    assert desk.seen.problems == []


def test_a_caller_is_parked_and_taken_back_by_a_colleague(desk: LabDesk, truth: AmiWire) -> None:
    answered_on_the_page(desk, truth)
    since = len(truth.messages)
    desk.press("Transfer")
    desk.page.get_by_role("button", name="Park", exact=True).click()
    parked = truth.wait(lambda message: message.event == "ParkedCall", "ParkedCall", since=since)
    desk.ended(CommandKind.PARK)
    desk.lab.phones["1001"].wait_state("idle")
    desk.see("closed")
    desk.says("Parked.")
    desk.shot("parked")
    desk.lab.phones["1003"].call(parked.get("ParkingSpace"))
    wait_until(lambda: in_one_bridge(truth, "PJSIP/1003", TRUNK), "the caller to be taken back")
    assert desk.seen.problems == []


def test_do_not_disturb_is_switched_on_and_off_in_the_pbx(desk: LabDesk, truth: AmiWire) -> None:
    switch = desk.page.locator(".disturb").get_by_role("button", name="Do not disturb")
    switch.click()
    desk.ended(CommandKind.DND_ON)
    assert "/DND/1001" in truth.command("database show DND")
    expect(switch).to_have_attribute("aria-pressed", "true")
    desk.shot("do-not-disturb")
    switch.click()
    desk.ended(CommandKind.DND_OFF)
    assert "/DND/1001" not in truth.command("database show DND")
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert desk.seen.problems == []


def test_when_the_phones_web_server_is_gone_the_pbx_calls_and_it_is_dialled_once(desk: LabDesk, truth: AmiWire) -> None:
    page, phone, far = desk.page, desk.lab.phones["1001"], desk.lab.trunk
    PathPolicy.objects.create(phone=desk.phones["1001"], kind=CommandKind.MAKE_CALL, path="phone", fall_back=True)
    phone.shut_cti()
    page.goto(f"{desk.seen.address}/contacts/{desk.customer.pk}")
    page.get_by_role("button", name=f"Call {WRITTEN}").click()
    phone.wait_state("ringing")
    expect(page.locator("#dialled")).to_contain_text("the PBX is calling you")
    desk.shot("the-pbx-calls")
    desk.ended(CommandKind.MAKE_CALL, path="pbx")
    assert not far.lines()
    phone.answer()
    far.wait_state("ringing")
    far.answer()
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "both to hear each other")
    desk.open()
    desk.see("talking")
    desk.shot("the-pbx-called")
    assert far.lines()[0]["dialled"] == CUSTOMER and len(far.lines()) == 1 and not dials(desk)
    assert desk.seen.problems == []


@pytest.fixture
def by_keys(desk: LabDesk) -> LabDesk:
    """Anna's kind of phone was calibrated, and transfers go by its keys."""
    calibrated(desk.phones["1001"])
    for kind in ("blind_transfer", "attended_start", "attended_complete", "attended_cancel", "conference"):
        PathPolicy.objects.create(phone=desk.phones["1001"], kind=kind, path="phone")
    return desk


def test_a_caller_is_handed_over_by_the_phones_own_keys(by_keys: LabDesk, truth: AmiWire) -> None:
    desk = by_keys
    answered_on_the_page(desk, truth)
    desk.aim("1002", "Send without asking")
    desk.lab.phones["1002"].wait_state("ringing")
    desk.lab.phones["1002"].answer()
    command = desk.ended(CommandKind.BLIND_TRANSFER)
    assert (command.path, proved_by(command)) == ("phone", "listener")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")
    desk.lab.phones["1001"].wait_state("idle")
    desk.see("closed")
    desk.says("Transferred to")
    desk.shot("keys-sent")
    assert keys_pressed(desk) == ["XFER", "1:0:0:2:SEND"]


def test_a_colleague_is_asked_and_gets_the_caller_by_the_phones_own_keys(by_keys: LabDesk, truth: AmiWire) -> None:
    desk = by_keys
    asking_ben(desk, truth)
    desk.shot("keys-asking")
    assert {line["state"] for line in desk.lab.phones["1001"].lines()} == {"onhold", "connected"}
    desk.press("Put them together")
    command = desk.ended(CommandKind.ATTENDED_COMPLETE)
    assert (command.path, proved_by(command)) == ("phone", "listener")
    desk.lab.phones["1001"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")
    desk.says("Both hear each other.")
    expect(desk.page.locator(".consult")).to_have_count(0)
    desk.shot("keys-together")
    assert desk.seen.problems == []


def test_one_goes_back_to_the_caller_by_the_phones_own_keys(by_keys: LabDesk, truth: AmiWire) -> None:
    desk = by_keys
    asking_ben(desk, truth)
    desk.press("Back to caller")
    command = desk.ended(CommandKind.ATTENDED_CANCEL)
    assert (command.path, proved_by(command)) == ("phone", "listener")
    desk.lab.phones["1002"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "Anna and the caller to hear each other")
    assert [line["state"] for line in desk.lab.phones["1001"].lines()] == ["connected"]
    desk.says("You are back with the caller.")
    desk.shot("keys-back")
    assert desk.seen.problems == []


def test_all_three_talk_by_the_phones_own_keys(by_keys: LabDesk, truth: AmiWire) -> None:
    desk = by_keys
    asking_ben(desk, truth)
    desk.press("All three")
    command = desk.ended(CommandKind.CONFERENCE)
    assert (command.path, proved_by(command)) == ("phone", "listener")
    assert [line["state"] for line in desk.lab.phones["1001"].lines()] == ["connected", "connected"]
    desk.says("All three hear each other.")
    desk.see("talking", 2)
    desk.shot("keys-all-three")
    assert desk.seen.problems == []

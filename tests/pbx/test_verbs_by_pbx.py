"""Each verb by the PBX, tried on a real Asterisk with real SIP phones: what the phones show and what the PBX knows."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.models import Call, CallCommand, CommandKind, CommandPath, CommandState, Leg
from crmconnector.calls.services import Outcome, grant_command
from crmconnector.calls.tracker import CallTracker
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.users.models import User
from phones.models import Phone, SipAccount
from phones.services import assign_phone
from tasks.pbx_deeds import by_pbx
from tasks.pbx_link import close_links
from tests.pbx.ami_wire import AmiWire, Message
from tests.pbx.children import wait_until
from tests.pbx.test_calls import LONDON, LONDON_OFFICE, channels, connected_with_london, talking, wait_talking
from tests.support.lab import Lab

pytestmark = pytest.mark.django_db
BERLIN = "+493023125199"
ANNA, BEN, TRUNK = "PJSIP/1001", "PJSIP/1002", "PJSIP/trunk"
_keys = (f"press-{number}" for number in itertools.count())


@dataclass
class Desk:
    """Anna's desk: rows for her, her phone 1001 and the lab's PBX, and a finger on the verbs."""

    lab: Lab
    pbx: Pbx
    user: User
    phone: Phone
    call: Call

    def end_of(self, uniqueid: str, state: str = "talking") -> Leg:
        """A row for her end of a call."""
        return Leg.objects.get_or_create(
            pbx=self.pbx, uniqueid=uniqueid,
            defaults={"call": self.call, "endpoint": ANNA, "phone": self.phone, "user": self.user, "state": state},
        )[0]  # fmt: skip

    def press(self, kind: CommandKind, leg: Leg | None = None, **what: Any) -> Outcome:
        """Ask, grant, carry out by the PBX: as a worker does."""
        now = utc_now()
        command = CallCommand.objects.create(
            kind=kind, user=self.user, idempotency_key=next(_keys), phone=self.phone, pbx=self.pbx, endpoint=ANNA,
            leg=leg, path=CommandPath.PBX, requested_at=now, not_after=now + timedelta(seconds=30), **what,
        )  # fmt: skip
        grant = grant_command(command_id=command.pk, now=utc_now())
        assert grant is not None, CallCommand.objects.get(pk=command.pk).sentence
        return by_pbx(grant)


@pytest.fixture
def desk(lab: Lab, db: None) -> Iterator[Desk]:
    now = utc_now()
    pbx = Pbx.objects.create(
        name="Lab", host=lab.ami_host, port=lab.ami_port, username=lab.ami_username, secret=lab.ami_secret,
        country="DE", inside_context="internal", snippet_context="crmconnector",
    )  # fmt: skip
    PbxLink.objects.create(pbx=pbx, state=PbxLink.State.CONNECTED, heard_at=now)
    user = User.objects.create_user("anna", password="correct horse battery", full_name="Anna Berg")
    phone = Phone.objects.create(name="1001", model="GRP2614", address="127.0.0.1", port=9, passcode="never-used")
    SipAccount.objects.create(phone=phone, pbx=pbx, extension="1001", endpoint=ANNA)
    assign_phone(phone=phone, user_id=user.pk, from_at=now - timedelta(hours=1))
    call = Call.objects.create(pbx=pbx, linkedid=f"lab-{uuid.uuid4()}", started_at=now)
    yield Desk(lab, pbx, user, phone, call)
    close_links()


@pytest.fixture
def truth(lab: Lab) -> Iterator[AmiWire]:
    with lab.truth() as wire:
        yield wire


def of(wire: AmiWire, endpoint: str) -> list[Message]:
    return [channel for channel in channels(wire) if channel.get("Channel").startswith(f"{endpoint}-")]


def uniqueid(wire: AmiWire, endpoint: str = ANNA) -> str:
    (channel,) = of(wire, endpoint)
    return channel.get("Uniqueid")


def in_one_bridge(wire: AmiWire, *endpoints: str) -> bool:
    bridges = {channel.get("BridgeId") for endpoint in endpoints for channel in of(wire, endpoint)}
    return len(bridges) == 1 and "" not in bridges and all(of(wire, endpoint) for endpoint in endpoints)


def asking_ben(desk: Desk, truth: AmiWire) -> Leg:
    """Anna talks with London, and asks Ben first; he has picked up."""
    connected_with_london(desk.lab)
    leg = desk.end_of(uniqueid(truth))
    assert desk.press(CommandKind.ATTENDED_START, leg, dial_string="1002").state == CommandState.SENT
    ben = desk.lab.phones["1002"]
    ben.wait_state("ringing")
    ben.answer()
    ben.wait_state("connected")
    wait_until(lambda: any(c.get("BridgeId") for c in of(truth, BEN)), "Ben to be in the consultation")
    return leg


def with_two_calls(desk: Desk, truth: AmiWire) -> tuple[Leg, Leg]:
    """London on hold on line 1 of Anna's phone, Ben connected on line 2: (her end of the first, of the second)."""
    phone = connected_with_london(desk.lab)
    first = uniqueid(truth)
    phone.call("1002")
    ben = desk.lab.phones["1002"]
    ben.wait_state("ringing")
    ben.answer()
    wait_until(lambda: talking(truth) >= {ANNA, BEN}, "Ben to talk with Anna")
    (second,) = {channel.get("Uniqueid") for channel in of(truth, ANNA)} - {first}
    return desk.end_of(first, "held"), desk.end_of(second)


def test_hang_up_ends_the_call_on_both_phones(desk: Desk, truth: AmiWire) -> None:
    phone = connected_with_london(desk.lab)
    assert desk.press(CommandKind.HANG_UP, desk.end_of(uniqueid(truth))).state == CommandState.SENT
    phone.wait_state("idle")
    desk.lab.trunk.wait_state("idle")
    wait_until(lambda: not channels(truth), "no channel left")


def test_hang_up_of_a_call_that_is_over_is_refused_and_ends_no_other(desk: Desk, truth: AmiWire) -> None:
    phone = connected_with_london(desk.lab)
    outcome = desk.press(CommandKind.HANG_UP, desk.end_of("1700000000.1"))
    assert (outcome.state, outcome.reason_code) == (CommandState.REFUSED, "gone")
    assert phone.state() == "connected"
    wait_talking(truth, ANNA, TRUNK)


def test_reject_stops_this_phone_alone_and_the_group_rings_on(desk: Desk, truth: AmiWire) -> None:
    desk.lab.trunk.call(desk.lab.did_group, from_number=LONDON)
    for extension in ("1001", "1002", "1003"):
        desk.lab.phones[extension].wait_state("ringing")
    outcome = desk.press(CommandKind.REJECT, desk.end_of(uniqueid(truth), "ringing"))
    assert outcome.state == CommandState.SENT
    desk.lab.phones["1001"].wait_state("idle")
    assert desk.lab.phones["1002"].state() == desk.lab.phones["1003"].state() == "ringing"


def test_a_blind_transfer_connects_the_caller_with_the_third(desk: Desk, truth: AmiWire) -> None:
    phone = connected_with_london(desk.lab)
    leg = desk.end_of(uniqueid(truth))
    assert desk.press(CommandKind.BLIND_TRANSFER, leg, dial_string="1002").state == CommandState.SENT
    ben = desk.lab.phones["1002"]
    ben.wait_state("ringing")
    phone.wait_state("idle")
    assert ben.lines()[0]["remote_number"] == LONDON
    ben.answer()
    wait_talking(truth, BEN, TRUNK)


def test_a_blind_transfer_of_a_call_on_hold_works_too(desk: Desk, truth: AmiWire) -> None:
    phone = connected_with_london(desk.lab)
    phone.hold()
    phone.wait_state("onhold")
    leg = desk.end_of(uniqueid(truth), "held")
    assert desk.press(CommandKind.BLIND_TRANSFER, leg, dial_string="1002").state == CommandState.SENT
    desk.lab.phones["1002"].wait_state("ringing")
    phone.wait_state("idle")


def test_an_attended_transfer_rings_the_third_and_completing_puts_the_two_together(desk: Desk, truth: AmiWire) -> None:
    leg = asking_ben(desk, truth)
    assert {ANNA, BEN, TRUNK} <= talking(truth) and not in_one_bridge(truth, ANNA, TRUNK)
    assert desk.press(CommandKind.ATTENDED_COMPLETE, leg).state == CommandState.SENT
    desk.lab.phones["1001"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")


def test_an_attended_transfer_can_be_completed_while_it_still_rings(desk: Desk, truth: AmiWire) -> None:
    connected_with_london(desk.lab)
    leg = desk.end_of(uniqueid(truth))
    desk.press(CommandKind.ATTENDED_START, leg, dial_string="1002")
    desk.lab.phones["1002"].wait_state("ringing")
    assert desk.press(CommandKind.ATTENDED_COMPLETE, leg).state == CommandState.SENT
    desk.lab.phones["1001"].wait_state("idle")
    assert desk.lab.phones["1002"].state() == "ringing"
    desk.lab.phones["1002"].answer()
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")


def test_a_cancelled_attended_transfer_brings_the_caller_back(desk: Desk, truth: AmiWire) -> None:
    leg = asking_ben(desk, truth)
    assert desk.press(CommandKind.ATTENDED_CANCEL, leg).state == CommandState.SENT
    desk.lab.phones["1002"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, ANNA, TRUNK), "Anna and the caller to hear each other")
    assert desk.lab.phones["1001"].state() == "connected"


def test_an_attended_transfer_starts_from_a_call_that_the_phone_began(desk: Desk, truth: AmiWire) -> None:
    phone = desk.lab.phones["1001"]
    phone.call(LONDON_OFFICE)
    desk.lab.trunk.wait_state("ringing")
    desk.lab.trunk.answer()
    phone.wait_state("connected")
    leg = desk.end_of(uniqueid(truth))
    assert desk.press(CommandKind.ATTENDED_START, leg, dial_string="1002").state == CommandState.SENT
    desk.lab.phones["1002"].wait_state("ringing")
    assert desk.lab.trunk.lines()[0]["digits_heard"] == ""


def test_two_calls_on_one_phone_are_put_together(desk: Desk, truth: AmiWire) -> None:
    first, second = with_two_calls(desk, truth)
    assert desk.press(CommandKind.ATTENDED_COMPLETE, first, other_leg=second).state == CommandState.SENT
    desk.lab.phones["1001"].wait_state("idle")
    wait_until(lambda: in_one_bridge(truth, BEN, TRUNK), "Ben and the caller to hear each other")


def test_of_two_calls_on_one_phone_only_the_consultation_ends_by_cancelling(desk: Desk, truth: AmiWire) -> None:
    first, second = with_two_calls(desk, truth)
    assert desk.press(CommandKind.ATTENDED_CANCEL, first, other_leg=second).state == CommandState.SENT
    desk.lab.phones["1002"].wait_state("idle")
    assert desk.lab.phones["1001"].state() == "onhold" and uniqueid(truth) == first.uniqueid


@pytest.mark.parametrize("begun", ["by_pbx", "on_two_lines"])
def test_a_conference_lets_all_three_hear_each_other(desk: Desk, truth: AmiWire, begun: str) -> None:
    if begun == "by_pbx":
        leg, other = asking_ben(desk, truth), None
    else:
        leg, other = with_two_calls(desk, truth)
    outcome = desk.press(CommandKind.CONFERENCE, leg, other_leg=other)
    assert outcome.state == CommandState.SENT, outcome
    wait_until(lambda: in_one_bridge(truth, ANNA, BEN, TRUNK), "all three in one bridge")
    assert {c.get("Application") for c in channels(truth)} == {"ConfBridge"}
    wait_until(lambda: [line["state"] for line in desk.lab.phones["1001"].lines()] == ["connected"], "one line left")


def test_a_conference_without_a_third_is_refused_and_the_call_goes_on(desk: Desk, truth: AmiWire) -> None:
    connected_with_london(desk.lab)
    outcome = desk.press(CommandKind.CONFERENCE, desk.end_of(uniqueid(truth)))
    assert (outcome.state, outcome.reason_code) == (CommandState.REFUSED, "nobody_there")
    assert in_one_bridge(truth, ANNA, TRUNK)


def test_tones_are_heard_by_the_far_end_in_their_order_and_once(desk: Desk, truth: AmiWire) -> None:
    connected_with_london(desk.lab)
    outcome = desk.press(CommandKind.DTMF, desk.end_of(uniqueid(truth)), digits="##1122*0")
    assert outcome.state == CommandState.CONFIRMED and "8 tones" in outcome.evidence
    wait_until(lambda: desk.lab.trunk.lines()[0]["digits_heard"] == "##1122*0", "the tones at the far end")
    assert in_one_bridge(truth, ANNA, TRUNK) and desk.lab.phones["1001"].state() == "connected"


def test_mute_is_done_in_the_pbx_and_undone(desk: Desk, truth: AmiWire) -> None:
    phone = connected_with_london(desk.lab)
    leg = desk.end_of(uniqueid(truth))
    assert desk.press(CommandKind.MUTE, leg).state == CommandState.CONFIRMED
    assert desk.press(CommandKind.UNMUTE, leg).state == CommandState.CONFIRMED
    assert phone.state() == "connected" and in_one_bridge(truth, ANNA, TRUNK)


def test_parking_gives_the_caller_a_place_where_anybody_can_take_them_back(desk: Desk, truth: AmiWire) -> None:
    connected_with_london(desk.lab)
    since = len(truth.messages)
    assert desk.press(CommandKind.PARK, desk.end_of(uniqueid(truth))).state == CommandState.SENT
    parked = truth.wait(lambda message: message.event == "ParkedCall", "ParkedCall", since=since)
    assert parked.get("ParkeeChannel").startswith(f"{TRUNK}-")
    desk.lab.phones["1003"].call(parked.get("ParkingSpace"))
    wait_until(lambda: in_one_bridge(truth, "PJSIP/1003", TRUNK), "the caller to be taken back")


@pytest.mark.parametrize("snippet", ["crmconnector", ""], ids=["with_our_dialplan", "without"])
def test_the_pbx_calls_the_phone_first_and_then_dials_once(desk: Desk, truth: AmiWire, snippet: str) -> None:
    Pbx.objects.filter(pk=desk.pbx.pk).update(snippet_context=snippet)
    truth.command("pjsip set history on")
    since = len(truth.messages)
    phone = desk.lab.phones["1001"]
    outcome = desk.press(CommandKind.MAKE_CALL, far_number=BERLIN, dial_string=BERLIN)
    assert outcome.state == CommandState.SENT
    phone.wait_state("ringing")
    shown = phone.lines()[0]
    assert BERLIN in ((shown["remote_number"],) if snippet else (shown["remote_name"],))
    assert not desk.lab.trunk.lines()
    phone.answer()
    desk.lab.trunk.wait_state("ringing")
    assert desk.lab.trunk.lines()[0]["dialled"] == BERLIN
    response = truth.wait(lambda message: message.event == "OriginateResponse", "OriginateResponse", since=since)
    command = CallCommand.objects.get(kind=CommandKind.MAKE_CALL)
    assert (response.get("Response"), response.get("ActionID")) == ("Success", str(command.pk))
    assert "Call-Info: <sip:crmconnector.invalid>;answer-after=0" in history(truth)


def history(wire: AmiWire) -> str:
    """Every SIP message that the PBX sent and received since it was asked to remember."""
    count = sum("INVITE" in line for line in wire.command("pjsip show history").splitlines())
    return "\n".join(wire.command(f"pjsip show history entry {number:05}") for number in range(count * 4))


@pytest.mark.parametrize("snippet", ["crmconnector", ""], ids=["with_our_dialplan", "without"])
def test_a_colleague_who_is_called_by_the_pbx_sees_our_own_number(desk: Desk, snippet: str) -> None:
    Pbx.objects.filter(pk=desk.pbx.pk).update(snippet_context=snippet)
    desk.press(CommandKind.MAKE_CALL, far_number="1002", dial_string="1002")
    desk.lab.phones["1001"].wait_state("ringing")
    desk.lab.phones["1001"].answer()
    desk.lab.phones["1002"].wait_state("ringing")
    assert desk.lab.phones["1002"].lines()[0]["remote_number"] == "1001"


def test_do_not_disturb_is_a_note_in_the_pbx_and_neither_a_call_nor_a_ring(desk: Desk, truth: AmiWire) -> None:
    since = len(truth.messages)
    outcome = desk.press(CommandKind.DND_ON)
    assert outcome.state == CommandState.CONFIRMED, outcome
    assert "/DND/1001" in truth.command("database show DND")
    assert desk.press(CommandKind.DND_OFF).state == CommandState.CONFIRMED
    assert "/DND/1001" not in truth.command("database show DND")
    tracker = CallTracker(trunks=())
    events = [parse(message.headers, message.t) for message in truth.messages[since:] if message.event]
    facts = [fact for event in events if event is not None for fact in tracker.feed(event)]
    assert events and facts == []  # Local halves that ran our own dialplan: no call for the log
    assert not desk.lab.phones["1001"].timeline()


def test_without_the_right_the_verb_is_refused_and_nothing_happens(desk: Desk, truth: AmiWire) -> None:
    desk.lab.server.add_ami_user("only-lists", "only-for-this-test", read="none", write="reporting")
    desk.pbx.username, desk.pbx.secret = "only-lists", "only-for-this-test"
    desk.pbx.save()
    phone = connected_with_london(desk.lab)
    outcome = desk.press(CommandKind.HANG_UP, desk.end_of(uniqueid(truth)))
    assert (outcome.state, outcome.reason_code) == (CommandState.REFUSED, "pbx_forbids")
    assert phone.state() == "connected"

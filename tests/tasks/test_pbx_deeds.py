"""What a command by the PBX comes to: each deed sent once, each trouble told for what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, Leg
from crmconnector.calls.services import Grant, Outcome, grant_command, record_outcome
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx
from tasks.pbx_deeds import DEEDS, by_pbx
from tasks.pbx_link import close_links
from tasks.pbx_words import MAYBE, NOT
from tests.support.ami_thread import ami_in_thread, lists
from tests.support.fake_ami import SECRET, USERNAME, FakeAmi, Received, Session
from tests.support.office import RowOffice

OWN, FAR, ASKED = "1700000000.1", "1700000000.2", "1700000000.3"
TALKING = (
    {"Channel": "PJSIP/201-00000001", "Uniqueid": OWN, "Linkedid": OWN, "BridgeId": "a"},
    {"Channel": "PJSIP/trunk-00000002", "Uniqueid": FAR, "Linkedid": OWN, "BridgeId": "a"},
)
CONSULTING = (
    {**TALKING[0], "BridgeId": "b"},
    TALKING[1],
    {"Channel": "PJSIP/202-00000003", "Uniqueid": ASKED, "Linkedid": OWN, "BridgeId": "b"},
)
# What each kind needs beyond the leg, and the one action that does it (the first of them where there are several).
WHAT: dict[str, dict[str, str]] = {
    "make_call": {"far_number": "+493023125199", "dial_string": "03023125199"},
    "blind_transfer": {"dial_string": "202"},
    "attended_start": {"dial_string": "202"},
    "dtmf": {"digits": "12#"},
}
DEED = {
    "make_call": "Originate", "hang_up": "Hangup", "reject": "Hangup", "blind_transfer": "BlindTransfer",
    "attended_start": "Atxfer", "attended_complete": "Hangup", "attended_cancel": "CancelAtxfer",
    "conference": "Redirect", "dtmf": "PlayDTMF", "mute": "Setvar", "unmute": "Setvar", "park": "Park",
    "dnd_on": "Originate", "dnd_off": "Originate",
}  # fmt: skip
NO_LEG = ("make_call", "dnd_on", "dnd_off")


@dataclass
class Desk:
    """User 201 at a PBX that misbehaves on request."""

    fake: FakeAmi
    office: RowOffice

    def grant(self, kind: str, **changes: Any) -> Grant:
        office, now = self.office, utc_now()
        command = CallCommand(
            kind=kind, user=office.users[0], idempotency_key=f"key-{CallCommand.objects.count()}",
            phone=office.phones[0], pbx=office.pbx, endpoint="PJSIP/201", path=CommandPath.PBX, requested_at=now,
            not_after=now + timedelta(seconds=30), leg=None if kind in NO_LEG else self.leg(kind),
            **{**WHAT.get(kind, {}), **changes},
        )  # fmt: skip
        command.save()
        grant = grant_command(command_id=command.pk, now=utc_now())
        assert grant is not None, CallCommand.objects.get(pk=command.pk).sentence
        return grant

    def leg(self, kind: str) -> Leg:
        call, _ = Call.objects.get_or_create(pbx=self.office.pbx, linkedid=OWN, defaults={"started_at": utc_now()})
        state = "ringing" if kind == "reject" else "talking"
        user, phone = self.office.users[0], self.office.phones[0]
        rest = {"call": call, "endpoint": "PJSIP/201", "phone": phone, "user": user, "state": state}
        return Leg.objects.get_or_create(pbx=self.office.pbx, uniqueid=OWN, defaults=rest)[0]

    def press(self, kind: str, **changes: Any) -> Outcome:
        return by_pbx(self.grant(kind, **changes))

    def sent(self) -> list[str]:
        """The deeds that reached the PBX, without questions."""
        return [name for name in self.fake.names() if name not in ("CoreShowChannels", "Getvar")]


@pytest.fixture
def desk(office: RowOffice) -> Iterator[Desk]:
    with ami_in_thread() as fake:
        Pbx.objects.filter(pk=office.pbx.pk).update(port=fake.port, username=USERNAME, snippet_context="crmconnector")
        office.pbx.refresh_from_db()
        office.pbx.secret = SECRET
        office.pbx.save()
        fake.handlers["CoreShowChannels"] = lists(*TALKING)
        fake.handlers["Getvar"] = lambda session, action: session.answer(action, Value="1")
        yield Desk(fake, office)
        close_links()


def ready(desk: Desk, kind: str) -> None:
    if kind == "conference":
        desk.fake.handlers["CoreShowChannels"] = lists(*CONSULTING)
    if kind == "dnd_off":
        desk.fake.handlers["Getvar"] = lambda session, action: session.answer(action, Value="0")


def cut(session: Session, action: Received) -> None:
    session.cut()


def refuse(session: Session, action: Received) -> None:
    session.answer(action, "Error", "Not now\x1b[31m")


def test_there_is_a_deed_and_there_are_words_for_every_verb_that_goes_by_the_pbx() -> None:
    verbs = {kind for kind, row in VERBS.items() if row.pbx}
    assert verbs == set(DEEDS) == set(NOT) == set(MAYBE) == set(DEED)
    for kind, action in DEED.items():
        assert action in VERBS[kind].pbx, kind


@pytest.mark.parametrize("kind", sorted(DEED))
def test_each_deed_is_sent_and_bears_the_name_of_its_command(desk: Desk, kind: str) -> None:
    ready(desk, kind)
    grant = desk.grant(kind)
    outcome = by_pbx(grant)
    proved = kind in ("mute", "unmute", "dtmf", "dnd_on", "dnd_off")
    assert outcome.state == (CommandState.CONFIRMED if proved else CommandState.SENT), outcome
    assert bool(outcome.evidence) is proved
    deeds = [action for action in desk.fake.actions if action.name == DEED[kind]]
    assert len(deeds) == {"dtmf": 3, "conference": 2}.get(kind, 1) == len(desk.sent())
    assert deeds[0].id == str(grant.command_id) and len({deed.id for deed in deeds}) == len(deeds)
    assert record_outcome(grant=grant, outcome=outcome, now=utc_now())


@pytest.mark.parametrize("kind", sorted(DEED))
def test_a_link_cut_at_the_deed_is_not_sure_and_is_never_sent_again(desk: Desk, kind: str) -> None:
    ready(desk, kind)
    desk.fake.handlers[DEED[kind]] = cut
    outcome = desk.press(kind)
    assert (outcome.state, outcome.nothing_happened) == (CommandState.UNKNOWN, False)
    assert "do not press again" in outcome.sentence
    assert desk.sent() == [DEED[kind]]


@pytest.mark.parametrize("kind", sorted(DEED))
def test_a_no_of_the_pbx_is_refused_and_told_in_its_own_words(desk: Desk, kind: str) -> None:
    ready(desk, kind)
    desk.fake.handlers[DEED[kind]] = refuse
    outcome = desk.press(kind)
    assert (outcome.state, outcome.nothing_happened) == (CommandState.REFUSED, True)
    assert "Not now" in outcome.sentence and "\x1b" not in outcome.sentence
    assert desk.sent() == [DEED[kind]]


@pytest.mark.parametrize("kind", sorted(DEED))
def test_a_pbx_that_does_not_let_us_in_gets_nothing_and_that_is_sure(desk: Desk, kind: str) -> None:
    desk.fake.login = "refuse"
    outcome = desk.press(kind)
    assert (outcome.state, outcome.nothing_happened) == (CommandState.FAILED, True)
    assert desk.fake.names() == []


@pytest.mark.parametrize("kind", sorted(DEED))
def test_a_worker_that_was_frozen_after_its_grant_sends_nothing(desk: Desk, kind: str) -> None:
    ready(desk, kind)
    desk.fake.handlers["Ping"] = lambda session, action: session.answer(action)
    grant = desk.grant(kind)
    outcome = by_pbx(replace(grant, granted_monotonic=time.monotonic() - 3))
    assert (outcome.state, outcome.nothing_happened) == (CommandState.FAILED, True)
    assert desk.sent() == []


@pytest.mark.parametrize("kind", ["conference", "dtmf", "park"])
def test_without_the_list_of_channels_nothing_is_done(desk: Desk, kind: str) -> None:
    desk.fake.handlers["CoreShowChannels"] = cut
    outcome = desk.press(kind)
    assert (outcome.state, outcome.reason_code) == (CommandState.FAILED, "no_list")
    assert desk.sent() == []


@pytest.mark.parametrize("kind", ["dtmf", "park", "conference"])
@pytest.mark.parametrize(
    ("channels", "code"),
    [
        ((), "gone"),
        (TALKING[:1], "nobody_there"),
        ((*TALKING, {**TALKING[1], "Channel": "PJSIP/203-4", "Uniqueid": "1700000000.4"}), "several"),
        (({**TALKING[0], "Channel": "PJSIP/209-00000001"}, TALKING[1]), "another_end"),
    ],
    ids=["over", "alone", "three", "other_phone"],
)
def test_exactly_one_must_be_meant_else_nothing_is_sent(desk: Desk, kind: str, channels: Any, code: str) -> None:
    desk.fake.handlers["CoreShowChannels"] = lists(*channels)
    outcome = desk.press(kind)
    assert (outcome.state, outcome.reason_code) == (CommandState.REFUSED, code)
    assert desk.sent() == []


@pytest.mark.parametrize("trouble", [cut, refuse], ids=["cut", "refused"])
@pytest.mark.parametrize("kind", ["conference", "dtmf"])
def test_a_deed_that_breaks_off_after_its_first_action_is_not_sure_and_goes_no_further(
    desk: Desk, kind: str, trouble: Any
) -> None:
    ready(desk, kind)

    def once(session: Session, action: Received) -> None:
        session.answer(action) if desk.fake.count(DEED[kind]) == 1 else trouble(session, action)

    desk.fake.handlers[DEED[kind]] = once
    outcome = desk.press(kind)
    assert (outcome.state, outcome.nothing_happened) == (CommandState.UNKNOWN, False)
    assert desk.sent() == [DEED[kind]] * 2


def test_a_note_that_the_pbx_does_not_show_is_not_sure(desk: Desk) -> None:
    desk.fake.handlers["Getvar"] = lambda session, action: session.answer(action, Value="0")
    outcome = desk.press("dnd_on")
    assert (outcome.state, outcome.reason_code) == (CommandState.UNKNOWN, "not_seen")
    assert desk.sent() == ["Originate"]


@pytest.mark.parametrize("kind", ["conference", "dnd_on", "dnd_off"])
def test_without_our_dialplan_it_is_refused_and_nothing_is_sent(desk: Desk, kind: str) -> None:
    Pbx.objects.update(snippet_context="")
    outcome = desk.press(kind)
    assert (outcome.state, outcome.reason_code) == (CommandState.REFUSED, "no_snippet")
    assert desk.fake.names() == []


@pytest.mark.parametrize(
    "number", ["202&Local/0019005551212@x", "202\r\nVariable: X=1", "${SHELL(id)}", "202,30,T", ""]
)
@pytest.mark.parametrize("kind", ["make_call", "blind_transfer", "attended_start"])
def test_a_number_that_is_none_reaches_no_pbx(desk: Desk, kind: str, number: str) -> None:
    grant = desk.grant(kind)
    grant.command.dial_string = number
    outcome = by_pbx(grant)
    assert (outcome.state, outcome.reason_code) == (CommandState.FAILED, "cannot_be_sent")
    assert desk.fake.names() == []


@pytest.mark.parametrize("kind", ["answer", "hold", "resume", "keys"])
def test_what_no_pbx_can_do_is_told_so(desk: Desk, kind: str) -> None:
    grant = desk.grant("hang_up")
    grant.command.kind = kind
    assert by_pbx(grant).reason_code == "no_way"
    assert desk.fake.names() == []

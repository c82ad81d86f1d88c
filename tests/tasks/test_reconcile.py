"""What came of a command, asked of a pretend PBX and a canned phone over real sockets: reads only, and honest."""

from datetime import timedelta

import pytest

from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, Leg
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import PbxLink
from phones.lease import LOOK, take_lease
from phones.models import Phone, PhoneLease
from tasks import reconcile as under_test
from tasks.pbx_link import close_links
from tasks.reconcile import look_after, reconcile, reconcile_now
from tests.support.canned_phone import canned_phones
from tests.support.commands import sent_command
from tests.support.listening_post import fake_office
from tests.support.office import RowOffice, make_office

NUMBER = "03023125447"
HARMLESS = {"Login", "Logoff", "Ping", "CoreShowChannels", "Events", "ListCommands", "Getvar"}


@pytest.fixture
def canned(db):
    with canned_phones(1) as phones:
        yield phones[0]


@pytest.fixture
def pbx():
    with fake_office() as office:
        yield office
        close_links()
        assert {action.name for action in office.ami.actions} <= HARMLESS, "asking changes nothing"


@pytest.fixture
def rows(canned, pbx) -> RowOffice:
    office = make_office(phone_ports=(canned.port,))
    pbx.row(office.pbx)
    return office


def dial(rows, **more) -> CallCommand:
    return sent_command(rows, "make_call", seconds=8.0, **({"far_number": NUMBER, "dial_string": NUMBER} | more))


def looked(command, *, final=True) -> CallCommand:
    reconcile(command.pk, final=final)
    command.refresh_from_db()
    return command


def line(word: str, number: str = "") -> dict:
    return {"response": "success", "body": [{"line": 1, "state": word, "remotenumber": number},
                                            {"line": 2, "state": "idle"}]}  # fmt: skip


def channel(uid: str, name: str, exten: str) -> dict[str, str]:
    return {"Event": "Newchannel", "Channel": name, "ChannelState": "4", "ChannelStateDesc": "Ring", "Exten": exten,
            "CallerIDNum": "201", "CallerIDName": "", "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>",
            "Language": "en", "AccountCode": "", "Context": "from-internal", "Priority": "1", "Uniqueid": uid,
            "Linkedid": uid}  # fmt: skip


@pytest.fixture
def placed(rows) -> Leg:
    call = Call.objects.create(pbx=rows.pbx, linkedid="9.1", direction="outbound", started_at=utc_now(), dialled=NUMBER)
    return Leg.objects.create(call=call, pbx=rows.pbx, uniqueid="9.1", endpoint="PJSIP/201", placed=True)


def test_what_was_heard_needs_no_question(rows, canned, pbx, placed):
    command = looked(dial(rows))
    assert (command.state, command.leg) == ("confirmed", placed)
    assert (canned.functions(), pbx.lists_asked) == ([], 0)


def test_what_the_rows_disprove_is_still_asked_of_the_pbx_which_may_prove_it(rows, canned, pbx, placed):
    gone = Leg.objects.create(
        call=placed.call, pbx=rows.pbx, uniqueid="9.2", endpoint="PJSIP/201", state="ended",
        ended_at=utc_now() - timedelta(seconds=2),
    )  # fmt: skip
    Leg.objects.filter(pk=placed.pk).update(state="talking")
    looked(sent_command(rows, "attended_complete", leg=placed, other_leg=gone, seconds=8.0))
    assert pbx.lists_asked == 1


def test_the_list_of_the_pbx_proves_a_call_and_the_phone_is_left_alone(rows, canned, pbx):
    pbx.say(channel("7.1", "PJSIP/201-00000007", NUMBER), heard=False)
    command = looked(dial(rows))
    assert (command.state, "has a call of PJSIP/201" in command.evidence) == ("confirmed", True)
    assert canned.functions() == []
    assert command.changes.last().by == "worker"


def test_the_phones_line_proves_what_the_list_does_not_show(rows, canned, pbx):
    canned.answers["api-get_line_status"] = line("calling", NUMBER)
    assert looked(dial(rows)).state == "confirmed"
    assert canned.functions() == ["api-get_line_status"]


def test_no_such_call_and_idle_lines_mean_that_it_did_not_dial(rows, canned, pbx):
    command = looked(dial(rows))
    assert (command.state, command.reason_code) == ("failed", "no_effect")
    assert command.sentence == (
        "It did not dial: The PBX has no such call and every line of your phone is idle. You can press again."
    )


def test_the_first_look_takes_proofs_alone_for_the_phone_may_be_slow(rows, canned, pbx):
    assert looked(dial(rows), final=False).state == "sent"
    canned.answers["api-get_line_status"] = line("calling", NUMBER)
    assert looked(CallCommand.objects.get(), final=False).state == "confirmed"


@pytest.mark.parametrize(
    "trouble", ["list_refused", "list_cut", "list_garbled", "phone_silent", "phone_busy", "passcode"]
)
def test_a_source_that_cannot_be_asked_leaves_it_open(rows, canned, pbx, trouble):
    if trouble == "list_refused":
        pbx.refuse_list = True
    elif trouble == "list_cut":
        pbx.say(channel("7.1", "PJSIP/202-00000007", "205"), heard=False)
        pbx.lost_lines = 1
    elif trouble == "list_garbled":  # as many lines as the PBX says there are, one of them not to be understood
        pbx.say(channel("7.1", "PJSIP/202-00000007", "205"), heard=False)
        pbx.lost_lines = pbx.short_list = 1
    elif trouble == "phone_silent":
        canned.answers["api-get_line_status"] = None
    elif trouble == "phone_busy":
        assert take_lease(phone_id=rows.phones[0].pk, holder="somebody", now=utc_now())
    else:
        Phone.objects.update(passcode_refused_at=utc_now())
    assert looked(dial(rows)).state == "sent"


def test_the_phone_is_looked_at_under_its_lease_and_it_is_given_back(rows, canned, pbx):
    looked(dial(rows))
    lease = PhoneLease.objects.get()
    assert (lease.holder, lease.held_until) == (LOOK, None), "a person's order waits for a look, and is not refused"


def test_what_the_pbx_dials_is_not_asked_of_the_phone(rows, canned, pbx):
    command = looked(dial(rows, path=CommandPath.PBX))
    assert (command.state, canned.functions()) == ("failed", [])


@pytest.mark.parametrize(("word", "state"), [("onhold", "confirmed"), ("connected", "failed"), ("ringing", "sent")])
def test_a_hold_is_told_by_the_phones_line(rows, canned, pbx, word, state):
    canned.answers["api-get_line_status"] = line(word, NUMBER)
    call = Call.objects.create(pbx=rows.pbx, linkedid="1.1", direction="inbound", started_at=utc_now())
    leg = Leg.objects.create(
        call=call, pbx=rows.pbx, uniqueid="1.2", endpoint="PJSIP/201", state="talking", far_number=NUMBER
    )
    assert looked(sent_command(rows, "hold", leg=leg, seconds=8.0)).state == state


@pytest.mark.parametrize(
    ("kind", "value", "state", "said"),
    [
        ("dnd_on", "1", "confirmed", "The PBX has the note."),
        ("dnd_off", "0", "confirmed", "The PBX no longer has the note."),
        ("dnd_on", "0", "failed", "Do not disturb did not go on: the PBX has no such note. You can press again."),
        ("dnd_off", "1", "failed", "Do not disturb did not go off: the PBX still has the note. You can press again."),
        ("dnd_on", "", "unknown", ""),
        ("dnd_off", "x", "unknown", ""),
    ],
)
def test_do_not_disturb_is_read_back_from_the_pbx(rows, canned, pbx, kind, value, state, said):
    pbx.ami.handlers["Getvar"] = lambda session, action: session.answer(action, Value=value)
    command = looked(sent_command(rows, kind, seconds=8.0, path=CommandPath.PBX, state=CommandState.UNKNOWN))
    assert (command.state, command.evidence if state == "confirmed" else command.sentence) == (state, said)
    asked = [action for action in pbx.ami.actions if action.name == "Getvar"]
    assert [action.headers["Variable"] for action in asked] == ["DB_EXISTS(DND/201)"]


def test_a_note_that_cannot_be_read_leaves_do_not_disturb_open(rows, canned, pbx):
    pbx.ami.handlers["Getvar"] = lambda session, action: session.answer(action, "Error", "No")
    assert looked(sent_command(rows, "dnd_on", seconds=8.0, path=CommandPath.PBX)).state == "sent"
    pbx.close_port()
    assert looked(CallCommand.objects.get()).state == "sent"


def test_the_first_look_says_no_disproof_of_do_not_disturb(rows, canned, pbx):
    pbx.ami.handlers["Getvar"] = lambda session, action: session.answer(action, Value="0")
    command = sent_command(rows, "dnd_on", seconds=3.5, path=CommandPath.PBX)
    assert looked(command, final=False).state == "sent"


@pytest.mark.parametrize(
    "more",
    [{"state": CommandState.CONFIRMED}, {"state": CommandState.UNKNOWN, "settled": True},
     {"state": CommandState.REQUESTED, "granted_at": None}],
    ids=["ended", "given up", "not taken up"],
)  # fmt: skip
def test_only_what_was_taken_up_and_has_not_ended_is_looked_after(rows, canned, pbx, more):
    command = dial(rows, **more)
    assert not reconcile(command.pk, final=True)
    assert (canned.functions(), pbx.lists_asked) == ([], 0)


def test_a_pbx_that_is_away_proves_nothing_by_its_rows(rows, canned, pbx):
    PbxLink.objects.update(state=PbxLink.State.DOWN)
    pbx.close_port()
    assert looked(dial(rows)).state == "sent"


def test_the_task_carries_an_id_and_no_number(monkeypatch):
    sent: list = []
    monkeypatch.setattr(look_after, "apply_async", lambda **more: sent.append(more))
    assert reconcile_now(["one"], final=True)
    assert sent[0]["args"] == ["one", True]
    assert sent[0]["retry"] is False
    assert under_test.look_after.max_retries == 0

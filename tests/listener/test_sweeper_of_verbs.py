"""Every command ends, and is told truly on the way: proved by rows, doubted, asked after, called not done, given up."""

from datetime import timedelta

import pytest

from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, CommandStep, Leg
from crmconnector.calls.sentences import NEVER_PROVED
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.listener import sweeper
from crmconnector.pbx.models import PbxLink
from tests.support.commands import sent_command

NO_LEG = ("make_call", "dnd_on", "dnd_off")


@pytest.fixture
def asked(monkeypatch) -> list:
    """What the sweeper gave to the broker: ("send" or "look", command, last look?)."""
    given: list = []
    monkeypatch.setattr(sweeper, "enqueue", lambda ids: given.extend(("send", one) for one in ids) or True)
    monkeypatch.setattr(
        sweeper, "reconcile_now", lambda ids, final: given.extend(("look", one, final) for one in ids) or True
    )
    return given


@pytest.fixture
def woken(monkeypatch) -> list:
    people: list = []
    monkeypatch.setattr(sweeper, "wake", people.extend)
    return people


@pytest.fixture
def leg(office) -> Leg:
    call = Call.objects.create(pbx=office.pbx, linkedid="1.1", direction="inbound", started_at=utc_now())
    return Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid="1.2", endpoint="PJSIP/201", state="talking", user=office.users[0],
        phone=office.phones[0], far_endpoint="PJSIP/trunk", answered_at=utc_now(),
    )  # fmt: skip


def swept(command) -> CallCommand:
    sweeper.sweep()
    command.refresh_from_db()
    return command


def gone(leg, seconds, **call):
    Leg.objects.filter(pk=leg.pk).update(state="ended", ended_at=utc_now() - timedelta(seconds=seconds))
    Call.objects.filter(pk=leg.call_id).update(**call)


@pytest.mark.parametrize("kind", sorted(VERBS))
def test_every_kind_is_doubted_at_three_seconds_and_ends(office, leg, asked, woken, kind):
    PbxLink.objects.update(state=PbxLink.State.DOWN)
    Leg.objects.update(state="dialling")  # so that the rows prove and disprove nothing
    command = sent_command(office, kind, leg=None if kind in NO_LEG else leg, seconds=3.5)
    swept(command)
    assert (command.state, command.settled) == ("unknown", False)
    assert command.sentence.startswith("Your phone said yes")
    assert woken == [office.users[0].pk], "with and without a call"
    CallCommand.objects.update(granted_at=utc_now() - timedelta(seconds=10.5))
    swept(command)
    assert (command.state, command.settled) == ("unknown", True)
    assert command.sentence.startswith("Not sure")
    assert ("nothing else can prove it" in command.sentence) == (kind in NEVER_PROVED)


def test_a_call_without_a_leg_is_withdrawn_like_any_other(office, asked, woken):
    command = sent_command(office, "make_call", state=CommandState.REQUESTED, seconds=31, granted_at=None, sent_at=None)
    swept(command)
    assert (command.state, command.sentence) == (
        "expired", "Nothing happened in time, so it was withdrawn. Not dialled.",
    )  # fmt: skip
    assert woken == [office.users[0].pk]


@pytest.mark.parametrize("kind", ["blind_transfer", "attended_complete", "park"])
def test_a_transfer_into_nowhere_we_know_is_proved_by_the_call_that_goes_on(office, leg, asked, woken, kind):
    """To a voicemail, a menu or a group no leg of a phone tells it."""
    command = sent_command(office, kind, leg=leg, seconds=1.5)
    gone(leg, 0.2)
    assert swept(command).state == "sent", "its end may still be on the way"
    gone(leg, 1.2)
    assert swept(command).state == "confirmed"
    assert command.changes.last().by == "sweeper"
    assert woken == [office.users[0].pk]


def test_a_call_that_ended_with_us_was_handed_over_to_nobody(office, leg, asked):
    command = sent_command(office, "blind_transfer", leg=leg, seconds=1.5)
    gone(leg, 1.2, ended_at=utc_now())
    assert swept(command).state == "sent"


def test_a_call_that_went_on_as_part_of_another_goes_on(office, leg, asked):
    Call.objects.create(pbx=office.pbx, linkedid="0.9", direction="inbound", started_at=utc_now())
    command = sent_command(office, "attended_complete", leg=leg, seconds=1.5)
    gone(leg, 1.2, ended_at=utc_now(), merged_into="0.9")
    assert swept(command).state == "confirmed"


@pytest.mark.parametrize(("kind", "state"), [("hold", "held"), ("hang_up", "ended"), ("answer", "talking")])
def test_rows_that_show_it_prove_it_even_if_no_event_did(office, leg, asked, kind, state):
    Leg.objects.update(state=state)
    assert swept(sent_command(office, kind, leg=leg, seconds=0.5)).state == "confirmed"


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [("hold", "talking", "It did not hold the call: the PBX heard no hold."),
     ("resume", "held", "It did not resume the call: the PBX still hears the hold."),
     ("reject", "ringing", "It did not reject the call: the PBX still hears your phone ring."),
     ("hang_up", "talking", "It did not hang up: the PBX still has your call."),
     ("park", "talking", "It did not park the call: the PBX still has the caller with you.")],
)  # fmt: skip
def test_what_is_as_it_was_after_ten_seconds_surely_did_not_happen(office, leg, asked, kind, state, said):
    Leg.objects.update(state=state)
    command = swept(sent_command(office, kind, leg=leg, seconds=10.5))
    assert (command.state, command.reason_code) == ("failed", "no_effect")
    assert command.sentence == f"{said} You can press again."


def test_a_call_that_nobody_saw_stays_unsure_for_the_phone_may_have_dialled(office, asked):
    command = swept(sent_command(office, "make_call", seconds=10.5, far_number="+442079460456"))
    assert (command.state, command.settled) == ("unknown", True)
    assert (
        command.sentence == "Not sure: neither your phone nor the PBX told us whether it dialled. Look at your phone."
    )
    assert asked == [], "whoever is told the end is not asked after any more"


def test_a_call_whose_row_is_there_is_found_at_the_end_at_the_latest(office, leg, asked):
    number = "+442079460456"
    Leg.objects.update(placed=True, far_number=number)
    command = sent_command(office, "make_call", seconds=10.5, far_number=number)
    Call.objects.update(started_at=utc_now() - timedelta(seconds=20))
    older = sent_command(office, "make_call", seconds=10.5, far_number="+442079460999")
    assert swept(command).state == "unknown", "that call is older than the click"
    CallCommand.objects.update(state=CommandState.SENT, settled=False)
    Call.objects.update(started_at=utc_now() - timedelta(seconds=10))
    swept(command)
    older.refresh_from_db()
    assert (command.state, command.leg, older.state) == ("confirmed", leg, "unknown")


def test_a_phone_that_presses_keys_one_after_the_other_is_not_given_up_meanwhile(office, leg, asked):
    command = sent_command(office, "attended_start", leg=leg, seconds=20.0, state=CommandState.GRANTED, sent_at=None)
    assert (swept(command).state, command.settled) == ("unknown", False)
    CallCommand.objects.update(granted_at=utc_now() - timedelta(seconds=40.5))
    assert swept(command).settled


def pressed(command, seconds, *, seen=None):
    """A step of its keys, so many seconds ago."""
    at = utc_now() - timedelta(seconds=seconds)
    position = command.steps.count() + 1
    seen_at = None if seen is None else utc_now() - timedelta(seconds=seen)
    CommandStep.objects.create(command=command, position=position, name="x", state="sent", sent_at=at, seen_at=seen_at)


@pytest.mark.parametrize(
    ("sent", "seen", "state"),
    [(2.0, None, "granted"), (9.0, 2.0, "granted"), (4.0, None, "unknown"), (9.0, 4.0, "unknown")],
)
def test_a_phone_that_goes_on_pressing_keys_is_in_doubt_only_when_no_step_is_fresh(
    office, leg, asked, sent, seen, state
):
    command = sent_command(office, "attended_start", leg=leg, seconds=20.0, state=CommandState.GRANTED, sent_at=None)
    pressed(command, 15.0)
    pressed(command, sent, seen=seen)
    assert swept(command).state == state
    assert state == "granted" or command.sentence.startswith("The keys were pressed")


def test_a_worker_that_died_while_it_pressed_keys_is_given_up_after_its_lease(office, leg, asked):
    command = sent_command(office, "attended_start", leg=leg, seconds=60.0, state=CommandState.GRANTED, sent_at=None)
    pressed(command, 39.5)
    assert not swept(command).settled, "the last step renewed its lease"
    CommandStep.objects.update(sent_at=utc_now() - timedelta(seconds=40.5))
    assert swept(command).settled
    assert (command.state, command.ended_at is None) == ("unknown", True)


def test_steps_of_what_was_sent_by_the_pbx_or_is_over_prolong_nothing(office, leg, asked):
    for more in ({"path": CommandPath.PBX, "sent_at": None, "state": CommandState.GRANTED}, {}):
        CallCommand.objects.all().delete()
        command = sent_command(office, "attended_start", leg=leg, seconds=11.0, **more)
        pressed(command, 1.0)
        assert swept(command).settled


@pytest.mark.parametrize(
    ("state", "seconds"), [("requested", 4.0), ("requested", 31.0), ("sent", 3.5), ("sent", 10.5), ("unknown", 10.5)]
)
def test_what_ended_between_the_sweepers_look_and_its_word_stays_as_it_ended(office, state, seconds):
    seen = sent_command(office, "make_call", state=state, seconds=seconds)
    CallCommand.objects.update(state=CommandState.CONFIRMED, settled=True, ended_at=utc_now())
    assert not sweeper._ended_or_told(seen, {}, utc_now())
    seen.refresh_from_db()
    assert (seen.state, seen.sentence) == ("confirmed", "")


# --- looking after it -------------------------------------------------------------------------------------------------


def looks(asked):
    return [(entry[2]) for entry in asked if entry[0] == "look"]


def test_it_is_looked_after_once_soon_and_once_at_last_and_never_sent_again(office, asked):
    command = sent_command(office, "make_call", seconds=2.0)
    swept(command)
    assert asked == []
    CallCommand.objects.update(granted_at=utc_now() - timedelta(seconds=3.2))
    swept(command)
    swept(command)
    assert looks(asked) == [False]
    now = utc_now()
    CallCommand.objects.update(granted_at=now - timedelta(seconds=8.2), relayed_at=now - timedelta(seconds=5))
    swept(command)
    swept(command)
    assert looks(asked) == [False, True]
    assert not [entry for entry in asked if entry[0] == "send"]


@pytest.mark.parametrize("kind", ["conference", "park", "attended_cancel"])
def test_what_the_list_alone_shows_is_looked_for_before_anybody_has_to_doubt(office, leg, asked, kind):
    swept(sent_command(office, kind, leg=leg, seconds=1.3))
    assert looks(asked) == [False]


def test_while_the_broker_is_away_it_is_asked_again_each_second(office, asked, monkeypatch):
    tries: list = []
    monkeypatch.setattr(sweeper, "reconcile_now", lambda ids, final: tries.extend(ids))
    command = sent_command(office, "make_call", seconds=3.5, path=CommandPath.PBX)
    swept(command)
    swept(command)
    assert len(tries) == 2


def test_what_nobody_has_taken_up_is_not_looked_after(office, asked):
    swept(sent_command(office, "make_call", seconds=8.5, state=CommandState.REQUESTED, granted_at=None, sent_at=None))
    assert looks(asked) == []

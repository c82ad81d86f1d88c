"""A verdict in the rows: confirmed with its evidence and its leg, called not done, or too late to matter."""

import uuid
from datetime import timedelta

import pytest

from crmconnector.calls.confirmation import Disproof, Proof
from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, Leg
from crmconnector.calls.open_commands import meant_by, open_commands
from crmconnector.calls.sentences import NEVER_PROVED, SENTENCES, not_sure_yet, still_not_sure
from crmconnector.calls.services import Outcome, grant_command, record_outcome, settle_commands
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import LEASE_SECONDS, SEQUENCE_LEASE_SECONDS, utc_now
from crmconnector.pbx.models import Pbx
from phones.models import PhoneLease, SipAccount
from phones.services import note_passcode_refused
from tests.support.commands import sent_command

PROOF = Proof("3.1", 5.0, "The PBX saw PJSIP/201 dial this number.")
NUMBER = "+442079460456"


@pytest.fixture
def placed(office) -> Leg:
    call = Call.objects.create(
        pbx=office.pbx, linkedid="3.1", direction="outbound", started_at=utc_now(), dialled=NUMBER
    )
    return Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid="3.1", endpoint="PJSIP/201", placed=True, state="dialling",
        user=office.users[0], phone=office.phones[0],
    )  # fmt: skip


def dial(office, **more) -> CallCommand:
    return sent_command(office, "make_call", far_number=NUMBER, dial_string=NUMBER, **more)


def settled(command, verdict, **more) -> CallCommand:
    settle_commands({command.pk: verdict}, utc_now(), **more)
    command.refresh_from_db()
    return command


def test_a_new_call_is_bound_to_the_leg_that_proved_it(office, placed):
    command = settled(dial(office), PROOF)
    assert (command.state, command.leg, command.evidence) == ("confirmed", placed, PROOF.evidence)
    assert command.ended_at is not None
    assert command.changes.last().by == "listener"


def test_one_call_is_never_the_effect_of_two_commands(office, placed):
    first = settled(dial(office, state=CommandState.UNKNOWN), PROOF)
    second = settled(dial(office), PROOF)
    assert (first.state, second.state, second.leg) == ("confirmed", "sent", None)


def test_a_call_that_is_known_already_is_proved_by_its_own_leg(office, placed):
    command = settled(dial(office, leg=placed), PROOF)
    assert (command.state, command.leg) == ("confirmed", placed)


def test_a_verb_of_a_call_keeps_the_leg_it_was_asked_for(office, placed):
    mine = Leg.objects.create(call=placed.call, pbx=office.pbx, uniqueid="3.2", endpoint="PJSIP/201")
    assert settled(sent_command(office, "hold", leg=mine), PROOF).leg == mine


def test_what_else_was_asked_of_that_call_is_not_in_the_way_of_its_proof(office, placed):
    sent_command(office, "hang_up", leg=placed)
    assert settled(dial(office), PROOF).leg == placed


def test_the_call_to_the_one_who_is_asked_proves_no_other_dial_to_that_number(office, placed):
    asked = settled(sent_command(office, "attended_start", far_number="202"), PROOF)
    dialled = settled(dial(office), PROOF)
    assert (asked.state, dialled.state, dialled.leg) == ("confirmed", "sent", None)


def test_a_leg_of_another_pbx_with_the_same_uniqueid_is_not_bound(office, placed):
    other = Pbx.objects.create(name="Other", host="127.0.0.1", username="u", secret="s", country="DE")
    command = settled(dial(office, pbx=other), PROOF)
    assert (command.state, command.leg) == ("confirmed", None)


def test_the_own_end_of_a_consultation_is_kept(office, placed):
    command = settled(sent_command(office, "attended_start", far_number="202"), PROOF)
    assert (command.state, command.other_leg) == ("confirmed", placed)


def test_a_disproof_says_what_did_not_happen_and_why(office):
    command = settled(sent_command(office, "hold"), Disproof("1.2", 5.0, "The call ended before that."))
    assert (command.state, command.sentence) == ("failed", "Not on hold: The call ended before that.")
    again = settled(dial(office), Disproof("", 5.0, "Every line is idle."), code="no_effect")
    assert (again.reason_code, again.sentence) == (
        "no_effect",
        "It did not dial: Every line is idle. You can press again.",
    )


def test_what_was_not_sent_yet_is_not_needed_any_more(office):
    command = settled(sent_command(office, "hold", state=CommandState.REQUESTED, granted_at=None, sent_at=None), PROOF)
    assert (command.state, command.sentence) == ("cancelled", SENTENCES["hold"].by_hand)


@pytest.mark.parametrize("state", ["confirmed", "refused", "failed", "expired", "cancelled"])
def test_what_has_ended_stays_as_it_ended(office, state):
    command = settled(sent_command(office, "hold", state=state), PROOF)
    assert (command.state, command.evidence) == (state, "")


# --- the worker's word ------------------------------------------------------------------------------------------------


@pytest.fixture
def grant(office):
    command = sent_command(
        office, "dtmf", state=CommandState.REQUESTED, granted_at=None, sent_at=None, digits="4711", path=CommandPath.PBX
    )
    granted = grant_command(command_id=command.pk, now=utc_now())
    assert granted is not None
    return granted


def row(grant) -> CallCommand:
    return CallCommand.objects.get(pk=grant.command_id)


def test_where_no_event_can_tell_the_reply_is_the_proof(grant):
    outcome = Outcome(CommandState.CONFIRMED, evidence="The PBX says that it sent them.")
    assert record_outcome(grant=grant, outcome=outcome, now=utc_now())
    assert (row(grant).state, row(grant).evidence) == ("confirmed", "The PBX says that it sent them.")
    assert row(grant).sent_at is not None
    assert row(grant).digits == "", "a PIN may have been typed"


def test_a_sentence_of_a_proof_is_its_evidence(grant):
    record_outcome(grant=grant, outcome=Outcome(CommandState.CONFIRMED, "", "It has the note."), now=utc_now())
    assert row(grant).evidence == "It has the note."


@pytest.mark.parametrize("state", ["failed", "refused", "confirmed"])
def test_a_slow_phones_word_still_counts_after_not_sure_yet(grant, state):
    CallCommand.objects.update(state=CommandState.UNKNOWN)
    assert record_outcome(grant=grant, outcome=Outcome(CommandState(state), "why", "Because."), now=utc_now())
    assert row(grant).state == state


def test_that_it_was_sent_does_not_end_a_doubt_but_is_noted(grant):
    CallCommand.objects.update(state=CommandState.UNKNOWN)
    assert record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    assert row(grant).state == "unknown"
    assert row(grant).sent_at is not None


def test_a_doubt_that_was_given_up_takes_no_late_word(grant):
    CallCommand.objects.update(state=CommandState.UNKNOWN, settled=True)
    assert not record_outcome(grant=grant, outcome=Outcome(CommandState.FAILED), now=utc_now())
    assert row(grant).state == "unknown"


@pytest.mark.parametrize("state", ["failed", "confirmed", "sent"])
def test_nor_does_it_of_a_worker_with_another_token(grant, state):
    CallCommand.objects.update(state=CommandState.UNKNOWN, token=grant.token + 1)
    assert not record_outcome(grant=grant, outcome=Outcome(CommandState(state)), now=utc_now())
    assert (row(grant).state, row(grant).sent_at) == ("unknown", None)


def test_the_first_word_of_a_worker_is_its_last(grant):
    assert record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    for state in ("sent", "failed", "unknown"):
        assert not record_outcome(grant=grant, outcome=Outcome(CommandState(state)), now=utc_now())
    assert [change.state for change in row(grant).changes.all()] == ["granted", "sent"]


def test_by_the_pbx_no_phone_is_taken_and_its_refused_passcode_is_in_nobodys_way(office):
    note_passcode_refused(phone_id=office.phones[0].pk, at=utc_now())
    command = sent_command(
        office, "dtmf", state=CommandState.REQUESTED, granted_at=None, sent_at=None, path=CommandPath.PBX
    )
    assert grant_command(command_id=command.pk, now=utc_now()) is not None
    assert not PhoneLease.objects.exists()


@pytest.mark.parametrize(
    ("kind", "seconds"), [("dtmf", SEQUENCE_LEASE_SECONDS), ("dnd_on", LEASE_SECONDS)], ids=["keys", "one request"]
)
def test_the_phone_is_taken_for_as_long_as_its_keys_may_take(office, kind, seconds):
    now = utc_now()
    command = sent_command(office, kind, state=CommandState.REQUESTED, granted_at=None, sent_at=None)
    assert grant_command(command_id=command.pk, now=now) is not None
    assert PhoneLease.objects.get().held_until == now + timedelta(seconds=seconds)


# --- what they mean ---------------------------------------------------------------------------------------------------


def test_open_are_those_of_this_pbx_that_have_not_ended(office, placed):
    other = Pbx.objects.create(name="Other", host="127.0.0.1", username="u", secret="s", country="DE")
    mine = [sent_command(office, "hold", leg=placed), sent_command(office, "mute", state=CommandState.UNKNOWN)]
    sent_command(office, "resume", state=CommandState.FAILED)
    sent_command(office, "resume", state=CommandState.UNKNOWN, settled=True)
    sent_command(office, "resume", pbx=other)
    late = sent_command(office, "park", state=CommandState.UNKNOWN, settled=True, leg=placed)
    assert set(open_commands(pbx_id=office.pbx.pk)) == set(mine)
    assert set(open_commands(pbx_id=office.pbx.pk, legs=[placed.pk])) == {*mine, late}


def test_a_colleague_is_at_the_endpoint_of_the_extension_and_outside_is_any_line_out(office, placed):
    SipAccount.objects.filter(extension="202").update(endpoint="PJSIP/desk-of-ben")
    inside = sent_command(office, "blind_transfer", leg=placed, far_number="202")
    outside = sent_command(office, "attended_start", far_number=NUMBER, dial_string="0" + NUMBER[1:])
    asked = {one.command: one for one in meant_by([inside, outside])}
    assert asked[inside.pk].targets == {"PJSIP/desk-of-ben", "PJSIP/202", "SIP/202"}
    assert asked[outside.pk].targets == {"PJSIP/trunk"}
    assert (asked[inside.pk].leg, asked[inside.pk].calls) == ("3.1", {"3.1"})


def test_who_completes_means_whom_the_consultation_was_with(office, placed):
    placed.far_endpoint = "PJSIP/205"
    placed.save()
    started = sent_command(office, "attended_start", far_number="205", other_leg=placed, state=CommandState.CONFIRMED)
    meant = meant_by([sent_command(office, "attended_complete", part_of=started)])[0]
    assert (meant.other_leg, meant.numbers) == ("3.1", ("205",))
    assert "PJSIP/205" in meant.targets


def test_every_kind_has_its_sentences_and_never_promises_a_proof_that_cannot_come():
    assert set(SENTENCES) == set(VERBS)
    for kind in VERBS:
        for phone in (True, False):
            for replied in (True, False):
                assert "successfully" not in not_sure_yet(kind, phone=phone, replied=replied)
                assert still_not_sure(kind, phone=phone, replied=replied).startswith("Not sure")
    assert "We watch the PBX" not in not_sure_yet(NEVER_PROVED[0], phone=False, replied=True)


def test_a_command_nobody_knows_settles_nothing(db):
    assert settle_commands({uuid.uuid4(): PROOF}, utc_now()) == []

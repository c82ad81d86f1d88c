"""The life of a command in the database: one send at most, every end told, nobody else's phone."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from crmconnector.calls.confirmation import Disproof, Proof
from crmconnector.calls.models import Call, CallCommand, CommandState, Leg
from crmconnector.calls.services import (
    CommandProblem,
    Outcome,
    grant_command,
    record_outcome,
    request_answer,
    settle_commands,
)
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.users.models import User
from phones.models import PhoneLease
from phones.seats import release_phone
from phones.services import note_passcode_refused
from tests.support.held_rows import held_elsewhere
from tests.support.story import answered_call, group_call, inbound_call


@pytest.fixture
def ringing(office) -> Leg:
    handle_batch(
        pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(),
        batch=inbound_call(leg_endpoint="PJSIP/201", number="03023125447"),
    )  # fmt: skip
    return Leg.objects.get()


def ask(leg, *, user=None, key="k1", now=None):
    return request_answer(user=user or leg.user, leg=leg, key=key, now=now or utc_now())


def test_the_same_key_is_the_same_command(ringing):
    first, made = ask(ringing)
    again, made_again = ask(ringing)
    assert (made, made_again, first.pk) == (True, False, again.pk)
    assert [change.state for change in first.changes.all()] == ["requested"]


def test_a_key_used_for_another_call_is_refused(office, ringing):
    ask(ringing)
    handle_batch(
        pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(),
        batch=inbound_call(leg_endpoint="PJSIP/201", number="03023125448", key="2.1"),
    )  # fmt: skip
    with pytest.raises(CommandProblem, match="used for something else"):
        ask(Leg.objects.get(uniqueid="2.1-leg"), user=ringing.user)


def test_a_second_button_for_the_same_leg_joins_the_first_attempt(ringing):
    first, _ = ask(ringing, key="tab one")
    second, made = ask(ringing, key="tab two")
    assert (second.pk, made) == (first.pk, False)
    assert CallCommand.objects.count() == 1


def test_nobody_answers_another_persons_phone(office, ringing):
    with pytest.raises(CommandProblem, match="not on your phone"):
        ask(ringing, user=office.users[1])
    assert not CallCommand.objects.exists()


def test_a_phone_taken_away_since_it_began_to_ring_is_refused(office, ringing):
    release_phone(phone=office.phones[0], at=utc_now())
    with pytest.raises(CommandProblem, match="no longer assigned"):
        ask(ringing, user=office.users[0])


def test_a_phone_that_refused_our_passcode_is_left_alone(office, ringing):
    note_passcode_refused(phone_id=office.phones[0].pk, at=utc_now())
    command, _ = ask(ringing)
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    command.refresh_from_db()
    assert (command.state, command.reason_code) == ("refused", "passcode_refused")


def test_a_command_is_granted_once(ringing):
    command, _ = ask(ringing)
    grant = grant_command(command_id=command.pk, now=utc_now())
    assert grant is not None
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    command.refresh_from_db()
    assert (command.state, command.token) == ("granted", grant.token)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_race_for_a_command_one_gets_it(ringing):
    command, _ = ask(ringing)
    grants, start = [], threading.Barrier(8)

    def race():
        start.wait()
        try:
            grants.append(grant_command(command_id=command.pk, now=utc_now()))
        finally:
            connection.close()

    workers = [threading.Thread(target=race) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len([grant for grant in grants if grant]) == 1
    assert PhoneLease.objects.get().token == 1


@pytest.mark.django_db(transaction=True)
def test_a_command_that_a_frozen_worker_is_just_taking_up_is_passed_over(ringing):
    """Nobody waits for that worker, and nobody takes the phone for a command that is not theirs."""
    command, _ = ask(ringing)
    with held_elsewhere(lambda: CallCommand.objects.select_for_update().get(pk=command.pk)):
        assert grant_command(command_id=command.pk, now=utc_now()) is None
    assert not PhoneLease.objects.exists()
    assert grant_command(command_id=command.pk, now=utc_now()) is not None


def test_a_task_that_comes_again_does_not_take_the_phone(ringing):
    command, _ = ask(ringing)
    grant = grant_command(command_id=command.pk, now=utc_now())
    record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    assert PhoneLease.objects.get().held_until is None


@pytest.mark.parametrize("late", [0, 1], ids=["just now", "a second ago"])
def test_a_click_that_is_too_old_is_withdrawn_and_not_sent(ringing, late):
    command, _ = ask(ringing)
    assert grant_command(command_id=command.pk, now=command.not_after + timedelta(seconds=late)) is None
    command.refresh_from_db()
    assert (command.state, command.settled) == ("expired", True)


def test_permission_is_checked_again_when_it_is_granted(office, ringing):
    command, _ = ask(ringing)
    release_phone(phone=office.phones[0], at=utc_now())
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    command.refresh_from_db()
    assert (command.state, command.reason_code) == ("refused", "not_assigned")


def closed(office):
    User.objects.update(is_active=False)


def over(office):
    Leg.objects.update(ended_at=utc_now())


def picked_up(office):
    Leg.objects.update(state="talking")


def somebody_elses(office):
    Leg.objects.update(user=office.users[1])


def pretended(office):
    Call.objects.update(test=True)


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [(closed, "user_inactive"), (over, "not_ringing"), (picked_up, "not_ringing"), (somebody_elses, "not_yours"),
     (pretended, "test")],
    ids=lambda one: getattr(one, "__name__", one),
)  # fmt: skip
def test_what_has_changed_since_the_click_stops_it(office, ringing, meanwhile, code):
    command, _ = ask(ringing)
    meanwhile(office)
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    command.refresh_from_db()
    assert (command.state, command.reason_code) == ("refused", code)
    assert not PhoneLease.objects.exists()


def test_a_phone_that_carries_out_another_order_gets_no_second_one(office, ringing):
    command, _ = ask(ringing)
    PhoneLease.objects.create(phone=office.phones[0], token=7, held_until=utc_now() + timedelta(seconds=5))
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    command.refresh_from_db()
    assert (command.state, command.reason_code) == ("refused", "phone_busy")
    assert PhoneLease.objects.get().token == 7


def test_a_worker_with_an_old_token_writes_nothing(ringing):
    command, _ = ask(ringing)
    grant = grant_command(command_id=command.pk, now=utc_now())
    CallCommand.objects.filter(pk=command.pk).update(token=grant.token + 1)
    assert not record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    command.refresh_from_db()
    assert command.state == "granted"


def test_a_proof_that_is_quicker_than_the_phones_reply_stays(ringing):
    command, _ = ask(ringing)
    grant = grant_command(command_id=command.pk, now=utc_now())
    settle_commands({command.pk: Proof(ringing.uniqueid, 5.0, "bridged")}, utc_now())
    assert not record_outcome(grant=grant, outcome=Outcome(CommandState.UNKNOWN), now=utc_now())
    command.refresh_from_db()
    assert (command.state, command.evidence) == ("confirmed", "bridged")
    assert PhoneLease.objects.get().held_until is None


def test_picking_up_by_hand_before_anything_was_sent_needs_no_command(ringing):
    command, _ = ask(ringing)
    settle_commands({command.pk: Proof(ringing.uniqueid, 5.0, "bridged")}, utc_now())
    command.refresh_from_db()
    assert command.state == "cancelled"
    assert grant_command(command_id=command.pk, now=utc_now()) is None


def test_the_pbx_proves_an_answer_by_the_talking_leg_alone(office, ringing):
    command, _ = ask(ringing)
    grant = grant_command(command_id=command.pk, now=utc_now())
    record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    batch = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch[2:4], now=utc_now())
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert [change.state for change in command.changes.all()] == ["requested", "granted", "sent", "confirmed"]


def test_another_phone_that_took_the_call_is_no_proof_for_mine(office):
    ring, answer, _ = group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=ring, now=utc_now())
    mine = Leg.objects.get(endpoint="PJSIP/201")
    command, _ = ask(mine)
    grant = grant_command(command_id=command.pk, now=utc_now())
    record_outcome(grant=grant, outcome=Outcome(CommandState.SENT), now=utc_now())
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=answer, now=utc_now())
    command.refresh_from_db()
    assert command.state == "failed"


def test_a_caller_who_gives_up_ends_what_was_asked(ringing):
    command, _ = ask(ringing)
    settle_commands({command.pk: Disproof(ringing.uniqueid, 5.0, "the caller gave up.")}, utc_now())
    command.refresh_from_db()
    assert (command.state, command.sentence) == ("cancelled", "Not answered: the caller gave up.")


def test_a_granted_command_of_a_dead_worker_cannot_be_granted_again(ringing):
    command, _ = ask(ringing)
    grant_command(command_id=command.pk, now=utc_now())
    CallCommand.objects.filter(pk=command.pk).update(state=CommandState.UNKNOWN)
    assert grant_command(command_id=command.pk, now=utc_now()) is None
    assert grant_command(command_id=uuid.uuid4(), now=utc_now()) is None

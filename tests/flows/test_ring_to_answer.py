"""From a ringing phone to a card, from Answer to the answered phone: listener and worker as real processes."""

import pytest

from crmconnector.calls.models import Call, CallCommand
from crmconnector.calls.services import request_answer
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from tasks.call_control import enqueue
from tests.support.processes import eventually
from tests.support.simulated import DID, GROUP_DID, QUEUE_DID

pytestmark = pytest.mark.slow


def card(user, state):
    return eventually(
        lambda: Pop.objects.filter(user=user, state=state).select_related("leg").first(), what=f"{user} {state}"
    )


def press_answer(user):
    pop = card(user, "ringing")
    command, _ = request_answer(user=user, leg=pop.leg, key=f"test:{pop.leg_id}", now=utc_now())
    enqueue([command.pk])
    return command


def ended(command, state):
    eventually(lambda: CallCommand.objects.filter(pk=command.pk, state=state).exists(),
               what=list(CallCommand.objects.values_list("state", "sentence")))  # fmt: skip


def deeds(office, extension):
    return [row for row in office.journal(extension) if "phone_operation" in row["path"]]


def test_an_incoming_call_pops_and_the_button_answers_the_phone(stage):
    stage.rows.add_contact("Ada Lovelace", "030 23125447", company="Analytical Engines")
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    stage.office.incoming("03023125447", did=DID)
    user = stage.rows.users[0]
    pop = card(user, "ringing")
    assert pop.payload["people"][0]["name"] == "Ada Lovelace"
    assert pop.payload["line"] == {"label": "Support DE", "did": DID}
    command = press_answer(user)
    ended(command, "confirmed")
    card(user, "talking")
    assert len(deeds(stage.office, "201")) == 1
    stage.office.remote_hangup()
    card(user, "closed")
    call = eventually(lambda: Call.objects.filter(state="ended").first())
    assert (call.disposition, call.answered_by, call.contact.name) == ("answered", user, "Ada Lovelace")


@pytest.mark.parametrize("did", [GROUP_DID, QUEUE_DID])
def test_a_call_that_rings_three_phones_shows_three_cards_and_one_takes_it(stage, did):
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    stage.office.incoming("03023125447", did=did)
    for user in stage.rows.users:
        card(user, "ringing")
    ended(press_answer(stage.rows.users[1]), "confirmed")
    card(stage.rows.users[1], "talking")
    for user in (stage.rows.users[0], stage.rows.users[2]):
        closed = card(user, "closed").payload["closed"]
        assert (closed["reason"], closed["who"]) == ("elsewhere", "User 202")
    assert Call.objects.count() == 1
    assert Pop.objects.count() == 3


def test_a_phone_that_answers_nothing_ends_as_not_done_and_is_asked_once(stage):
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    stage.office.incoming("03023125447", did=DID)
    stage.office.fault("201", "effect_no_answer", count=1)
    ended(press_answer(stage.rows.users[0]), "confirmed")  # it did it and never said so; the PBX proved it
    assert len(deeds(stage.office, "201")) == 1


def test_a_phone_that_says_yes_and_does_nothing_is_not_believed(stage):
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    stage.office.incoming("03023125447", did=DID)
    stage.office.fault("201", "success_no_effect", count=1)
    command = press_answer(stage.rows.users[0])
    ended(command, "unknown")
    ended(command, "failed")
    command.refresh_from_db()
    assert "You can press again" in command.sentence
    assert len(deeds(stage.office, "201")) == 1


def test_a_wrong_passcode_is_tried_once_and_the_phone_left_alone(stage):
    stage.product.listener()
    stage.product.worker()
    stage.in_step()
    phone = stage.rows.phones[0]
    phone.passcode = "changed by somebody"
    phone.save(update_fields=["passcode"])
    stage.office.incoming("03023125447", did=DID)
    ended(press_answer(stage.rows.users[0]), "refused")
    phone.refresh_from_db()
    assert phone.passcode_refused_at is not None
    # By the look of a worker or by the press, whichever came first: one of them, once.
    assert [row["step"] for row in stage.office.journal("201")].count("passcode") == 1

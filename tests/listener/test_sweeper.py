"""What the broker lost is found; what cannot end by itself is ended; nothing is ever handed out twice to send."""

from datetime import timedelta

import pytest

from crmconnector.calls.confirmation import Proof
from crmconnector.calls.models import CallCommand, CommandState, Leg
from crmconnector.calls.services import grant_command, request_answer, settle_commands
from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports.limits import KEPT_DAYS
from crmconnector.contacts.imports.services import receive_file
from crmconnector.contacts.models import ContactImport, ContactImportChunk
from crmconnector.listener import sweeper
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.models import Heartbeat
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.models import Pop
from tests.support.story import inbound_call


@pytest.fixture
def command(office) -> CallCommand:
    handle_batch(
        pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(),
        batch=inbound_call(leg_endpoint="PJSIP/201", number="03023125447"),
    )  # fmt: skip
    leg = Leg.objects.get()
    return request_answer(user=leg.user, leg=leg, key="k", now=utc_now())[0]


@pytest.fixture
def handed_out(monkeypatch) -> list:
    """What the sweeper gave to the broker (the broker itself is tested in tests/flows)."""
    given: list = []
    monkeypatch.setattr(sweeper, "enqueue", lambda ids: given.extend(ids) or True)
    monkeypatch.setattr(sweeper, "reconcile_now", lambda ids, final: True)
    return given


def aged(command, seconds, **changes):
    then = utc_now() - timedelta(seconds=seconds)
    CallCommand.objects.filter(pk=command.pk).update(requested_at=then, **changes)


def swept(command):
    version = Pop.objects.get().version
    sweeper.sweep()
    command.refresh_from_db()
    return Pop.objects.get().version > version


def test_a_request_the_broker_lost_is_handed_out_again(command, handed_out):
    swept(command)
    assert handed_out == [], "it was handed out a moment ago"
    aged(command, 2.5)
    swept(command)
    assert handed_out == [command.pk]
    swept(command)
    assert handed_out == [command.pk], "not again within two seconds"


def test_while_the_broker_is_away_it_is_tried_each_second(command, monkeypatch):
    tries: list = []
    monkeypatch.setattr(sweeper, "enqueue", tries.extend)
    aged(command, 2.5)
    swept(command)
    swept(command)
    assert tries == [command.pk] * 2


def test_a_request_nobody_takes_says_so_and_is_withdrawn_in_time(command, handed_out):
    aged(command, 4)
    assert swept(command)
    assert (command.state, "no worker" in command.sentence) == ("requested", True)
    CallCommand.objects.filter(pk=command.pk).update(not_after=utc_now())
    assert swept(command)
    assert (command.state, command.settled) == ("expired", True)


def test_a_worker_that_died_after_the_grant_is_never_replaced_only_told(command, handed_out):
    aged(command, 5)
    grant_command(command_id=command.pk, now=utc_now() - timedelta(seconds=4))
    assert swept(command)
    assert (command.state, command.settled) == ("unknown", False)
    assert not swept(command), "watched, not touched"
    assert handed_out == []


def test_without_effect_after_ten_seconds_it_may_be_pressed_again(command, handed_out):
    grant_command(command_id=command.pk, now=utc_now() - timedelta(seconds=11))
    assert swept(command)
    assert (command.state, command.reason_code) == ("failed", "no_effect")


def test_while_the_pbx_is_not_heard_it_stays_honestly_unsure(command, handed_out):
    PbxLink.objects.update(state=PbxLink.State.DOWN)
    grant_command(command_id=command.pk, now=utc_now() - timedelta(seconds=11))
    assert swept(command)
    assert (command.state, command.settled) == ("unknown", True)
    assert "Not sure" in command.sentence
    assert not swept(command), "settled: looked at no more"


def test_a_proof_that_comes_late_still_counts(command, handed_out, office):
    CallCommand.objects.filter(pk=command.pk).update(state=CommandState.UNKNOWN, settled=True)
    assert settle_commands({command.pk: Proof(command.leg.uniqueid, 5.0, "bridged")}, utc_now())
    command.refresh_from_db()
    assert command.state == "confirmed"


def test_the_sweeper_gives_a_sign_of_life(db):
    sweeper.sweep()
    assert Heartbeat.objects.get(name="sweeper").at > utc_now() - timedelta(seconds=5)


# --- files that nobody brought in ------------------------------------------------------------------------------------


def a_file_of(days: float) -> ContactImport:
    then = utc_now() - timedelta(days=days)
    one = receive_file(actor=None, file_name="p.csv", chunks=[b"name\nAda Lovelace\n"], country="DE", now=then)
    ContactImport.objects.filter(pk=one.pk).update(changed_at=then)
    return one


def test_a_file_that_nobody_brought_in_goes_after_its_days_with_what_it_held(office):
    fresh, _old = a_file_of(KEPT_DAYS - 1), a_file_of(KEPT_DAYS + 1)
    assert ContactImportChunk.objects.count() == 2
    sweeper.sweep()
    assert list(ContactImport.objects.values_list("pk", flat=True)) == [fresh.pk]
    assert ContactImportChunk.objects.get().source_id == fresh.pk


def test_old_files_are_looked_for_once_an_hour_and_not_every_second(office):
    sweeper.sweep()
    a_file_of(KEPT_DAYS + 1)
    sweeper.sweep()
    assert ContactImport.objects.exists()
    Heartbeat.objects.filter(name="old_files").update(at=utc_now() - timedelta(hours=1, seconds=1))
    sweeper.sweep()
    assert not ContactImport.objects.exists()

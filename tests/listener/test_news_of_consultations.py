"""Whoever asks a colleague sees what the colleague does, though it is no news of the own leg."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import CallCommand, Leg
from crmconnector.calls.open_commands import open_consultations
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from tests.support.office import TRUNK, RowOffice
from tests.support.web_story import add_command

ANNA, BEN = "PJSIP/201", "PJSIP/202"
CUSTOMER = ev.Party(TRUNK, "03023125447", None, False)


def says(office: RowOffice, *batch: ev.CallEvent) -> set[int]:
    return handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


@pytest.fixture
def asking(office: RowOffice) -> RowOffice:
    """Anna talks with a customer, who waits while the PBX calls Ben for her."""
    at = time.time()
    says(
        office,
        ev.CallStarted("1.1", at, "inbound", False, CUSTOMER, "+493023125100"),
        ev.LegRinging("1.1", at, "1.2", ANNA, CUSTOMER, None, "+493023125100"),
        ev.LegAnswered("1.1", at, "1.2", ANNA, CUSTOMER),
        ev.CallAnswered("1.1", at, "1.2", ANNA),
    )
    leg = Leg.objects.get(endpoint=ANNA)
    add_command(leg, "sent", "confirmed", kind="attended_start", far_number="202", path="pbx")
    return office


def version() -> int:
    return Pop.objects.get(user__username="user201").version


def test_the_card_is_drawn_again_when_the_one_who_is_asked_rings_picks_up_or_is_gone(asking: RowOffice) -> None:
    at, anna = time.time(), ev.Party(ANNA, "201", None, False)
    for event in (
        ev.LegRinging("1.1", at, "1.3", BEN, anna, None, "202"),
        ev.LegAnswered("1.1", at, "1.3", BEN, anna),
        ev.LegEnded("1.1", at, "1.3", BEN, "answered", None),
    ):
        before = version()
        assert asking.users[0].pk in says(asking, event), event
        assert version() > before, event


def test_a_call_that_rings_one_desk_alone_is_asked_nothing(asking: RowOffice) -> None:
    with CaptureQueriesContext(connection) as asked:
        says(asking, ev.LegAnswered("1.1", time.time(), "1.2", ANNA, CUSTOMER))
    assert not any("attended_start" in query["sql"] for query in asked)


def test_a_consultation_of_a_call_that_is_over_is_no_news(asking: RowOffice) -> None:
    users = [user.pk for user in asking.users]
    assert len(open_consultations(users=users, now=utc_now())) == 1
    Leg.objects.filter(endpoint=ANNA).update(ended_at=utc_now(), state="ended")
    assert open_consultations(users=users, now=utc_now()) == []
    assert CallCommand.objects.count() == 1

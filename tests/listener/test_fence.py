"""Whoever no longer leads writes nothing, whatever it still knows."""

import pytest

from crmconnector.calls.models import Call
from crmconnector.common.clock import (
    FORGOTTEN_TRANSACTION_SECONDS,
    LEADER_LEASE_SECONDS,
    LEADER_LOOK_AGAIN_SECONDS,
    LEADER_RENEW_SECONDS,
    utc_now,
)
from crmconnector.listener import link
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.fence import Fenced, next_epoch
from crmconnector.listener.resync import close_unseen
from crmconnector.pbx.models import LinkGap, PbxLink
from tests.support.story import inbound_call

NEWS = link.LinkNews(False, None, utc_now(), "cut", "The old leader's view.", "")


@pytest.fixture
def old(office) -> dict[str, int]:
    """The epoch of a leader that another one has followed."""
    epoch = next_epoch(pbx_id=office.pbx.pk, now=utc_now())
    next_epoch(pbx_id=office.pbx.pk, now=utc_now())
    return {"pbx_id": office.pbx.pk, "epoch": epoch}


def test_an_old_leader_cannot_write_calls(office, old):
    batch = inbound_call(leg_endpoint="PJSIP/201", number="1")
    with pytest.raises(Fenced):
        handle_batch(pbx=office.pbx, epoch=old["epoch"], batch=batch, now=utc_now())
    assert not Call.objects.exists()


def test_an_old_leader_cannot_write_the_row_of_the_link(old):
    with pytest.raises(Fenced):
        link.write_link(**old, news=NEWS)
    assert PbxLink.objects.get().reason == ""


def test_an_old_leader_cannot_open_or_close_a_gap(old):
    with pytest.raises(Fenced):
        link.open_gap(**old, from_at=utc_now(), reason="old")
    assert not LinkGap.objects.exists()
    LinkGap.objects.create(pbx_id=old["pbx_id"], from_at=utc_now())
    with pytest.raises(Fenced):
        link.close_gaps(**old, until_at=utc_now())
    assert LinkGap.objects.get().until_at is None


def test_an_old_leader_cannot_end_calls_it_does_not_know(office, old):
    batch = inbound_call(leg_endpoint="PJSIP/201", number="1")
    handle_batch(pbx=office.pbx, epoch=PbxLink.objects.get().epoch, batch=batch, now=utc_now())
    with pytest.raises(Fenced):
        close_unseen(pbx=office.pbx, epoch=old["epoch"], open_keys=frozenset(), at=0.0, now=utc_now())
    assert Call.objects.get().ended_at is None


def test_the_times_of_the_lease_fit_together():
    assert LEADER_RENEW_SECONDS * 2 < LEADER_LEASE_SECONDS, "one renewal may be lost"
    assert FORGOTTEN_TRANSACTION_SECONDS < LEADER_LEASE_SECONDS, "a frozen leader's row locks go first"
    assert LEADER_LOOK_AGAIN_SECONDS < LEADER_RENEW_SECONDS


def test_a_gap_never_ends_before_it_began(office):
    now = utc_now()
    epoch = PbxLink.objects.get().epoch
    LinkGap.objects.create(pbx=office.pbx, from_at=now)
    link.close_gaps(pbx_id=office.pbx.pk, epoch=epoch, until_at=now.replace(year=2020))
    assert LinkGap.objects.get().until_at == now

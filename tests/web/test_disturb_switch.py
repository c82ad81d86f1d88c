"""The switch for do not disturb shows what the PBX proved, and says so when nobody knows."""

from datetime import timedelta

import pytest

from crmconnector.calls.models import CommandPath
from crmconnector.common.clock import utc_now
from crmconnector.web.disturb_acts import Disturb, disturb_switches
from tests.support.commands import sent_command
from tests.support.office import RowOffice


@pytest.fixture
def offered(office: RowOffice) -> RowOffice:
    office.pbx.link.may_send = ["originate", "getvar"]
    office.pbx.link.save()
    office.pbx.snippet_context = "crmconnector"
    office.pbx.save()
    return office


def switch(office: RowOffice) -> Disturb:
    [found] = disturb_switches(office.users[0], office.phones[:1], utc_now())
    assert not found.why_not
    return found


def ended(office: RowOffice, kind: str, state: str, *, seconds: float, **more: object) -> None:
    columns = {"path": CommandPath.PBX, "settled": True, "state": state} | more
    sent_command(office, kind, seconds=seconds, **columns)


@pytest.mark.parametrize(
    ("kind", "state", "code", "on"),
    [
        ("dnd_on", "confirmed", "", True),
        ("dnd_off", "confirmed", "", False),
        ("dnd_on", "failed", "no_effect", False),
        ("dnd_off", "failed", "no_effect", True),
    ],
)
def test_what_was_read_back_at_last_counts(offered: RowOffice, kind: str, state: str, code: str, on: bool) -> None:
    ended(offered, "dnd_off" if on else "dnd_on", "confirmed", seconds=900)
    ended(offered, kind, state, seconds=300, reason_code=code)
    assert switch(offered).on is on


@pytest.mark.parametrize("state", ["refused", "expired", "failed", "sent", "requested"])
def test_what_proves_nothing_changes_nothing(offered: RowOffice, state: str) -> None:
    ended(offered, "dnd_on", "confirmed", seconds=900)
    ended(offered, "dnd_off", state, seconds=300, reason_code="busy")
    assert switch(offered).on is True


def test_a_doubt_is_told_for_as_long_as_it_lasts(offered: RowOffice) -> None:
    ended(offered, "dnd_on", "unknown", seconds=timedelta(hours=5).total_seconds())
    assert switch(offered).said is not None
    ended(offered, "dnd_on", "confirmed", seconds=300)
    assert switch(offered).said is None and switch(offered).on

"""The checker of the long runs must itself see each kind of wrong; a short test, part of make test."""

import time
from datetime import timedelta

import pytest

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.pbx.models import LinkGap
from tests.support.diary import Life
from tests.support.ledger import check_ledger
from tests.support.web_story import add_call, add_command, add_pop

PRESSED = "/cgi-bin/api-phone_operation"


@pytest.fixture
def call(office) -> Call:
    made = add_call(office)
    add_command(made.legs.get(), "requested", "granted", "sent", "confirmed")
    made.legs.get().commands.update(settled=True)
    add_pop(made, made.legs.get(), state="closed")
    return made


def lives(*names: str) -> list[Life]:
    return [Life(name, time.time() - 60, time.time() - 30, answered=True) for name in names]


def sent(times: int = 1, extension: str = "201") -> list[dict[str, object]]:
    return [{"extension": extension, "path": PRESSED, "at": time.time() + 1}] * times


def test_a_right_book_has_no_problems(call):
    assert check_ledger(lives=lives(call.linkedid), journal=sent()).problems == []


def test_two_sends_of_one_click_are_seen(call):
    assert "sent 2 times" in check_ledger(lives=lives(call.linkedid), journal=sent(2)).problems[0]


def test_a_send_that_nobody_asked_for_is_seen(call):
    assert "without an order" in check_ledger(lives=lives(call.linkedid), journal=sent(extension="202")).problems[0]


def test_a_click_without_an_end_is_seen(call):
    call.legs.get().commands.update(settled=False, state="sent")
    assert "is still sent" in check_ledger(lives=lives(call.linkedid), journal=sent()).problems[0]


def test_a_call_without_a_row_is_seen_unless_a_gap_tells_why(office, call):
    both = lives(call.linkedid, "lost")
    assert "call lost has no row" in check_ledger(lives=both, journal=sent()).problems[0]
    gap = {"from_at": from_epoch(time.time() - 90), "until_at": utc_now()}
    LinkGap.objects.create(pbx=office.pbx, **gap)
    assert check_ledger(lives=both, journal=sent()).problems == []


def test_a_row_of_a_call_that_was_never_made_is_seen(call):
    assert "was never made" in check_ledger(lives=[], journal=sent()).problems[0]


def test_a_call_or_leg_that_never_ended_is_seen(call):
    Call.objects.update(ended_at=None)
    Leg.objects.update(ended_at=None)
    assert len(check_ledger(lives=lives(call.linkedid), journal=sent()).problems) == 2


def test_a_card_that_stays_open_is_seen(call):
    call.pops.update(state="ringing")
    assert "is still ringing" in check_ledger(lives=lives(call.linkedid), journal=sent()).problems[0]


def test_a_gap_that_stays_open_is_seen(office, call):
    LinkGap.objects.create(pbx=office.pbx, from_at=utc_now() - timedelta(minutes=1))
    assert "is still open" in check_ledger(lives=lives(call.linkedid), journal=sent()).problems[0]


def test_an_answered_call_that_is_told_as_missed_is_seen(call):
    Call.objects.update(disposition="no_answer")
    assert "was answered and is told" in check_ledger(lives=lives(call.linkedid), journal=sent()).problems[0]

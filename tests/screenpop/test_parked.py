"""A caller who was parked still waits in the PBX: the card of whoever parked it says so, and where."""

import json
import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call
from crmconnector.calls.replay import told_from_events
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.selectors import open_cards
from crmconnector.web.words import result_of
from tests.support.story import T0, answered_call, caller

pytestmark = pytest.mark.django_db
RECORDINGS = Path(__file__).parents[1] / "recordings"
NUMBER = "03023125447"
FAR = caller(NUMBER)


def told(office, *batch: ev.CallEvent) -> set[int]:
    return handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def drawn(office) -> str:
    [shown] = open_cards(user=office.users[0])
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render_to_string("screenpop/card.html", shown.context())))


def result() -> str:
    return result_of(Call.objects.get()).word


@pytest.fixture
def parked(office):
    """The phone hears the place a little longer than the caller is with it."""
    told(office, *answered_call(leg_endpoint="PJSIP/201", number=NUMBER)[:4])
    told(office, ev.CallParked("1.1", T0 + 20, "701"))
    assert Pop.objects.get().state == "talking"
    told(office, ev.LegEnded("1.1", T0 + 22, "1.1-leg", "PJSIP/201", "answered", None))
    return office


def test_the_card_says_where_the_caller_waits_and_offers_no_call_back(parked):
    text = drawn(parked)
    assert "Parked" in text and "waits parked at 701" in text
    assert "Call ended" not in text and "Call back" not in text
    assert result() == "Parked"


def test_when_the_parked_caller_gives_up_the_call_has_ended(parked):
    told(parked, ev.CallEnded("1.1", T0 + 40, "answered", "PJSIP/201", 39.0))
    text = drawn(parked)
    assert "Call ended" in text and "Call back" in text and "701" not in text
    assert result() == "Talked"


def test_whoever_takes_the_parked_caller_is_named(parked):
    told(parked, ev.LegRinging("1.1", T0 + 30, "1.3", "PJSIP/202", FAR, None, "701", picked_up=True))
    told(parked, ev.LegAnswered("1.1", T0 + 30, "1.3", "PJSIP/202", FAR))
    assert re.search(r"now talks with\s+User 202", drawn(parked))
    assert result() == "Talking"


def test_whoever_took_the_parked_caller_while_nobody_listened_talks_with_them(parked):
    told(parked, ev.LegAnswered("1.1", T0 + 30, "1.3", "PJSIP/202", FAR))
    assert result() == "Talking"


def test_a_parked_caller_who_comes_back_and_hangs_up_is_parked_no_more(parked):
    told(parked, ev.LegRinging("1.1", T0 + 50, "1.4", "PJSIP/201", FAR, None, None))
    assert Pop.objects.get().state == "ringing" and result() != "Parked"
    told(parked, ev.LegAnswered("1.1", T0 + 52, "1.4", "PJSIP/201", FAR))
    told(parked, ev.LegEnded("1.1", T0 + 60, "1.4", "PJSIP/201", "answered", None))
    assert "arked" not in drawn(parked)


@pytest.mark.parametrize("asterisk", ["asterisk16", "asterisk16sip", "asterisk22"])
@pytest.mark.parametrize("story", ["park_and_retrieve", "park_feature_and_retrieve", "park_given_up", "park_timeout"])
def test_a_real_pbx_tells_where_the_caller_was_parked(asterisk, story):
    lines = (RECORDINGS / asterisk / f"{story}.jsonl").read_text().splitlines()
    truth = json.loads((RECORDINGS / asterisk / f"{story}.truth.json").read_text())
    heard = list(told_from_events([json.loads(line) for line in lines], trunks=truth["trunks"]))
    first = next(one for one in heard if isinstance(one, ev.CallStarted))
    assert [(one.call, one.place) for one in heard if isinstance(one, ev.CallParked)] == [(first.call, "701")]

"""Every recorded story ends in the right rows: the call log, its legs, and one card a person and call.

The recordings run through the listener's own path (tracker, ledger, cards, a real database), event by event, as on a
quiet day, and all in one batch, as after a database that was away.
"""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.models import Call, Leg
from crmconnector.calls.replay import calls_from_events
from crmconnector.calls.tracker import CallTracker
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Trunk
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from phones.services import assign_phone
from tests.support.office import add_phone

FOLDER = Path(__file__).parent.parent / "recordings/asterisk22"
STORIES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
DESKS = ("1001", "1002", "1003", "1004")


def recorded(name):
    began = utc_now().timestamp() - 600
    lines = (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [{"t": began + entry["t"], "headers": entry["headers"]} for entry in map(json.loads, lines)]


@pytest.fixture
def desks(office):
    """Users u1001 … u1004 at the lab's desk phones."""
    for place, extension in enumerate(DESKS):
        user = User.objects.create_user(f"u{extension}", password="correct horse battery", full_name=extension)
        phone = add_phone(office.pbx, extension=extension, port=9000 + place)
        assign_phone(phone=phone, user_id=user.pk, from_at=utc_now() - timedelta(days=1))
    Trunk.objects.get_or_create(pbx=office.pbx, endpoint="PJSIP/trunk", defaults={"confirmed": True})
    return office


def batches_of(recording, *, at_once):
    tracker = CallTracker(trunks=["PJSIP/trunk"])
    told = [tracker.feed(event) for entry in recording if (event := parse(entry["headers"], entry["t"])) is not None]
    return [[one for batch in told for one in batch]] if at_once else [batch for batch in told if batch]


def write(pbx, batches):
    for batch in batches:
        handle_batch(pbx=pbx, epoch=pbx.link.epoch, batch=batch, now=utc_now())


def log():
    """The call log as a person reads it, without the calls that became part of another."""
    calls = Call.objects.filter(merged_into="").order_by("started_at", "pk")
    return [
        {
            "linkedid": call.linkedid,
            "direction": call.direction,
            "originated": call.originated,
            "number": call.caller_number or None,
            "dialled": call.dialled or None,
            "answered_by": call.answered_by_endpoint or None,
            "disposition": call.disposition or None,
            "ended": call.ended_at is not None,
            "talked_with": call.talked_with,
            "picked_up": call.picked_up,
            "transfers": [(one["kind"], one["by"], one["connects"], one["ok"]) for one in call.transfers],
        }
        for call in calls
    ]


def expected_log(calls):
    return [
        {
            **{key: call[key] for key in ("linkedid", "direction", "originated", "dialled", "answered_by", "ended")},
            "talked_with": call["talked_with"],
            "picked_up": call["picked_up"],
            "transfers": [(one["kind"], one["by"], one["connects"], one["ok"]) for one in call["transfers"]],
            "number": call["caller"]["number"],
            "disposition": call["disposition"] or "unseen",
        }
        for call in calls
        if call["merged_into"] is None
    ]


def desk_of(endpoint):
    return (endpoint or "").partition("/")[2]


def cards():
    return Counter(Pop.objects.values_list("user__username", "call__linkedid"))


def expected_cards(calls):
    """One card for each call that showed itself at a person's desk, however often it rang there.

    When the call there was put through, its card went on as that of the call which took it over.
    """
    into = {call["linkedid"]: call["merged_into"] for call in calls}
    own = {call["linkedid"]: call["answered_by"] for call in calls}  # that desk had a card of the call before
    shown = {(desk_of(pop["endpoint"]), call["linkedid"]) for call in calls for pop in call["pops"]}
    followed = {
        (desk, call)
        for desk, call in shown
        if (desk, into[call]) in shown - {(desk_of(own.get(into[call])), into[call])}
    }
    return Counter((f"u{desk}", call) for desk, call in shown - followed if desk in DESKS)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_told_event_by_event_is_in_the_log_and_on_the_cards(desks, name):
    recording = recorded(name)
    calls = calls_from_events(recording, trunks=["PJSIP/trunk"])
    write(desks.pbx, batches_of(recording, at_once=False))
    assert log() == expected_log(calls)
    assert cards() == expected_cards(calls)
    assert not Leg.objects.filter(ended_at=None).exists()
    assert set(Pop.objects.values_list("state", flat=True)) <= {"closed"}
    last = {desk_of(pop["endpoint"]): pop["number"] for call in calls for pop in call["pops"]}
    shown = {pop.user.username[1:]: pop.payload["caller"]["written"] for pop in Pop.objects.order_by("changed_at")}
    assert set(shown) == {desk for desk in last if desk in DESKS}


@pytest.mark.parametrize("name", STORIES[::4])
def test_a_story_told_all_at_once_is_in_the_log_and_opens_no_card_too_late(desks, name):
    recording = recorded(name)
    write(desks.pbx, batches_of(recording, at_once=True))
    assert log() == expected_log(calls_from_events(recording, trunks=["PJSIP/trunk"]))
    assert not Leg.objects.filter(ended_at=None).exists()
    assert Pop.objects.count() == 0

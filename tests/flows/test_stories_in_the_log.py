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
from crmconnector.screenpop.models import Pop, PopDecision
from crmconnector.users.models import User
from phones.services import assign_phone
from tests.support.office import add_phone
from tests.support.told_calls import calls_lived, desks_that_called

FOLDER = Path(__file__).parent.parent / "recordings/asterisk22"
STORIES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
DESKS = ("1001", "1002", "1003", "1004")
GAPS = ("gap_", "pbx_")  # part of these was not heard


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


def expected_cards(name, calls):
    """One card for each call that showed itself at a person's desk, however often it rang there, or began there.

    When the call there was put through, its card went on as that of the call which took it over; but who was in that
    one before, and called a third to ask, keeps both.
    """
    into = {call["linkedid"]: call["merged_into"] for call in calls}
    answered = {(desk_of(call["answered_by"]), call["linkedid"]) for call in calls if not call["picked_up"]}
    before = answered | begun(calls)
    shown = {(desk_of(pop["endpoint"]), call["linkedid"]) for call in calls for pop in call["pops"]}
    shown |= {(desk, call) for desk, call in begun(calls) if desk in desks_that_called(FOLDER, name)}
    followed = {(desk, call) for desk, call in shown if (desk, into[call]) in shown - before}
    return Counter((f"u{desk}", call) for desk, call in shown - followed if desk in DESKS)


def begun(calls):
    """(desk, call): who began each. Of the recordings this is what people wrote down; see tests/calls."""
    return {(desk_of((call["caller"] or {}).get("endpoint")), call["linkedid"]) for call in calls}


def check_whom_they_name(calls):
    """A card names whom its own person had in that call, not a third who was only asked."""
    told = {call["linkedid"]: call for call in calls}
    for pop in Pop.objects.select_related("user", "call"):
        desk, call = pop.user.username[1:], told[pop.call.linkedid]
        rang = {seen["number"] for seen in call["pops"] if desk_of(seen["endpoint"]) == desk}
        if pop.payload["placed"]:
            rang = {call["dialled"], desk_of(call["answered_by"])} - {None, ""}
        caller = pop.payload["caller"]
        assert caller["written"] in rang or caller["kind"] == "withheld" or not rang, (desk, call["linkedid"])


@pytest.mark.parametrize("name", STORIES)
def test_a_story_told_event_by_event_is_in_the_log_and_on_the_cards(desks, name):
    recording = recorded(name)
    calls = calls_from_events(recording, trunks=["PJSIP/trunk"])
    write(desks.pbx, batches_of(recording, at_once=False))
    assert log() == expected_log(calls)
    assert cards() == expected_cards(name, calls)
    assert not Leg.objects.filter(ended_at=None).exists()
    assert set(Pop.objects.values_list("state", flat=True)) <= {"closed"}
    check_whom_they_name(calls)


HOW_IT_WENT = {
    "internal_missed": "hung_up",
    "internal_not_registered": "far_failed",
    "originate_answered": "ended",
    "originate_by_local_far_busy": "far_busy",
    "originate_far_busy": "far_busy",
    "originate_far_no_answer": "hung_up",  # 1001 gave up while it rang there
    "originate_no_answer": "own_no_answer",
    "originate_rejected": "own_rejected",
    "originate_rejected_by_local": "own_rejected",
    "outbound_answered": "ended",
    "outbound_busy": "far_busy",
    "outbound_missed": "hung_up",
    "outbound_rejected": "far_rejected",
    "transfer_blind_of_outbound": "transferred",
}


@pytest.mark.parametrize(("name", "reason"), HOW_IT_WENT.items(), ids=HOW_IT_WENT)
def test_the_card_of_a_call_that_a_desk_made_says_how_it_went(desks, name, reason):
    write(desks.pbx, batches_of(recorded(name), at_once=False))
    pop = Pop.objects.get(user__username="u1001")
    assert (pop.payload["placed"], pop.payload["closed"]["reason"]) == (True, reason)


@pytest.mark.parametrize("name", [name for name in STORIES if not name.startswith(GAPS)])
def test_each_call_that_a_desk_made_by_its_own_diary_is_one_placed_leg_and_one_card(desks, name):
    write(desks.pbx, batches_of(recorded(name), at_once=False))
    reasons = PopDecision.objects.filter(reason="placed").values_list("user__username", flat=True)
    lived = {desk: times for desk, times in calls_lived(FOLDER, name).items() if desk in DESKS}
    assert Counter(user[1:] for user in reasons) == lived


@pytest.mark.parametrize("name", STORIES[::4])
def test_a_story_told_all_at_once_is_in_the_log_and_opens_no_card_too_late(desks, name):
    recording = recorded(name)
    write(desks.pbx, batches_of(recording, at_once=True))
    assert log() == expected_log(calls_from_events(recording, trunks=["PJSIP/trunk"]))
    assert not Leg.objects.filter(ended_at=None).exists()
    assert Pop.objects.count() == 0

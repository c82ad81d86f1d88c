"""Of every recorded story: whoever it concerned has exactly one reason, shown where there is a card, and a sentence."""

import json
from collections import Counter

import pytest

from crmconnector.calls.models import Call, Leg
from crmconnector.calls.replay import calls_from_events
from crmconnector.screenpop.decisions import NOT_SHOWN, SHOWN
from crmconnector.screenpop.explain import LABELS, explain_call
from crmconnector.screenpop.models import Pop, PopDecision
from tests.support.desks import DESKS, play_into_rows, seat_desks, told_of
from tests.support.told_calls import RECORDINGS, TRUNKS, desks_that_called

KIND = "asterisk22"
STORIES = sorted(path.stem for path in (RECORDINGS / KIND).glob("*.jsonl"))
OLDER = [(kind, name) for kind in ("asterisk16", "asterisk16sip") for name in STORIES[::9]]
ALSO_THERE = [(kind, name) for kind, name in OLDER if (RECORDINGS / kind / f"{name}.jsonl").exists()]


def concerned():
    """(call, user): whoever has a leg in it, or placed it."""
    legs = set(Leg.objects.exclude(user=None).values_list("call__linkedid", "user__username"))
    return legs | set(Call.objects.exclude(placed_by=None).values_list("linkedid", "placed_by__username"))


def kept():
    return Counter(PopDecision.objects.exclude(user=None).values_list("call__linkedid", "user__username"))


def check_reasons():
    rows = kept()
    assert set(rows.values()) <= {1}
    assert concerned() <= set(rows)
    cards = {(pop.call.linkedid, pop.user.username) for pop in Pop.objects.select_related("call", "user")}
    shown = set(PopDecision.objects.filter(shown=True).values_list("call__linkedid", "user__username"))
    assert cards <= shown
    for row in PopDecision.objects.all():
        assert row.reason in (SHOWN if row.shown else NOT_SHOWN)
        assert (row.pop_id is not None) == row.shown
    strangers = set(PopDecision.objects.filter(user=None).values_list("endpoint", flat=True))
    assert not strangers & set(TRUNKS.values())
    for call in Call.objects.all():
        told = explain_call(call)
        assert len(told) == call.pop_decisions.count()
        assert all(one.sentence and one.title and LABELS[one.word] for one in told)


@pytest.fixture(scope="module")
def table():
    """How often each reason was given in the stories; printed at the end (see it with -s)."""
    counts = Counter()
    yield counts
    print("\nreasons in the stories told event by event")
    for word, count in counts.most_common():
        print(f"{count:5} {word}")


@pytest.mark.parametrize("name", STORIES)
def test_everybody_in_a_story_told_event_by_event_has_one_reason(office, table, name):
    seat_desks(office, pbx=KIND)
    play_into_rows(office, KIND, name)
    check_reasons()
    table.update(PopDecision.objects.values_list("reason", flat=True))
    assert shown_at_desks() == expected_at_desks(name)


def shown_at_desks():
    rows = PopDecision.objects.filter(shown=True).values_list("user__username", "call__linkedid")
    return {(user[1:], call) for user, call in rows}


def expected_at_desks(name):
    """A card for each call that shows itself at a person's desk, or began there: by what the replay without rows tells,
    and of those that began there by the desk's own diary.
    """
    lines = (RECORDINGS / KIND / f"{name}.jsonl").read_text("utf-8").splitlines()
    calls = calls_from_events([json.loads(line) for line in lines], trunks=[TRUNKS[KIND]])
    pops = {(pop["endpoint"].partition("/")[2], call["linkedid"]) for call in calls for pop in call["pops"]}
    began = {((call["caller"] or {}).get("endpoint") or "", call["linkedid"]) for call in calls}
    called = desks_that_called(RECORDINGS / KIND, name)
    placed = {(endpoint.partition("/")[2], call) for endpoint, call in began if endpoint.partition("/")[2] in called}
    return {(desk, call) for desk, call in pops | placed if desk in DESKS}


@pytest.mark.parametrize("name", STORIES[::4])
def test_everybody_in_a_story_told_all_at_once_has_no_card_and_a_reason_for_it(office, name):
    seat_desks(office, pbx=KIND)
    play_into_rows(office, KIND, name, at_once=True)
    check_reasons()
    assert not PopDecision.objects.filter(shown=True).exists()


@pytest.mark.parametrize(("kind", "name"), ALSO_THERE, ids=[f"{kind}-{name}" for kind, name in ALSO_THERE])
def test_stories_of_older_systems_are_explained_as_well(office, kind, name):
    seat_desks(office, pbx=kind)
    play_into_rows(office, kind, name)
    check_reasons()


def test_there_are_stories_to_explain():
    assert len(STORIES) > 100
    assert any(list(told_of(KIND, name)) for name in STORIES[:3])

"""What administrators decide about ways, and what the table of verbs says of it."""

from dataclasses import replace

import pytest

from crmconnector.calls.models import PathPolicy
from crmconnector.calls.verbs import SEQUENCES, VERBS, Ground, troubles_of
from crmconnector.calls.wanted import way_of
from crmconnector.calls.ways import Decision, WayProblem, decide_ways, decisions_for
from tests.support.office import RowOffice

ALL_ACTIONS = {action for row in VERBS.values() for action in row.pbx}
EVERYTHING = Ground(
    phone_verbs={row.phone for row in VERBS.values()}, calibrated=SEQUENCES, pbx_actions=ALL_ACTIONS, snippet=True
)


def test_the_word_for_one_phone_is_heard_before_that_for_all(office: RowOffice) -> None:
    first, second = office.phones[0], office.phones[1]
    decide_ways(phone=None, wanted={"hang_up": Decision("pbx", True)})
    decide_ways(phone=first, wanted={"hang_up": Decision("phone")})
    assert decisions_for(first)["hang_up"] == Decision("phone", False, own=True)
    assert decisions_for(second)["hang_up"] == Decision("pbx", True)
    assert decisions_for(None)["hang_up"] == Decision("pbx", True)


def test_the_page_and_the_worker_decide_alike(office: RowOffice) -> None:
    phone = office.phones[0]
    decide_ways(phone=None, wanted={"hang_up": Decision("pbx", True)})
    assert way_of(kind="hang_up", phone=phone, ground=EVERYTHING).way == "pbx"
    decide_ways(phone=phone, wanted={"hang_up": Decision("phone")})
    choice = way_of(kind="hang_up", phone=phone, ground=EVERYTHING)
    assert (choice.way, choice.may_fall_back) == ("phone", False)


def test_only_a_call_goes_the_other_way_when_nobody_decided(office: RowOffice) -> None:
    phone = office.phones[0]
    may = {kind for kind in VERBS if way_of(kind=kind, phone=phone, ground=EVERYTHING).may_fall_back}
    assert may == {"make_call"}
    decide_ways(phone=phone, wanted={"make_call": Decision("phone")})
    assert not way_of(kind="make_call", phone=phone, ground=EVERYTHING).may_fall_back
    alone = replace(EVERYTHING, pbx_linked=False)
    assert not way_of(kind="make_call", phone=office.phones[1], ground=alone).may_fall_back


def test_only_what_changed_is_told_and_taking_back_leaves_no_row(office: RowOffice) -> None:
    assert decide_ways(phone=None, wanted={"hang_up": Decision(), "dtmf": Decision("phone")}) == {
        "dtmf": Decision("phone")
    }
    assert decide_ways(phone=None, wanted={"dtmf": Decision("phone")}) == {}
    assert decide_ways(phone=None, wanted={"dtmf": Decision()}) == {"dtmf": Decision()}
    assert PathPolicy.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "decision"),
    [
        ("hold", Decision("pbx")), ("answer", Decision("pbx")), ("park", Decision("phone")), ("fly", Decision("pbx")),
        ("hang_up", Decision("pigeon")), ("hold", Decision("phone", True)),
    ],
)  # fmt: skip
def test_a_way_that_does_not_exist_cannot_be_decided_on(office: RowOffice, kind: str, decision: Decision) -> None:
    with pytest.raises(WayProblem):
        decide_ways(phone=None, wanted={"hang_up": Decision("pbx"), kind: decision})
    assert PathPolicy.objects.count() == 0


def test_every_verb_has_a_way_when_everything_is_there() -> None:
    for kind in VERBS:
        troubles = troubles_of(kind, EVERYTHING)
        assert troubles and not any(troubles.values()), kind


def test_what_is_absent_is_no_trouble_but_missing() -> None:
    assert set(troubles_of("hold", EVERYTHING)) == set(troubles_of("answer", EVERYTHING)) == {"phone"}
    assert set(troubles_of("park", EVERYTHING)) == {"pbx"}

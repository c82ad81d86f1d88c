"""Missed calls to return: one entry a number, gone as soon as anybody talks to it; also against a plain account of
that rule.
"""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from crmconnector.calls.models import MISSED, Call
from crmconnector.calls.parties import keep_parties
from crmconnector.calls.to_return import RETURN_DAYS, calls_to_return, count_to_return, returned_at
from crmconnector.common.clock import utc_now
from tests.support.office import RowOffice, make_office
from tests.support.web_story import add_call

NUMBERS = ("+493023125447", "+493023125448", "202")
MINUTE = timedelta(minutes=1)


def missed(office: RowOffice, **changes: object) -> Call:
    nobody = {"disposition": "no_answer", "answered_at": None, "answered_by": None, "talk_seconds": None}
    return add_call(office, **{**nobody, **changes})


def entries(office: RowOffice, place: int | None = None) -> list[tuple[str, int]]:
    people = None if place is None else [office.users[place].pk]
    return [(one.call.far_number, one.missed) for one in calls_to_return(people, now=utc_now())]


def test_a_number_missed_thrice_is_one_entry_with_its_last_call(office: RowOffice) -> None:
    at = utc_now()
    calls = [missed(office, started_at=at - place * MINUTE) for place in (30, 20, 10)]
    found = calls_to_return([office.users[0].pk], now=at)
    assert [(one.call, one.missed) for one in found] == [(calls[-1], 3)]
    assert count_to_return([office.users[0].pk], now=at) == 1


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_an_entry_goes_when_somebody_talks_to_the_number_whoever_rang_whom(office: RowOffice, direction: str) -> None:
    at = utc_now()
    call = missed(office, started_at=at - 20 * MINUTE)
    assert entries(office, 0) == [(NUMBERS[0], 1)]
    talked = {"started_at": at - 9 * MINUTE, "answered_at": at - 8 * MINUTE, "ended_at": at - 7 * MINUTE}
    dialled = {"dialled": "030 23125447", "caller_number": "203", "caller_e164": "", "placed_by": office.users[2]}
    add_call(office, place=2, direction=direction, **talked, **(dialled if direction == "outbound" else {}))
    assert entries(office, 0) == [] and entries(office) == []
    assert returned_at([call]) == {call.pk: talked["answered_at"]}


def test_a_talk_that_went_on_meanwhile_or_an_unanswered_try_returns_nothing(office: RowOffice) -> None:
    at = utc_now()
    add_call(office, started_at=at - 40 * MINUTE, answered_at=at - 39 * MINUTE, ended_at=at)
    missed(office, started_at=at - 20 * MINUTE)
    missed(office, direction="outbound", dialled=NUMBERS[0], started_at=at - 10 * MINUTE)
    assert entries(office, 0) == [(NUMBERS[0], 1)]


def test_withheld_old_internal_tested_and_other_peoples_calls_are_not_to_return(office: RowOffice) -> None:
    at = utc_now()
    missed(office, caller_restricted=True)
    missed(office, direction="internal", dialled="202")
    missed(office, started_at=at - timedelta(days=RETURN_DAYS, minutes=1))
    missed(office, test=True)
    missed(office, place=1)
    missed(office, ended_at=None)
    assert entries(office, 0) == [] and entries(office, 1) == [(NUMBERS[0], 1)]


def test_a_pretended_talk_of_a_test_returns_nothing(office: RowOffice) -> None:
    missed(office, started_at=utc_now() - 20 * MINUTE)
    add_call(office, test=True, started_at=utc_now() - MINUTE, answered_at=utc_now())
    assert entries(office, 0) == [(NUMBERS[0], 1)]


class ToReturnAgainstItsRule(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.office = make_office()  # type: ignore[attr-defined]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(NUMBERS), st.sampled_from(["missed", "talked", "called", "tried"]), st.integers(0, 3),
                st.integers(0, 2),
            ),
            max_size=14,
        )
    )  # fmt: skip
    @examples(max_examples=60)
    def test_whatever_happened_the_list_is_what_the_rule_says(self, told: list[tuple[str, str, int, int]]) -> None:
        """Each call begins a minute after the one before; it is answered so many minutes later, while others come."""
        office: RowOffice = self.office  # type: ignore[attr-defined]
        Call.objects.all().delete()
        begin = utc_now() - timedelta(days=1)
        calls = [self.make(office, begin + place * MINUTE, *each) for place, each in enumerate(told)]
        for place in (None, 0, 1, 2):
            assert Counter(dict(entries(office, place))) == self.rule(office, calls, place)

    def make(self, office: RowOffice, at: object, number: str, kind: str, minutes: int, place: int) -> Call:
        answered = at + minutes * MINUTE if kind in ("talked", "called") else None  # type: ignore[operator]
        call = Call.objects.create(
            pbx=office.pbx, linkedid=str(at), direction="outbound" if kind in ("called", "tried") else "inbound",
            far_number=number, disposition="answered" if answered else "no_answer", started_at=at,
            answered_at=answered, ended_at=at + 9 * MINUTE, placed_by=office.users[place],  # type: ignore[operator]
        )  # fmt: skip
        keep_parties(calls=[call], legs=[])
        return call

    def rule(self, office: RowOffice, calls: list[Call], place: int | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for call in calls:
            talks = [one.answered_at for one in calls if one.far_number == call.far_number and one.answered_at]
            open_still = call.direction == "inbound" and call.disposition in MISSED
            mine = place is None or call.placed_by == office.users[place]
            if open_still and mine and not any(at > call.started_at for at in talks):
                found[call.far_number] += 1
        return found

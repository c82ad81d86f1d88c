"""Which rule wins, and when quiet hours are: plain values in, one verdict out."""

from datetime import UTC, datetime, time

import pytest

from crmconnector.screenpop.rules import (
    ANSWER,
    NEVER,
    QUIET,
    RING,
    SCOPES,
    Quiet,
    Rule,
    Verdict,
    decide,
    is_quiet,
    may_open,
)


def at(*values):
    """A moment of the house's clock; the zone says nothing here."""
    return datetime(*values, tzinfo=UTC)


MONDAY_NOON = at(2026, 11, 23, 12, 0)
ME, SOMEBODY = 7, 8
OF = {
    "user_queue": Rule(1, ME, "600", None, NEVER),
    "user_line": Rule(2, ME, None, 5, ANSWER),
    "user": Rule(3, ME, None, None, RING),
    "queue": Rule(4, None, "600", None, ANSWER),
    "line": Rule(5, None, None, 5, NEVER),
    "house": Rule(6, None, None, None, ANSWER),
}


def verdict(rules, *, queue="600", line_id=5, quiet=None, local=MONDAY_NOON):
    return decide(rules, quiet, user_id=ME, queue=queue, line_id=line_id, local=local)


@pytest.mark.parametrize("place", range(len(SCOPES)), ids=SCOPES)
def test_the_most_special_rule_wins_and_says_which_it_is(place):
    left = [OF[scope] for scope in reversed(SCOPES[place:])]  # the winner last: the order of rows says nothing
    best = OF[SCOPES[place]]
    assert verdict(left) == Verdict(best.when, SCOPES[place], best.rule_id)


def test_without_a_rule_a_card_shows_when_it_rings():
    assert verdict([]) == Verdict(RING, "default")


def test_rules_of_somebody_else_of_another_queue_and_of_another_line_do_not_count():
    others = [
        Rule(1, SOMEBODY, None, None, NEVER),
        Rule(2, ME, "601", None, NEVER),
        Rule(3, None, None, 6, NEVER),
        Rule(4, SOMEBODY, "600", None, NEVER),
    ]
    assert verdict(others) == Verdict(RING, "default")


def test_a_call_by_no_queue_and_no_line_gets_the_general_rule():
    assert verdict(list(OF.values()), queue=None, line_id=None) == Verdict(RING, "user", 3)


def test_quiet_hours_stand_above_every_rule():
    quiet = Quiet(time(11), time(13), (0,))
    assert verdict([Rule(1, ME, "600", None, RING)], quiet=quiet) == Verdict(NEVER, QUIET)


NIGHT = Quiet(time(18), time(8), (0, 4))  # begins on Monday and on Friday evening
QUIET_TIMES = [
    ("before_it_begins", at(2026, 11, 23, 17, 59, 59), False),
    ("as_it_begins", at(2026, 11, 23, 18, 0), True),
    ("at_midnight", at(2026, 11, 24, 0, 0), True),
    ("the_last_second_of_the_morning_after", at(2026, 11, 24, 7, 59, 59), True),
    ("as_it_ends", at(2026, 11, 24, 8, 0), False),
    ("the_evening_of_another_day", at(2026, 11, 24, 18, 0), False),
    ("the_morning_after_another_day", at(2026, 11, 25, 7, 0), False),
    ("saturday_after_friday", at(2026, 11, 28, 3, 0), True),
    ("monday_morning_after_sunday", at(2026, 11, 23, 3, 0), False),
]


@pytest.mark.parametrize(("local", "quiet"), [one[1:] for one in QUIET_TIMES], ids=[one[0] for one in QUIET_TIMES])
def test_a_night_over_midnight_belongs_to_the_day_on_which_it_begins(local, quiet):
    assert is_quiet(NIGHT, local) is quiet


def test_hours_within_a_day_count_on_their_days_only():
    lunch = Quiet(time(12), time(13), (0,))
    assert is_quiet(lunch, MONDAY_NOON)
    assert not is_quiet(lunch, MONDAY_NOON.replace(hour=13))
    assert not is_quiet(lunch, MONDAY_NOON.replace(day=24))


def test_no_day_named_means_every_day_and_one_time_twice_means_the_whole_day():
    assert is_quiet(Quiet(time(12), time(13)), MONDAY_NOON)
    assert is_quiet(Quiet(time(12), time(12)), MONDAY_NOON.replace(hour=3))


@pytest.mark.parametrize(
    ("when", "states", "opens"),
    [
        (RING, ["ringing"], True),
        (RING, ["ended"], False),
        (ANSWER, ["ringing"], False),
        (ANSWER, ["ended", "talking"], True),
        (ANSWER, ["held"], True),
        (NEVER, ["talking", "ringing"], False),
        ("word of another version", ["ringing"], False),
    ],
    ids=str,
)
def test_a_card_opens_only_in_the_states_that_its_rule_names(when, states, opens):
    assert may_open(Verdict(when, "user"), states) is opens

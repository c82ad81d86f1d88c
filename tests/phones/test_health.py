"""What a look means: pure values in, values out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.health import (
    BREAKER_FAILURES,
    Health,
    Kind,
    Sight,
    accounts_are_due,
    next_health,
    registration_of,
    regular_look,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANSWERED = Sight(Kind.ANSWERED, lines=("idle", "connected"), seconds=0.042)
SILENT = Sight(Kind.SILENT, "connect_timeout", "The phone does not answer on the network.")
REFUSED = Sight(Kind.REFUSED, "no_such_function", "The phone does not know this command.")
NOT_US = Sight(Kind.PASSCODE_REFUSED, "unauthorized", "The phone refused our passcode.")

sights = st.sampled_from([ANSWERED, SILENT, REFUSED, NOT_US, Sight(Kind.ANSWERED)])
chances = st.floats(0, 1)
ids = st.integers(1, 2**40)


def after(before, sight, *, now=NOW, random=0.5, phone_id=7, restarting=False):
    return next_health(before, sight, phone_id=phone_id, now=now, random=random, restarting=restarting)


def story(steps, phone_id=7):
    """(before, sight, now, after) of each look; each at the time planned by the one before, or later."""
    health, now, told = Health(), NOW, []
    for sight, chance, late, restarting in steps:
        later = after(health, sight, now=now, random=chance, phone_id=phone_id, restarting=restarting)
        told.append((health, sight, now, later))
        health, now = later, later.next_look_at + timedelta(seconds=late)
    return told


stories = st.lists(st.tuples(sights, chances, st.floats(0, 3600), st.booleans()), min_size=1, max_size=30)


@given(stories, ids)
def test_the_next_look_is_always_ahead_and_never_more_than_five_minutes(steps, phone_id):
    for _, _, now, later in story(steps, phone_id):
        assert timedelta(0) < later.next_look_at - now <= timedelta(minutes=5)


@given(stories)
def test_failures_only_grow_until_the_phone_is_there_again(steps):
    for before, sight, _, later in story(steps):
        assert later.failures == (before.failures + 1 if sight.kind is Kind.SILENT else 0)
        assert later.reachable is (sight.kind is not Kind.SILENT)


@given(stories)
def test_since_changes_only_when_the_phone_goes_or_comes(steps):
    for before, _, now, later in story(steps):
        assert later.since == (before.since if before.reachable is later.reachable else now)
        assert later.looked_at == now


@given(stories)
def test_the_breaker_is_open_from_the_third_failure_until_the_next_look(steps):
    for (_, _, _, later), (_, _, _, restarting) in zip(story(steps), steps, strict=True):
        opened = later.failures >= BREAKER_FAILURES and not restarting
        assert later.breaker_until == (later.next_look_at if opened else None)


def waits(count, chance):
    return [(later.next_look_at - now).total_seconds()
            for _, _, now, later in story([(SILENT, chance, 0, False)] * count)]  # fmt: skip


def test_after_trouble_it_looks_within_seconds_and_then_ever_less_often():
    for chance in (0.0, 0.5, 1.0):
        told = waits(9, chance)
        assert 3 <= told[0] <= 5
        assert told == sorted(told)
        assert 8 <= told[1] <= 10
        assert 240 <= told[-1] <= 300


def test_a_phone_that_restarts_is_looked_at_every_few_seconds_with_the_breaker_closed():
    steps = [(SILENT, 0.5, 0, True)] * 12
    assert [(later.next_look_at - now).total_seconds() for _, _, now, later in story(steps)] == [4.0] * 12
    assert story(steps)[-1][3].breaker_until is None


def test_one_success_closes_the_breaker_and_forgets_the_failures():
    down = story([(SILENT, 0.5, 0, False)] * 5)[-1][3]
    up = after(down, ANSWERED)
    assert (up.failures, up.breaker_until, up.reason_code, up.sentence) == (0, None, "", "")
    assert (up.lines, up.answer_milliseconds) == (("idle", "connected"), 42)


def test_lines_that_were_not_told_are_not_known_but_an_order_that_did_not_ask_leaves_them():
    seen = after(Health(), ANSWERED)
    assert after(seen, Sight(Kind.ANSWERED)).lines == ("idle", "connected")
    assert after(seen, SILENT).lines == ()
    assert after(seen, REFUSED).lines == ()


def test_a_phone_that_says_no_is_there_and_says_why():
    told = after(Health(), REFUSED)
    assert (told.reachable, told.reason_code, told.failures) == (True, "no_such_function", 0)
    assert (told.next_look_at - NOW).total_seconds() >= 27


def test_accounts_are_written_only_when_they_were_asked():
    asked = Sight(Kind.ANSWERED, lines=("idle",), accounts_asked=True, accounts=({"account": 1},), registered=True)
    first = after(Health(), asked)
    assert (first.accounts, first.registered, first.accounts_at) == (({"account": 1},), True, NOW)
    later = after(first, ANSWERED, now=NOW + timedelta(seconds=60))
    assert (later.accounts, later.registered, later.accounts_at) == (({"account": 1},), True, NOW)


@pytest.mark.parametrize(
    ("health", "due"),
    [
        (Health(), True),
        (Health(reachable=True, accounts_at=NOW - timedelta(seconds=299)), False),
        (Health(reachable=True, accounts_at=NOW - timedelta(seconds=300)), True),
        (Health(reachable=False, failures=1, accounts_at=NOW), True),
        (Health(reachable=True, registered=False, accounts_at=NOW), True),
    ],
)
def test_accounts_are_asked_every_five_minutes_and_after_trouble(health, due):
    assert accounts_are_due(health, now=NOW) is due


@pytest.mark.parametrize(
    ("accounts", "ours", "registered"),
    [
        ([(1, "201", True)], {1: "201"}, True),
        ([(1, "201", True), (2, "202", False)], {1: "201", 2: "202"}, False),
        ([(1, "201", True), (2, "999", False)], {1: "201"}, True),  # another PBX's account is not ours to tell of
        ([(3, "201", True)], {1: "201"}, True),  # on another key than in our list
        ([(1, "", False)], {1: "201"}, False),
        ([(1, "999", True)], {1: "201"}, None),
        ([], {1: "201"}, None),
    ],
)
def test_registered_is_what_the_phone_says_of_our_accounts(accounts, ours, registered):
    assert registration_of(accounts, ours) is registered


@given(ids, chances)
def test_a_regular_look_is_a_minute_away_give_or_take_a_half(phone_id, chance):
    wait = (regular_look(phone_id=phone_id, now=NOW, random=chance) - NOW).total_seconds()
    assert 27 <= wait <= 93


@given(ids, st.lists(st.tuples(chances, st.floats(0, 2)), min_size=1, max_size=20))
def test_once_in_its_place_a_phone_is_looked_at_once_a_minute(phone_id, rounds):
    now = regular_look(phone_id=phone_id, now=NOW, random=0.5)
    for chance, late in rounds:
        next_at = regular_look(phone_id=phone_id, now=now, random=chance)
        assert 52 <= (next_at - now).total_seconds() <= 68
        now = next_at + timedelta(seconds=late)


def test_five_thousand_phones_that_were_due_at_once_are_spread_over_the_minute():
    """After one round: no second of the minute has much more than its share of 83."""
    seconds = [int(regular_look(phone_id=one, now=NOW, random=one % 11 / 10).timestamp()) % 60 for one in range(5000)]
    per_second = [seconds.count(one) for one in range(60)]
    assert (min(per_second) >= 60, max(per_second) <= 110) == (True, True)

"""Waiting times and the watchdog: values in, values out."""

from __future__ import annotations

from crmconnector.asterisk.ami_pace import BackOff, Pace, Watchdog


def waits(jitter: float, *tries: tuple[bool, float]) -> list[float]:
    pace = Pace(BackOff(), jitter=lambda: jitter)
    return [pace.wait_seconds(slow=slow, link_lived=lived) for slow, lived in tries]


def test_a_network_fault_is_tried_soon_and_then_ever_more_rarely() -> None:
    assert waits(1.0, *[(False, 0.0)] * 9) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert waits(0.0, *[(False, 0.0)] * 3) == [0.25, 0.5, 1]


def test_a_refused_login_is_never_tried_more_than_six_times_a_minute() -> None:
    for jitter in (0.0, 0.5, 1.0):
        slow = waits(jitter, *[(True, 0.0)] * 40)
        assert min(slow) >= 10 and max(slow) <= 375
        assert slow == sorted(slow)


def test_a_refusal_after_a_long_outage_does_not_begin_with_minutes() -> None:
    assert waits(0.0, *[(False, 0.0)] * 12, (True, 0.0), (False, 0.0))[-2:] == [10, 0.25]


def test_only_a_link_that_lived_a_while_makes_us_start_over() -> None:
    assert waits(1.0, *[(False, 0.1)] * 3, (False, 60.0), (False, 0.1)) == [0.5, 1, 2, 0.5, 1]


def test_a_link_that_breaks_again_and_again_comes_back_within_seconds() -> None:
    assert waits(1.0, *[(False, 0.1)] * 9) == [0.5, 1, 2, *[2.5] * 6]


def test_hours_without_a_pbx_do_not_overflow_the_waiting_time() -> None:
    assert waits(1.0, *[(False, 0.0)] * 5000)[-1] == 30


def verdicts(watchdog: Watchdog, *, until: float, heard: float | None = None) -> list[tuple[float, str]]:
    """What it says at each second; `heard` None: something was heard just now, always."""
    said = [
        (float(now), watchdog.verdict(now=now, heard_at=now if heard is None else heard))
        for now in range(1, int(until))
    ]
    return [(now, verdict) for now, verdict in said if verdict]


def test_silence_is_noticed_within_fifteen_seconds_after_two_pings() -> None:
    watchdog = Watchdog(ping_every=5, silent_after=12, now=0)
    assert verdicts(watchdog, until=13, heard=0) == [(5, "ping"), (10, "ping"), (12, "silent")]
    assert watchdog.tick <= 1


def test_pings_without_answers_are_noticed_though_events_flow() -> None:
    said = verdicts(Watchdog(ping_every=5, silent_after=12, now=0), until=60)
    assert next(now for now, verdict in said if verdict == "deaf") == 41


def test_a_process_that_stood_still_itself_does_not_blame_the_pbx() -> None:
    watchdog = Watchdog(ping_every=5, silent_after=12, now=0)
    watchdog.verdict(now=1, heard_at=1)
    assert watchdog.verdict(now=100, heard_at=1) == "ping"
    for now in range(101, 112):
        assert watchdog.verdict(now=now, heard_at=1) != "silent"
    assert watchdog.verdict(now=112, heard_at=1) == "silent"

"""Handing calls over by keys, on the phone alone: blind, attended, conference, and everything that goes wrong."""

import pytest


def start_blind(desk, number="205"):
    desk.talk()
    desk.keys("XFER:" + ":".join(number) + ":SEND")


def start_attended(desk, number="205"):
    """The customer is held on line 1, the colleague is on line 2."""
    desk.talk()
    desk.keys("XFER:" + ":".join(number) + ":SOFT3")
    desk.until(lambda: desk.states == ["onhold", "connected"])


# Blind.


def test_a_blind_transfer_that_is_accepted_frees_the_line(bench):
    start_blind(bench)
    assert bench.look == "incall onhold idle idle"
    bench.wait(0.3)
    assert (bench.look, bench.switch.joined) == ("idle idle idle idle", [("0301", "205")])
    assert bench.events[-6:] == [
        "holdCall", "blindTransfer", "terminatedCall", "onHook", "busyToIdle", "transferFinished",
    ]  # fmt: skip


@pytest.mark.parametrize("outcome", ["refused", "busy"])
@pytest.mark.parametrize(
    ("recovery", "then"), [("onhold", "incall onhold"), ("connected", "incall connected"), ("off", "idle idle")]
)
def test_a_blind_transfer_that_fails_gives_the_customer_back_if_the_phone_recovers(bench_of, outcome, recovery, then):
    desk = bench_of(blind_recovery=recovery)
    desk.switch.referrals["205"] = outcome
    start_blind(desk)
    desk.wait(0.3)
    assert desk.look == f"{then} idle idle"
    assert ("transferFailed" in desk.events, "transferFinished" in desk.events) == (True, False)
    assert desk.switch.joined == []


def test_without_a_word_from_the_network_the_phone_gives_up_after_seven_seconds(bench_of):
    desk = bench_of(blind_recovery="connected")
    desk.switch.referrals["205"] = "silent"
    start_blind(desk)
    desk.wait(6.9)
    assert desk.look == "incall onhold idle idle"
    desk.wait(0.1)
    assert desk.look == "incall connected idle idle"
    assert desk.events[-1] == "unholdCall"


@pytest.mark.parametrize("keys", ["LINE1", "HOLD"])
def test_while_a_transfer_is_open_the_customer_cannot_be_taken_back(bench, keys):
    bench.switch.referrals["205"] = "silent"
    start_blind(bench)
    bench.keys(keys)
    assert bench.look == "incall onhold idle idle"


def test_a_word_that_comes_too_late_changes_nothing_any_more(bench_of):
    desk = bench_of(notify_seconds=0.1, blind_recovery="connected")
    desk.switch.referrals["205"] = "busy"
    start_blind(desk)
    desk.wait(5)
    assert desk.events.count("transferFailed") == 1
    assert desk.look == "incall connected idle idle"


def test_a_partial_number_on_the_transfer_screen_is_sent_by_itself(bench):
    bench.talk()
    bench.keys("XFER:2:0")
    bench.wait(3.9)
    assert bench.screen == "transfer(20)"
    bench.wait(0.4)
    assert bench.switch.joined == [("0301", "20")]


def test_the_transfer_key_may_bring_a_number_along(bench_of):
    desk = bench_of(xfer_init_number="20")
    desk.talk()
    desk.keys("XFER:5:SEND")
    desk.wait(0.3)
    assert desk.switch.joined == [("0301", "205")]


def test_send_means_attended_where_the_phone_is_set_so(bench_of):
    desk = bench_of(default_xfer="attended")
    start_blind(desk)
    desk.until(lambda: desk.states == ["onhold", "connected"])
    assert desk.phone.lines[1].remote_number == "205"


@pytest.mark.parametrize("keys", ["HOLD", "LINE1", "SOFT1"])
def test_a_transfer_that_is_called_off_gives_the_customer_back(bench, keys):
    bench.talk()
    bench.keys(f"XFER:2:0:{keys}")
    assert bench.look == "incall connected idle idle"
    bench.wait(10)
    assert bench.look == "incall connected idle idle"


def test_on_hook_on_the_transfer_screen_loses_the_customer(bench):
    bench.talk()
    bench.keys("XFER:2:ONHOOK")
    assert bench.look == "idle idle idle idle"


def test_a_phone_without_transfer_plays_the_digits_to_the_customer(bench_of):
    desk = bench_of(xfer_enabled=False, precond_mode="ignore")
    assert desk.ask("api-send_key", keys="XFER")["body"] == "complete"
    desk = bench_of(xfer_enabled=False)
    desk.talk()
    assert not desk.keys("XFER")
    desk.keys("2:0:5")
    assert (desk.phone.lines[0].dtmf, desk.trips) == ("205", ["digits_in_call"] * 3)


@pytest.mark.parametrize(
    ("step", "then"),
    [
        ("XFER", "dial(05) dialing"),  # what was meant for the transfer screen is dialled
        ("XFER:2", "dial(05) dialing"),
        ("XFER:2:0:5", "dial(05) dialing"),
    ],
)
def test_keys_after_the_customer_hung_up_hit_another_screen(bench, step, then):
    bench.talk()
    bench.keys(step)
    assert bench.remote_hangup()
    assert bench.look == "idle idle idle idle"
    bench.keys("0:5")
    assert bench.look == f"{then} idle idle"


def test_a_customer_who_hangs_up_while_the_transfer_is_open_is_gone(bench):
    bench.switch.referrals["205"] = "silent"
    start_blind(bench)
    bench.remote_hangup()
    assert bench.look == "idle idle idle idle"
    bench.wait(7)
    assert (bench.look, bench.events[-1]) == ("idle idle idle idle", "transferFailed")


def test_a_failed_transfer_does_not_touch_the_next_call_on_that_line(bench_of):
    desk = bench_of(blind_recovery="off")
    desk.switch.referrals["205"] = "silent"
    start_blind(desk)
    desk.remote_hangup()
    desk.talk("0302")
    desk.wait(7)
    assert desk.look == "incall connected idle idle"


# Attended.


def test_static_the_transfer_key_and_then_the_held_line_join_the_two(bench):
    start_attended(bench)
    bench.keys("XFER")
    assert bench.look == "xferpick onhold connected idle"
    bench.keys("LINE1")
    assert (bench.look, bench.switch.joined) == ("idle idle idle idle", [("0301", "205")])
    assert (bench.events.count("attendedTransfer"), bench.events[-1]) == (1, "transferFinished")


def test_dynamic_the_transfer_key_alone_joins_the_two(bench_of):
    desk = bench_of(att_mode="dynamic")
    start_attended(desk)
    desk.keys("XFER")
    assert (desk.look, desk.switch.joined) == ("idle idle idle idle", [("0301", "205")])


def test_a_call_made_over_cti_beside_the_held_one_can_be_joined_too(bench):
    bench.talk()
    bench.ask("api-phone_operation", cmd="holdcall")
    bench.dial("205")
    bench.keys("XFER:LINE1")
    assert bench.switch.joined == [("0301", "205")]


def test_semi_attended_works_while_the_colleague_still_rings_if_the_phone_can(bench_of):
    for can, joined in ((True, [("0301", "205")]), (False, [])):
        desk = bench_of(semi_attended=can)
        desk.talk()
        desk.keys("XFER:2:0:5:SOFT3")
        desk.until(lambda one=desk: one.states == ["onhold", "calling"])
        assert desk.keys("XFER") is can
        desk.keys("LINE1")
        assert desk.switch.joined == joined


def test_a_consultation_that_is_ended_leaves_the_customer_on_hold(bench):
    start_attended(bench)
    bench.ask("api-phone_operation", cmd="endcall")
    assert bench.look == "incall onhold idle idle"
    bench.keys("LINE1")
    assert bench.look == "incall connected idle idle"


def test_a_colleague_who_does_not_answer_leaves_the_customer_on_hold(bench):
    bench.switch.scripts["205"] = type(bench.switch.default)("busy", 0.5)
    bench.talk()
    bench.keys("XFER:2:0:5:SOFT3")
    bench.until(lambda: bench.states == ["onhold", "failed"])
    bench.until(lambda: bench.states == ["onhold", "idle"])


@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_after_the_customer_left_the_transfer_key_asks_for_a_number_for_the_colleague(bench_of, mode):
    desk = bench_of(att_mode=mode)
    start_attended(desk)
    desk.remote_hangup(1)
    assert desk.look == "incall idle connected idle"
    desk.keys("XFER")
    assert desk.look == "transfer() idle onhold idle"


def test_a_customer_who_leaves_during_the_choice_takes_it_along(bench):
    start_attended(bench)
    bench.keys("XFER")
    bench.remote_hangup(1)
    assert bench.look == "incall idle connected idle"
    bench.keys("LINE1")
    assert bench.look == "dial() dialing onhold idle"
    assert bench.switch.joined == []


def test_a_colleague_who_leaves_during_the_choice_ends_it(bench):
    start_attended(bench)
    bench.keys("XFER")
    bench.remote_hangup(2)
    assert bench.look == "incall onhold idle idle"


def test_without_a_free_line_nobody_can_be_asked_first(bench_of):
    desk = bench_of(line_count=8)
    for _ in range(7):
        desk.ring()
    desk.talk("0399")
    desk.keys("XFER:2:SOFT3")
    assert desk.screen == "transfer(2)"


# Conference.


def test_a_conference_needs_the_conference_key_and_the_held_line(bench_of):
    desk = bench_of(rich_states=True)
    start_attended(desk)
    desk.keys("CONF:LINE1")
    assert desk.look == "incall connected connected idle"
    assert [desk.told(1), desk.told(2)] == ["conference", "conference"]
    assert not any(call.held for call in desk.switch.calls.values())


def test_the_end_of_a_conference_ends_both_calls(bench):
    start_attended(bench)
    bench.keys("CONF:LINE1")
    bench.ask("api-phone_operation", cmd="endcall")
    assert bench.look == "idle idle idle idle"


def test_hold_in_a_conference_holds_both(bench_of):
    desk = bench_of(rich_states=True)
    start_attended(desk)
    desk.keys("CONF:LINE1:HOLD")
    assert desk.states == [desk.told(1), desk.told(2)] == ["onhold", "onhold"]


def test_when_one_leaves_a_conference_a_plain_call_is_left(bench_of):
    desk = bench_of(rich_states=True)
    start_attended(desk)
    desk.keys("CONF:LINE1")
    desk.remote_hangup(1)
    assert (desk.look, desk.told(2)) == ("incall idle connected idle", "connected")


def test_a_customer_who_leaves_before_the_line_is_chosen_ends_the_choice(bench):
    start_attended(bench)
    bench.keys("CONF")
    bench.remote_hangup(1)
    assert bench.look == "incall idle connected idle"


# The words of get_line_status.


@pytest.mark.parametrize(("rich", "words"), [(True, ["transfer", "transfered"]), (False, ["onhold", "onhold"])])
def test_rich_states_tell_a_transfer_and_poor_ones_tell_hold(bench_of, rich, words):
    desk = bench_of(rich_states=rich)
    desk.switch.referrals["205"] = "silent"
    desk.talk()
    desk.keys("XFER:2:0:5")
    seen = [desk.told()]
    desk.keys("SEND")
    assert [*seen, desk.told()] == words
    desk.wait(7)
    assert desk.told() == "onhold"
    desk.keys("LINE1")
    assert desk.told() == "connected"

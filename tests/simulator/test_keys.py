"""Keys over CTI: how send_key answers, the queue, numbers that are entered, mute, tones, soft keys.

What each key does in each state is in test_key_table.py.
"""

import pytest


def test_volume_stops_at_its_ends(bench):
    bench.keys(":".join(["VUP"] * 9))
    assert bench.phone.volume == 7
    bench.keys(":".join(["VDOWN"] * 9))
    assert bench.phone.volume == 0


@pytest.mark.parametrize(
    "keys", ["", "1::2", "HELLO", "LINE0", "LINE9", "LINE", "SOFT5", "MPK1", "DND", "hold", "1:2:X", "LINE01"]
)
def test_an_unknown_key_is_answered_so_and_nothing_is_pressed(bench, keys):
    assert not bench.keys(keys)
    bench.wait(5)
    assert bench.look == "idle idle idle idle"


def test_some_phones_press_the_keys_before_an_unknown_one(bench_of):
    desk = bench_of(partial_exec=True)
    assert not desk.keys("1:2:X:3")
    assert desk.screen == "dial(12)"


def test_a_key_that_cannot_work_may_be_taken_and_ignored(bench_of):
    desk = bench_of(precond_mode="ignore")
    assert [desk.keys(key) for key in ("XFER", "HOLD", "CONF")] == [True] * 3
    desk.talk()
    assert desk.keys("CONF")
    assert desk.look == "incall connected idle idle"


def test_the_answer_comes_before_the_first_key_is_pressed(bench_of):
    desk = bench_of(key_delay_seconds=0.7)
    assert desk.ask("api-send_key", keys="1:2:3") == {"response": "success", "body": "complete"}
    assert desk.screen == "idle"
    desk.wait(0.7)
    assert desk.screen == "dial(1)"
    desk.wait(1.4)
    assert desk.screen == "dial(123)"


@pytest.mark.parametrize("delay", [0.0, 0.12, 0.7])
def test_a_whole_blind_transfer_in_one_request_works_at_every_pace_of_keys(bench_of, delay):
    desk = bench_of(key_delay_seconds=delay)
    desk.talk()
    desk.keys("XFER:2:0:5:SEND")
    desk.wait(0.3)
    assert (desk.switch.joined, desk.trips) == ([("0301", "205")], [])


def test_keys_slower_than_the_timeout_send_a_piece_of_the_number(bench_of):
    desk = bench_of(key_delay_seconds=5.0)
    desk.talk()
    desk.ask("api-send_key", keys="XFER:2:0:5:SEND")
    desk.wait(15)
    assert desk.switch.joined == [("0301", "2")]


def test_keys_of_two_requests_are_pressed_in_their_order(bench):
    bench.ask("api-send_key", keys="1:2")
    bench.ask("api-send_key", keys="3:4")
    bench.wait(1)
    assert bench.screen == "dial(1234)"


def test_a_key_is_judged_by_the_screen_it_meets_and_not_by_the_one_it_was_sent_to(bench):
    bench.talk()
    bench.ask("api-send_key", keys="XFER:2:0:5:SEND")
    bench.wait(0.3)  # XFER and 2 are pressed
    bench.remote_hangup()
    bench.until(lambda: "calling" in bench.states)
    assert bench.phone.lines[0].remote_number == "05"


def test_keys_arrive_with_a_literal_star_and_hash_too(bench):
    bench.keys("*:1:#")
    bench.until(lambda: bench.states[0] == "calling")
    assert bench.phone.lines[0].remote_number == "*1"


def test_a_locked_keypad_takes_keys_and_ignores_them_until_it_is_unlocked(bench):
    bench.talk()
    assert bench.keys("LOCK:HOLD:1:UNLOCK:HOLD")
    assert bench.look == "incall onhold idle idle"
    bench.keys("LOCK")
    assert bench.ask("api-phone_operation", cmd="holdcall")["body"] is True  # CTI's own commands are no keys
    assert bench.states[0] == "connected"


def test_the_owners_hand_presses_keys_without_waiting(bench):
    bench.talk()
    assert bench.do(bench.phone.press, "HOLD") is True
    assert bench.do(bench.phone.press, "CONF") is False
    assert bench.states[0] == "onhold"


# Numbers that are entered.


def test_a_number_nobody_finishes_is_sent_by_itself(bench):
    bench.keys("1:0")
    bench.wait(3.8)
    assert bench.screen == "dial(10)"
    bench.wait(0.2)
    bench.until(lambda: bench.states[0] == "calling")
    assert bench.phone.lines[0].remote_number == "10"


def test_every_digit_starts_the_waiting_anew(bench):
    bench.keys("1")
    bench.wait(3)
    bench.keys("0")
    bench.wait(3)
    assert bench.screen == "dial(10)"


def test_a_phone_that_hears_only_the_dial_tone_hangs_up_by_itself(bench):
    bench.keys("OFFHOOK")
    bench.wait(29)
    assert bench.look == "dial() dialing idle idle handset"
    bench.wait(1)
    assert bench.look == "idle idle idle idle handset"


def test_hash_is_part_of_the_number_where_it_does_not_send(bench_of):
    desk = bench_of(pound_is_send=False)
    desk.keys("1:POUND:2")
    assert desk.screen == "dial(1#2)"


def test_a_number_is_entered_for_the_line_that_was_chosen(bench):
    bench.keys("LINE2:2:0:5:SEND")
    bench.until(lambda: bench.states == ["idle", "connected"])
    assert bench.phone.lines[1].remote_number == "205"


# Mute and do not disturb.


@pytest.mark.parametrize(
    ("meaning", "dnd", "muted", "trips", "events"),
    [
        ("dnd", True, False, ["mute_idle"], ["openDnd"]),
        ("idle_mute", False, True, [], ["mute"]),
        ("off", False, False, [], []),
    ],
)
def test_mute_on_an_idle_phone_does_what_it_is_set_to(bench_of, meaning, dnd, muted, trips, events):
    desk = bench_of(mute_idle=meaning)
    assert desk.keys("MUTE")
    assert (desk.phone.dnd, desk.phone.idle_muted, desk.trips, desk.events) == (dnd, muted, trips, events)
    desk.keys("MUTE")
    assert (desk.phone.dnd, desk.phone.idle_muted) == (False, False)


def test_mute_in_a_call_is_for_that_call_only(bench):
    bench.talk()
    bench.keys("MUTE")
    assert (bench.phone.lines[0].muted, bench.phone.dnd, bench.trips) == (True, False, [])
    bench.keys("MUTE:MUTE")
    bench.remote_hangup()
    assert (bench.phone.lines[0].muted, bench.events.count("mute"), bench.events.count("unMute")) == (False, 2, 1)


def test_the_dnd_key_exists_on_some_phones_only(bench_of):
    desk = bench_of(dnd_key=True)
    assert desk.keys("DND")
    assert desk.phone.dnd


def test_with_do_not_disturb_nobody_gets_through_but_the_owner_may_dial(bench_of):
    desk = bench_of(dnd_key=True)
    desk.keys("DND")
    desk.ring()
    assert desk.states == ["idle", "idle"]
    desk.dial("205")


# Tones.


def test_digits_in_a_call_are_tones_and_trip_a_wire_each(bench):
    bench.talk()
    bench.keys("1:*:#")
    assert (bench.phone.lines[0].dtmf, bench.phone.lines[0].leg.digits) == ("1*#", "1*#")
    assert bench.trips == ["digits_in_call"] * 3


def test_digits_on_the_transfer_screen_are_no_tones(bench):
    bench.talk()
    bench.keys("XFER:2:0:5")
    assert (bench.phone.lines[0].dtmf, bench.trips) == ("", [])


# Soft keys and programmable keys.


def test_hidden_soft_keys_make_the_others_move_left(bench):
    bench.talk()
    bench.keys("XFER")
    assert bench.phone.screen.labels() == ["Cancel"]
    bench.keys("2")
    assert bench.phone.screen.labels() == ["Cancel", "BlindTrnf", "AttTrnf", "Backspace"]
    bench.keys("HOLD")
    assert bench.phone.screen.labels() == ["EndCall", "Transfer", "Hold"]


def test_with_fixed_positions_a_hidden_soft_key_leaves_a_gap(bench_of):
    desk = bench_of(enforce_softkey_position=True, transfer_soft_keys=("BlindTrnf", "AttTrnf", "Cancel", "Backspace"))
    desk.talk()
    desk.keys("XFER")
    assert desk.phone.screen.labels() == ["", "", "Cancel", ""]
    desk.keys("SOFT1")  # a gap does nothing
    assert desk.screen == "transfer()"
    desk.keys("2:SOFT4:SOFT3")
    assert desk.look == "incall connected idle idle"


def test_a_phone_shows_no_more_soft_keys_than_it_has(bench_of):
    desk = bench_of(soft_keys=3)
    desk.talk()
    desk.keys("XFER:2")
    assert desk.phone.screen.labels() == ["Cancel", "BlindTrnf", "AttTrnf"]
    assert not desk.keys("SOFT4")


def test_redial_is_a_soft_key_once_there_is_a_last_number(bench):
    bench.dial("205")
    bench.remote_hangup()
    bench.keys("SOFT2")
    bench.until(lambda: bench.states[0] == "calling")
    assert bench.phone.lines[0].remote_number == "205"


@pytest.mark.parametrize(
    ("action", "then"),
    [
        ("dial:205", "incall onhold dialing idle"),
        ("dnd", "incall connected idle idle dnd"),
        ("transfer:205", "incall onhold idle idle"),
        ("", "incall connected idle idle"),
    ],
)
def test_a_programmable_key_does_what_it_is_set_to(bench_of, action, then):
    desk = bench_of(mpk_keys=2)
    desk.phone.mpk_actions[2] = action
    desk.talk()
    assert desk.keys("MPK2")
    assert desk.look == then
    assert not desk.keys("MPK3")


def test_voicemail_needs_a_number(bench_of):
    assert not bench_of(voicemail_number="").keys("VM")
    desk = bench_of(voicemail_number="*98")
    desk.keys("VM")
    assert desk.phone.lines[0].remote_number == "*98"

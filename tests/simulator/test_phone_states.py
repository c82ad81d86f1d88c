"""States of lines and phone, accounts, events for the action URLs, restart and factory reset: one phone, no socket."""

from dataclasses import replace

import pytest

from crmconnector.simulator.phone_line import Account
from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.switch import Script

# States.


def test_a_call_goes_from_dialing_to_calling_to_connected(bench):
    bench.ask("api-make_call", phonenumber="205")
    seen = [bench.told()]
    for _ in range(20):
        bench.wait(0.1)
        seen.append(bench.told())
    assert list(dict.fromkeys(seen)) == ["dialing", "calling", "connected"]


def test_some_phones_tell_that_the_far_end_rings_and_that_a_call_is_ending(bench_of):
    desk = bench_of(says_ringback=True, ending_seconds=1.0)
    desk.dial("205", "ringback")
    desk.until(lambda: desk.told() == "connected")
    desk.ask("api-phone_operation", cmd="endcall")
    assert (desk.told(), desk.phone.status) == ("ending", "busy")
    desk.wait(1)
    assert (desk.told(), desk.phone.status) == ("idle", "available")


def test_a_call_that_rings_back_can_be_cancelled(bench_of):
    desk = bench_of(says_ringback=True)
    desk.dial("205", "ringback")
    assert desk.ask("api-phone_operation", cmd="cancel")["body"] is True
    assert desk.states[0] == "idle"


@pytest.mark.parametrize("outcome", ["busy", "not_found", "no_answer"])
def test_a_call_nobody_takes_shows_failed_for_three_seconds(bench, outcome):
    bench.switch.scripts["205"] = Script(outcome, 0.5)
    bench.dial("205", "failed")
    bench.wait(2.8)
    assert bench.told() == "failed"
    bench.wait(0.2)
    assert bench.told() == "idle"


def test_a_failed_call_can_be_put_away_at_once(bench):
    bench.switch.scripts["205"] = Script("busy", 0.5)
    bench.dial("205", "failed")
    assert bench.ask("api-phone_operation", cmd="endcall")["body"] is True
    assert bench.told() == "idle"


def test_an_order_taken_back_in_time_never_reaches_the_network(bench):
    bench.ask("api-make_call", phonenumber="205")
    assert bench.ask("api-phone_operation", cmd="cancel")["body"] is True
    bench.ask("api-make_call", phonenumber="206")
    bench.wait(0.3)
    assert [call.number for call in bench.switch.calls.values()] == ["206"]


def test_line_status_may_lag_behind(bench_of):
    desk = bench_of(status_lag_seconds=3.0)
    desk.wait(10)
    desk.ring()
    assert (desk.told(), desk.phone.status) == ("idle", "ringing")
    desk.wait(2.9)
    assert desk.told() == "idle"
    desk.wait(0.1)
    assert desk.told() == "ringing"
    desk.do(desk.phone.accept)
    assert desk.told() == "ringing"
    desk.wait(3)
    assert desk.told() == "connected"


def test_a_stale_line_goes_on_telling_what_it_told(bench):
    bench.talk()
    bench.do(bench.phone.freeze_line, 1)
    bench.remote_hangup()
    row = bench.ask("api-get_line_status")["body"][0]
    assert (row["state"], row["remotenum"], bench.phone.status) == ("connected", "0301", "available")
    bench.phone.frozen.clear()
    assert bench.told() == "idle"


def test_a_line_may_tell_a_word_nobody_knows(bench):
    bench.phone.says_instead[1] = "paging"
    assert bench.told() == "paging"
    assert bench.states[0] == "idle"


def test_a_second_call_is_heard_on_the_next_line(bench):
    bench.talk()
    bench.ring("0302")
    assert (bench.states, bench.phone.status) == (["connected", "ringing"], "ringing")


def test_a_call_finds_no_line_when_all_are_used(bench_of):
    desk = bench_of(line_count=1)
    desk.talk()
    assert desk.do(desk.switch.incoming, desk.phone, "0302") is None


# The far end by hand.


def test_the_far_end_answers_when_it_is_told_to_and_hangs_up_after_its_time(bench):
    bench.switch.scripts["205"] = Script("no_answer", 60.0, talk_seconds=5.0)
    bench.dial("205", "calling")
    assert bench.do(bench.switch.remote_answer, bench.phone.lines[0])
    assert not bench.do(bench.switch.remote_answer, bench.phone.lines[0])
    bench.wait(4.9)
    assert bench.told() == "connected"
    bench.wait(0.1)
    assert (bench.told(), bench.switch.calls) == ("idle", {})


def test_the_far_end_refuses_when_it_is_told_to(bench):
    bench.dial("205", "calling")
    assert bench.do(bench.switch.remote_refuse, bench.phone.lines[0])
    assert bench.told() == "failed"
    assert not bench.remote_hangup()


def test_a_far_end_cannot_do_what_nobody_knows():
    with pytest.raises(ValueError, match="answer, busy, no_answer, not_found"):
        Script("explodes")


# Accounts and make_call.


def test_accounts_are_told_with_their_own_registration(bench_of):
    desk = bench_of(account_count=3, auto_cfg=True)
    desk.phone.accounts[1] = Account(2, "pbx.example", "304", "Second", registered=True)
    rows = desk.ask("api-get_accounts")["body"]
    assert [(row["id"], row["sip_id"], row["reg"], row["auto_cfg"]) for row in rows] == [
        (1, "204", 1, 0),
        (2, "304", 1, 0),
        (3, "", 0, 0),
    ]


@pytest.mark.parametrize(
    ("account", "ends"), [("0", "connected"), ("1", "connected"), ("2", "failed"), ("9", "failed")]
)
def test_a_call_by_a_dead_account_is_taken_and_then_fails(bench_of, account, ends):
    desk = bench_of(account_count=3)
    desk.phone.accounts[1].registered = True
    assert desk.ask("api-make_call", phonenumber="205", account=account)["body"] is True
    desk.until(lambda: desk.told() == ends)


@pytest.mark.parametrize("account", ["-1", "one", "١"])
def test_an_account_that_is_no_number_is_a_dead_one(bench, account):
    bench.phone.accounts[1].registered = True
    assert bench.ask("api-make_call", phonenumber="205", account=account)["body"] is True
    bench.until(lambda: bench.told() == "failed")


def test_a_phone_that_lost_its_registration_takes_the_call_and_fails(bench_of):
    desk = bench_of(registered=False)
    assert desk.ask("api-make_call", phonenumber="205")["body"] is True
    desk.until(lambda: desk.told() == "failed")


@pytest.mark.parametrize(("hs", "taken"), [("", False), ("one", False), ("1", True)])
def test_a_dect_base_wants_to_know_the_handset(bench_of, hs, taken):
    assert PROFILES["dect"].needs_handset
    desk = bench_of(needs_handset=True)
    assert desk.ask("api-make_call", phonenumber="205", hs=hs)["body"] is taken


def test_the_word_dialplan_changes_nothing(bench):
    assert bench.ask("api-make_call", phonenumber="205", dialplan="dialing")["body"] is True


def test_the_account_number_is_told_of_a_line_by_phones_that_do_so(bench_of):
    desk = bench_of(acct=None, account_count=2)
    desk.phone.accounts[1].registered = True
    desk.ask("api-make_call", phonenumber="205", account="1")
    assert [row["acct"] for row in desk.ask("api-get_line_status")["body"][:2]] == [2, 1]


def test_a_call_over_cti_closes_the_screen_with_a_half_entered_number(bench):
    bench.keys("1:2")
    bench.dial("205")
    bench.wait(5)
    assert bench.look == "incall idle connected idle"


# Events.


def test_an_answered_call_tells_its_story_in_events(bench):
    bench.talk()
    bench.keys("HOLD:HOLD")
    bench.remote_hangup()
    assert bench.events == [
        "idleToBusy", "incomingCall", "offHook", "answerNewInCall", "establishedCall",
        "holdCall", "unholdCall", "terminatedCall", "onHook", "busyToIdle",
    ]  # fmt: skip


def test_an_outgoing_call_tells_its_story_in_events(bench):
    bench.dial("205")
    bench.ask("api-phone_operation", cmd="endcall")
    assert bench.events == [
        "idleToBusy", "offHook", "outgoingCall", "establishedCall", "terminatedCall", "onHook", "busyToIdle",
    ]  # fmt: skip


def test_a_call_that_is_not_answered_is_missed_rejected_or_taken_elsewhere(bench):
    bench.ring()
    bench.remote_hangup()
    bench.ring()
    bench.do(bench.phone.reject)
    bench.ring()
    bench.do(bench.phone.lines[0].end, "elsewhere")
    story = ["idleToBusy", "incomingCall", "busyToIdle"]
    assert [event for event in bench.events if event not in story] == ["missedCall", "rejectIncomingCall"]


def test_a_listener_is_told_the_line(bench):
    told = []
    bench.phone.listeners.append(lambda phone, event, line: told.append((phone.extension, event, line and line.number)))
    bench.ring()
    assert ("204", "incomingCall", 1) in told


def test_a_phone_that_loses_and_finds_its_registration_says_so(bench):
    bench.phone.profile = replace(bench.phone.profile, registered=False)
    bench.phone.profile = replace(bench.phone.profile, registered=True)
    assert bench.events == ["unregistered", "registered"]


def test_a_call_another_phone_took_is_not_missed_but_one_nobody_took_is(office_bench):
    heard = {"204": [], "207": []}
    for extension, events in heard.items():
        office_bench.board.phone(extension).listeners.append(lambda _phone, event, _line, to=events: to.append(event))
    group = office_bench.board.story.pbx.groups[0]
    assert {"204", "207"} <= set(group.members)
    office_bench.do(lambda: office_bench.board.incoming("+493012345678", target=group.extension))
    office_bench.until(lambda: office_bench.other("207").state == "ringing")
    office_bench.do(office_bench.board.phone("204").accept)
    assert ("incomingCall" in heard["207"], "missedCall" in heard["207"]) == (True, False)
    office_bench.do(office_bench.board.phone("204").end)
    call = office_bench.do(lambda: office_bench.board.incoming("+493012345678", target="207"))
    office_bench.until(lambda: office_bench.other("207").state == "ringing")
    office_bench.do(call.remote_hangup)
    assert heard["207"].count("missedCall") == 1


# Restart and reset.


def door_of(bench):
    """What the phone's door hears."""
    heard = []
    bench.phone.on_reboot = lambda: heard.append("gone")
    bench.phone.on_boot = lambda: heard.append("back")
    bench.phone.on_reset = lambda: heard.append("reset")
    return heard


def test_a_restart_begins_after_the_answer_loses_the_calls_and_ends(bench):
    heard = door_of(bench)
    bench.talk()
    bench.ring("0302")
    bench.keys("LOCK")
    assert bench.ask("api-sys_operation", request="REBOOT")["body"] == "savereboot"
    assert (heard, bench.states) == ([], ["connected", "ringing"])
    bench.wait(0)
    assert (heard, bench.trips, bench.switch.calls) == (["gone"], ["reboot_in_call"], {})
    assert bench.look == "idle idle idle idle locked reboot_in_call"
    bench.wait(19.9)
    assert heard == ["gone"]
    bench.wait(0.1)
    assert (heard, bench.events[-2:]) == (["gone", "back"], ["boot", "registered"])


def test_while_it_restarts_the_phone_takes_no_calls_and_no_keys(bench):
    bench.keys("1:2")
    bench.ask("api-send_key", keys="3:4")
    bench.do(bench.phone.reboot)
    bench.wait(5)
    assert bench.do(bench.switch.incoming, bench.phone, "0301") is None
    assert not bench.do(bench.phone.press, "OFFHOOK")
    assert (bench.look, bench.phone.registered) == ("idle idle idle idle reboot_in_call", False)
    assert bench.ask("api-make_call", phonenumber="205")["body"] is False
    bench.wait(15)
    bench.ring()
    assert (bench.states[0], bench.trips) == ("ringing", ["reboot_in_call"])


def test_keys_that_waited_are_not_pressed_after_the_restart(bench_of):
    desk = bench_of(key_delay_seconds=5.0, reboot_seconds=1.0)
    desk.ask("api-send_key", keys="1:2")
    desk.do(desk.phone.reboot)
    desk.wait(20)
    assert desk.look == "idle idle idle idle"


def test_a_phone_without_registration_boots_and_says_no_more(bench_of):
    desk = bench_of(registered=False)
    desk.do(desk.phone.reboot)
    desk.wait(20)
    assert desk.events == ["boot"]


def test_a_restart_of_an_idle_phone_trips_nothing_and_a_second_one_meanwhile_is_none(bench):
    heard = door_of(bench)
    bench.do(bench.phone.reboot)
    bench.do(bench.phone.reboot)
    bench.wait(60)
    assert (heard, bench.trips) == (["gone", "back"], [])


def test_a_reset_leaves_a_phone_out_of_the_box(bench_of):
    desk = bench_of(dnd_key=True, mpk_keys=1)
    heard = door_of(desk)
    desk.phone.mpk_actions[1] = "dial:205"
    desk.keys("DND:LOCK")
    assert desk.ask("api-sys_operation", request="RESET")["body"] == "reset"
    desk.wait(0)
    phone = desk.phone
    assert (heard, desk.trips) == (["reset", "gone"], ["RESET"])
    assert (phone.dnd, phone.locked, phone.mpk_actions, phone.listeners) == (False, False, {}, [])
    assert (phone.profile.action_uri, phone.profile.allowed_ips, phone.profile.click_to_dial) == (False, (), False)
    assert (phone.story.user_passcode, phone.story.admin_passcode == "admin-word") == ("", False)
    desk.wait(20)
    assert [row["reg"] for row in desk.ask("api-get_accounts")["body"]] == [0, 0]
    assert (heard[-1], phone.registered) == ("back", False)


def test_an_unknown_system_operation_does_nothing(bench):
    heard = door_of(bench)
    assert bench.ask("api-sys_operation", request="DANCE") == {"response": "error", "body": "unknown"}
    bench.wait(1)
    assert heard == []

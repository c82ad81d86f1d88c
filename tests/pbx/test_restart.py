"""The PBX goes away and comes back on the same ports, with the same phones."""

from __future__ import annotations

from tests.support.lab import Lab


def test_after_an_administrators_restart_calls_come_in_again(lab: Lab) -> None:
    port, pid = lab.ami_port, lab.server.pid
    with lab.truth() as before:
        lab.restart_asterisk()
        assert before.closed
    assert (lab.ami_port, lab.server.pid) == (port, pid)  # the program started itself anew
    assert_a_call_comes_in(lab)


def test_after_a_power_cut_the_pbx_starts_again_and_calls_come_in(lab: Lab) -> None:
    pid = lab.server.pid
    lab.kill_asterisk()
    assert lab.server.pid is None
    lab.restart_asterisk()
    assert lab.server.pid not in (None, pid)
    assert_a_call_comes_in(lab)


def test_phones_that_the_pbx_forgot_in_a_power_cut_can_be_called_again(lab: Lab) -> None:
    lab.kill_asterisk()
    (lab.server.settings.run_folder / "astdb.sqlite3").unlink()  # where it remembers who registered
    lab.restart_asterisk()
    assert_a_call_comes_in(lab)


def test_calls_that_a_power_cut_left_on_the_phones_can_be_cleared(lab: Lab) -> None:
    lab.trunk.call(lab.did_direct, from_number="+442079460123")
    lab.phones["1001"].wait_state("ringing")
    lab.phones["1001"].answer()
    lab.trunk.wait_state("connected")
    lab.kill_asterisk()
    assert lab.phones["1001"].state() == "connected"  # nobody told it
    lab.quiet()
    assert (lab.phones["1001"].state(), lab.trunk.state()) == ("idle", "idle")
    assert_a_call_comes_in(lab)


def assert_a_call_comes_in(lab: Lab) -> None:
    """By a queue: it rings only phones that the PBX holds to be available, so this asks more than a direct call."""
    lab.trunk.call(lab.did_queue, from_number="+442079460123")
    lab.phones["1001"].wait_state("ringing")

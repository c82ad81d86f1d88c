"""Stories in which the AMI connection is lost, or comes only in mid-call. Each takes the lab and the tape."""

from __future__ import annotations

from collections.abc import Callable

from tests.pbx.story_kit import LONDON, WASHINGTON, ada_talks_with_1001, all_idle, pass_time, ring, talk, talks_inside
from tests.pbx.tape import Tape
from tests.support.lab import Lab

GapStory = Callable[[Lab, Tape], None]
GAP_STORIES: dict[str, GapStory] = {}


def gap_story(tell: GapStory) -> GapStory:
    GAP_STORIES[tell.__name__] = tell
    return tell


@gap_story
def start_in_mid_call(lab: Lab, tape: Tape) -> None:
    """Ada Smith already talks with 1001 when we connect; then 1001 hangs up."""
    ada_talks_with_1001(lab)
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1001"].hangup()
    all_idle(lab)


@gap_story
def start_while_ringing(lab: Lab, tape: Tape) -> None:
    """1001 already rings with Ada Smith's call when we connect; 1001 answers and hangs up."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    tape.connect(ask=True)
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@gap_story
def gap_still_talking(lab: Lab, tape: Tape) -> None:
    """Ada Smith talks with 1001; we lose the connection and get it back while they talk on; 1001 hangs up."""
    tape.connect()
    ada_talks_with_1001(lab)
    tape.disconnect()
    pass_time(0.5)
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1001"].hangup()
    all_idle(lab)


@gap_story
def gap_one_ends_one_rings(lab: Lab, tape: Tape) -> None:
    """Without our seeing it Ada Smith's call ends and Grace calls 1001; it still rings when we are back; answered."""
    tape.connect()
    ada_talks_with_1001(lab)
    tape.disconnect()
    lab.phones["1001"].hangup()
    all_idle(lab)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace")
    ring(lab.phones["1001"])
    tape.connect(ask=True)
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@gap_story
def gap_transfer_blind(lab: Lab, tape: Tape) -> None:
    """Without our seeing it 1001 passes Ada Smith to 1002, who answers; we come back, then 1002 hangs up."""
    tape.connect()
    ada_talks_with_1001(lab)
    tape.disconnect()
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    lab.phones["1001"].wait_state("idle")
    talk(lab.phones["1002"], lab.trunk)
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1002"].hangup()
    all_idle(lab)


@gap_story
def gap_transfer_rings(lab: Lab, tape: Tape) -> None:
    """Without our seeing it 1001 passes Ada Smith to 1002, who still rings when we are back; 1002 answers, hangs up."""
    tape.connect()
    ada_talks_with_1001(lab)
    tape.disconnect()
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@gap_story
def gap_transfer_attended(lab: Lab, tape: Tape) -> None:
    """1001 asks 1002 about Ada Smith; without our seeing it 1001 connects the two; we come back; 1002 hangs up."""
    tape.connect()
    ada_talks_with_1001(lab)
    talks_inside(lab.phones["1001"], lab.phones["1002"])
    tape.disconnect()
    lab.phones["1001"].complete_transfer()
    lab.phones["1001"].wait_state("idle")
    talk(lab.phones["1002"], lab.trunk)
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1002"].hangup()
    all_idle(lab)


@gap_story
def gap_new_call_in_queue(lab: Lab, tape: Tape) -> None:
    """1001 talks with Ada Smith; without our seeing it Grace calls queue 600; it still rings when we are back.

    1002 answers her; 1001 and 1002 hang up.
    """
    tape.connect()
    ada_talks_with_1001(lab)
    tape.disconnect()
    lab.trunk.call(lab.did_queue, from_number=WASHINGTON, from_name="Grace", hold_others=False)
    ring(lab.phones["1002"], lab.phones["1003"])
    tape.connect(ask=True)
    pass_time(0.5)
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1001"].hangup()
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@gap_story
def pbx_lost_power_while_ringing(lab: Lab, tape: Tape) -> None:
    """The PBX dies while 1001 rings with Ada Smith's call; it starts again, then Grace calls and is answered."""
    tape.connect()
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.kill_asterisk()
    tape.disconnect()
    lab.restart_asterisk()
    tape.connect(ask=True)
    lab.phones["1001"].reject()  # the phones did not notice: one still rings, the other still calls
    lab.trunk.hangup()
    for phone in (lab.phones["1001"], lab.trunk):
        phone.wait_state("idle", timeout=40)  # nobody answers what they say of the old call
    grace_is_answered(lab)


@gap_story
def pbx_restarted(lab: Lab, tape: Tape) -> None:
    """An administrator restarts the PBX while Ada Smith talks with 1001; afterwards Grace calls and is answered."""
    tape.connect()
    ada_talks_with_1001(lab)
    lab.restart_asterisk()
    tape.disconnect()
    tape.connect(ask=True)
    grace_is_answered(lab)


@gap_story
def pbx_lost_power(lab: Lab, tape: Tape) -> None:
    """The PBX dies while Ada Smith talks with 1001; it starts again, then Grace calls and is answered."""
    tape.connect()
    ada_talks_with_1001(lab)
    lab.kill_asterisk()
    tape.disconnect()
    lab.restart_asterisk()
    tape.connect(ask=True)
    lab.phones["1001"].hangup()  # the phones did not notice: they still show the old call
    lab.trunk.hangup()
    all_idle(lab)
    grace_is_answered(lab)


def grace_is_answered(lab: Lab) -> None:
    all_idle(lab)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)

"""Stories in which the AMI connection is lost, or comes only in mid-call. Each takes the lab and the tape."""

from __future__ import annotations

from collections.abc import Callable

from tests.pbx.story_kit import LONDON, WASHINGTON, all_idle, pass_time, ring, talk
from tests.pbx.tape import Tape
from tests.support.lab import Lab

GapStory = Callable[[Lab, Tape], None]
GAP_STORIES: dict[str, GapStory] = {}


def gap_story(tell: GapStory) -> GapStory:
    GAP_STORIES[tell.__name__] = tell
    return tell


def london_talks_with_1001(lab: Lab) -> None:
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)


@gap_story
def start_in_mid_call(lab: Lab, tape: Tape) -> None:
    """Ada Smith already talks with 1001 when we connect; then 1001 hangs up."""
    london_talks_with_1001(lab)
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
    london_talks_with_1001(lab)
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
    london_talks_with_1001(lab)
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
def pbx_restarted(lab: Lab, tape: Tape) -> None:
    """An administrator restarts the PBX while Ada Smith talks with 1001; afterwards Grace calls and is answered."""
    tape.connect()
    london_talks_with_1001(lab)
    lab.restart_asterisk()
    tape.disconnect()
    tape.connect(ask=True)
    grace_is_answered(lab)


@gap_story
def pbx_lost_power(lab: Lab, tape: Tape) -> None:
    """The PBX dies while Ada Smith talks with 1001; it starts again, then Grace calls and is answered."""
    tape.connect()
    london_talks_with_1001(lab)
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

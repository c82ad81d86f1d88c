"""Calls from outside for several phones, at once or one after the other."""

from __future__ import annotations

from tests.pbx.story_kit import (
    DID_ANNOUNCEMENT,
    DID_CONFIRM,
    DID_CONFIRM_GROUP,
    DID_HALF_GROUP,
    DID_HUNT,
    LONDON,
    TALK_SECONDS,
    WASHINGTON,
    all_idle,
    group_of,
    pass_time,
    ring,
    short_ring,
    story,
    talk,
)
from tests.support.lab import Lab


@story
def group_answered(lab: Lab) -> None:
    """Ada Smith calls the ring group; 1001, 1002 and 1003 ring, 1002 answers and hangs up."""
    lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def group_missed(lab: Lab) -> None:
    """Ada Smith calls the ring group; three phones ring, nobody answers, she gives up."""
    lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.trunk.hangup()
    all_idle(lab)


@story
def group_timeout(lab: Lab) -> None:
    """Ada Smith calls the ring group; after three seconds the PBX stops ringing and ends the call."""
    with short_ring(lab, 3):
        lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
        ring(*group_of(lab))
        all_idle(lab)


@story
def group_one_rejects(lab: Lab) -> None:
    """Grace calls the ring group; 1001 rejects, the others ring on, 1003 answers, Grace hangs up."""
    lab.trunk.call(lab.did_group, from_number=WASHINGTON, from_name="Grace")
    ring(*group_of(lab))
    lab.phones["1001"].reject()
    lab.phones["1001"].wait_state("idle")
    lab.phones["1003"].answer()
    talk(lab.phones["1003"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def group_one_not_registered(lab: Lab) -> None:
    """Ada Smith calls a group of 1001 and 1005, whose phone is not there; 1001 rings, answers and hangs up."""
    lab.trunk.call(DID_HALF_GROUP, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def group_one_busy(lab: Lab) -> None:
    """Ada Smith calls the ring group; 1001 is busy, 1002 and 1003 ring, 1002 answers, she hangs up."""
    lab.phones["1001"].on_ring("busy")
    lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1002"], lab.phones["1003"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def group_all_reject(lab: Lab) -> None:
    """Ada Smith calls the ring group; 1001, 1002 and 1003 ring and reject one after the other."""
    lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    for phone in group_of(lab):
        phone.reject()
    all_idle(lab)


@story
def hunt_second_answers(lab: Lab) -> None:
    """Ada Smith calls; 1001 rings for two seconds, then 1002, who answers and hangs up."""
    lab.trunk.call(DID_HUNT, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def hunt_missed(lab: Lab) -> None:
    """Ada Smith calls; 1001 rings for two seconds, then 1002; she gives up."""
    lab.trunk.call(DID_HUNT, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    ring(lab.phones["1002"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def announcement(lab: Lab) -> None:
    """Ada Smith calls 1001, which rings for two seconds; then she hears that nobody is there, to the end."""
    with short_ring(lab, 2):
        lab.trunk.call(DID_ANNOUNCEMENT, from_number=LONDON, from_name="Ada Smith")
        ring(lab.phones["1001"])
        lab.trunk.wait_state("connected")
        all_idle(lab)


@story
def announcement_cut_short(lab: Lab) -> None:
    """Ada Smith calls 1001, who rejects; she hears that nobody is there and hangs up meanwhile."""
    lab.trunk.call(DID_ANNOUNCEMENT, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].reject()
    lab.trunk.wait_state("connected")
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


# --- whoever picks up must press 1 ------------------------------------------------------------------------------------


@story
def confirmed(lab: Lab) -> None:
    """Ada Smith calls 1001, who picks up, hears a beep and presses 1; they talk; 1001 hangs up."""
    lab.trunk.call(DID_CONFIRM, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"])
    assert lab.trunk.state() == "calling"
    lab.phones["1001"].send_digits("1")
    talk(lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def not_confirmed(lab: Lab) -> None:
    """Ada Smith calls 1001, who picks up but presses nothing; the PBX ends it for both."""
    lab.trunk.call(DID_CONFIRM, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    all_idle(lab)


@story
def not_confirmed_hung_up(lab: Lab) -> None:
    """Ada Smith calls 1001, who picks up, hears a beep and hangs up without pressing 1."""
    lab.trunk.call(DID_CONFIRM, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"])
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def confirmed_by_the_second(lab: Lab) -> None:
    """Ada Smith calls a group of two; 1001 picks up first, then 1002, who presses 1 first and gets her, hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    lab.trunk.call(DID_CONFIRM_GROUP, from_number=LONDON, from_name="Ada Smith")
    ring(first, second)
    first.answer()
    first.wait_state("connected")
    second.answer()
    talk(second)
    second.send_digits("1")
    talk(lab.trunk)
    first.wait_state("idle")
    second.hangup()
    all_idle(lab)


@story
def confirmed_by_the_first(lab: Lab) -> None:
    """Ada Smith calls a group of two; 1001 picks up and presses 1 while 1002 still rings; 1001 hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    lab.trunk.call(DID_CONFIRM_GROUP, from_number=LONDON, from_name="Ada Smith")
    ring(first, second)
    first.answer()
    talk(first)
    assert second.state() == "ringing"
    first.send_digits("1")
    talk(lab.trunk)
    second.wait_state("idle")
    first.hangup()
    all_idle(lab)

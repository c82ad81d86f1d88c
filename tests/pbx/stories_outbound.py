"""Calls that our phones make: inside, and to the outside."""

from __future__ import annotations

from tests.pbx.story_kit import (
    DID_NOBODY,
    DID_SECOND,
    DID_TWIN,
    LONDON,
    LONDON_OFFICE,
    TALK_SECONDS,
    WASHINGTON,
    all_idle,
    pass_time,
    ring,
    short_ring,
    story,
    talk,
    talks_inside,
)
from tests.support.lab import Lab


@story
def internal(lab: Lab) -> None:
    """1001 calls 1002, who answers; 1001 hangs up."""
    lab.phones["1001"].call("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def outbound_answered(lab: Lab) -> None:
    """1001 calls an office in London, which answers; 1001 hangs up."""
    lab.phones["1001"].call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def outbound_with_prefix(lab: Lab) -> None:
    """1001 dials 9 and a Washington number; it answers, then hangs up."""
    lab.phones["1001"].call("9" + WASHINGTON.removeprefix("+"))
    ring(lab.trunk)
    lab.trunk.answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def outbound_busy(lab: Lab) -> None:
    """1001 calls an office in London, which is busy."""
    lab.trunk.on_ring("busy")
    lab.phones["1001"].call(LONDON_OFFICE)
    all_idle(lab)


@story
def outbound_missed(lab: Lab) -> None:
    """1001 calls an office in London, nobody answers, 1001 gives up."""
    lab.phones["1001"].call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def outbound_rejected(lab: Lab) -> None:
    """1001 calls an office in London, which rings and rejects."""
    lab.phones["1001"].call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.reject()
    all_idle(lab)


@story
def internal_missed(lab: Lab) -> None:
    """1001 calls 1002, which rings; 1001 gives up."""
    lab.phones["1001"].call("1002")
    ring(lab.phones["1002"])
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def internal_not_registered(lab: Lab) -> None:
    """1001 calls 1005, whose phone is not there; the PBX ends it at once."""
    lab.phones["1001"].call("1005")
    all_idle(lab)


@story
def inbound_not_registered(lab: Lab) -> None:
    """Ada Smith calls 1005, whose phone is not there; the PBX ends it at once."""
    lab.trunk.call(DID_NOBODY, from_number=LONDON, from_name="Ada Smith")
    all_idle(lab)


@story
def internal_hold(lab: Lab) -> None:
    """1001 calls 1002; 1002 holds 1001, who hears music, takes it back; 1002 hangs up."""
    talks_inside(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1002"].hold()
    pass_time(TALK_SECONDS)
    lab.phones["1002"].resume()
    talk(lab.phones["1002"])
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def out_and_back_in(lab: Lab) -> None:
    """1001 dials the public number of 1002; the call goes out and comes in again; 1002 answers; 1001 hangs up."""
    lab.phones["1001"].call(DID_SECOND)
    ring(lab.trunk)
    lab.trunk.call(DID_SECOND, from_number=lab.main_number, hold_others=False)
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    lab.phones["1002"].wait_state("connected")
    lab.trunk.answer(hold_others=False)
    talk(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1001"].hangup()
    lab.phones["1001"].wait_state("idle")
    lab.trunk.hangup()
    all_idle(lab)


@story
def trunk_to_trunk(lab: Lab) -> None:
    """Ada Smith calls a number that is sent out again to a mobile phone, which answers; she hangs up. No desk rings."""
    lab.trunk.call(DID_TWIN, from_number=LONDON, from_name="Ada Smith")
    ring(lab.trunk)
    lab.trunk.answer(hold_others=False)
    lab.trunk.wait_lines("connected", 2)
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def trunk_to_trunk_no_answer(lab: Lab) -> None:
    """Ada Smith calls a number that is sent out again to a mobile phone; after three seconds the PBX gives up."""
    with short_ring(lab, 3):
        lab.trunk.call(DID_TWIN, from_number=LONDON, from_name="Ada Smith")
        ring(lab.trunk)
        all_idle(lab)

"""Calls from outside for one phone."""

from __future__ import annotations

from tests.pbx.story_kit import (
    BERLIN,
    DID_SECOND,
    LONDON,
    TALK_SECONDS,
    WASHINGTON,
    ada_talks_with_1001,
    all_idle,
    pass_time,
    ring,
    short_ring,
    story,
    talk,
)
from tests.support.lab import Lab


@story
def inbound_answered(lab: Lab) -> None:
    """Ada Smith calls 1001 from London; 1001 answers and hangs up first."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    phone.hangup()
    all_idle(lab)


@story
def inbound_answered_caller_ends(lab: Lab) -> None:
    """A caller without a name calls 1001; 1001 answers; the caller hangs up first."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON)
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def inbound_missed(lab: Lab) -> None:
    """Ada Smith calls 1001, nobody answers, she gives up while it rings."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def inbound_timeout(lab: Lab) -> None:
    """Ada Smith calls 1001; after three seconds the PBX stops ringing and ends the call."""
    with short_ring(lab, 3):
        lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
        ring(lab.phones["1001"])
        all_idle(lab)


@story
def inbound_rejected(lab: Lab) -> None:
    """A caller from Washington calls 1001, who presses reject (603)."""
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace")
    ring(lab.phones["1001"])
    lab.phones["1001"].reject()
    all_idle(lab)


@story
def inbound_rejected_busy(lab: Lab) -> None:
    """A caller from Washington calls 1001, who rejects; the phone says busy (486)."""
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace")
    ring(lab.phones["1001"])
    lab.phones["1001"].reject(486)
    all_idle(lab)


@story
def inbound_busy(lab: Lab) -> None:
    """A caller from Berlin calls 1001, which is busy (486 at once, it never rings)."""
    lab.phones["1001"].on_ring("busy")
    lab.trunk.call(lab.did_direct, from_number=BERLIN, from_name="Bäckerei Süß")
    all_idle(lab)


@story
def second_call_waits(lab: Lab) -> None:
    """1001 talks to London when Washington calls; 1001 answers that too (London is held), then both are ended."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace")
    ring(phone)
    phone.answer()
    phone.wait_state("onhold")
    talk(phone)
    phone.hangup()
    phone.wait_lines("onhold", 1)
    phone.resume()
    talk(phone)
    phone.hangup()
    all_idle(lab)


@story
def hold_and_resume(lab: Lab) -> None:
    """Ada Smith calls 1001; 1001 answers, puts her on hold, takes her back and hangs up."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    phone.hold()
    pass_time(TALK_SECONDS)
    phone.resume()
    talk(phone)
    phone.hangup()
    all_idle(lab)


@story
def hold_by_both_sides(lab: Lab) -> None:
    """Ada Smith calls 1001; 1001 holds her, then she holds 1001; both take the other back; 1001 hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].hold()
    pass_time(TALK_SECONDS)
    lab.trunk.hold()
    pass_time(TALK_SECONDS)
    lab.phones["1001"].resume()
    pass_time(TALK_SECONDS)
    lab.trunk.resume()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def hold_until_the_caller_leaves(lab: Lab) -> None:
    """Ada Smith calls 1001, who puts her on hold; she gets tired of the music and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].hold()
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def second_call_rejected(lab: Lab) -> None:
    """1001 talks to Ada Smith when Grace calls; 1001 rejects Grace (busy) and talks on; 1001 hangs up."""
    phone = lab.phones["1001"]
    ada_talks_with_1001(lab)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace", hold_others=False)
    ring(phone)
    phone.reject(486)
    lab.trunk.wait_state("connected")
    talk(phone)
    phone.hangup()
    all_idle(lab)


@story
def same_number_twice(lab: Lab) -> None:
    """An office in London calls 1001 and 1002 at the same time, from one number; both answer; 1001 ends, then 1002."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    lab.trunk.call(DID_SECOND, from_number=LONDON, from_name="Ada Smith", hold_others=False)
    ring(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1002"].answer()
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1001"].hangup()
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def answered_at_once(lab: Lab) -> None:
    """Ada Smith calls 1001, whose phone answers by itself without ringing (headset); 1001 hangs up."""
    lab.phones["1001"].on_ring("answer")
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)

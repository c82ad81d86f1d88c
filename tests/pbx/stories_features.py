"""Forwarding, pickup, parking, conference, listening in."""

from __future__ import annotations

from tests.pbx.story_kit import (
    DID_CONFERENCE,
    DID_FEATURES,
    LONDON,
    LONDON_OFFICE,
    TALK_SECONDS,
    ada_talks_with_1001,
    all_idle,
    pass_time,
    ring,
    story,
    talk,
    talks_inside,
)
from tests.support.lab import Lab

# --- forwarded by the phone -------------------------------------------------------------------------------------------


@story
def forward_inside(lab: Lab) -> None:
    """Ada Smith calls 1001, whose phone forwards everything to 1002 (302); 1002 rings, answers and hangs up."""
    lab.phones["1001"].on_ring("forward", forward_to="1002")
    lab.trunk.call(DID_FEATURES, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def forward_inside_missed(lab: Lab) -> None:
    """Ada Smith calls 1001, whose phone forwards everything to 1002 (302); nobody answers there, she gives up."""
    lab.phones["1001"].on_ring("forward", forward_to="1002")
    lab.trunk.call(DID_FEATURES, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1002"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def forward_outside(lab: Lab) -> None:
    """Ada Smith calls 1001, whose phone forwards everything to an office in London, which answers; she hangs up."""
    lab.phones["1001"].on_ring("forward", forward_to=LONDON_OFFICE)
    lab.trunk.call(DID_FEATURES, from_number=LONDON, from_name="Ada Smith")
    ring(lab.trunk)
    lab.trunk.answer(hold_others=False)
    lab.trunk.wait_lines("connected", 2)
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def forward_while_ringing(lab: Lab) -> None:
    """Ada Smith calls 1001; while it rings 1001 sends her on to 1002 (302), who answers and hangs up."""
    lab.trunk.call(DID_FEATURES, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].deflect("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def forward_of_internal(lab: Lab) -> None:
    """1003 calls 1001, whose phone forwards everything to 1002 (302); 1002 answers; 1003 hangs up."""
    lab.phones["1001"].on_ring("forward", forward_to="1002")
    lab.phones["1003"].call("1001")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.phones["1003"])
    lab.phones["1003"].hangup()
    all_idle(lab)


# --- picked up by another desk ----------------------------------------------------------------------------------------


@story
def pickup_group(lab: Lab) -> None:
    """Ada Smith calls 1001; while it rings 1002 dials *8 and takes the call; 1002 hangs up."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1002"].call("*8")
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def pickup_directed(lab: Lab) -> None:
    """Ada Smith calls 1001; while it rings 1002 dials **1001 and takes the call; Ada hangs up."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1002"].call("**1001")
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1001"].wait_state("idle")
    lab.trunk.hangup()
    all_idle(lab)


@story
def pickup_replaces(lab: Lab) -> None:
    """Ada Smith calls 1001; while it rings 1002 takes the call with a key (INVITE with Replaces); 1002 hangs up."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1002"].call("1001", replaces=lab.phones["1001"].ringing_dialog())
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def pickup_of_internal(lab: Lab) -> None:
    """1003 calls 1001; while it rings 1002 dials *8 and takes the call; 1003 hangs up."""
    lab.phones["1003"].call("1001")
    ring(lab.phones["1001"])
    lab.phones["1002"].call("*8")
    talk(lab.phones["1002"], lab.phones["1003"])
    lab.phones["1001"].wait_state("idle")
    lab.phones["1003"].hangup()
    all_idle(lab)


@story
def pickup_of_group(lab: Lab) -> None:
    """Ada Smith calls the ring group; 1001, 1002 and 1003 ring; 1004 dials *8 and takes the call; 1004 hangs up."""
    lab.trunk.call(lab.did_group, from_number=LONDON, from_name="Ada Smith")
    ring(*(lab.phones[extension] for extension in ("1001", "1002", "1003")))
    lab.phones["1004"].call("*8")
    talk(lab.phones["1004"], lab.trunk)
    lab.phones["1004"].hangup()
    all_idle(lab)


@story
def pickup_of_nothing(lab: Lab) -> None:
    """1002 dials *8 while nothing rings; the PBX refuses."""
    lab.phones["1002"].call("*8")
    all_idle(lab)


# --- parked -----------------------------------------------------------------------------------------------------------


@story
def park_and_retrieve(lab: Lab) -> None:
    """Ada Smith calls 1001, who parks her by a transfer to 700; 1002 takes her back with 701 and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("700")
    lab.phones["1001"].wait_state("idle")
    pass_time(TALK_SECONDS)
    lab.phones["1002"].call("701")
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def park_feature_and_retrieve(lab: Lab) -> None:
    """Ada Smith calls 1001, who parks her with #72 and hears the place; 1002 takes her back with 701; she hangs up."""
    ada_talks_with_1001(lab, DID_FEATURES)
    lab.phones["1001"].send_digits("#72")
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].call("701")
    talk(lab.phones["1002"], lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def park_timeout(lab: Lab) -> None:
    """Ada Smith calls 1001, who parks her; nobody takes her back, so 1001 rings again, answers and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("700")
    lab.phones["1001"].wait_state("idle")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def park_given_up(lab: Lab) -> None:
    """Ada Smith calls 1001, who parks her; she hangs up while she is parked."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("700")
    lab.phones["1001"].wait_state("idle")
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


# --- three and more ---------------------------------------------------------------------------------------------------


@story
def conference(lab: Lab) -> None:
    """Ada Smith calls the conference room, then 1001 and 1002 dial into it; they talk; 1001, 1002 and Ada leave."""
    lab.trunk.call(DID_CONFERENCE, from_number=LONDON, from_name="Ada Smith")
    talk(lab.trunk)
    lab.phones["1001"].call("650")
    talk(lab.phones["1001"])
    lab.phones["1002"].call("650")
    talk(lab.phones["1002"])
    pass_time(TALK_SECONDS)
    lab.phones["1001"].hangup()
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    lab.phones["1002"].wait_state("idle")
    lab.trunk.hangup()
    all_idle(lab)


@story
def spy_listens(lab: Lab) -> None:
    """Ada Smith talks with 1001; 1004 dials 551001 and listens to them; 1004 leaves, then 1001 hangs up."""
    ada_talks_with_1001(lab)
    spied_on(lab, "551001")


@story
def spy_whispers(lab: Lab) -> None:
    """Ada Smith talks with 1001; 1004 dials 561001 and whispers to 1001; 1004 leaves, then 1001 hangs up."""
    ada_talks_with_1001(lab)
    spied_on(lab, "561001")


def spied_on(lab: Lab, code: str) -> None:
    lab.phones["1004"].call(code)
    talk(lab.phones["1004"])
    lab.phones["1004"].hangup()
    lab.phones["1004"].wait_state("idle")
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def spy_on_internal(lab: Lab) -> None:
    """1001 talks with 1002; 1004 listens at 1001; 1001 hangs up, then 1004."""
    talks_inside(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1004"].call("551001")
    talk(lab.phones["1004"])
    lab.phones["1001"].hangup()
    lab.phones["1002"].wait_state("idle")
    if lab.phones["1004"].state() != "idle":
        lab.phones["1004"].hangup()
    all_idle(lab)


@story
def forward_of_one_in_a_group(lab: Lab) -> None:
    """1001 calls ring group 610; 1002's phone forwards to 1004 (302), 1003 rings; 1004 answers; 1001 hangs up."""
    lab.phones["1002"].on_ring("forward", forward_to="1004")
    lab.phones["1001"].call("610")
    ring(lab.phones["1003"], lab.phones["1004"])
    lab.phones["1004"].answer()
    talk(lab.phones["1004"], lab.phones["1001"])
    lab.phones["1001"].hangup()
    all_idle(lab)

"""Callers who wait in a queue."""

from __future__ import annotations

from tests.pbx.story_kit import (
    DID_IMPATIENT_QUEUE,
    DID_SHORT_QUEUE,
    LONDON,
    TALK_SECONDS,
    WASHINGTON,
    all_idle,
    group_of,
    pass_time,
    ring,
    story,
    talk,
    talks_inside,
)
from tests.support.lab import Lab


@story
def queue_answered(lab: Lab) -> None:
    """Ada Smith calls queue 600; three phones ring, 1002 answers and hangs up."""
    lab.trunk.call(lab.did_queue, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def queue_local_answered(lab: Lab) -> None:
    """Ada Smith calls queue 602, whose members are Local channels; three phones ring, 1002 answers and hangs up."""
    lab.trunk.call(lab.did_queue_local, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def queue_abandoned(lab: Lab) -> None:
    """Ada Smith calls queue 600 and gives up while three phones ring."""
    lab.trunk.call(lab.did_queue, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.trunk.hangup()
    all_idle(lab)


@story
def queue_local_abandoned(lab: Lab) -> None:
    """Ada Smith calls queue 602, whose members are Local channels, and gives up while three phones ring."""
    lab.trunk.call(lab.did_queue_local, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.trunk.hangup()
    all_idle(lab)


@story
def queue_rings_again(lab: Lab) -> None:
    """Ada Smith calls queue 603; 1001 rings for three seconds, a pause, rings again, answers and hangs up."""
    phone = lab.phones["1001"]
    lab.trunk.call(DID_SHORT_QUEUE, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    phone.wait_state("idle")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    phone.hangup()
    all_idle(lab)


@story
def queue_member_rejects(lab: Lab) -> None:
    """Ada Smith calls queue 603; 1001 rejects, rings again after a pause, answers; she hangs up."""
    phone = lab.phones["1001"]
    lab.trunk.call(DID_SHORT_QUEUE, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    phone.reject()
    phone.wait_state("idle")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def queue_timeout(lab: Lab) -> None:
    """Ada Smith calls queue 603; 1001 rings, nobody answers; after five seconds she hears an announcement instead."""
    lab.trunk.call(DID_IMPATIENT_QUEUE, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    all_idle(lab)


@story
def queue_then_transfer_blind(lab: Lab) -> None:
    """Ada Smith calls queue 603; 1001 answers and passes her to 1004 without asking; 1004 answers and hangs up."""
    queue_603_answered(lab)
    lab.phones["1001"].transfer("1004")
    ring(lab.phones["1004"])
    lab.phones["1004"].answer()
    talk(lab.phones["1004"])
    lab.phones["1004"].hangup()
    all_idle(lab)


@story
def queue_then_transfer_attended(lab: Lab) -> None:
    """Ada Smith calls queue 603; 1001 answers, holds her, asks 1004 and connects the two; 1004 hangs up."""
    queue_603_answered(lab)
    talks_inside(lab.phones["1001"], lab.phones["1004"])
    lab.phones["1001"].complete_transfer()
    lab.phones["1001"].wait_state("idle")
    talk(lab.phones["1004"], lab.trunk)
    lab.phones["1004"].hangup()
    all_idle(lab)


def queue_603_answered(lab: Lab) -> None:
    lab.trunk.call(DID_SHORT_QUEUE, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)


@story
def queue_two_callers(lab: Lab) -> None:
    """Ada Smith and then Grace call queue 603; 1001 answers Ada, hangs up, rings with Grace, answers, hangs up."""
    phone = lab.phones["1001"]
    lab.trunk.call(DID_SHORT_QUEUE, from_number=LONDON, from_name="Ada Smith")
    ring(phone)
    lab.trunk.call(DID_SHORT_QUEUE, from_number=WASHINGTON, from_name="Grace", hold_others=False)
    pass_time(TALK_SECONDS)
    phone.answer()
    talk(phone)
    phone.hangup()
    ring(phone)
    phone.answer()
    talk(phone)
    phone.hangup()
    all_idle(lab)


@story
def queue_local_one_rejects(lab: Lab) -> None:
    """Ada Smith calls queue 602 (Local members); 1001 rejects, 1002 and 1003 ring on; 1003 answers, she hangs up."""
    lab.trunk.call(lab.did_queue_local, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1001"].reject()
    lab.phones["1001"].wait_state("idle")
    lab.phones["1003"].answer()
    talk(lab.phones["1003"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def queue_local_then_transfer_blind(lab: Lab) -> None:
    """Ada Smith calls queue 602 (Local members); 1002 answers and passes her to 1004, who answers and hangs up."""
    queue_602_answered_by_1002(lab)
    lab.phones["1002"].transfer("1004")
    ring(lab.phones["1004"])
    lab.phones["1004"].answer()
    talk(lab.phones["1004"])
    lab.phones["1004"].hangup()
    all_idle(lab)


@story
def queue_local_then_transfer_attended(lab: Lab) -> None:
    """Ada Smith calls queue 602 (Local members); 1002 answers, asks 1004 and connects the two; 1004 hangs up."""
    queue_602_answered_by_1002(lab)
    talks_inside(lab.phones["1002"], lab.phones["1004"])
    lab.phones["1002"].complete_transfer()
    lab.phones["1002"].wait_state("idle")
    talk(lab.phones["1004"], lab.trunk)
    lab.phones["1004"].hangup()
    all_idle(lab)


def queue_602_answered_by_1002(lab: Lab) -> None:
    lab.trunk.call(lab.did_queue_local, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1002"].answer()
    talk(lab.phones["1002"], lab.trunk)


@story
def queue_picked_up(lab: Lab) -> None:
    """Ada Smith calls queue 600; three phones ring; 1004, who is not in the queue, dials *8, gets her and hangs up."""
    lab.trunk.call(lab.did_queue, from_number=LONDON, from_name="Ada Smith")
    ring(*group_of(lab))
    lab.phones["1004"].call("*8")
    talk(lab.phones["1004"], lab.trunk)
    lab.phones["1004"].hangup()
    all_idle(lab)

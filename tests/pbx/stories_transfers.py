"""Calls that are passed on without asking (blind)."""

from __future__ import annotations

from tests.pbx.children import wait_until
from tests.pbx.story_kit import (
    LONDON_OFFICE,
    TALK_SECONDS,
    ada_talks_with_1001,
    all_idle,
    pass_time,
    ring,
    short_ring,
    story,
    talk,
    talks_inside,
)
from tests.support.lab import Lab, LabPhone

OK = 200
PROMPT_SECONDS = 0.6  # the PBX says "transfer"; people wait for it to begin before they dial on


def let_go_of_the_dead_line(phone: LabPhone) -> None:
    """After a transfer that came to nothing: a phone that was told so shows the call until its user hangs up.

    Told "done" (200; the PBX says either, as its threads race) it hangs up by itself.
    """
    results: list[int] = []

    def told() -> bool:
        results[:] = [int(seen["code"]) for seen in phone.timeline() if seen["event"] == "transfer-result"]
        return bool(results)

    wait_until(told, f"phone {phone.extension} to be told of its transfer")
    if results[-1] != OK:
        phone.hangup()


@story
def transfer_blind(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002 without asking; 1002 answers and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def transfer_blind_busy(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002, which is busy; her call ends, then 1001 hangs up the dead line."""
    ada_talks_with_1001(lab)
    lab.phones["1002"].on_ring("busy")
    lab.phones["1001"].transfer("1002")
    lab.trunk.wait_state("idle")
    let_go_of_the_dead_line(lab.phones["1001"])
    all_idle(lab)


@story
def transfer_blind_no_answer(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002; 1002 rings for three seconds, nobody answers, her call ends."""
    with short_ring(lab, 3):
        ada_talks_with_1001(lab)
        lab.phones["1001"].transfer("1002")
        ring(lab.phones["1002"])
        all_idle(lab)


@story
def transfer_blind_caller_gives_up(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002; she gives up while 1002 rings."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_blind_not_registered(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1005, whose phone is not there; her call ends, then 1001 hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("1005")
    lab.trunk.wait_state("idle")
    let_go_of_the_dead_line(lab.phones["1001"])
    all_idle(lab)


@story
def transfer_blind_to_group(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to ring group 610; 1002 and 1003 ring, 1003 answers and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("610")
    ring(lab.phones["1002"], lab.phones["1003"])
    lab.phones["1003"].answer()
    talk(lab.phones["1003"])
    lab.phones["1003"].hangup()
    all_idle(lab)


@story
def transfer_blind_to_queue(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to queue 600; 1002 and 1003 ring (and 1001), 1003 answers, she hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("600")
    ring(lab.phones["1002"], lab.phones["1003"])
    lab.phones["1003"].answer()
    talk(lab.phones["1003"])
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_blind_outside(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to an office in London; the office answers, she hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.answer(hold_others=False)
    lab.trunk.wait_lines("connected", 2)
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_blind_by_caller(lab: Lab) -> None:
    """1001 calls 1002, then passes 1002 on to 1003; 1003 answers and hangs up."""
    talks_inside(lab.phones["1001"], lab.phones["1002"])
    lab.phones["1001"].transfer("1003")
    ring(lab.phones["1003"])
    lab.phones["1003"].answer()
    talk(lab.phones["1003"], lab.phones["1002"])
    lab.phones["1001"].wait_state("idle")
    lab.phones["1003"].hangup()
    all_idle(lab)


@story
def transfer_blind_of_outbound(lab: Lab) -> None:
    """1001 calls an office in London, then passes it on to 1002; 1002 answers and hangs up."""
    lab.phones["1001"].call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def transfer_blind_twice(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002, who passes her to 1003; 1003 answers and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1002"].transfer("1003")
    ring(lab.phones["1003"])
    lab.phones["1003"].answer()
    talk(lab.phones["1003"])
    lab.phones["1003"].hangup()
    all_idle(lab)


@story
def transfer_blind_feature(lab: Lab) -> None:
    """Ada Smith calls 1001, who presses ## and 1002; 1002 answers and hangs up."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].send_digits("##")
    pass_time(PROMPT_SECONDS)
    lab.phones["1001"].send_digits("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def transfer_blind_back(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002, who passes her back; 1001 answers again and hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    first.transfer("1002")
    ring(second)
    second.answer()
    talk(second)
    first.wait_state("idle")
    second.transfer("1001")
    ring(first)
    first.answer()
    talk(first)
    first.hangup()
    all_idle(lab)

"""Calls that are passed on after asking (attended), or while the other phone still rings (blonde)."""

from __future__ import annotations

from tests.pbx.stories_transfers import PROMPT_SECONDS
from tests.pbx.story_kit import (
    LONDON_OFFICE,
    TALK_SECONDS,
    WASHINGTON,
    ada_talks_with_1001,
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
def transfer_attended(lab: Lab) -> None:
    """Ada Smith calls 1001, who holds her, asks 1002, and then connects the two; 1002 hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    talks_inside(first, second)
    first.complete_transfer()
    first.wait_state("idle")
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def transfer_attended_given_up(lab: Lab) -> None:
    """Ada Smith calls 1001, who holds her and asks 1002; 1002 does not want her; 1001 talks with her again."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    talks_inside(first, second)
    second.hangup()
    second.wait_state("idle")
    first.resume()
    talk(first)
    first.hangup()
    all_idle(lab)


@story
def transfer_attended_by_caller(lab: Lab) -> None:
    """1001 calls 1002, then holds 1002, asks 1003, and connects 1002 with 1003; 1003 hangs up."""
    first, second, third = (lab.phones[extension] for extension in ("1001", "1002", "1003"))
    talks_inside(first, second)
    talks_inside(first, third)
    first.complete_transfer()
    first.wait_state("idle")
    talk(second, third)
    third.hangup()
    all_idle(lab)


@story
def transfer_attended_two_incoming(lab: Lab) -> None:
    """Ada Smith calls 1001; Grace calls 1001 too and is answered; 1001 connects the two with each other; both go."""
    phone = lab.phones["1001"]
    ada_talks_with_1001(lab)
    lab.trunk.call(lab.did_direct, from_number=WASHINGTON, from_name="Grace", hold_others=False)
    ring(phone)
    phone.answer()
    phone.wait_state("onhold")
    talk(phone)
    phone.complete_transfer()
    phone.wait_state("idle")
    lab.trunk.wait_lines("connected", 2)
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_attended_of_outbound(lab: Lab) -> None:
    """1001 calls an office in London, holds it, asks 1002, and connects the two; 1002 hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    first.call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.answer()
    talk(first, lab.trunk)
    talks_inside(first, second)
    first.complete_transfer()
    first.wait_state("idle")
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def transfer_attended_feature(lab: Lab) -> None:
    """Ada Smith calls 1001, who presses *2 and 1002; 1002 answers, they talk, 1001 hangs up and so connects the two."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    first.send_digits("*2")
    pass_time(PROMPT_SECONDS)
    first.send_digits("1002")
    ring(second)
    second.answer()
    talk(second)
    first.hangup()
    first.wait_state("idle")
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def transfer_blonde_answered(lab: Lab) -> None:
    """Ada Smith calls 1001, who holds her, calls 1002, and connects them while it rings; 1002 answers and hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    first.call("1002")
    ring(second)
    first.complete_transfer()
    first.wait_state("idle")
    ring(second)
    second.answer()
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def transfer_blonde_no_answer(lab: Lab) -> None:
    """Ada Smith calls 1001, who calls 1002 and connects them while it rings; nobody answers there, her call ends."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    with short_ring(lab, 5):
        ada_talks_with_1001(lab)
        first.call("1002")
        ring(second)
        first.complete_transfer()
        first.wait_state("idle")
        ring(second)
        all_idle(lab)


@story
def transfer_blonde_caller_gives_up(lab: Lab) -> None:
    """Ada Smith calls 1001, who calls 1002 and connects them while it rings; she gives up before 1002 answers."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    first.call("1002")
    ring(second)
    first.complete_transfer()
    first.wait_state("idle")
    ring(second)
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_blonde_feature(lab: Lab) -> None:
    """Ada Smith calls 1001, who presses *2 and 1002 and hangs up while 1002 rings; 1002 answers and hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    ada_talks_with_1001(lab)
    first.send_digits("*2")
    pass_time(PROMPT_SECONDS)
    first.send_digits("1002")
    ring(second)
    first.hangup()
    first.wait_state("idle")
    ring(second)
    second.answer()
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def transfer_attended_outside(lab: Lab) -> None:
    """Ada Smith calls 1001, who holds her, asks an office in London and connects the two; she hangs up."""
    first = lab.phones["1001"]
    ada_talks_with_1001(lab)
    first.call(LONDON_OFFICE)
    ring(lab.trunk)
    lab.trunk.answer(hold_others=False)
    talk(first)
    first.complete_transfer()
    first.wait_state("idle")
    lab.trunk.wait_lines("connected", 2)
    pass_time(TALK_SECONDS)
    lab.trunk.hangup()
    all_idle(lab)


@story
def transfer_attended_to_group(lab: Lab) -> None:
    """Ada Smith calls 1001, who asks ring group 610; 1003 answers there; 1001 connects the two; 1003 hangs up."""
    first, third = lab.phones["1001"], lab.phones["1003"]
    ada_talks_with_1001(lab)
    first.call("610")
    ring(lab.phones["1002"], third)
    third.answer()
    talk(first, third)
    first.complete_transfer()
    first.wait_state("idle")
    talk(third, lab.trunk)
    third.hangup()
    all_idle(lab)

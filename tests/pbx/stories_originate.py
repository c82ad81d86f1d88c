"""Calls that the PBX is asked to start, as click-to-call does."""

from __future__ import annotations

from tests.pbx.ami_wire import AmiWire, Message
from tests.pbx.story_kit import LONDON_OFFICE, all_idle, pass_time, ring, story, talk, talks_inside
from tests.pbx.tape import product_user
from tests.support.lab import Lab

BY_LOCAL = "Local/1001@internal"  # through the dialplan, as most CRMs do it


def click(wire: AmiWire, channel: str, number: str = LONDON_OFFICE, seconds: int = 20) -> None:
    """Ring `channel`, and when it answers dial `number` from there."""
    answer = wire.action(
        "Originate",
        Channel=channel,
        Context="internal",
        Exten=number,
        Priority="1",
        CallerID=f"London office <{LONDON_OFFICE}>" if number == LONDON_OFFICE else f"Colleague <{number}>",
        Timeout=str(seconds * 1000),
        Async="true",
    )
    assert answer.get("Response") == "Success"


def wait_result(wire: AmiWire, wanted: str) -> Message:
    """What the PBX says of it later: Success or Failure."""
    message = wire.wait(lambda heard: heard.event == "OriginateResponse", "OriginateResponse")
    assert message.get("Response") == wanted
    return message


def picked_up_on_both_sides(lab: Lab) -> None:
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    ring(lab.trunk)
    lab.trunk.answer()
    talk(lab.phones["1001"], lab.trunk)


def both_talk(lab: Lab) -> None:
    """1001 picks up, the office in London answers, 1001 hangs up."""
    picked_up_on_both_sides(lab)
    lab.phones["1001"].hangup()
    all_idle(lab)


@story
def originate_answered(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and then to dial an office in London; both answer; 1001 hangs up."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint)
        both_talk(lab)


@story
def originate_by_local(lab: Lab) -> None:
    """The PBX is asked to ring Local/1001@internal and to dial an office in London; both answer; 1001 hangs up."""
    with product_user(lab) as wire:
        click(wire, BY_LOCAL)
        both_talk(lab)


@story
def originate_by_local_kept(lab: Lab) -> None:
    """As before with Local/1001@internal/n, whose halves stay for the whole call."""
    with product_user(lab) as wire:
        click(wire, BY_LOCAL + "/n")
        both_talk(lab)


@story
def originate_inside(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and then to dial 1002; both answer; 1002 hangs up."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint, number="1002")
        ring(lab.phones["1001"])
        lab.phones["1001"].answer()
        ring(lab.phones["1002"])
        lab.phones["1002"].answer()
        talk(lab.phones["1001"], lab.phones["1002"])
        lab.phones["1002"].hangup()
        all_idle(lab)


@story
def originate_rejected(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and to dial an office in London; 1001 rejects."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint)
        ring(lab.phones["1001"])
        lab.phones["1001"].reject()
        wait_result(wire, "Failure")
        all_idle(lab)


@story
def originate_rejected_by_local(lab: Lab) -> None:
    """The PBX is asked to ring Local/1001@internal and to dial an office in London; 1001 rejects."""
    with product_user(lab) as wire:
        click(wire, BY_LOCAL)
        ring(lab.phones["1001"])
        lab.phones["1001"].reject()
        wait_result(wire, "Failure")
        all_idle(lab)


@story
def originate_no_answer(lab: Lab) -> None:
    """The PBX is asked to ring 1001 for three seconds and to dial an office in London; nobody picks up at 1001."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint, seconds=3)
        ring(lab.phones["1001"])
        wait_result(wire, "Failure")
        all_idle(lab)


@story
def originate_agent_busy(lab: Lab) -> None:
    """The PBX is asked to ring 1001, which is busy, and to dial an office in London."""
    with product_user(lab) as wire:
        lab.phones["1001"].on_ring("busy")
        click(wire, lab.phones["1001"].endpoint)
        wait_result(wire, "Failure")
        all_idle(lab)


@story
def originate_bad_endpoint(lab: Lab) -> None:
    """The PBX is asked to ring 1099, which does not exist, and to dial an office in London."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint.replace("1001", "1099"))
        wait_result(wire, "Failure")
        pass_time(0.3)
        all_idle(lab)


@story
def originate_not_registered(lab: Lab) -> None:
    """The PBX is asked to ring 1005, whose phone is not there, and to dial an office in London."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint.replace("1001", "1005"))
        wait_result(wire, "Failure")
        pass_time(0.3)
        all_idle(lab)


@story
def originate_far_busy(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and to dial an office in London; 1001 picks up, the office is busy."""
    with product_user(lab) as wire:
        lab.trunk.on_ring("busy")
        click(wire, lab.phones["1001"].endpoint)
        ring(lab.phones["1001"])
        lab.phones["1001"].answer()
        wait_result(wire, "Success")
        all_idle(lab)


@story
def originate_far_no_answer(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and to dial an office in London; 1001 picks up, and gives up while it rings."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint)
        ring(lab.phones["1001"])
        lab.phones["1001"].answer()
        ring(lab.trunk)
        lab.phones["1001"].hangup()
        all_idle(lab)


@story
def originate_by_local_far_busy(lab: Lab) -> None:
    """The PBX is asked to ring Local/1001@internal and to dial an office in London, which is busy."""
    with product_user(lab) as wire:
        lab.trunk.on_ring("busy")
        click(wire, BY_LOCAL)
        ring(lab.phones["1001"])
        lab.phones["1001"].answer()
        wait_result(wire, "Success")
        all_idle(lab)


@story
def originate_then_transfer_blind(lab: Lab) -> None:
    """The PBX is asked to connect 1001 with an office in London; 1001 passes it to 1002, who answers and hangs up."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint)
        picked_up_on_both_sides(lab)
        lab.phones["1001"].transfer("1002")
        ring(lab.phones["1002"])
        lab.phones["1002"].answer()
        talk(lab.phones["1002"])
        lab.phones["1002"].hangup()
        all_idle(lab)


@story
def originate_then_transfer_attended(lab: Lab) -> None:
    """The PBX is asked to connect 1001 with an office in London; 1001 asks 1002, connects the two; 1002 hangs up."""
    with product_user(lab) as wire:
        click(wire, lab.phones["1001"].endpoint)
        picked_up_on_both_sides(lab)
        talks_inside(lab.phones["1001"], lab.phones["1002"])
        lab.phones["1001"].complete_transfer()
        lab.phones["1001"].wait_state("idle")
        talk(lab.phones["1002"], lab.trunk)
        lab.phones["1002"].hangup()
        all_idle(lab)

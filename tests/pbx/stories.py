"""Stories of a working day, lived by real phones on the real PBX. Each takes a started, quiet lab.

The first line of a story's text says what a person would tell; it is kept with the recording.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.pbx.story_kit import (
    BERLIN,
    LONDON,
    LONDON_OFFICE,
    TALK_SECONDS,
    WASHINGTON,
    all_idle,
    group_of,
    pass_time,
    ring,
    short_ring,
    talk,
)
from tests.pbx.tape import product_user
from tests.support.lab import Lab

Story = Callable[[Lab], None]
STORIES: dict[str, Story] = {}


def story(tell: Story) -> Story:
    STORIES[tell.__name__] = tell
    return tell


# --- one phone --------------------------------------------------------------------------------------------------------


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
def odd_name(lab: Lab) -> None:
    """A caller whose name holds quotes, a script tag, a backslash and an emoji calls 1001 and is answered."""
    name = 'Zoë "Zed" O\'Neil <script>alert(1)</script> \\ 🎉'
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name=name)
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def anonymous(lab: Lab) -> None:
    """A caller who withholds the number calls 1001 and is answered."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number="anonymous")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def caller_like_an_extension(lab: Lab) -> None:
    """A caller from outside whose number is 1002, like one of ours, calls 1001 and is answered."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number="1002", from_name="Not Ben")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
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


# --- group and queue --------------------------------------------------------------------------------------------------


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


# --- inside and out ---------------------------------------------------------------------------------------------------


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


# --- hold, transfer, originate ----------------------------------------------------------------------------------------


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
def transfer_blind(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002 without asking; 1002 answers and hangs up."""
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)
    lab.phones["1001"].transfer("1002")
    ring(lab.phones["1002"])
    lab.phones["1002"].answer()
    talk(lab.phones["1002"])
    lab.phones["1001"].wait_state("idle")
    lab.phones["1002"].hangup()
    all_idle(lab)


@story
def transfer_attended(lab: Lab) -> None:
    """Ada Smith calls 1001, who holds her, asks 1002, and then connects the two; 1002 hangs up."""
    first, second = lab.phones["1001"], lab.phones["1002"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(first)
    first.answer()
    talk(first, lab.trunk)
    first.call("1002")
    ring(second)
    second.answer()
    talk(first, second)
    first.complete_transfer()
    first.wait_state("idle")
    talk(second, lab.trunk)
    second.hangup()
    all_idle(lab)


@story
def originate_answered(lab: Lab) -> None:
    """The PBX is asked to ring 1001 and then to dial an office in London; both answer; 1001 hangs up."""
    with product_user(lab) as wire:
        wire.action(
            "Originate",
            Channel="PJSIP/1001",
            Context="internal",
            Exten=LONDON_OFFICE,
            Priority="1",
            CallerID=f"London office <{LONDON_OFFICE}>",
            Timeout="20000",
            Async="true",
        )
        ring(lab.phones["1001"])
        lab.phones["1001"].answer()
        ring(lab.trunk)
        lab.trunk.answer()
        talk(lab.phones["1001"], lab.trunk)
        lab.phones["1001"].hangup()
        all_idle(lab)

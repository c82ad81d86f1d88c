"""How people behave in the stories: they let it ring, they talk, they take their time."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.pbx.children import wait_until
from tests.support.lab import Lab, LabPhone

Story = Callable[[Lab], None]
STORIES: dict[str, Story] = {}

# Numbers that the countries' regulators keep free for films and books.
LONDON, LONDON_OFFICE = "+442079460123", "+442079460456"
WASHINGTON = "+12025550123"
BERLIN = "+493023125501"

# More of the company's own numbers, beside those of the lab: see MORE_NUMBERS.
DID_ANNOUNCEMENT = "+493023125110"
DID_FEATURES = "+493023125111"
DID_SECOND = "+493023125112"
DID_TWIN = "+493023125113"
DID_HUNT = "+493023125114"
DID_HALF_GROUP = "+493023125115"
DID_CONFIRM = "+493023125116"
DID_CONFIRM_GROUP = "+493023125117"
DID_CONFERENCE = "+493023125118"
DID_SHORT_QUEUE = "+493023125119"
DID_IMPATIENT_QUEUE = "+493023125120"
DID_NOBODY = "+493023125121"

MORE_NUMBERS = {
    DID_ANNOUNCEMENT: "1001, then an announcement",
    DID_FEATURES: "1001; may be forwarded by the phone, and parked",
    DID_SECOND: "1002",
    DID_TWIN: "a mobile phone outside, no phone of ours",
    DID_HUNT: "1001 for two seconds, then 1002",
    DID_HALF_GROUP: "1001 and 1005, whose phone is not there",
    DID_CONFIRM: "1001, who must press 1",
    DID_CONFIRM_GROUP: "1001 and 1002; who presses 1 first gets the call",
    DID_CONFERENCE: "conference room 650",
    DID_SHORT_QUEUE: "queue 603: one member, three seconds a ring",
    DID_IMPATIENT_QUEUE: "the same, but after five seconds an announcement",
    DID_NOBODY: "1005, whose phone is not there",
}

RING_SECONDS, TALK_SECONDS = 0.5, 1.0


def story(tell: Story) -> Story:
    STORIES[tell.__name__] = tell
    return tell


def pass_time(seconds: float) -> None:
    """People take their time; a stream without pauses would look like no day at the office."""
    start = time.monotonic()
    wait_until(lambda: time.monotonic() - start >= seconds, "time to pass")


def ring(*phones: LabPhone) -> None:
    for phone in phones:
        phone.wait_state("ringing")
    pass_time(RING_SECONDS)


def talk(*phones: LabPhone) -> None:
    for phone in phones:
        phone.wait_state("connected")
    pass_time(TALK_SECONDS)


def all_idle(lab: Lab) -> None:
    for phone in [*lab.phones.values(), lab.trunk]:
        phone.wait_state("idle", timeout=20)


def group_of(lab: Lab) -> list[LabPhone]:
    return [lab.phones[extension] for extension in ("1001", "1002", "1003")]


def ada_talks_with_1001(lab: Lab, did: str | None = None) -> None:
    """Ada Smith calls from London; 1001 answers, they talk."""
    lab.trunk.call(did or lab.did_direct, from_number=LONDON, from_name="Ada Smith")
    ring(lab.phones["1001"])
    lab.phones["1001"].answer()
    talk(lab.phones["1001"], lab.trunk)


def talks_inside(caller: LabPhone, called: LabPhone) -> None:
    """One of our phones calls another; they talk."""
    caller.call(called.extension)
    ring(called)
    called.answer()
    talk(caller, called)


class short_ring:
    """Let phones ring only so many seconds meanwhile."""

    def __init__(self, lab: Lab, seconds: int) -> None:
        self._lab, self._seconds = lab, seconds

    def __enter__(self) -> None:
        self._set(self._seconds)

    def __exit__(self, *_: object) -> None:
        self._set(25)

    def _set(self, seconds: int) -> None:
        with self._lab.truth() as wire:
            wire.action("Setvar", Variable="RING_SECONDS", Value=str(seconds))

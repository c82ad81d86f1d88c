"""How people behave in the stories: they let it ring, they talk, they take their time."""

from __future__ import annotations

import time

from tests.pbx.children import wait_until
from tests.support.lab import Lab, LabPhone

# Numbers that the countries' regulators keep free for films and books.
LONDON, LONDON_OFFICE = "+442079460123", "+442079460456"
WASHINGTON = "+12025550123"
BERLIN = "+493023125501"
RING_SECONDS, TALK_SECONDS = 0.5, 1.0


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

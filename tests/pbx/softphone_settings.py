"""The settings of one soft phone, and how they travel to its process."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass, field

VARIABLE = "LAB_PHONE"


@dataclass(frozen=True)
class PhoneSettings:
    """What one phone needs to know; it travels to its process as JSON in the environment."""

    extension: str
    address: str  # where it listens, 127.0.0.1 for desks
    sip_port: int
    rtp_port: int
    pbx_port: int
    cti_port: int
    control_port: int
    sip_secret: str = field(repr=False)
    passcode: str = field(repr=False)
    registers: bool = True  # a desk phone registers, a trunk is known by its address
    line_count: int = 8


def to_environment(settings: PhoneSettings) -> dict[str, str]:
    """The environment for the phone's process. Not its command line: every user of the machine can read that."""
    return {VARIABLE: json.dumps(asdict(settings))}


def from_environment(environment: MutableMapping[str, str]) -> PhoneSettings:
    return PhoneSettings(**json.loads(environment.pop(VARIABLE)))

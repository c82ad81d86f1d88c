"""Grandstream models that take CTI commands (the vendor's CTI guide for GRP26xx), and who a phone says it is.

Only what the guide documents is in the table. `None` means not documented, and is told as such: neither the number of
line keys nor that of multi-purpose keys is in the guide, and where the menus are it says for some models only.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

Firmware = tuple[int, ...]

USUAL_SOFT_KEYS: Final = 4  # seen on GRP phones; no document gives it by model
CONCEIVABLE_MPK_KEYS: Final = 160  # a phone with four extension modules; the guide names no number


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a web interface. `remote_control_menu`: where the switches for CTI are;
    `click_to_dial_menu`: where the switch without which the phone refuses to dial is. None: not documented."""

    minimum_firmware: Firmware
    remote_control_menu: str | None
    click_to_dial_menu: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """One model as printed on the phone. Counts that no document gives are None, never a guess."""

    name: str
    family: Family
    line_keys: int | None = None
    accounts: int | None = None
    soft_keys: int | None = None
    mpk_keys: int | None = None


GRP260X: Final = Family(
    (1, 0, 3, 18), "Network Settings → Advanced Settings → Remote Control", "Phone Settings → Call Settings"
)
GRP261X: Final = Family((1, 0, 9, 22), "Network → Remote Control", None)
# The guide lists these as supported, but its way through the menus names other models.
GRP26XX_LARGE: Final = Family((1, 0, 9, 22), None, None)

_FAMILIES: Final = {
    GRP260X: (
        *("GRP2601", "GRP2601P", "GRP2601W", "GRP2602", "GRP2602P", "GRP2602W", "GRP2602G"),
        *("GRP2603", "GRP2603P", "GRP2604", "GRP2604P"),
    ),
    GRP261X: (
        *("GRP2612", "GRP2612W", "GRP2612P", "GRP2613", "GRP2614", "GRP2615", "GRP2616"),
        *("GRP2624", "GRP2634"),
    ),
    GRP26XX_LARGE: ("GRP2636", "GRP2650", "GRP2670"),
}
MODELS: Final[dict[str, Model]] = {
    name: Model(name, family) for family, names in _FAMILIES.items() for name in names
}  # fmt: skip


class FirmwareVerdict(StrEnum):
    """Whether a phone takes CTI commands, by its model and firmware."""

    OK = "ok"
    TOO_OLD = "too_old"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_FIRMWARE = "unknown_firmware"


class Identity(NamedTuple):
    """Who a phone says it is: ("GRP2614", "1.0.9.22")."""

    model: str
    firmware: str


_FIRMWARE: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,5}")
LONGEST_USER_AGENT: Final = 160
# "Grandstream GRP2614 1.0.9.22", with whatever some firmware appends. No nested repetition: it is linear.
_USER_AGENT: Final = re.compile(
    r"Grandstream[ /]{1,4}([A-Z]{2,4}[0-9]{3,4}[A-Z]{0,2})[ /]{1,4}V?([0-9]{1,4}(?:\.[0-9]{1,4}){2,5})(?:[ ,;(].*)?",
    re.IGNORECASE | re.ASCII,
)


def model_of(model: str) -> Model | None:
    """The model of a name as printed on the phone ("GRP2612W"), None if the guide does not list it."""
    return MODELS.get(model.strip().upper())


def family_of(model: str) -> Family | None:
    """The family of a model name, None if the guide does not list it."""
    found = model_of(model)
    return found.family if found else None


def most_soft_keys(model: str) -> int:
    """How many soft keys may be pressed on it."""
    found = model_of(model)
    return found.soft_keys if found and found.soft_keys is not None else USUAL_SOFT_KEYS


def most_mpk_keys(model: str) -> int:
    """How many multi-purpose keys it can have at most, extension modules included."""
    found = model_of(model)
    return found.mpk_keys if found and found.mpk_keys is not None else CONCEIVABLE_MPK_KEYS


def firmware_verdict(model: str, firmware: str) -> FirmwareVerdict:
    """Model as printed, firmware as "1.0.9.22"; either may be empty or nonsense."""
    family = family_of(model)
    if family is None:
        return FirmwareVerdict.UNKNOWN_MODEL
    version = firmware_of(firmware)
    if version is None:
        return FirmwareVerdict.UNKNOWN_FIRMWARE
    return FirmwareVerdict.OK if version >= family.minimum_firmware else FirmwareVerdict.TOO_OLD


def takes_cti(model: str, firmware: str) -> bool | None:
    """Whether this model and firmware take CTI commands; None when we cannot tell."""
    return {FirmwareVerdict.OK: True, FirmwareVerdict.TOO_OLD: False}.get(firmware_verdict(model, firmware))


def firmware_of(text: str) -> Firmware | None:
    """ "1.0.9.22" as numbers to compare by; None for anything else."""
    return tuple(int(part) for part in text.split(".")) if _FIRMWARE.fullmatch(text) else None


def identity_of(user_agent: str) -> Identity | None:
    """Model and firmware from the SIP User-Agent by which a phone registers; None if it is not one of Grandstream's.

    It is written by whoever registered: good for a hint on a page, not for trust. The model need not be one we know.
    """
    if len(user_agent) > LONGEST_USER_AGENT or not user_agent.isprintable():
        return None
    found = _USER_AGENT.fullmatch(user_agent.strip(" "))
    return Identity(found[1].upper(), found[2]) if found else None

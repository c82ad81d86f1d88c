"""Which Grandstream models take CTI commands, from which firmware on (the vendor's CTI guide for GRP26xx)."""

import re
from dataclasses import dataclass
from typing import Final

Firmware = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a web interface. `remote_control_menu`: where a person finds the switches for CTI."""

    minimum_firmware: Firmware
    remote_control_menu: str


GRP260X: Final = Family((1, 0, 3, 18), "Network Settings → Advanced Settings → Remote Control")
GRP26XX: Final = Family((1, 0, 9, 22), "Network → Remote Control")

MODELS: Final[dict[str, Family]] = {
    **dict.fromkeys(["GRP2601", "GRP2601P", "GRP2601W"], GRP260X),
    **dict.fromkeys(["GRP2602", "GRP2602P", "GRP2602W", "GRP2602G"], GRP260X),
    **dict.fromkeys(["GRP2603", "GRP2603P", "GRP2604", "GRP2604P"], GRP260X),
    **dict.fromkeys(["GRP2612", "GRP2612W", "GRP2612P", "GRP2613", "GRP2614", "GRP2615", "GRP2616"], GRP26XX),
    **dict.fromkeys(["GRP2624", "GRP2634", "GRP2636", "GRP2650", "GRP2670"], GRP26XX),
}


def family_of(model: str) -> Family | None:
    """The family of a model name as printed on the phone ("GRP2612W"), None if we do not know it."""
    return MODELS.get(model.strip().upper())


def takes_cti(model: str, firmware: str) -> bool | None:
    """Whether this model and firmware ("1.0.9.22") take CTI commands; None when we cannot tell."""
    family = family_of(model)
    if family is None or not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,5}", firmware):
        return None
    return tuple(int(part) for part in firmware.split(".")) >= family.minimum_firmware

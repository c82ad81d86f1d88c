"""From a vendor's name to a driver. A new vendor is one folder and one row here."""

from collections.abc import Callable
from typing import Final

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import Limits, PhoneAddress, PhoneDriver, Trust
from phones.drivers.grandstream.driver import GrandstreamDriver

DRIVERS: Final[dict[str, Callable[..., PhoneDriver]]] = {GrandstreamDriver.vendor: GrandstreamDriver}


class UnknownVendor(Exception):
    """There is no driver of this name."""


def open_driver(
    vendor: str,
    address: PhoneAddress,
    passcode: Secret,
    *,
    policy: AddressPolicy,
    trust: Trust | None = None,
    limits: Limits | None = None,
) -> PhoneDriver:
    """A driver for one phone. Opens nothing yet. `trust` is needed for HTTPS; `policy` says where we may connect."""
    driver = DRIVERS.get(vendor)
    if driver is None:
        raise UnknownVendor(f"There is no phone driver named {vendor[:40]!r}; known are: {', '.join(DRIVERS)}.")
    return driver(address, passcode, policy=policy, trust=trust, limits=limits)

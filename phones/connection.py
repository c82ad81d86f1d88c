"""From a phone row to the driver that speaks to it, with the address rule of this installation."""

from django.conf import settings

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import (
    AnyCertificate,
    KeyPlan,
    MuteKey,
    PhoneAddress,
    PhoneDriver,
    PinnedCertificate,
    Trust,
)
from phones.drivers.registry import open_driver
from phones.models import Phone


def address_policy() -> AddressPolicy:
    """Which addresses may be a phone: PHONE_NETWORKS. Ports are what administrators entered on the phone's row."""
    return AddressPolicy(settings.PHONE_NETWORKS, allowed_ports=None)


def address_of(phone: Phone) -> PhoneAddress:
    """Where it listens. Not yet checked: whoever opens a socket asks `address_policy`."""
    encrypted = phone.scheme != Phone.Scheme.HTTP
    return PhoneAddress("https" if encrypted else "http", str(phone.address), phone.port)


def trust_of(phone: Phone) -> Trust | None:
    """Whom to trust at its address; None without encryption."""
    if phone.scheme == Phone.Scheme.HTTPS_PINNED:
        return PinnedCertificate(phone.certificate)
    return AnyCertificate() if phone.scheme == Phone.Scheme.HTTPS_UNVERIFIED else None


def key_plan_of(phone: Phone) -> KeyPlan:
    """What is known of its keys, for `send_keys`."""
    return KeyPlan(model=phone.model, mute_key=MuteKey(phone.mute_key), mpk_keys=phone.mpk_keys)


def driver_for(phone: Phone) -> PhoneDriver:
    """Opens nothing yet; every method of the driver sends at most one request."""
    return open_driver(
        phone.vendor,
        address_of(phone),
        phone.passcode or Secret(""),
        policy=address_policy(),
        trust=trust_of(phone),
    )

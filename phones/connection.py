"""From a phone row to the driver that speaks to it, with the address rule of this installation."""

from django.conf import settings

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import AnyCertificate, PhoneAddress, PhoneDriver, PinnedCertificate, Trust
from phones.drivers.registry import open_driver
from phones.models import Phone


def address_policy() -> AddressPolicy:
    """Which addresses may be a phone: PHONE_NETWORKS. Ports are what administrators entered on the phone's row."""
    return AddressPolicy(settings.PHONE_NETWORKS, allowed_ports=None)


def driver_for(phone: Phone) -> PhoneDriver:
    """Opens nothing yet; every method of the driver sends at most one request."""
    encrypted = phone.scheme != Phone.Scheme.HTTP
    address = PhoneAddress("https" if encrypted else "http", str(phone.address), phone.port)
    return open_driver(
        phone.vendor, address, phone.passcode or Secret(""), policy=address_policy(), trust=_trust(phone)
    )


def _trust(phone: Phone) -> Trust | None:
    if phone.scheme == Phone.Scheme.HTTPS_PINNED:
        return PinnedCertificate(phone.certificate)
    return AnyCertificate() if phone.scheme == Phone.Scheme.HTTPS_UNVERIFIED else None

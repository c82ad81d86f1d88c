"""From a phone row to the driver that speaks to it, with the address rule of this installation."""

from django.conf import settings

from crmconnector.common.network import AddressPolicy
from phones.drivers.base import PhoneDriver
from phones.models import Phone


def address_policy() -> AddressPolicy:
    """Which addresses may be a phone: PHONE_NETWORKS. Ports are what administrators entered on the phone's row."""
    return AddressPolicy(settings.PHONE_NETWORKS, allowed_ports=None)

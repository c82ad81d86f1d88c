"""From a phone's row to where it listens, whom to trust there, and what is known of its keys."""

import pytest

from crmconnector.common.secrets import Secret
from phones.connection import address_of, driver_for, key_plan_of, trust_of
from phones.drivers.base import AnyCertificate, KeyPlan, MuteKey, PhoneAddress, PinnedCertificate, Trust
from phones.drivers.errors import NothingSent, Reason
from phones.models import Phone


@pytest.mark.parametrize(
    ("scheme", "address", "trust"),
    [
        (Phone.Scheme.HTTP, PhoneAddress("http", "10.0.0.5", 8080), None),
        (Phone.Scheme.HTTPS_PINNED, PhoneAddress("https", "10.0.0.5", 8080), PinnedCertificate("PEM")),
        (Phone.Scheme.HTTPS_UNVERIFIED, PhoneAddress("https", "10.0.0.5", 8080), AnyCertificate()),
    ],
)
def test_a_row_says_where_a_phone_listens_and_whom_to_trust(
    scheme: Phone.Scheme, address: PhoneAddress, trust: Trust | None
) -> None:
    phone = Phone(address="10.0.0.5", port=8080, scheme=scheme, certificate="PEM")
    assert (address_of(phone), trust_of(phone)) == (address, trust)


@pytest.mark.parametrize("setting", MuteKey)
def test_every_setting_of_the_mute_key_in_a_row_is_one_of_the_drivers(setting: MuteKey) -> None:
    phone = Phone(model="GRP2614", mute_key=Phone.MuteKey(setting.value), mpk_keys=8)
    assert key_plan_of(phone) == KeyPlan("GRP2614", setting, 8)
    assert len(Phone.MuteKey) == len(MuteKey)


def test_a_row_with_an_address_outside_the_allowed_networks_gets_nothing() -> None:
    phone = Phone(address="169.254.169.254", port=80, passcode=Secret("x"))
    with pytest.raises(NothingSent) as caught:
        driver_for(phone).line_status()
    assert caught.value.reason is Reason.ADDRESS_REFUSED

"""Which drivers and models there are, and that every reason has its words."""

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import PhoneAddress, Support, Verb
from phones.drivers.errors import SENTENCES, NothingSent, Reason
from phones.drivers.registry import DRIVERS, UnknownVendor, open_driver
from tests.support.raw_phone import answers, phone_that

ADDRESS = PhoneAddress("http", "127.0.0.1", 80)


@pytest.mark.parametrize("vendor", DRIVERS)
def test_every_driver_has_a_method_for_each_thing_it_can_do(vendor: str) -> None:
    driver = open_driver(vendor, ADDRESS, Secret("x"), policy=AddressPolicy())
    assert driver.vendor == vendor
    support = driver.capabilities()
    assert set(support) == set(Verb)
    for verb in (verb for verb, kind in support.items() if kind is Support.NATIVE):
        assert callable(getattr(driver, verb.value))


def test_an_unknown_vendor_is_named_with_those_we_know() -> None:
    with pytest.raises(UnknownVendor, match="grandstream"):
        open_driver("acme", ADDRESS, Secret("x"), policy=AddressPolicy())


def test_a_driver_shows_no_passcode() -> None:
    driver = open_driver("grandstream", ADDRESS, Secret("CANARY"), policy=AddressPolicy())
    assert "CANARY" not in repr(driver) + repr(vars(driver)) + repr(vars(driver._client))  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_happened_and_what_to_do(reason: Reason) -> None:
    sentence, hint = SENTENCES[reason]
    assert sentence.endswith(".")
    assert hint.endswith(".")
    assert len(f"{sentence} {hint}") <= 300
    assert len(reason.value) <= 40


def test_without_the_early_check_the_socket_still_does_not_open() -> None:
    class BlindAtFirst(AddressPolicy):
        calls = 0

        def check(self, host: str, port: int) -> object:  # type: ignore[override]
            BlindAtFirst.calls += 1
            return None if BlindAtFirst.calls == 1 else super().check(host, port)

    with phone_that(answers('{"response":"success","body":true}')) as phone:
        address = PhoneAddress("http", "127.0.0.1", phone.port)
        driver = open_driver("grandstream", address, Secret("x"), policy=BlindAtFirst(allowed_ports=None))
        with pytest.raises(NothingSent) as caught:
            driver.accept_call()
    assert (caught.value.reason, BlindAtFirst.calls, phone.connections) == (Reason.ADDRESS_REFUSED, 2, 0)

"""Which drivers and models there are, and that every reason has its words."""

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.__main__ import main
from phones.drivers.base import PhoneAddress, Verb
from phones.drivers.errors import SENTENCES, NothingSent, Reason
from phones.drivers.grandstream.models import family_of, takes_cti
from phones.drivers.registry import DRIVERS, UnknownVendor, open_driver
from tests.support.raw_phone import answers, phone_that

ADDRESS = PhoneAddress("http", "127.0.0.1", 80)


@pytest.mark.parametrize("vendor", DRIVERS)
def test_every_driver_has_a_method_for_each_thing_it_can_do(vendor: str) -> None:
    driver = open_driver(vendor, ADDRESS, Secret("x"), policy=AddressPolicy())
    assert driver.vendor == vendor
    assert driver.capabilities()
    for verb in driver.capabilities():
        assert callable(getattr(driver, verb.value))


def test_the_grandstream_driver_can_do_the_four_verbs() -> None:
    driver = open_driver("grandstream", ADDRESS, Secret("x"), policy=AddressPolicy())
    assert driver.capabilities() >= {Verb.MAKE_CALL, Verb.ACCEPT_CALL, Verb.LINE_STATUS, Verb.PHONE_STATUS}


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


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "localhost", "user@10.0.0.1", "10.0.0.1/../", "10.0.0.1:22", "::1", "", "127.1"],
)
def test_an_address_outside_the_allowed_networks_gets_nothing(host: str) -> None:
    driver = open_driver("grandstream", PhoneAddress("http", host, 80), Secret("x"), policy=AddressPolicy())
    with pytest.raises(NothingSent) as caught:
        driver.accept_call()
    assert caught.value.reason is Reason.ADDRESS_REFUSED


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


def test_the_guides_models_and_firmware_are_known() -> None:
    assert takes_cti("GRP2615", "1.0.9.22") is True
    assert takes_cti("grp2615 ", "1.0.10.1") is True
    assert takes_cti("GRP2615", "1.0.9.9") is False
    assert takes_cti("GRP2602G", "1.0.3.18") is True
    assert takes_cti("GRP2602G", "1.0.3.17") is False
    assert takes_cti("GXP9999", "9.9.9.9") is None
    assert takes_cti("GRP2615", "1.0.9.x") is None
    assert family_of("GRP2604P") is not family_of("GRP2670")


def test_one_phone_can_be_tried_by_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "CANARY")
    lines = '{"response":"success","body":[{"line":1,"state":"ringing","remotenum":"3501","remotename":"Ann"}]}'
    with phone_that(answers(lines)) as phone:
        arguments = ["127.0.0.1", "line_status", "--port", str(phone.port), "--network"]
        assert main([*arguments, "127.0.0.0/8"]) == 0
        assert main([*arguments, "10.0.0.0/8"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "1: ringing 3501 Ann\n"
    assert shown.err.startswith("NothingSent (address_refused): ")
    assert "CANARY" not in shown.out + shown.err

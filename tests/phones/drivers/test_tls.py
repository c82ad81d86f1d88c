"""HTTPS to phones: exactly the pinned certificate, or nothing is sent."""

from pathlib import Path

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import AnyCertificate, Limits, PhoneAddress, PinnedCertificate, Trust
from phones.drivers.errors import NothingSent, PhoneError, Reason
from phones.drivers.registry import open_driver
from tests.support.raw_phone import RawPhone, answers, certificate, phone_that, waits_for_ever

YES = answers('{"response":"success","body":true}')


def answer_call(phone: RawPhone, trust: Trust | None, scheme: str = "https") -> None:
    address = PhoneAddress("https" if scheme == "https" else "http", "127.0.0.1", phone.port)
    policy = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
    limits = Limits(total_seconds=2.0)
    open_driver("grandstream", address, Secret("CANARY"), policy=policy, trust=trust, limits=limits).accept_call()


def refusal(phone: RawPhone, trust: Trust | None, scheme: str = "https") -> Reason:
    with pytest.raises(PhoneError) as caught:
        answer_call(phone, trust, scheme)
    assert type(caught.value) is NothingSent
    assert caught.value.__context__ is None
    return caught.value.reason


def test_the_pinned_certificate_is_trusted_even_after_its_last_day(tmp_path: Path) -> None:
    for days in (1, -1):
        own, _ = certificate(tmp_path, "own", days=days)
        with phone_that(YES, own.server) as phone:
            answer_call(phone, PinnedCertificate(own.pem))
        assert len(phone.requests) == 1


def test_another_certificate_gets_no_byte_of_the_request(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    other, _ = certificate(tmp_path, "own")
    with phone_that(YES, other.server) as phone:
        assert refusal(phone, PinnedCertificate(own.pem)) is Reason.CERTIFICATE_MISMATCH
    assert b"".join(phone.requests) == b""


def test_a_certificate_signed_by_the_pinned_one_is_still_another_one(tmp_path: Path) -> None:
    vendor, signer = certificate(tmp_path, "vendor")
    leaf, _ = certificate(tmp_path, "leaf", signer=signer)
    with phone_that(YES, leaf.server) as phone:
        assert refusal(phone, PinnedCertificate(vendor.pem)) is Reason.CERTIFICATE_MISMATCH
    assert b"".join(phone.requests) == b""


def test_any_certificate_will_do_only_when_somebody_chose_so(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    with phone_that(YES, own.server) as phone:
        answer_call(phone, AnyCertificate())
        assert refusal(phone, None) is Reason.PIN_UNREADABLE
    assert phone.connections == 1


def test_a_pin_that_is_not_exactly_one_certificate_is_refused(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    broken = own.pem.replace("MII", "M*I").replace("-----END", "----END")
    with phone_that(YES, own.server) as phone:
        for pem in ("", "hello", own.pem + own.pem, broken, "€" + own.pem):
            assert refusal(phone, PinnedCertificate(pem)) is Reason.PIN_UNREADABLE
    assert phone.connections == 0


def test_a_phone_that_speaks_no_tls_gets_no_byte_of_the_request(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    with phone_that(YES) as phone:
        # What arrives is the greeting of TLS; the plain phone waits for an end of headers in it and finds none.
        assert refusal(phone, PinnedCertificate(own.pem)) is Reason.TLS_FAILED
    assert b"CANARY" not in b"".join(phone.requests)


def test_a_phone_that_never_finishes_the_handshake_ends_with_the_deadline() -> None:
    with phone_that(waits_for_ever) as phone:
        assert refusal(phone, AnyCertificate()) is Reason.TLS_FAILED

"""Phones that speak HTTPS: a certificate of their own each, and what can be wrong with it."""

import datetime
import socket
import ssl

import httpx
import pytest
from cryptography import x509

from tests.support.phone_farm import running_farm


@pytest.fixture
def farm():
    with running_farm(2, https=True) as running:
        yield running


def pinned(farm, phone=None):
    """A client that trusts the certificate a phone shows now, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=farm.certificate(phone or farm.first)["pem"])
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def status(farm, context, phone=None):
    phone = phone or farm.first
    url = f"{farm.phone_url(phone)}/cgi-bin/api-get_phone_status"
    return httpx.get(url, params={"passcode": farm.passcode(phone)}, verify=context, timeout=10).json()["body"]


def test_each_phone_shows_a_certificate_of_its_own(farm):
    first, second = (farm.certificate(one) for one in farm.extensions)
    assert first["fingerprint"] != second["fingerprint"]
    assert farm.phone_url(farm.first).startswith("https://")
    assert status(farm, pinned(farm)) == "available"


def test_the_fingerprint_is_that_of_what_is_on_the_wire(farm):
    on_the_wire = ssl.get_server_certificate(("127.0.0.1", farm.phone_tls_port(farm.first)))
    shown = farm.certificate(farm.first)
    assert x509.load_pem_x509_certificate(on_the_wire.encode()) == x509.load_pem_x509_certificate(shown["pem"].encode())


def test_a_client_that_pinned_another_phone_sends_no_byte_of_a_request(farm):
    second = pinned(farm, farm.extensions[1])
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        status(farm, second)
    assert farm.journal() == []
    assert farm.look(farm.first)["requests"] == 0


def test_a_changed_certificate_breaks_the_pin_until_the_faults_are_cleared(farm):
    client, before = pinned(farm), farm.certificate(farm.first)
    farm.fault(farm.first, "changed_certificate")
    assert farm.certificate(farm.first)["fingerprint"] != before["fingerprint"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        status(farm, client)
    assert farm.journal() == []
    assert status(farm, pinned(farm)) == "available"  # it is whole, only another
    farm.clear_faults(farm.first)
    assert farm.certificate(farm.first) == before
    assert status(farm, client) == "available"


@pytest.mark.parametrize(
    ("kind", "words"), [("expired_certificate", "expired"), ("early_certificate", "not yet valid")]
)
def test_a_certificate_outside_its_time_is_refused_even_by_one_who_knows_it(farm, kind, words):
    farm.fault(farm.first, kind)
    with pytest.raises(httpx.ConnectError, match=words):
        status(farm, pinned(farm))
    assert farm.journal() == []


def test_two_faults_of_certificates_are_cleared_to_the_first_one(farm):
    before = farm.certificate(farm.first)
    farm.fault(farm.first, "changed_certificate")
    farm.fault(farm.first, "expired_certificate")
    farm.clear_faults(farm.first)
    assert farm.certificate(farm.first) == before


def test_the_usual_certificate_is_valid_today_and_for_the_loopback_address(farm):
    read = x509.load_pem_x509_certificate(farm.certificate(farm.first)["pem"].encode())
    assert read.not_valid_before_utc < datetime.datetime.now(datetime.UTC) < read.not_valid_after_utc
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_phone_that_speaks_only_old_tls_has_no_handshake_with_a_client_of_today(farm):
    farm.fault(farm.first, "old_tls")
    with pytest.raises(httpx.ConnectError):
        status(farm, pinned(farm))
    assert farm.journal() == []
    farm.clear_faults(farm.first)
    assert status(farm, pinned(farm)) == "available"


def test_plain_http_at_the_https_port_gets_no_answer(farm):
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        httpx.get(f"http://127.0.0.1:{farm.phone_tls_port(farm.first)}/")
    assert farm.journal() == []


def test_that_old_tls_is_tls_1_1_where_openssl_still_has_it(farm):
    farm.fault(farm.first, "old_tls")
    context = pinned(farm)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        version = said_version(farm, context)
    except ssl.SSLError:
        pytest.skip("this OpenSSL has no TLS 1.1 left")
    assert version == "TLSv1.1"


def said_version(farm, context):
    with (
        socket.create_connection(("127.0.0.1", farm.phone_tls_port(farm.first)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as secure,
    ):
        return secure.version()


def test_no_session_is_resumed_past_a_change_of_the_certificate(farm):
    context = pinned(farm)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    where = ("127.0.0.1", farm.phone_tls_port(farm.first))
    with (
        socket.create_connection(where, timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as secure,
    ):
        session = secure.session
    farm.fault(farm.first, "changed_certificate")
    with socket.create_connection(where, timeout=10) as raw, pytest.raises(ssl.SSLError, match="VERIFY_FAILED"):
        context.wrap_socket(raw, server_hostname="127.0.0.1", session=session)


def test_a_factory_reset_makes_a_new_certificate(farm, wait_until):
    before = farm.certificate(farm.first)
    farm.profile(farm.first, reboot_seconds=0.1)
    admin = farm.passcode(farm.first, "admin")
    farm.answer("api-sys_operation", request="RESET", passcode=admin)
    wait_until(lambda: farm.certificate(farm.first) != before)


@pytest.mark.parametrize("kind", ["cut_off", "reset", "drip", "silent", "close"])
def test_faults_of_the_answer_work_over_tls_too(farm, kind):
    farm.fault(farm.first, kind, seconds=600)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout)):
        farm.ask("api-get_phone_status", timeout=0.4)
    assert farm.answer("api-get_phone_status")["body"] == "available"


# From HTTP to HTTPS.


@pytest.fixture
def redirecting():
    with running_farm(1) as farm:
        farm.web_mode(farm.first, "both")
        farm.profile(farm.first, redirect_https=True)
        yield farm


def test_a_phone_can_send_http_to_https_before_it_looks_at_anything(redirecting):
    farm = redirecting
    farm.fault(farm.first, "error_500")
    answer = farm.ask("api-get_phone_status", passcode="wrong")
    assert answer.status_code == 302
    port = farm.phone_tls_port(farm.first)
    assert answer.headers["location"] == f"https://127.0.0.1:{port}/cgi-bin/api-get_phone_status?passcode=wrong"
    assert [row["step"] for row in farm.journal()] == ["to https"]
    assert farm.trip_kinds() == []


def test_following_it_trips_a_wire_for_the_passcode_went_along(redirecting):
    farm = redirecting
    place = farm.ask("api-get_phone_status").headers["location"]
    assert httpx.get(place, verify=False).json()["body"] == "available"
    assert farm.trip_kinds() == ["redirect_followed"]


def test_another_request_over_https_is_no_redirect_that_was_followed(redirecting):
    farm = redirecting
    farm.ask("api-get_phone_status")
    url = f"https://127.0.0.1:{farm.phone_tls_port(farm.first)}/cgi-bin/api-get_line_status"
    query = {"passcode": farm.passcode(farm.first)}
    assert httpx.get(url, params=query, verify=False).json()["response"] == "success"
    assert farm.trip_kinds() == []


def test_a_phone_without_https_sends_nobody_there():
    with running_farm(1) as farm:
        farm.profile(farm.first, redirect_https=True)
        assert farm.answer("api-get_phone_status")["body"] == "available"


def test_certificates_cannot_be_wrong_without_https():
    with running_farm(1) as farm:
        assert farm.certificate(farm.first) == {}
        for kind in ("expired_certificate", "changed_certificate", "old_tls"):
            with pytest.raises(ValueError, match="This phone has no HTTPS"):
                farm.fault(farm.first, kind)

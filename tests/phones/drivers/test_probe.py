"""Looking at who sits at an address, before any passcode is sent."""

import contextlib
import gzip
import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crmconnector.common.network import AddressPolicy
from phones.drivers.base import AnyCertificate, Limits, PhoneAddress, PinnedCertificate
from phones.drivers.errors import NothingSent, PhoneError, Reason, Unclear
from phones.drivers.probe import ShownCertificate, check_reachable, fetch_certificate, read_front_page
from tests.support.processes import eventually
from tests.support.raw_phone import RawPhone, Script, answers, certificate, closes, phone_that, waits_for_ever

LOOPBACK = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
LIMITS = Limits(total_seconds=0.6)


def at(port: int, *, https: bool = False) -> PhoneAddress:
    return PhoneAddress("https" if https else "http", "127.0.0.1", port)


def failure(deed: Callable[[], object]) -> tuple[type[PhoneError], Reason]:
    with pytest.raises(PhoneError) as caught:
        deed()
    assert caught.value.__context__ is None
    return type(caught.value), caught.value.reason


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops further greetings."""
    with socket.socket() as listener, contextlib.ExitStack() as closing:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            filler = closing.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


def test_a_port_that_opens_is_reachable_and_gets_no_byte() -> None:
    with phone_that(closes) as phone:
        check_reachable(at(phone.port), policy=LOOPBACK, limits=LIMITS)
        eventually(lambda: phone.connections == 1)
    assert b"".join(phone.requests) == b""


def test_a_port_that_does_not_open_says_why(closed_port: int, full_port: int) -> None:
    for look in (check_reachable, fetch_certificate):
        closed = failure(lambda look=look: look(at(closed_port, https=True), policy=LOOPBACK, limits=LIMITS))  # type: ignore[misc]
        assert closed == (NothingSent, Reason.CONNECTION_REFUSED)
        full = failure(lambda look=look: look(at(full_port, https=True), policy=LOOPBACK, limits=LIMITS))  # type: ignore[misc]
        assert full == (NothingSent, Reason.CONNECT_TIMEOUT)


def test_a_network_without_a_way_to_it_is_unreachable() -> None:
    # Broadcast on the loopback device: the kernel itself says no at once, whatever this machine's routes are.
    found = failure(lambda: check_reachable(PhoneAddress("http", "127.255.255.255", 9), policy=LOOPBACK, limits=LIMITS))
    assert found == (NothingSent, Reason.UNREACHABLE)


def shown_by(phone: RawPhone) -> ShownCertificate:
    return fetch_certificate(at(phone.port, https=True), policy=LOOPBACK, limits=LIMITS)


def test_the_certificate_that_a_phone_shows_can_be_pinned_as_it_is(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own", days=-1)
    with phone_that(answers("<title>Grandstream</title>"), own.server) as phone:
        shown = shown_by(phone)
        assert b"".join(phone.requests) == b""
        page = read_front_page(at(phone.port, https=True), policy=LOOPBACK, trust=PinnedCertificate(shown.pem))
    assert ssl.PEM_cert_to_DER_cert(shown.pem) == ssl.PEM_cert_to_DER_cert(own.pem)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(own.pem)).hexdigest()
    assert shown.sha256.replace(":", "").lower() == digest
    assert shown.sha256.count(":") == 31
    assert page.names_grandstream is True
    assert "BEGIN" not in repr(shown)


@pytest.mark.parametrize("script", [waits_for_ever, answers("hello")], ids=["silent", "plain HTTP"])
def test_a_phone_that_speaks_no_tls_shows_no_certificate(script: Script) -> None:
    with phone_that(script) as phone:
        assert failure(lambda: shown_by(phone)) == (NothingSent, Reason.TLS_FAILED)
    assert b"GET" not in b"".join(phone.requests)


def test_a_phone_that_drips_its_greeting_is_left_when_the_time_is_over() -> None:
    def drips(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB, of which a byte comes now and then
        while True:
            connection.sendall(b"\x00")
            time.sleep(0.02)

    class Dripping(RawPhone):
        def _serve(self, plain: socket.socket) -> None:
            with contextlib.suppress(OSError), plain:
                drips(plain)

    with Dripping(closes) as phone:
        assert failure(lambda: shown_by(phone)) == (NothingSent, Reason.TLS_FAILED)


PAGE = "<html><head><title>%s</title></head></html>"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (answers(PAGE % "Grandstream | IP Phone", headers="Server: lighttpd\r\n"), (200, "lighttpd", True, False)),
        (answers(PAGE % "GRANDSTREAM"), (200, "", True, False)),
        (answers(PAGE % "GRP2614"), (200, "", True, False)),
        (answers(PAGE % "Yealink T46S"), (200, "", False, False)),
        (answers(""), (200, "", False, False)),
        (answers("x", headers="Server: Grandstream GRP2614\r\n"), (200, "Grandstream GRP2614", True, False)),
        (answers("no", "401 Unauthorized", "Server: Grandstream\r\n"), (401, "Grandstream", True, False)),
        (answers("no", "404 Not Found"), (404, "", False, False)),
        (answers("", "302 Found", "Location: https://127.0.0.1/\r\n"), (302, "", False, True)),
        (answers("", "302 Found", "Location: https://evil.example/\r\n"), (302, "", False, False)),
        (answers("", "302 Found", "Location: https://[x/\r\n"), (302, "", False, False)),
        (answers(" " * 200_000 + "Grandstream"), (200, "", None, False)),
        (answers("Grandstream" + " " * 200_000), (200, "", True, False)),
        (answers(gzip.compress(b"Grandstream"), headers="Content-Encoding: gzip\r\n"), (200, "", None, False)),
        (answers("x", headers="Server: " + "a" * 500 + "\r\n"), (200, "a" * 80, False, False)),
    ],
)  # fmt: skip
def test_the_front_page_tells_whether_it_is_a_grandstream(
    script: Script, told: tuple[int, str, bool | None, bool]
) -> None:
    with phone_that(script) as phone:
        page = read_front_page(at(phone.port), policy=LOOPBACK, limits=LIMITS)
    assert (page.status, page.server, page.names_grandstream, page.wants_https) == told
    [request] = phone.requests
    assert request.startswith(b"GET / HTTP/1.1\r\n")
    assert b"passcode" not in request


def test_a_front_page_that_never_comes_is_unclear(closed_port: int) -> None:
    with phone_that(waits_for_ever) as phone:
        found = failure(lambda: read_front_page(at(phone.port), policy=LOOPBACK, limits=LIMITS))
        assert found == (Unclear, Reason.NO_ANSWER)
    found = failure(lambda: read_front_page(at(closed_port), policy=LOOPBACK, limits=LIMITS))
    assert found == (NothingSent, Reason.CONNECTION_REFUSED)


def test_over_https_the_front_page_needs_a_decision_whom_to_trust(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    other, _ = certificate(tmp_path, "other")
    with phone_that(answers("Grandstream"), own.server) as phone:
        address = at(phone.port, https=True)
        assert read_front_page(address, policy=LOOPBACK, trust=AnyCertificate()).names_grandstream is True
        pinned = PinnedCertificate(other.pem)
        found = failure(lambda: read_front_page(address, policy=LOOPBACK, trust=pinned))
        assert found == (NothingSent, Reason.CERTIFICATE_MISMATCH)
        assert failure(lambda: read_front_page(address, policy=LOOPBACK)) == (NothingSent, Reason.PIN_UNREADABLE)

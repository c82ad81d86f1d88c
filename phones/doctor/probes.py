"""What the doctor asks of a phone without its passcode: is somebody there, who is it, what does its page say."""

import hashlib
import socket
import ssl
from typing import Protocol

from crmconnector.common.network import AddressPolicy
from phones.drivers.base import PhoneAddress, Trust
from phones.drivers.probe import FrontPage, ShownCertificate, check_reachable, fetch_certificate, read_front_page


class Probes(Protocol):
    """Each opens one connection, once, under the same address rule and limits as a command. Raises `PhoneError`."""

    def connect(self) -> str:
        """Open a TCP connection and close it; our own address towards the phone, "" when that cannot be told."""
        ...

    def certificate(self) -> ShownCertificate:
        """What the phone shows when an encrypted connection begins (TLS 1.2 or later); nothing is sent in it."""
        ...

    def front_page(self) -> FrontPage:
        """GET / without the passcode."""
        ...


class SocketProbes:
    """The real ones."""

    def __init__(self, address: PhoneAddress, *, policy: AddressPolicy, trust: Trust | None) -> None:
        self._address, self._policy, self._trust = address, policy, trust

    def connect(self) -> str:
        check_reachable(self._address, policy=self._policy)
        return _our_address(self._address)

    def certificate(self) -> ShownCertificate:
        return fetch_certificate(self._address, policy=self._policy)

    def front_page(self) -> FrontPage:
        return read_front_page(self._address, policy=self._policy, trust=self._trust)


def fingerprint_of(pem: str) -> str:
    """SHA-256 of a pinned certificate as `ShownCertificate` has it; "" when it cannot be read."""
    try:
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest().upper()
    except ValueError:
        return ""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _our_address(address: PhoneAddress) -> str:
    """Which of our addresses the phone sees, unless something translates it between. Sends no packet."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as unsent:
            unsent.connect((address.host, address.port))
            return str(unsent.getsockname()[0])
    except OSError:
        return ""

"""The certificates of the pretend phones: each phone signs its own, as the real ones do after a factory reset.

A phone keeps one TLS context for its life; an expired or another certificate is loaded into it, so that the port stays
open and the next handshake meets the new one.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
import warnings
from dataclasses import dataclass
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = (-30, 3650)  # days from today
EXPIRED = (-400, -1)
NOT_YET_VALID = (1, 3650)


@dataclass(frozen=True)
class Paper:
    """A certificate as PEM, and its fingerprint (SHA-256 of the DER form, lower case hex)."""

    certificate: str
    fingerprint: str


class PhoneTls:
    """The TLS side of one phone. Every `renew` makes another key and certificate."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.num_tickets = 0  # a resumed session would show no certificate, hence no change of it
        self.context.options |= ssl.OP_NO_TICKET
        self._usual = (self.context.minimum_version, self.context.maximum_version)
        self.renew()

    def renew(self, days: tuple[int, int] = VALID) -> Paper:
        """From now on show a new certificate, valid between these days from today."""
        self.paper, self._pem = _self_signed(self.name, days)
        self._load()
        return self.paper

    def show_again(self, kept: tuple[Paper, bytes]) -> None:
        """Back to a certificate from `keep`."""
        self.paper, self._pem = kept
        self._load()

    def keep(self) -> tuple[Paper, bytes]:
        return self.paper, self._pem

    def only_old(self, on: bool = True) -> None:
        """Speak TLS 1.1 only. Where OpenSSL has no TLS 1.1 left, every handshake fails, which looks the same."""
        low, high = (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1) if on else self._usual
        with warnings.catch_warnings():  # that it is old is what it is for
            warnings.simplefilter("ignore", DeprecationWarning)
            self.context.maximum_version = high
            self.context.minimum_version = low
        self.context.set_ciphers("ALL:@SECLEVEL=0" if on else "DEFAULT")

    def _load(self) -> None:
        with tempfile.NamedTemporaryFile() as file:  # OpenSSL's chain loader reads files only
            file.write(self._pem)
            file.flush()
            self.context.load_cert_chain(file.name)


def _self_signed(name: str, days: tuple[int, int]) -> tuple[Paper, bytes]:
    """An EC key: two hundred phones must be there in a moment, and RSA keys take a tenth of a second each."""
    key = ec.generate_private_key(ec.SECP256R1())
    today = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + datetime.timedelta(days=days[0]))
        .not_valid_after(today + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = built.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Paper(public.decode(), built.fingerprint(hashes.SHA256()).hex()), public + secret

"""Looking at whoever sits at an address, before any passcode is sent: is it there, who is it, is it a Grandstream?

For administrators who add a phone and for the doctor. Nothing here knows or sends a passcode. The errors are those of
every request to a phone; the first two functions send no request at all, so theirs are always `NothingSent`.
"""

import hashlib
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from crmconnector.common.network import AddressPolicy, AddressRefused
from phones.drivers.base import Limits, PhoneAddress, Trust
from phones.drivers.errors import NothingSent, PhoneError, Reason
from phones.drivers.exchange import Reply, exchange

_BRAND: Final = re.compile(rb"grandstream|\bGRP26[0-9]{2}", re.IGNORECASE)
LONGEST_SERVER: Final = 80


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """The certificate a phone shows. `sha256`: its fingerprint as phones and browsers print it, "AB:CD:…".

    Seen once over the same network that it shall protect: a person compares the fingerprint before it is pinned.
    """

    pem: str = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True)
class FrontPage:
    """What "/" says without a passcode. `names_grandstream` None: the page could not be read as a whole."""

    status: int
    server: str
    names_grandstream: bool | None
    wants_https: bool


def check_reachable(address: PhoneAddress, *, policy: AddressPolicy, limits: Limits | None = None) -> None:
    """Open the port and close it again. NothingSent: the address is not allowed, or nobody answers there."""
    opened = _open(address, policy, limits or Limits())
    if isinstance(opened, PhoneError):
        raise opened
    opened.close()


def fetch_certificate(
    address: PhoneAddress, *, policy: AddressPolicy, limits: Limits | None = None
) -> ShownCertificate:
    """The certificate shown in the greeting of TLS, whoever signed it. No request follows."""
    bounds = limits or Limits()
    ends_at = time.monotonic() + bounds.total_seconds
    opened = _open(address, policy, bounds)
    shown = opened if isinstance(opened, PhoneError) else _shown(opened, ends_at)
    if isinstance(shown, PhoneError):
        raise shown
    digest = hashlib.sha256(shown).hexdigest().upper()
    pairs = (digest[at : at + 2] for at in range(0, len(digest), 2))
    return ShownCertificate(ssl.DER_cert_to_PEM_cert(shown), ":".join(pairs))


def read_front_page(
    address: PhoneAddress, *, policy: AddressPolicy, trust: Trust | None = None, limits: Limits | None = None
) -> FrontPage:
    """GET / once, without a passcode; at most `limits.reply_bytes` of it are read."""
    reply = exchange(address, "/", policy=policy, trust=trust, limits=limits or Limits(), any_body=True)
    if isinstance(reply, PhoneError):
        raise reply
    server = "".join(sign for sign in reply.server if sign.isprintable())[:LONGEST_SERVER]
    return FrontPage(reply.status, server, _names_grandstream(reply), _wants_https(reply, address))


def _open(address: PhoneAddress, policy: AddressPolicy, limits: Limits) -> socket.socket | PhoneError:
    try:
        literal = policy.check(address.host, address.port)
        seconds = min(limits.connect_seconds, limits.total_seconds)
        # A literal address, checked in this very line of thought: no name is resolved in between.
        return socket.create_connection((str(literal), address.port), timeout=seconds)
    except AddressRefused:
        return NothingSent(Reason.ADDRESS_REFUSED)
    except ConnectionRefusedError:
        return NothingSent(Reason.CONNECTION_REFUSED)
    except TimeoutError:
        return NothingSent(Reason.CONNECT_TIMEOUT)
    except OSError:
        return NothingSent(Reason.UNREACHABLE)


def _shown(opened: socket.socket, ends_at: float) -> bytes | PhoneError:
    """The certificate as DER. Whom to trust is what the caller wants to find out, so nothing is verified here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with opened:
        # The whole handshake ends with this time-out, not only each of its reads.
        opened.settimeout(max(ends_at - time.monotonic(), 0.01))
        try:
            with context.wrap_socket(opened) as secured:
                return secured.getpeercert(True) or NothingSent(Reason.TLS_FAILED)
        except (OSError, ValueError):
            return NothingSent(Reason.TLS_FAILED)


def _names_grandstream(reply: Reply) -> bool | None:
    if _BRAND.search(reply.body) or _BRAND.search(reply.server.encode("utf-8", "replace")):
        return True
    return False if reply.readable else None


def _wants_https(reply: Reply, address: PhoneAddress) -> bool:
    try:
        target = urlsplit(reply.location)
        same = target.hostname == address.host
    except ValueError:
        return False
    return 300 <= reply.status < 400 and address.scheme == "http" and target.scheme == "https" and same

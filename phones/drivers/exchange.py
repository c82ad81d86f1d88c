"""One bounded HTTP request to a phone, for any vendor's driver.

Failures come back as values, not as exceptions: the request target holds the passcode, and an exception would carry
the frames that hold the target to wherever it is reported. The caller raises from a frame that knows no secret.
"""

import ssl
from dataclasses import dataclass

import httpcore
import httpx
import structlog

from crmconnector.common.network import AddressPolicy, AddressRefused, CertificateMismatch, OneShotTransport, Stage
from phones.drivers.base import Limits, PhoneAddress, PinnedCertificate, Trust
from phones.drivers.errors import NothingSent, PhoneError, Reason, Unclear

log = structlog.get_logger(__name__)

HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "crmconnector",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the phone answered. `body` is read for status 200 only: any other status says all there is to know.

    `readable` is False when the body was compressed or cut, which only a caller who said so gets to see.
    """

    status: int
    location: str
    body: bytes
    server: str = ""
    readable: bool = True


def exchange(
    address: PhoneAddress,
    target: str,
    *,
    policy: AddressPolicy,
    trust: Trust | None,
    limits: Limits,
    any_body: bool = False,
) -> Reply | PhoneError:
    """GET `target` (path and query) once. Never raises, never repeats.

    `any_body`: a body that is too long is cut and a compressed one left out, where it is only looked at.
    """
    try:
        policy.check(address.host, address.port)  # again when the socket opens; here before a URL is built from it
        context, pinned = _tls(address, trust)
    except AddressRefused:
        return NothingSent(Reason.ADDRESS_REFUSED)
    except ValueError:
        return NothingSent(Reason.PIN_UNREADABLE)
    transport = OneShotTransport(
        policy,
        connect_seconds=limits.connect_seconds,
        total_seconds=limits.total_seconds,
        ssl_context=context,
        pinned_certificate=pinned,
    )
    try:
        with transport:
            return _read(transport.handle_request(_request(address, target)), limits.reply_bytes, any_body)
    except Exception as error:
        log.info("phone_exchange_failed", host=address.host, stage=transport.stage.name, error=type(error).__name__)
        return _failure(error, transport.stage)


def _request(address: PhoneAddress, target: str) -> httpx.Request:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return httpx.Request("GET", f"{address.scheme}://{host}:{address.port}{target}", headers=HEADERS)


def _read(response: httpx.Response, most_bytes: int, any_body: bool) -> Reply | PhoneError:
    location, server = response.headers.get("location", ""), response.headers.get("server", "")
    if response.status_code != 200:
        return Reply(response.status_code, location, b"", server)
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return Reply(200, location, b"", server, readable=False) if any_body else Unclear(Reason.COMPRESSED)
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > most_bytes:
            cut = Reply(200, location, bytes(body[:most_bytes]), server, readable=False)
            return cut if any_body else Unclear(Reason.TOO_LARGE)
    return Reply(200, location, bytes(body), server)


def _tls(address: PhoneAddress, trust: Trust | None) -> tuple[ssl.SSLContext | None, bytes | None]:
    """Context and the one certificate (DER) that may answer. ValueError when there is nothing usable to trust."""
    if address.scheme == "http":
        return None, None
    if trust is None:
        raise ValueError("HTTPS needs a decision whom to trust.")
    pinned = _der(trust.pem) if isinstance(trust, PinnedCertificate) else None
    # Phones sign their certificates themselves or by a private vendor CA and carry no name we know, so there is no
    # chain to verify: the transport compares the certificate itself. The handshake proves that its key is there.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context, pinned


def _der(pem: str) -> bytes:
    if pem.count(ssl.PEM_HEADER) != 1:
        raise ValueError("Exactly one certificate can be pinned.")
    return ssl.PEM_cert_to_DER_cert(pem.strip())


def _failure(error: Exception, stage: Stage) -> PhoneError:
    if stage is Stage.REQUEST_SENT:
        return Unclear(_reason_after_sending(error))
    return NothingSent(_reason_before_sending(error, stage))


def _reason_after_sending(error: Exception) -> Reason:
    if isinstance(error, httpcore.TimeoutException):
        return Reason.NO_ANSWER
    if isinstance(error, httpcore.NetworkError):
        return Reason.CONNECTION_LOST
    return Reason.NOT_HTTP


def _reason_before_sending(error: Exception, stage: Stage) -> Reason:
    if isinstance(error, AddressRefused):
        return Reason.ADDRESS_REFUSED
    if isinstance(error, CertificateMismatch):
        return Reason.CERTIFICATE_MISMATCH
    if stage is Stage.SECURING:
        return Reason.TLS_FAILED
    if isinstance(error, httpcore.TimeoutException):
        return Reason.CONNECT_TIMEOUT
    if isinstance(error, httpcore.NetworkError):
        refused = isinstance(error.__cause__, ConnectionRefusedError)
        return Reason.CONNECTION_REFUSED if refused else Reason.UNREACHABLE
    return Reason.REQUEST_NOT_BUILT

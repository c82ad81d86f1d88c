"""Where we may connect to, checked when the socket opens; and one bounded HTTP exchange over such a socket.

Addresses of phones are typed in by people, so they are hostile input: without a check, "call the phone at
169.254.169.254" makes our server ask the cloud for its keys. A list of what is forbidden always has a hole (octal,
integers, mapped forms, names that change their answer), so the rule is a list of what is allowed, for literal
addresses in their one canonical spelling. What is not allowed is refused, never repaired.
"""

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import httpcore
import httpx

from crmconnector.common.marked import gettext_noop

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

PRIVATE_NETWORKS: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
WEB_PORTS: Final = frozenset({80, 443})

# Never by a wide range: only a listed network that lies inside one of these opens (a part of) it.
_SPECIAL: Final = {
    "0.0.0.0/8": gettext_noop("an unspecified address"),
    "127.0.0.0/8": gettext_noop("this machine itself"),
    "169.254.0.0/16": gettext_noop("a link-local address"),
    "100.64.0.0/10": gettext_noop("a carrier's shared address"),
    "192.0.0.0/24": gettext_noop("a reserved address"),
    "224.0.0.0/4": gettext_noop("a multicast address"),
    "240.0.0.0/4": gettext_noop("a reserved address"),
    "::/128": gettext_noop("an unspecified address"),
    "::1/128": gettext_noop("this machine itself"),
    "::/96": gettext_noop("an IPv4 address in IPv6 spelling"),
    "fe80::/10": gettext_noop("a link-local address"),
    "ff00::/8": gettext_noop("a multicast address"),
    "fd00:ec2::/32": gettext_noop("a cloud provider's metadata address"),
}
# Never at all: IPv6 spellings that carry another address inside, past every check of the outer one.
_CARRIERS: Final = {
    "::ffff:0:0/96": gettext_noop("an IPv4 address in IPv6 spelling"),
    "::ffff:0:0:0/96": gettext_noop("an IPv4 address in IPv6 spelling"),
    "64:ff9b::/96": gettext_noop("a NAT64 address"),
    "64:ff9b:1::/48": gettext_noop("a NAT64 address"),
    "2002::/16": gettext_noop("a 6to4 address"),
    "2001::/32": gettext_noop("a Teredo address"),
}
_SPECIAL_NETWORKS: Final = [(ip_network(text), words) for text, words in _SPECIAL.items()]
_CARRIER_NETWORKS: Final = [(ip_network(text), words) for text, words in _CARRIERS.items()]


class AddressRefused(Exception):
    """We do not connect there. The text is a sentence for an administrator; it repeats no unchecked input.

    `text` and `values`: the sentence before its values were put in, for those who show it in another language.
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text % values if values else text)
        self.text, self.values = text, values


class AddressPolicy:
    """Which addresses and ports may be connected to.

    `networks`: the allowed ranges. `allowed_ports`: None means any, for callers whose ports only administrators set.
    """

    def __init__(
        self,
        networks: Iterable[str | IPNetwork] = PRIVATE_NETWORKS,
        allowed_ports: frozenset[int] | None = WEB_PORTS,
    ) -> None:
        self.networks: tuple[IPNetwork, ...] = tuple(ip_network(network) for network in networks)
        self.allowed_ports = allowed_ports

    def check(self, host: str, port: int) -> IPAddress:
        """The address to connect to, or AddressRefused."""
        address = _literal(host)
        self._check_address(address)
        self._check_port(port)
        return address

    def _check_address(self, address: IPAddress) -> None:
        _refuse_inside(address, _CARRIER_NETWORKS, but_allowed=())
        containing = [network for network in self.networks if _inside(address, network)]
        if not containing:
            raise AddressRefused(gettext_noop("%(address)s is outside the allowed networks."), address=address)
        _refuse_inside(address, _SPECIAL_NETWORKS, but_allowed=containing)

    def _check_port(self, port: int) -> None:
        if type(port) is not int or not 1 <= port <= 65535:
            raise AddressRefused(gettext_noop("The port must be a number from 1 to 65535."))
        if self.allowed_ports is not None and port not in self.allowed_ports:
            raise AddressRefused(gettext_noop("Port %(port)s is not an allowed port."), port=port)


def _literal(host: str) -> IPAddress:
    # ip_address() also takes integers, and any text as a zone after "%"; resolvers take 127.1 and octal. Not we.
    try:
        address = ip_address(host) if type(host) is str and "%" not in host else None
    except ValueError:
        address = None
    if address is None:
        text = gettext_noop("The address must be a plain IPv4 or IPv6 address, not a name or another notation.")
        raise AddressRefused(text)
    if str(address) != host:
        raise AddressRefused(
            gettext_noop("The address must be written in its usual form: %(address)s"), address=address
        )
    return address


def _inside(address: IPAddress, network: IPNetwork) -> bool:
    return address.version == network.version and address in network


def _refuse_inside(
    address: IPAddress, blocks: Sequence[tuple[IPNetwork, str]], but_allowed: Sequence[IPNetwork]
) -> None:
    for block, words in blocks:
        if not _inside(address, block):
            continue
        if not any(network.subnet_of(block) for network in but_allowed):  # type: ignore[arg-type]
            raise AddressRefused(
                gettext_noop("%(address)s is %(what)s: it is not connected to."), address=address, what=words
            )


class Stage(IntEnum):
    """How far one exchange came. Only from REQUEST_SENT on can the other side have done something."""

    OPENING = 0
    SECURING = 1
    READY = 2
    REQUEST_SENT = 3


class CertificateMismatch(Exception):
    """The other side proved to be somebody else than the pinned certificate's owner. No request byte was sent."""


class OneShotTransport(httpx.BaseTransport):
    """One request on one new connection: allowed address, one deadline for everything, no retry, no proxy, no pool.

    httpx's own time-outs start again with every read, so a peer that drips one byte a second holds them for ever;
    here every wait is cut to what is left of `total_seconds`. Bodies are handed on as they came: nothing is
    unpacked, so there is no bomb to unpack. Used without `httpx.Client`, which logs whole URLs.

    `stage` tells afterwards whether the request can have reached the other side.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        connect_seconds: float,
        total_seconds: float,
        ssl_context: ssl.SSLContext | None = None,
        pinned_certificate: bytes | None = None,
    ) -> None:
        self.stage = Stage.OPENING
        self._ssl_context = ssl_context
        self._backend = _GuardedBackend(self, policy, connect_seconds, pinned_certificate)
        self._total_seconds = total_seconds
        self._ends_at: float | None = None
        self._connection: httpcore.HTTPConnection | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send; raises httpcore's exceptions, AddressRefused, CertificateMismatch. The body is read from `stream`."""
        if self._connection is not None:
            raise RuntimeError("A OneShotTransport carries one request.")
        self._ends_at = time.monotonic() + self._total_seconds
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        self._connection = httpcore.HTTPConnection(
            url.origin, ssl_context=self._ssl_context, retries=0, network_backend=self._backend
        )
        answer = self._connection.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.read())
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def seconds_left(self, at_most: float | None = None) -> float:
        """What is left of the total, for one wait; raises ReadTimeout when it is over."""
        left = (self._ends_at or 0.0) - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline of the whole exchange has passed")
        return left if at_most is None else min(left, at_most)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _GuardedBackend(httpcore.NetworkBackend):
    """Opens the sockets of one exchange. What is checked here is what is connected to: no name is resolved between."""

    def __init__(
        self, exchange: OneShotTransport, policy: AddressPolicy, connect_seconds: float, pinned: bytes | None
    ) -> None:
        self._exchange = exchange
        self._policy = policy
        self._connect_seconds = connect_seconds
        self._pinned = pinned
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        address = self._policy.check(host, port)
        seconds = self._exchange.seconds_left(at_most=self._connect_seconds)
        stream = self._sockets.connect_tcp(str(address), port, timeout=seconds)
        self._exchange.stage = Stage.READY
        return _DeadlineStream(self._exchange, stream, self._pinned)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise AddressRefused("A file is not an address.")


class _DeadlineStream(httpcore.NetworkStream):
    """A socket whose every wait ends with the exchange, and which notes when the first request byte goes out."""

    def __init__(self, exchange: OneShotTransport, stream: httpcore.NetworkStream, pinned: bytes | None) -> None:
        self._exchange = exchange
        self._stream = stream
        self._pinned = pinned

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._exchange.seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        seconds = self._exchange.seconds_left(timeout)
        self._exchange.stage = Stage.REQUEST_SENT  # before the write: a write that fails may have sent half
        self._stream.write(buffer, seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._exchange.stage = Stage.SECURING
        secured = self._stream.start_tls(ssl_context, server_hostname, self._exchange.seconds_left(timeout))
        self._check_pin(secured)
        self._exchange.stage = Stage.READY
        return _DeadlineStream(self._exchange, secured, None)

    def _check_pin(self, secured: httpcore.NetworkStream) -> None:
        # A context that trusts the pinned certificate also trusts whatever that certificate has signed.
        if self._pinned is None:
            return
        if secured.get_extra_info("ssl_object").getpeercert(True) != self._pinned:
            secured.close()
            raise CertificateMismatch("The certificate is not the pinned one.")

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

"""A phone made of one listening socket: it notes every byte it gets and misbehaves as it is told."""

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[socket.socket], None]


@dataclass
class RawPhone:
    """`requests`: what each connection sent before its first blank line; `connections`: how many were opened."""

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "RawPhone":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown() wakes a thread that waits in accept(); close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                worker = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(worker)
                worker.start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            connection = closing.enter_context(self.tls.wrap_socket(plain, server_side=True) if self.tls else plain)
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(4096)):
                head += piece
            self.requests.append(head)
            self.script(connection)
        plain.close()


@contextlib.contextmanager
def phone_that(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawPhone]:
    with RawPhone(script, tls) as phone:
        yield phone


def answers(body: bytes | str, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> Script:
    """A complete HTTP answer with the right length."""
    raw = body.encode() if isinstance(body, str) else body
    return says(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)


def says(raw: bytes) -> Script:
    """These bytes, whatever they are, then close."""
    return lambda connection: connection.sendall(raw)


def closes(_: socket.socket) -> None:
    """Takes the request and hangs up."""


def resets(connection: socket.socket) -> None:
    """Takes the request and resets the connection (RST instead of FIN)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def waits_for_ever(connection: socket.socket) -> None:
    """Never answers; ends when the client hangs up (or after the socket's own ten seconds)."""
    connection.recv(1)


@dataclass
class Certificate:
    """A certificate of its own key, with the server context that shows it."""

    pem: str
    server: ssl.SSLContext


def certificate(
    folder: Path, name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None, days: int = 1
) -> tuple[Certificate, tuple[x509.Certificate, ec.EllipticCurvePrivateKey]]:
    """A certificate signed by itself or by `signer`; valid for `days` from now (negative: expired)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = folder / f"{name}.pem"
    path.write_text(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return Certificate(pem, server), (built, key)

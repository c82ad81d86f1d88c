"""AMI over TLS: a trusted PBX works, an untrusted one is told apart from one that is away."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.fake_ami import LOOPS, FakeAmi, event, eventually, listening, run, up

both_loops = pytest.mark.parametrize("loop", LOOPS)


def certificate(folder: Path) -> Path:
    """A self-made certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pbx.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "pbx.pem"
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_side(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@both_loops
def test_a_trusted_pbx_is_heard_and_obeys(loop: str, tmp_path: Path) -> None:
    async def story() -> None:
        path = certificate(tmp_path)
        async with FakeAmi(tls=server_side(path)) as pbx:
            trusting = ssl.create_default_context(cafile=str(path))
            async with listening(pbx.address(tls=trusting)) as listener:
                await up(listener)
                pbx.say(event("Hangup", CallerIDName="Zoë"))
                await eventually(lambda: listener.named("Hangup"))
                assert (await listener.client.action("Hangup", {"Channel": "PJSIP/1"})).success
                pbx.cut()
                await up(listener, 2)

    run(story(), loop)


@both_loops
def test_an_untrusted_pbx_gets_no_secret_and_is_tried_rarely(loop: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeAmi(tls=server_side(certificate(tmp_path))) as pbx:
            async with listening(pbx.address(tls=ssl.create_default_context()), back_off=None) as listener:
                await eventually(lambda: listener.client.state().reason_code == "tls_untrusted")
                state = listener.client.state()
                assert state.next_try_at is not None and state.next_try_at - state.since > 9
            assert pbx.raw == b""

    run(story(), loop)


@both_loops
def test_tls_to_a_plain_port_and_plain_to_a_tls_port_are_told(loop: str, tmp_path: Path) -> None:
    async def story() -> None:
        path = certificate(tmp_path)
        trusting = ssl.create_default_context(cafile=str(path))
        async with FakeAmi() as pbx, listening(pbx.address(tls=trusting)) as listener:
            await eventually(lambda: listener.client.state().reason_code == "tls_failed")
        async with FakeAmi(tls=server_side(path)) as pbx:
            async with listening(pbx.address(), login_deadline=0.3) as listener:
                await eventually(lambda: listener.client.state().reason_code in {"login_unanswered", "login_cut"})
            assert pbx.raw == b""

    run(story(), loop)

"""Which addresses may be connected to, and that the socket itself obeys."""

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.network import AddressPolicy, AddressRefused, OneShotTransport, Stage
from tests.support.raw_phone import answers, phone_that, waits_for_ever

REFUSED = [
    # this machine, in every spelling some resolver understands
    *["127.0.0.1", "127.1", "0177.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "①②⑦.⓪.⓪.①", "127.0.0.1.", "localhost"],
    *["::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0:7f00:1"],
    # an allowed address in an odd spelling, or carried inside another
    *[
        "10.0.0.01",
        "010.0.0.1",
        "10.1",
        "167772161",
        "0xa.0.0.1",
        "１０.0.0.1",
        "٠",
        " 10.0.0.1",
        "10.0.0.1 ",
        "10.0.0.1\n",
    ],
    *["::ffff:10.0.0.1", "::ffff:a00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:a00:1::"],
    *["FD00::1", "fd00:0::1", "fd00::1%eth0", "[fd00::1]"],
    # clouds, carriers, groups, nothing
    *[
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "192.0.0.192",
        "100.100.100.200",
    ],
    *["100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.0.0.0", "0", "::", "fe80::1", "ff02::1"],
    # the public network
    *["8.8.8.8", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "9.255.255.255"],
    # not addresses at all
    *[
        "",
        "phone",
        "user@10.0.0.1",
        "10.0.0.1@evil",
        "10.0.0.1/24",
        "10.0.0.1:80",
        "10.0.0.1\\@evil",
        "http://10.0.0.1",
    ],
    *["10.0.0.1\x00", "10.0.0.1#", "10.0.0.1?", "9" * 10_000],
]


@pytest.mark.parametrize("host", REFUSED, ids=lambda host: ascii(host)[:30])
def test_refused_by_the_usual_networks(host: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        AddressPolicy().check(host, 80)
    assert 20 < len(str(caught.value)) < 120
    assert caught.value.__context__ is None


@pytest.mark.parametrize("host", [2130706433, 167772161, b"\x0a\x00\x00\x01", None, ("10.0.0.1", 80)])
def test_only_text_is_an_address(host: str) -> None:
    with pytest.raises(AddressRefused):
        AddressPolicy().check(host, 80)


@pytest.mark.parametrize("host", ["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.5.135", "fd00::1", "fc00::2:1"])
def test_private_addresses_are_allowed_by_the_usual_networks(host: str) -> None:
    assert str(AddressPolicy().check(host, 443)) == host


@pytest.mark.parametrize(
    "host",
    [
        *["127.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.0.192"],
        *["::1", "::", "fe80::1", "ff02::1", "fd00:ec2::254", "::7f00:1"],
    ],
)
def test_a_wide_range_does_not_open_special_addresses(host: str) -> None:
    with pytest.raises(AddressRefused, match="is not connected to"):
        AddressPolicy(["0.0.0.0/0", "::/0"]).check(host, 80)


@pytest.mark.parametrize(
    ("network", "host"),
    [
        *[("127.0.0.0/8", "127.0.0.1"), ("127.0.0.5/32", "127.0.0.5"), ("::1/128", "::1")],
        *[("169.254.7.0/24", "169.254.7.1"), ("100.64.0.0/10", "100.64.0.1")],
        ("fe80::/10", "fe80::1"),
    ],
)
def test_a_special_address_opens_only_when_its_own_range_is_listed(network: str, host: str) -> None:
    assert str(AddressPolicy([network]).check(host, 80)) == host


@pytest.mark.parametrize("host", ["::ffff:a00:1", "64:ff9b::a00:1", "2002:a00:1::", "2001::a00:1"])
def test_an_address_that_carries_another_one_opens_never(host: str) -> None:
    with pytest.raises(AddressRefused, match="is not connected to"):
        AddressPolicy([f"{host}/128", "::/0"]).check(host, 80)


def test_without_networks_nothing_is_allowed() -> None:
    with pytest.raises(AddressRefused, match="outside the allowed networks"):
        AddressPolicy([]).check("10.0.0.1", 80)


@pytest.mark.parametrize("port", [22, 0, 6379, 8080, -1, 65536, True, "80", None, 80.0])
def test_ports_other_than_those_of_the_web_are_refused(port: int) -> None:
    with pytest.raises(AddressRefused):
        AddressPolicy().check("10.0.0.1", port)


def test_an_administrators_port_is_allowed_when_listed_or_when_all_are() -> None:
    AddressPolicy(allowed_ports=frozenset({8443})).check("10.0.0.1", 8443)
    AddressPolicy(allowed_ports=None).check("10.0.0.1", 8443)
    with pytest.raises(AddressRefused, match="from 1 to 65535"):
        AddressPolicy(allowed_ports=None).check("10.0.0.1", 70000)


def test_a_refusal_does_not_repeat_what_is_not_an_address() -> None:
    for host in ("admin:CANARY@10.0.0.1\r\nforged", "fd00::1%CANARY\nforged"):
        with pytest.raises(AddressRefused) as caught:
            AddressPolicy().check(host, 80)
        assert "CANARY" not in str(caught.value)
        assert "\n" not in str(caught.value)


@given(st.text() | st.ip_addresses().map(str), st.integers())
def test_whatever_passes_is_private_and_canonical(host: str, port: int) -> None:
    try:
        address = AddressPolicy().check(host, port)
    except AddressRefused:
        return
    assert str(address) == host
    assert address.is_private
    assert not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)


def get(transport: OneShotTransport, port: int, host: str = "127.0.0.1") -> bytes:
    with transport:
        response = transport.handle_request(httpx.Request("GET", f"http://{host}:{port}/x?a=1:2*3"))
        return b"".join(response.iter_raw())


def transport_for(policy: AddressPolicy, total_seconds: float = 2.0) -> OneShotTransport:
    return OneShotTransport(policy, connect_seconds=1.0, total_seconds=total_seconds)


LOOPBACK = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)


def test_the_socket_itself_refuses_without_any_earlier_check() -> None:
    with phone_that(answers("hello")) as server:
        for host in ("127.0.0.1", "localhost"):
            transport = transport_for(AddressPolicy(allowed_ports=None))
            with pytest.raises(AddressRefused):
                get(transport, server.port, host)
            assert transport.stage is Stage.OPENING
        with pytest.raises(AddressRefused, match="not an allowed port"):
            get(transport_for(AddressPolicy(["127.0.0.0/8"])), server.port)
        assert server.connections == 0


def test_a_name_is_not_resolved_even_when_every_address_is_allowed() -> None:
    with phone_that(answers("hello")) as server, pytest.raises(AddressRefused, match="not a name"):
        get(transport_for(LOOPBACK), server.port, "localhost")


def test_an_allowed_address_is_reached_and_the_query_is_left_as_it_is() -> None:
    with phone_that(answers("hello")) as server:
        transport = transport_for(LOOPBACK)
        assert get(transport, server.port) == b"hello"
        assert transport.stage is Stage.REQUEST_SENT
        assert server.requests[0].startswith(b"GET /x?a=1:2*3 HTTP/1.1\r\n")


def test_a_transport_carries_one_request_only() -> None:
    with phone_that(answers("hello")) as server:
        transport = transport_for(LOOPBACK)
        get(transport, server.port)
        with pytest.raises(RuntimeError):
            get(transport, server.port)
        assert server.connections == 1


def test_silence_ends_with_the_deadline_though_the_request_asks_for_no_time_out() -> None:
    with phone_that(waits_for_ever) as server, pytest.raises(httpcore.ReadTimeout):
        get(transport_for(LOOPBACK, total_seconds=0.3), server.port)

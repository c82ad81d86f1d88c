"""Addresses that are typed in, and what of them gets a connection: nothing that is not a listed, literal address."""

import socket
from collections.abc import Callable

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import AnyCertificate, KeyPlan, LineState, LineWord, PhoneAddress
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream.driver import GrandstreamDriver
from phones.drivers.probe import check_reachable, fetch_certificate, read_front_page
from tests.support.raw_phone import RawPhone, answers, phone_that

IDLE = (LineState(1, LineWord.IDLE),)
PRIVATE = AddressPolicy(allowed_ports=None)  # what the product takes if nobody says otherwise

# Spellings of this very machine: if one were let through, the listening socket below would see it.
OURSELVES = [
    *("127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0177.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001"),
    *("127.000.000.001", "127.0.0.01", "127.0.0.1.", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "\t127.0.0.1"),
    *("127.0.0.2", "127.255.255.254", "0.0.0.0", "0", "0.0", "00000", "localhost", "LOCALHOST", "localhost."),
    *("①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "١٢٧.٠.٠.١", "ⅼocalhost", "127.0.0.1\u200b", "\u202e127.0.0.1"),
    *("::1", "[::1]", "0:0:0:0:0:0:0:1", "::0001", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::127.0.0.1", "64:ff9b:1::7f00:1", "2002:7f00:1::"),
    *("2002:7f00:0001::1", "2001:0:7f00:1::", "::1%lo", "fe80::1%lo", "127.0.0.1%25lo"),
    *("user@127.0.0.1", "user:pw@127.0.0.1", "127.0.0.1@10.0.0.1", "10.0.0.1@127.0.0.1", "10.0.0.1\\@127.0.0.1"),
    *("127.0.0.1/", "127.0.0.1/../", "127.0.0.1#", "127.0.0.1?", "127.0.0.1:80", "127.0.0.1:22", "http://127.0.0.1"),
    *("127.0.0.1\r\nHost: x", "127.0.0.1\x00", "10.0.0.1\x00127.0.0.1", "%31%32%37.0.0.1", "127.0.0.1,10.0.0.1"),
    *("-127.0.0.1", "+127.0.0.1", "127.0.0.-1", "127.0.0.1e0", "127_0_0_1", "", ".", "..", "*", "1" * 5000),
]
ELSEWHERE = [
    *("169.254.169.254", "169.254.1.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "fe80::1"),
    *("192.0.0.192", "100.64.0.1", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1"),
    *(
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
        "11.0.0.1",
        "9.255.255.255",
    ),
    *("2001:db8::1", "2606:4700::1111", "10.1", "10.0.1", "012.0.0.1", "0xa.0.0.1", "167772161", "192.168.1"),
    *("phone.example", "pbx", "xn--nxasmq6b", "10.0.0.1.nip.io", "metadata.google.internal", "10.0.0.256", "10.0.0"),
    *("FD00::1", "fd00:0::1", "fd00::0001", "fd00::1%eth0", "[fd00::1]", "10.0.0.1:80", "10.0.0.1/24", "10.0.0.1 "),
]


def every_way_out(host: str, port: int, policy: AddressPolicy) -> list[Callable[[], object]]:
    """All that may open a socket to an address: deeds, looks, and those that only look who is there."""
    plain, secure = PhoneAddress("http", host, port), PhoneAddress("https", host, port)
    phone = GrandstreamDriver(plain, Secret("CANARY"), policy=policy)
    encrypted = GrandstreamDriver(secure, Secret("CANARY"), policy=policy, trust=AnyCertificate())
    return [
        phone.accept_call,
        phone.line_status,
        phone.accounts,
        lambda: phone.send_keys(["VUP"], lines=IDLE, plan=KeyPlan()),
        lambda: phone.reboot(lines=IDLE),
        lambda: phone.reset(admin_passcode=Secret("CANARY"), lines=IDLE),
        encrypted.line_status,
        lambda: check_reachable(plain, policy=policy),
        lambda: fetch_certificate(secure, policy=policy),
        lambda: read_front_page(plain, policy=policy),
    ]


def refused(phone: RawPhone, host: str, policy: AddressPolicy = PRIVATE, port: int | None = None) -> None:
    for way in every_way_out(host, phone.port if port is None else port, policy):
        with pytest.raises(NothingSent) as caught:
            way()
        assert caught.value.reason is Reason.ADDRESS_REFUSED
        assert caught.value.__context__ is None
    assert phone.connections == 0


def test_there_are_spellings_enough() -> None:
    assert len(set(OURSELVES)) >= 60
    assert len(set(OURSELVES + ELSEWHERE)) >= 100


def test_some_of_these_spellings_do_reach_this_machine_where_nobody_checks() -> None:
    reached = 0
    with phone_that(answers("")) as phone:
        for host in ("127.1", "0177.0.0.1", "0x7f.1", "2130706433", "0", "0.0.0.0", "localhost"):
            with socket.create_connection((host, phone.port), timeout=5):
                reached += 1
    assert reached == 7


@pytest.mark.parametrize("host", OURSELVES, ids=lambda host: ascii(host)[:40])
def test_no_spelling_of_this_machine_gets_a_connection(host: str) -> None:
    with phone_that(answers("")) as phone:
        refused(phone, host)


@pytest.mark.parametrize("host", ELSEWHERE, ids=lambda host: ascii(host)[:40])
def test_an_address_outside_the_allowed_networks_gets_nothing(host: str) -> None:
    with phone_that(answers("")) as phone:
        refused(phone, host)


@pytest.mark.parametrize("host", [None, 2130706433, b"127.0.0.1", 127.1, ["127.0.0.1"]], ids=repr)
def test_what_is_not_even_a_text_gets_nothing(host: str) -> None:
    with phone_that(answers("")) as phone:
        refused(phone, host)


@pytest.mark.parametrize("port", [0, -1, 65536, 2**40])
def test_what_is_not_a_port_gets_nothing(port: int) -> None:
    with phone_that(answers("")) as phone:
        refused(phone, "127.0.0.1", AddressPolicy(["127.0.0.0/8"], allowed_ports=None), port=port)


def test_a_port_that_is_not_allowed_gets_nothing() -> None:
    with phone_that(answers("")) as phone:
        refused(phone, "127.0.0.1", AddressPolicy(["127.0.0.0/8"]))


def test_a_wide_network_does_not_open_what_is_special_inside_it() -> None:
    everything = AddressPolicy(["0.0.0.0/0", "::/0"], allowed_ports=None)
    with phone_that(answers("")) as phone:
        for host in ("127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"):
            refused(phone, host, everything)


def test_the_allowed_address_itself_is_reached() -> None:
    policy = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
    with phone_that(answers('{"response":"success","body":true}')) as phone:
        every_way_out("127.0.0.1", phone.port, policy)[0]()
    assert phone.connections == 1

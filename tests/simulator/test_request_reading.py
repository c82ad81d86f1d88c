"""How a phone reads a request, and what it does with a second one at the same time."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest


def raw_answer(desk, request):
    """Bytes out, bytes in, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", int(desk.url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(request.encode())
        return b"".join(iter(lambda: raw.recv(65536), b""))


def ask(desk, function, query):
    """The query goes out as it is written."""
    answer = raw_answer(desk, f"GET /cgi-bin/{function}?passcode={desk.passcode}&{query} HTTP/1.1\r\nHost: x\r\n\r\n")
    return json.loads(answer.partition(b"\r\n\r\n")[2])["body"]


@pytest.mark.parametrize("query", ["&keys=STAR", "keys=1:0:SEND", "keys=1%3A0%3a%23", "keys=*:POUND&&", "x=1&keys=%31"])
def test_keys_are_understood_raw_and_encoded_and_after_empty_pairs(desk, query):
    assert ask(desk, "api-send_key", query) == "complete"


@pytest.mark.parametrize("colon", ["%3A", "%3a"])
def test_a_phone_that_is_strict_about_colons_takes_them_raw_only(office, desk, colon):
    office.profile("204", strict_colon=True)
    assert ask(desk, "api-send_key", f"keys=1{colon}0") == "unknown"
    assert ask(desk, "api-send_key", "keys=1:0:%23") == "complete"
    assert [row["effect"] for row in office.journal("204")] == ["", "keys 1:0:#"]


def test_a_phone_that_decodes_nothing_finds_no_encoded_number(office, desk):
    office.profile("204", decode_percent=False)
    assert ask(desk, "api-make_call", "phonenumber=%2B49") is False
    assert ask(desk, "api-make_call", "phonenumber=+49") is True


@pytest.mark.parametrize(("first_wins", "number"), [(True, "111"), (False, "222")])
def test_of_a_parameter_that_comes_twice_the_first_or_the_last_counts(office, desk, first_wins, number):
    office.profile("204", first_of_two_wins=first_wins)
    assert ask(desk, "api-make_call", "phonenumber=111&phonenumber=222") is True
    assert desk.lines()[0]["remotenum"] == number


@pytest.mark.parametrize(
    ("auth", "spelling", "body"),
    [
        ("passcode", "passcode", True),
        ("passcode", "password", "wrong4"),
        ("password", "password", True),
        ("password", "passcode", "wrong4"),
        ("both", "passcode", True),
        ("both", "password", True),
    ],
)
def test_make_call_takes_the_word_from_the_parameter_of_the_make(office, desk, auth, spelling, body):
    office.profile("204", make_call_auth=auth)
    answer = httpx.get(f"{desk.url}/cgi-bin/api-make_call", params={"phonenumber": "205", spelling: desk.passcode})
    assert answer.json()["body"] == body
    assert desk.status() in ("available", "busy")  # every other function takes `passcode` only


def test_post_reads_the_query_and_not_its_body(desk):
    url = f"{desk.url}/cgi-bin/api-get_phone_status"
    assert httpx.post(url, content=f"passcode={desk.passcode}").json()["body"] == "wrong4"
    assert httpx.post(f"{url}?passcode={desk.passcode}", content="passcode=wrong").json()["body"] == "available"


def test_head_is_not_implemented_and_has_no_body(desk):
    head, _, body = raw_answer(desk, "HEAD /cgi-bin/api-get_phone_status HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 501 ")
    assert body == b""


# One request at a time.


def two_at_once(office, desk, wait_until):
    """The statuses of a slow request and of one that comes meanwhile; None = cut off."""

    def slow():
        try:
            return desk.get("api-get_phone_status").status_code
        except httpx.RemoteProtocolError:
            return None

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow)
        wait_until(lambda: office.journal("204"))
        return desk.get("api-get_phone_status").status_code, first.result()


@pytest.mark.parametrize(
    ("mode", "second", "first"), [("wait", 200, 200), ("503", 503, 200), ("drop_first", 200, None)]
)
def test_a_phone_that_does_one_thing_at_a_time_has_its_way_with_a_second(office, desk, wait_until, mode, second, first):
    office.profile("204", max_concurrent=1, second_request=mode)
    office.fault("204", "slow", seconds=20)
    assert two_at_once(office, desk, wait_until) == (second, first)
    assert [trip["kind"] for trip in office.tripwires()] == ["two_requests_at_once"]
    assert desk.status() == "available"


def test_a_second_request_that_waits_is_not_even_looked_at(office, desk, wait_until):
    office.profile("204", max_concurrent=1)
    office.fault("204", "slow", seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(desk.get, "api-get_phone_status", 1.0)
        wait_until(lambda: office.journal("204"))
        with pytest.raises(httpx.ReadTimeout):
            desk.get("api-get_phone_status", timeout=0.3)
        assert len(office.journal("204")) == 1
        assert isinstance(first.exception(), httpx.ReadTimeout)


def test_a_client_that_gave_up_is_not_counted_as_a_second_at_once(office, desk):
    office.fault("204", "slow", seconds=3600)
    with pytest.raises(httpx.ReadTimeout):
        desk.get("api-get_phone_status", timeout=0.3)
    assert desk.status() == "available"
    assert office.tripwires() == []

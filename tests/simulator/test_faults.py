"""What goes wrong between a client and a phone, on purpose."""

import datetime
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from crmconnector.simulator.cti.faults import KINDS
from crmconnector.simulator.pace import VirtualPace
from tests.support.phone_farm import running_farm


def test_a_refused_connection_until_the_faults_are_cleared(office, desk):
    office.fault("204", "refuse")
    with pytest.raises(httpx.ConnectError):
        desk.status()
    office.clear_faults("204")
    assert desk.status() == "available"


@pytest.mark.parametrize(
    "kind", ["silent", "close", "html", "login_page", "empty", "error_500", "error_503", "redirect"]
)
def test_a_fault_instead_of_an_answer_does_nothing_and_is_over_after_its_count(office, desk, kind):
    office.fault("204", kind, 2)
    for _ in range(2):
        try:
            answer = desk.get("api-make_call", timeout=0.3, phonenumber="205")
            assert answer.status_code != 200 or b"response" not in answer.content
        except (httpx.ReadTimeout, httpx.RemoteProtocolError):
            assert kind in ("silent", "close")
    assert desk.state() == "idle"
    assert [row["effect"] for row in office.journal("204")] == ["", "", ""]


def test_html_with_200_and_500(office, desk):
    office.fault("204", "html")
    office.fault("204", "error_500")
    first, second = desk.get("api-get_phone_status"), desk.get("api-get_phone_status")
    assert (first.status_code, first.text[:6], second.status_code) == (200, "<html>", 500)


def test_following_a_redirect_trips_a_wire(office, desk):
    office.fault("204", "redirect")
    answer = desk.get("api-get_phone_status")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("http://localhost:")
    assert office.tripwires() == []
    httpx.get(answer.headers["location"].replace("localhost", "127.0.0.1"))
    assert [trip["kind"] for trip in office.tripwires()] == ["redirect_followed"]


def test_a_slow_answer_comes_late_but_the_deed_is_done_at_once(office, desk, wait_until):
    office.far_end("00442079460123", "no_answer", 3600)
    office.fault("204", "slow", seconds=1200)
    with pytest.raises(httpx.ReadTimeout):
        desk.get("api-make_call", timeout=0.3, phonenumber="00442079460123")
    wait_until(lambda: desk.state() == "calling")
    office.fault("204", "slow", seconds=2)
    assert desk.status() == "busy"


def test_truncated_json_is_whole_http(office, desk):
    office.fault("204", "truncated")
    answer = desk.get("api-get_line_status")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_cut_off_answer_breaks_the_promise_of_its_length(office, desk):
    office.fault("204", "cut_off")
    with pytest.raises(httpx.RemoteProtocolError):
        desk.get("api-get_line_status")


def test_a_megabyte_of_answer(office, desk):
    office.fault("204", "big_body")
    assert len(desk.get("api-get_line_status").content) == 1_000_000


def test_effect_but_no_answer(office, desk, wait_until):
    office.far_end("00442079460123", "no_answer", 3600)
    office.fault("204", "effect_no_answer")
    with pytest.raises(httpx.ReadTimeout):
        desk.get("api-make_call", timeout=0.3, phonenumber="00442079460123")
    wait_until(lambda: desk.state() == "calling")
    assert office.journal("204")[0] | {"status": None, "effect": "dialing"} == office.journal("204")[0]


def test_success_but_no_effect(office, desk):
    office.fault("204", "success_no_effect")
    assert desk.get("api-make_call", phonenumber="00442079460123").json() == {"response": "success", "body": True}
    assert desk.state() == "idle"
    assert office.journal("204")[0]["effect"] == ""


def test_reading_does_not_use_up_a_fault_of_deeds(office, desk):
    office.fault("204", "success_no_effect")
    assert desk.status() == "available"
    desk.operate("endcall")
    assert [row["step"] for row in office.journal("204")] == ["done", "fault success_no_effect"]


def test_a_fault_can_be_meant_for_one_function(office, desk):
    office.fault("204", "error_500", function="api-make_call")
    assert desk.status() == "available"
    assert desk.get("api-make_call", phonenumber="205").status_code == 500


def test_one_fault_at_a_time_even_when_several_wait(office, desk):
    office.fault("204", "html")
    office.fault("204", "big_body")
    assert len(desk.get("api-get_line_status").content) < 1000
    assert len(desk.get("api-get_line_status").content) == 1_000_000


def test_a_fault_without_a_count_lasts_until_it_is_cleared(office, desk):
    office.fault("204", "error_500", None)
    assert {desk.get("api-get_phone_status").status_code for _ in range(4)} == {500}
    office.clear_faults("204")
    assert desk.status() == "available"


def test_a_fault_of_one_phone_leaves_the_others_alone(office, cti_of):
    office.fault("204", "error_500", None)
    assert cti_of(office, "205").status() == "available"


def test_two_requests_at_once_trip_a_wire(office, desk, wait_until):
    office.fault("204", "slow", seconds=10)
    first = threading.Thread(target=desk.status)
    first.start()
    wait_until(lambda: office.journal("204"))
    desk.status()
    first.join()
    assert [trip["kind"] for trip in office.tripwires()] == ["two_requests_at_once"]


def test_the_page_where_one_signs_in(office, desk):
    office.fault("204", "login_page")
    answer = desk.get("api-get_line_status")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert 'action="/cgi-bin/dologin"' in answer.text


def test_empty_200_and_503(office, desk):
    office.fault("204", "empty")
    office.fault("204", "error_503")
    first, second = desk.get("api-get_phone_status"), desk.get("api-get_phone_status")
    assert (first.status_code, first.content, second.status_code) == (200, b"", 503)


def test_a_connection_that_is_reset_in_the_middle_of_the_body(office, desk):
    office.fault("204", "reset")
    with pytest.raises(httpx.ReadError):  # RST; after a FIN it would be a RemoteProtocolError
        desk.get("api-get_line_status")
    assert office.journal("204")[0]["status"] == 200


def test_rubbish_after_the_json(office, desk):
    office.fault("204", "garbage")
    text = desk.get("api-get_line_status").text
    answer, end = json.JSONDecoder().raw_decode(text)
    assert answer["response"] == "success"
    assert text[end:].strip()


def test_chunks_without_a_length(office, desk):
    office.fault("204", "chunked")
    answer = desk.get("api-get_line_status")
    assert "content-length" not in answer.headers
    assert answer.json()["response"] == "success"


def test_a_packed_answer(office, desk):
    office.fault("204", "gzip")
    answer = desk.get("api-get_line_status")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["response"] == "success"


def test_an_answer_byte_by_byte_comes_in_many_pieces(office, desk):
    office.fault("204", "drip", seconds=0.5)  # 40 bytes in a real second
    with httpx.stream("GET", f"{desk.url}/cgi-bin/api-get_phone_status", params={"passcode": desk.passcode}) as answer:
        pieces = [*answer.iter_raw()]
    assert len(pieces) > 10
    assert json.loads(b"".join(pieces))["body"] == "available"


def test_the_key_body_twice(office, desk):
    office.fault("204", "duplicate_body")
    pairs = json.loads(desk.get("api-get_phone_status").text, object_pairs_hook=list)
    assert [value for key, value in pairs if key == "body"] == ["false", "available"]


def test_a_byte_order_mark_before_the_json(office, desk):
    office.fault("204", "bom")
    content = desk.get("api-get_phone_status").content
    assert content[:3] == b"\xef\xbb\xbf"
    assert json.loads(content.decode("utf-8-sig"))["body"] == "available"


def test_names_in_latin_1(office, desk):
    office.fault("204", "latin1")
    content = desk.get("api-get_line_status").content
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    assert json.loads(content.decode("latin-1"))["body"][0]["remotename"] == "Jürgen Größmann"


@pytest.mark.parametrize(
    ("function", "kind"), [("api-get_phone_status", dict), ("api-get_line_status", dict), ("api-phone_operation", list)]
)
def test_json_of_wrong_types_is_still_json(office, desk, function, kind):
    office.fault("204", "wrong_types")
    assert isinstance(desk.get(function).json()["body"], kind)


def test_a_clock_that_is_a_day_ahead(office, desk):
    office.fault("204", "clock_skew", seconds=86_400)
    said = parsedate_to_datetime(desk.get("api-get_phone_status").headers["date"])
    assert said > datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=23)


@pytest.mark.parametrize("kind", ["duplicate_body", "latin1", "wrong_types", "garbage", "bom", "gzip"])
def test_a_refusal_in_html_can_be_spoiled_too(office, desk, kind):
    office.profile("204", action_uri=False, deny_mode="forbid_403_html")
    office.fault("204", kind)
    assert desk.get("api-get_phone_status").status_code == 403


def test_an_answer_after_the_deadline_comes_when_nobody_waits_any_more(office, desk, wait_until):
    office.far_end("00442079460123", "no_answer", 3600)
    office.fault("204", "late", seconds=600)
    with pytest.raises(httpx.ReadTimeout):
        desk.get("api-make_call", timeout=0.2, phonenumber="00442079460123")
    wait_until(lambda: desk.state() == "calling")
    assert office.journal("204")[0]["effect"] == "dialing"


def test_jitter_draws_each_delay_anew():
    with running_farm(1, pace=VirtualPace()) as farm, ThreadPoolExecutor(1) as pool:
        farm.fault(farm.first, "jitter", None, seconds=10)
        waited = []
        for _ in range(5):
            answer, seconds = pool.submit(farm.answer, "api-get_phone_status"), 0
            while not answer.done():
                farm.advance(0.1)
                seconds += 1
            waited.append(seconds)
        assert len({*waited}) > 1


# What get_line_status tells.


def first_state(farm):
    return farm.answer("api-get_line_status")["body"][0]["state"]


def test_the_state_of_three_seconds_ago():
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.incoming(farm.first, "03023125201")
        farm.advance(10)
        farm.user(farm.first, "answer")
        farm.advance(2)
        farm.fault(farm.first, "delayed_state", 2)
        assert first_state(farm) == "ringing"
        farm.advance(2)
        assert (first_state(farm), first_state(farm)) == ("connected", "connected")


def test_a_state_no_guide_knows():
    with running_farm(1) as farm:
        farm.fault(farm.first, "unknown_state", 2)
        assert first_state(farm) == "parked"
        farm.incoming(farm.first, "03023125201")
        assert (first_state(farm), first_state(farm)) == ("parked", "ringing")
        farm.fault(farm.first, "unknown_state", word="paging")
        assert first_state(farm) == "paging"


def test_a_line_that_is_told_as_it_was():
    with running_farm(1) as farm:
        farm.incoming(farm.first, "03023125201")
        farm.fault(farm.first, "stale_line", 2)
        farm.user(farm.first, "reject")
        assert farm.states(farm.first) == {}
        assert [first_state(farm) for _ in range(3)] == ["ringing", "ringing", "idle"]


def test_only_line_status_uses_up_a_fault_of_states():
    with running_farm(1) as farm:
        farm.fault(farm.first, "unknown_state")
        farm.answer("api-get_phone_status")
        assert first_state(farm) == "parked"


# What happens meanwhile.


def test_the_owner_presses_a_key_in_between():
    with running_farm(1) as farm:
        farm.incoming(farm.first, "03023125201")
        farm.fault(farm.first, "user_key", function="api-phone_operation")
        assert farm.answer("api-phone_operation", cmd="acceptcall")["body"] is True
        assert farm.states(farm.first) == {1: "onhold"}


def test_a_restart_in_the_middle_of_a_sequence(wait_until):
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.incoming(farm.first, "03023125201")
        farm.user(farm.first, "answer")
        farm.fault(farm.first, "reboot", function="api-send_key")
        assert farm.keys("XFER")["body"] == "complete"
        farm.advance(0)
        with pytest.raises(httpx.ConnectError):
            farm.keys("2:0:5")
        assert farm.states(farm.first) == {}
        farm.advance(20)
        wait_until(lambda: farm.farm.door(farm.first).http.is_open)
        assert farm.answer("api-get_phone_status")["body"] == "available"


def test_a_phone_that_was_refused_stays_so_over_a_restart():
    with running_farm(1, pace=VirtualPace()) as farm:
        farm.fault(farm.first, "refuse")
        farm.reboot(farm.first)
        farm.advance(30)
        with pytest.raises(httpx.ConnectError):
            farm.ask("api-get_phone_status")
        farm.clear_faults(farm.first)
        assert farm.answer("api-get_phone_status")["body"] == "available"


def test_a_phone_whose_address_changed():
    with running_farm(1) as farm:
        before = farm.phone_url(farm.first)
        farm.fault(farm.first, "moved")
        assert farm.phone_url(farm.first) != before
        assert farm.answer("api-get_phone_status")["body"] == "available"
        with pytest.raises(httpx.ConnectError):
            httpx.get(before)


def test_the_port_of_a_shut_phone_is_nobody_elses():
    with running_farm(1) as farm:
        farm.fault(farm.first, "refuse")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", farm.phone_port(farm.first)))


def test_a_chance_below_one_hits_some_and_spares_some():
    with running_farm(1, seed=3) as farm:
        farm.fault(farm.first, "error_500", 4, chance=0.4)
        codes = [farm.ask("api-get_phone_status").status_code for _ in range(40)]
        assert codes.count(500) == 4
        assert codes[:4] != [500] * 4


def test_an_unknown_fault_is_refused_with_the_known_ones(office):
    with pytest.raises(ValueError, match="success_no_effect"):
        office.fault("204", "gremlin")
    assert "refuse" in KINDS

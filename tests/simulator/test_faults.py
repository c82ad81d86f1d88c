"""What goes wrong between a client and a phone, on purpose."""

import json
import threading

import httpx
import pytest

from crmconnector.simulator.faults import KINDS


def test_a_refused_connection_until_the_faults_are_cleared(office, desk):
    office.fault("204", "refuse")
    with pytest.raises(httpx.ConnectError):
        desk.status()
    office.clear_faults("204")
    assert desk.status() == "available"


@pytest.mark.parametrize("kind", ["silent", "close", "html", "error_500", "redirect"])
def test_a_fault_instead_of_an_answer_does_nothing_and_is_over_after_its_count(office, desk, kind):
    office.fault("204", kind, 2)
    for _ in range(2):
        try:
            answer = desk.get("api-make_call", timeout=0.3, phonenumber="205")
            assert answer.status_code != 200 or not answer.headers["content-type"].endswith("json")
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


def test_an_unknown_fault_is_refused_with_the_known_ones(office):
    with pytest.raises(ValueError, match="success_no_effect"):
        office.fault("204", "gremlin")
    assert "refuse" in KINDS

"""The control plane over loopback HTTP."""

import httpx
import pytest

from crmconnector.simulator.control_port import verbs
from crmconnector.simulator.phone_control import PhoneControl
from tests.support.phone_farm import running_farm


@pytest.fixture
def control(office):
    with httpx.Client(base_url=f"http://127.0.0.1:{office.control_port}") as client:
        yield client


def test_a_call_can_be_made_and_seen(control):
    call = control.post("/incoming", json={"number": "03023125201", "did": "+493023125100"}).json()["result"]
    assert control.get("/snapshot").json()["result"]["calls"][call]["number"] == "03023125201"
    assert control.post("/remote_hangup", json={"call": call}).json() == {"result": True}
    assert control.get("/snapshot").json()["result"]["calls"] == {}


def test_journal_and_tripwires_can_be_read(control, desk):
    desk.get("api-sys_operation", request="RESET")
    assert control.post("/journal", json={"phone": "204"}).json()["result"][0]["step"] == "level"
    assert control.get("/tripwires").json()["result"][0]["kind"] == "RESET"
    assert desk.passcode not in control.get("/journal").text


def test_a_fault_and_a_users_deed_work_over_the_port(control, desk):
    control.post("/fault", json={"phone": "204", "kind": "error_500", "count": 1})
    assert desk.get("api-get_phone_status").status_code == 500
    assert control.post("/user", json={"phone": "204", "deed": "answer"}).json() == {"result": False}


@pytest.mark.parametrize(
    ("verb", "body", "sentence"),
    [
        ("incoming", {"number": "1"}, "Say where the call goes: a did or a target."),
        ("incoming", {"number": "1", "target": "999"}, "No phone has the extension '999'; there are: 204"),
        ("incoming", {"number": "1", "did": "+1"}, "No line has the number '+1'."),
        ("incoming", {}, "missing a required argument: 'number'"),
        ("incoming", {"number": "1", "colour": "red"}, "got an unexpected keyword argument 'colour'"),
        ("user", {"phone": "204", "deed": "sing"}, "A user cannot 'sing'"),
        ("remote_hangup", {}, "Say which call: 0 are up."),
        ("remote_hangup", {"call": "1.1"}, "No call '1.1' is up."),
        ("fault", {"phone": "204", "kind": "gremlin"}, "There is no fault 'gremlin'"),
        ("fault", {"phone": "204", "kind": "slow", "chance": 0}, "The chance of a fault is more than 0"),
        ("fault", {"phone": "204", "kind": "expired_certificate"}, "This phone has no HTTPS"),
        ("fault", {"phone": "999", "kind": "slow"}, "No phone has the extension '999'"),
        ("web_mode", {"phone": "204", "mode": "gopher"}, "A web mode is one of http, https, both, off."),
        ("advance", {"seconds": 1}, "This clock runs by itself"),
        ("referral", {"number": "1", "outcome": "magic"}, "The outcome is one of accepted, refused, silent, busy."),
        ("change_passcode", {"phone": "204", "passcode": "x", "level": "guest"}, "The level is user or admin."),
        ("action_urls", {"phone": "204", "templates": {"rain": "x"}}, "There is no slot 'rain'"),
        ("action_urls", {"phone": "204", "templates": {}, "order": "random"}, "The order is in or shuffled"),
        ("far_end", {"number": "1", "outcome": "magic"}, "The outcome is answer, busy, no_answer or not_found."),
        ("profile", {"phone": "204", "line_count": 2}, "There is no flag 'line_count'"),
        ("next_scene", {}, "No story is being played."),
        ("scene", {"name": "opera"}, "No scene is called 'opera'."),
    ],
)
def test_a_wrong_wish_is_answered_with_a_sentence(control, verb, body, sentence):
    answer = control.post(f"/{verb}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


def test_what_the_owner_and_the_network_do_can_be_asked_for(control, desk):
    assert control.post("/user", json={"phone": "204", "deed": "LINE1"}).json() == {"result": True}
    assert desk.state() == "dialing"
    assert control.post("/referral", json={"number": "205", "outcome": "refused"}).status_code == 200
    assert control.post("/web_mode", json={"phone": "204", "mode": "both"}).status_code == 200
    shown = control.post("/certificate", json={"phone": "204"}).json()["result"]
    assert shown["pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in shown["pem"]


def test_a_captured_log_is_searched_over_the_port(control, desk):
    body = {"text": f"GET /cgi-bin/api-make_call?passcode={desk.passcode}"}
    answer = control.post("/search_log", json=body)
    assert "204" in answer.json()["result"]
    assert desk.passcode not in answer.text + control.get("/tripwires").text
    assert {trip["kind"] for trip in control.get("/tripwires").json()["result"]} == {"secret_in_log"}
    control.post("/forget", json={})
    assert control.get("/tripwires").json()["result"] == []


def test_a_farm_has_a_control_port_too_with_verbs_of_its_own():
    with (
        running_farm(2, control_port=0) as farm,
        httpx.Client(base_url=f"http://127.0.0.1:{farm.control_port}") as client,
    ):
        assert farm.control_port not in farm.farm.ports["phones"].values()
        assert client.post("/incoming", json={"phone": "1002", "number": "03023125201"}).json() == {"result": 1}
        assert client.post("/look", json={"phone": "1002"}).json()["result"]["status"] == "ringing"
        assert client.post("/drop_link", json={}).status_code == 404


def test_the_doors_of_the_phones_know_no_verbs(desk):
    assert httpx.post(f"{desk.url}/snapshot", json={}).status_code == 404


def test_a_body_that_is_no_json_object_is_refused(control):
    headers = {"Content-Type": "application/json"}
    assert control.post("/incoming", content="[1]", headers=headers).status_code == 400
    assert control.post("/incoming", content="{", headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/", "/__init__", "/_office", "/explode"])
def test_only_the_verbs_can_be_called(control, path):
    assert control.post(path, json={}).status_code == 404


def test_a_method_for_inside_use_is_no_verb():
    class WithSecrets(PhoneControl):
        async def _open_the_safe(self):
            """Not for the port."""

    assert "_open_the_safe" not in verbs(WithSecrets(None))
    assert "tripwires" in verbs(WithSecrets(None))


def test_a_verb_that_acts_cannot_be_called_by_get(control):
    assert control.get("/drop_link").status_code == 404


def test_a_form_of_a_web_page_cannot_drive_the_office(control):
    answer = control.post("/drop_link", content="{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 403


def test_a_foreign_host_name_is_not_served(control):
    assert control.get("/snapshot", headers={"Host": "evil.example:80"}).status_code == 403
    assert control.get("/snapshot", headers={"Host": "localhost:80"}).status_code == 200

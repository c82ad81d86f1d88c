"""The control plane over loopback HTTP."""

import httpx
import pytest


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
    desk.get("api-sys_operation", request="REBOOT")
    assert control.post("/journal", json={"phone": "204"}).json()["result"][0]["effect"] == "REBOOT"
    assert control.get("/tripwires").json()["result"][0]["kind"] == "REBOOT"
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


def test_a_body_that_is_no_json_object_is_refused(control):
    headers = {"Content-Type": "application/json"}
    assert control.post("/incoming", content="[1]", headers=headers).status_code == 400
    assert control.post("/incoming", content="{", headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/", "/__init__", "/_office", "/explode"])
def test_only_the_verbs_can_be_called(control, path):
    assert control.post(path, json={}).status_code == 404


def test_a_verb_that_acts_cannot_be_called_by_get(control):
    assert control.get("/drop_link").status_code == 404


def test_a_form_of_a_web_page_cannot_drive_the_office(control):
    answer = control.post("/drop_link", content="{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 403


def test_a_foreign_host_name_is_not_served(control):
    assert control.get("/snapshot", headers={"Host": "evil.example:80"}).status_code == 403
    assert control.get("/snapshot", headers={"Host": "localhost:80"}).status_code == 200

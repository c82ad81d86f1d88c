"""Each step of a phone's request pipeline, and that they object in the right order."""

import dataclasses
import socket

import httpx
import pytest

from crmconnector.simulator.running import running_office
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import load_story


def steps(office, phone="204"):
    return [row["step"] for row in office.journal(phone)]


def get(desk, path, **parameters):
    return httpx.get(f"{desk.url}{path}", params=parameters)


@pytest.mark.parametrize("path", ["/", "/cgi-bin/api-format_disk", "/api-get_line_status", "/cgi-bin/"])
def test_an_unknown_path_is_404_html(office, desk, path):
    answer = get(desk, path, passcode=desk.passcode)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html")
    assert steps(office) == ["path"]


DENIALS = {
    "unauth_success_body": (200, '{"response": "success", "body": "unauthorized"}'),
    "unauth_401_html": (401, "<html><body><h1>Unauthorized</h1></body></html>"),
    "forbid_403_html": (403, "<html><body><h1>Forbidden</h1></body></html>"),
    "error_failed_json": (200, '{"response": "error", "body": "failed"}'),
}


@pytest.mark.parametrize("mode", DENIALS)
def test_a_phone_without_action_uri_denies_in_its_own_way(office, desk, mode):
    office.profile("204", action_uri=False, deny_mode=mode)
    answer = desk.get("api-get_phone_status")
    assert (answer.status_code, answer.text) == DENIALS[mode]
    assert steps(office) == ["not allowed"]


def test_an_address_that_is_not_listed_is_denied(office, desk):
    office.profile("204", allowed_ips=("192.0.2.9",))
    assert desk.get("api-get_phone_status").json()["body"] == "unauthorized"
    office.profile("204", allowed_ips=("192.0.2.9", "127.0.0.1"))
    assert desk.status() == "available"


def test_a_phone_that_denies_in_silence_never_answers(office, desk):
    office.profile("204", action_uri=False, deny_mode="silent")
    with pytest.raises(httpx.ReadTimeout):
        desk.get("api-get_phone_status", timeout=0.3)


def test_not_allowed_comes_before_the_passcode(office, desk):
    office.profile("204", action_uri=False, deny_mode="forbid_403_html")
    desk.passcode = "wrong"
    for _ in range(6):
        assert desk.get("api-get_phone_status").status_code == 403
    assert set(steps(office)) == {"not allowed"}
    assert office.tripwires() == []


def test_wrong_passcodes_count_down_and_then_lock_even_the_right_one(office, desk):
    right, desk.passcode = desk.passcode, "wrong"
    bodies = [desk.get("api-get_phone_status").json()["body"] for _ in range(5)]
    assert bodies == ["wrong4", "wrong3", "wrong2", "wrong1", "wrong0"]
    desk.passcode = right
    assert desk.get("api-get_phone_status").json()["body"] == "locked"
    assert [trip["kind"] for trip in office.tripwires()] == ["locked_out"]


def test_the_lock_opens_again_after_its_time(office, desk, wait_until):
    office.profile("204", attempt_limit=1, lockout_seconds=4)
    right, desk.passcode = desk.passcode, ""
    desk.get("api-get_phone_status")
    desk.passcode = right
    wait_until(lambda: desk.status() == "available")


def test_a_right_passcode_forgives_the_wrong_ones(office, desk):
    right = desk.passcode
    for passcode in ("wrong", right, "wrong"):
        desk.passcode = passcode
        answer = desk.get("api-get_phone_status").json()
    assert answer["body"] == "wrong4"


@pytest.mark.parametrize(
    ("mode", "status", "text"),
    [
        ("unauth_success_body", 200, '{"response": "success", "body": "unauthorized"}'),
        ("unauth_401_html", 401, "<html><body><h1>Unauthorized</h1></body></html>"),
    ],
)
def test_a_wrong_passcode_is_told_as_the_profile_says(office, desk, mode, status, text):
    office.profile("204", badpass_mode=mode)
    desk.passcode = "wrong"
    answer = desk.get("api-make_call", phonenumber="205")
    assert (answer.status_code, answer.text) == (status, text)
    assert desk.passcode not in str(office.journal())


@pytest.mark.parametrize("passcode", ["", " ", "None"])
def test_a_phone_without_an_admin_passcode_is_not_opened_by_an_empty_one(desk, passcode):
    desk.passcode = passcode
    assert desk.get("api-get_phone_status").json()["body"] == "wrong4"


def test_a_closed_user_level_denies_the_right_user_passcode(office, desk):
    office.profile("204", user_level=False, deny_mode="error_failed_json")
    assert desk.get("api-get_phone_status").json() == {"response": "error", "body": "failed"}
    assert steps(office) == ["level"]


def test_reset_needs_the_admin_passcode_and_trips_a_wire_for_everybody(wait_until, cti_of):
    story = load_story(FIRST_DAY)
    first = dataclasses.replace(story.phones[0], admin_passcode="chief")
    with running_office(dataclasses.replace(story, phones=(first, *story.phones[1:]))) as office:
        desk = cti_of(office, "204")
        assert desk.get("api-sys_operation", request="RESET").json() == {"response": "error", "body": "unknown"}
        desk.passcode = "chief"
        assert desk.get("api-sys_operation", request="RESET").json() == {"response": "success", "body": "reset"}
        assert [trip["kind"] for trip in office.tripwires()] == ["RESET", "RESET"]


def test_a_reboot_answers_as_the_guide_and_an_idle_phone_may(office, desk):
    assert desk.get("api-sys_operation", request="REBOOT").json() == {"response": "success", "body": "savereboot"}
    assert office.tripwires() == []


def test_a_system_operation_nobody_knows_is_unknown(desk):
    assert desk.get("api-sys_operation", request="DANCE").json() == {"response": "error", "body": "unknown"}


def test_a_popup_that_answers_at_once_acts_only_when_the_owner_agrees(office, desk, wait_until):
    office.profile("204", popup=True)
    assert desk.get("api-make_call", phonenumber="00442079460123").json()["body"] is True
    assert desk.state() == "idle"
    assert office.popup("204", allow=True) is True
    wait_until(lambda: desk.state() == "calling")


def test_a_popup_the_owner_denies_does_nothing(office, desk):
    office.profile("204", popup=True)
    desk.get("api-make_call", phonenumber="00442079460123")
    assert office.popup("204", allow=False) is True
    assert office.popup("204", allow=True) is False
    assert desk.state() == "idle"


def test_a_popup_that_holds_the_answer_expires_as_an_error(office, desk):
    office.profile("204", popup=True, popup_mode="hold", popup_seconds=2)
    assert desk.get("api-make_call", phonenumber="205").json() == {"response": "error", "body": False}


def test_a_popup_can_refuse_everything_but_reading(office, desk):
    office.profile("204", popup=True, popup_mode="error")
    assert desk.operate("acceptcall") == {"response": "error", "body": "failed"}
    assert desk.status() == "available"


def test_post_works_like_get_but_not_without_a_length(office, desk):
    query = f"passcode={desk.passcode}"
    assert httpx.post(f"{desk.url}/cgi-bin/api-get_phone_status?{query}").json()["body"] == "available"
    with httpx.Client() as client:
        request = client.build_request("POST", f"{desk.url}/cgi-bin/api-get_phone_status?{query}")
        del request.headers["content-length"]
        assert client.send(request).status_code == 411


def test_a_body_that_is_too_long_is_refused_unread(desk):
    query = f"passcode={desk.passcode}"
    answer = httpx.post(f"{desk.url}/cgi-bin/api-get_phone_status?{query}", content=b"x" * 70_000)
    assert answer.status_code == 413


def test_bytes_that_are_no_http_harm_nobody(office, desk):
    for rubbish in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000):
        with socket.create_connection(("127.0.0.1", office.phone_port("204"))) as raw:
            raw.sendall(rubbish)
    assert desk.status() == "available"


def test_other_methods_are_not_implemented(desk):
    assert httpx.put(f"{desk.url}/cgi-bin/api-get_phone_status").status_code == 501


def test_empty_pairs_are_skipped_and_the_first_of_two_counts(desk):
    query = f"passcode={desk.passcode}&&cmd=acceptcall&passcode=wrong"
    assert httpx.get(f"{desk.url}/cgi-bin/api-phone_operation?{query}").json() == {"response": "error", "body": False}


@pytest.mark.parametrize(
    ("flags", "check"),
    [
        ({"number_key": "remotenumber"}, lambda answer: "remotenumber" in answer.json()["body"][0]),
        ({"conf": None}, lambda answer: "conf" not in answer.json()["body"][0]),
        ({"acct": ""}, lambda answer: answer.json()["body"][0]["acct"] == ""),
        ({"content_type": "text/plain"}, lambda answer: answer.headers["content-type"] == "text/plain"),
        ({"pretty": True}, lambda answer: answer.text.startswith("{ ") and answer.text.endswith(" }")),
    ],
)
def test_the_profile_shapes_the_line_status(office, desk, flags, check):
    office.profile("204", **flags)
    assert check(desk.get("api-get_line_status"))


def test_bool_style_text_writes_true_as_a_word(office, desk):
    office.profile("204", bool_style="text")
    assert desk.operate("endcall") == {"response": "error", "body": "false"}


def test_the_profiles_of_the_story_differ_in_lines_and_names(office, cti_of):
    guide, old = cti_of(office, "204").lines(), cti_of(office, "207").lines()
    assert (len(guide), "remotenum" in guide[0], guide[0]["conf"]) == (8, True, 1)
    assert (len(old), "remotenumber" in old[0], "conf" in old[0]) == (3, True, False)


def test_accounts_tell_the_registration(office, desk):
    first, second = desk.get("api-get_accounts").json()["body"]
    assert (first["sip_id"], first["reg"], second["reg"]) == ("204", 1, 0)
    office.profile("204", registered=False)
    assert desk.get("api-get_accounts").json()["body"][0]["reg"] == 0


@pytest.mark.parametrize("number", ["", "abc", "12+34", "12;34", "12\n"])
def test_a_number_a_phone_cannot_dial_is_refused(office, desk, number):
    assert desk.get("api-make_call", phonenumber=number).json() == {"response": "error", "body": False}
    assert office.journal("204")[-1]["effect"] == ""


def test_a_plus_is_dialled_unless_the_make_of_phone_cannot(office, desk):
    office.profile("204", dials_plus=False)
    assert desk.get("api-make_call", phonenumber="+442079460123").json()["body"] is False
    office.profile("204", dials_plus=True)
    assert desk.get("api-make_call", phonenumber="+442079460123").json()["body"] is True


def test_brackets_dashes_and_spaces_are_dropped_from_a_number(desk):
    assert desk.get("api-make_call", phonenumber="(020) 7946-0123").json()["body"] is True
    assert desk.lines()[0]["remotenum"] == "02079460123"


def test_make_call_needs_click_to_dial(office, desk):
    office.profile("204", click_to_dial=False)
    assert desk.get("api-make_call", phonenumber="205").json() == {"response": "error", "body": False}


def test_make_call_beside_a_call_holds_it_or_is_refused(office, desk, wait_until):
    office.incoming("03023125201", target="204")
    wait_until(lambda: desk.state() == "ringing")
    desk.operate("acceptcall")
    office.profile("204", make_call_holds=False)
    assert desk.get("api-make_call", phonenumber="00442079460123").json()["body"] is False
    assert desk.state() == "connected"
    office.profile("204", make_call_holds=True)
    assert desk.get("api-make_call", phonenumber="00442079460123").json()["body"] is True
    assert desk.state() == "onhold"


def test_keys_over_http_are_taken_or_unknown(office, desk, wait_until):
    assert desk.get("api-send_key", keys="HELLO").json() == {"response": "error", "body": "unknown"}
    assert office.journal("204")[-1]["effect"] == ""
    assert desk.get("api-send_key", keys="2:0:5:SEND").json() == {"response": "success", "body": "complete"}
    assert office.journal("204")[-1]["effect"] == "keys 2:0:5:SEND"
    wait_until(lambda: desk.lines()[0]["remotenum"] == "205")


# The order of the steps: the earliest that objects answers, whatever the later ones would say.


def lock_out(office, desk):
    office.profile("204", attempt_limit=1, lockout_seconds=3600)
    get(desk, "/cgi-bin/api-get_phone_status", passcode="wrong")


OBJECTIONS = {
    "fault error_500": lambda office, desk: office.fault("204", "error_500", None),
    "path": None,  # by the request itself, as the passcode
    "not allowed": lambda office, desk: office.profile("204", action_uri=False),
    "locked out": lock_out,
    "passcode": None,
    "level": lambda office, desk: office.profile("204", user_level=False),
    "popup": lambda office, desk: office.profile("204", popup=True, popup_mode="error"),
    "done": None,
}


@pytest.mark.parametrize("first", range(len(OBJECTIONS)))
def test_the_earliest_step_that_objects_answers(office, desk, first):
    wanted, *_ = later = [*OBJECTIONS][first:]
    for step in reversed(later):  # the lock-out needs a phone that still lets one in
        if (objection := OBJECTIONS[step]) is not None:
            objection(office, desk)
    office.forget()
    function = "api-phone_operation" if "path" not in later else "api-nothing"
    passcode = desk.passcode if "passcode" not in later else "wrong"
    get(desk, f"/cgi-bin/{function}", passcode=passcode, cmd="endcall")
    assert steps(office) == [wanted]

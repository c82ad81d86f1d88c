"""The journal tells what happened and never a passcode."""

import httpx
import pytest

from crmconnector.simulator.journal import Journal, redact
from tests.support.phone_farm import running_farm


def test_each_request_is_written_with_step_and_effect(office, desk):
    desk.status()
    desk.get("api-make_call", phonenumber="00442079460123")
    first, second = office.journal("204")
    assert (first["path"], first["step"], first["effect"], first["status"]) == (
        "/cgi-bin/api-get_phone_status",
        "done",
        "",
        200,
    )
    assert (second["query"], second["effect"]) == ("passcode=***&phonenumber=00442079460123", "dialing")
    assert (second["client"], second["method"], second["extension"]) == ("127.0.0.1", "GET", "204")


@pytest.mark.parametrize(
    "query", ["passcode={0}", "a=1&PASSCODE={0}", "pass%63ode={0}", "password={0}&x", "passcode={0}&passcode={0}"]
)
def test_no_spelling_of_the_passcode_gets_into_the_journal(office, desk, query):
    httpx.get(f"{desk.url}/cgi-bin/api-get_phone_status?{query.format(desk.passcode)}")
    httpx.get(f"{desk.url}/nowhere?{query.format(desk.passcode)}")
    assert desk.passcode not in str(office.journal())
    assert len(office.journal("204")) == 2


def test_the_journal_of_one_phone_leaves_out_the_others(office, desk, cti_of):
    desk.status()
    cti_of(office, "205").status()
    assert [row["extension"] for row in office.journal("205")] == ["205"]
    assert len(office.journal()) == 2


def test_redaction_leaves_the_rest_as_it_came():
    assert redact("passcode=a%26b&keys=1:0:%23:SEND&&x") == "passcode=***&keys=1:0:%23:SEND&&x"


def test_no_secret_in_a_repr(office):
    assert "story-204-pass" not in repr(office.story)


def test_a_bounded_journal_forgets_the_oldest_and_one_that_is_off_everything():
    with running_farm(1, journal_limit=2) as farm:
        for number in "123":
            farm.ask("api-get_phone_status", x=number)
        assert [row["query"].rpartition("&")[2] for row in farm.journal()] == ["x=2", "x=3"]
    with running_farm(1, journal_limit=0) as farm:
        farm.ask("api-get_phone_status")
        assert farm.journal() == []
        assert farm.look(farm.first)["requests"] == 1


@pytest.mark.parametrize("spelling", ["p&a#s s+é%", "p%26a%23s%20s%2B%C3%A9%25", "p%26a%23s+s%2B%C3%A9%25"])
def test_a_passcode_in_a_log_is_found_in_every_spelling(spelling):
    journal = Journal()
    secrets = [("1001", "p&a#s s+é%"), ("1002", "other"), ("1003", "")]
    assert journal.search(f"GET /?passcode={spelling} HTTP/1.1", secrets) == ["1001"]
    assert [(trip["kind"], trip["extension"]) for trip in journal.trips] == [("secret_in_log", "1001")]
    assert "p&a" not in str(journal.trips)


def test_a_clean_log_trips_nothing():
    journal = Journal()
    assert journal.search("GET /?passcode=*** HTTP/1.1", [("1001", "secret"), ("1002", "")]) == []
    assert journal.trips == []

"""The journal tells what happened and never a passcode."""

import httpx
import pytest

from crmconnector.simulator.journal import redact


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

"""Links of the card: only http and https, a host that no caller chooses, values that stay one component."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.screenpop.links import NAMES, LinkProblem, check_template, fill, web_link

GOOD = "https://crm.example.org/find/{external_id}?number={e164}&name={name}"
VALUES = {"external_id": "C-77/12", "e164": "+493023125447", "name": "Anna & Søn"}


def test_every_value_is_escaped_as_one_whole_component():
    assert (
        fill(GOOD, VALUES) == "https://crm.example.org/find/C-77%2F12?number=%2B493023125447&name=Anna%20%26%20S%C3%B8n"
    )


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("crm.example.org/{e164}", "no_address"),
        ("", "no_address"),
        ("javascript:alert({number})", "scheme"),
        ("javascript://crm.example.org/%0aalert(1)", "scheme"),
        ("data:text/html,{name}", "scheme"),
        ("tel:{number}", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("https://{name}/", "host_from_name"),
        ("https://crm.{queue}.example.org/", "host_from_name"),
        ("https://{name}@crm.example.org/", "host_from_name"),
        ("https://user:secret@crm.example.org/{e164}", "host"),
        ("https:///{e164}", "host"),
        ("https://crm.example.org:99999999/{e164}", "host"),
        ("https://crm.example.org\\{name}", "character"),
        ("https://crm.example.org/ {name}", "character"),
        ("https://crm.example.org/\u202e{name}", "character"),
        ("https://crm.example.org/\n{name}", "character"),
        ("https://crm.example.org/{password}", "unknown_name"),
        ("https://crm.example.org/{number!r}", "unknown_name"),
        ("https://crm.example.org/{number.__class__}", "unknown_name"),
        ("https://crm.example.org/{}", "unknown_name"),
        ("https://crm.example.org/{number", "braces"),
        ("https://crm.example.org/{{number}}", "braces"),
        ("https://crm.example.org/a/../{number}", "step"),
        ("https://crm.example.org/%2e%2E/{number}", "step"),
    ],
)
def test_a_template_that_could_lead_astray_is_refused(template, code):
    with pytest.raises(LinkProblem) as caught:
        check_template(template)
    assert caught.value.code == code
    assert fill(template, dict.fromkeys(NAMES, "x")) is None


@pytest.mark.parametrize("missing", ["", None], ids=["empty", "none"])
def test_without_a_value_there_is_no_link(missing):
    assert fill(GOOD, {**VALUES, "name": missing}) is None
    assert fill(GOOD, {}) is None


@pytest.mark.parametrize("value", [".", "..", "\ud800", "x" * 201], ids=["dot", "dots", "surrogate", "long"])
def test_a_value_that_would_climb_or_cannot_be_written_makes_no_link(value):
    assert fill("https://crm.example.org/{name}/x", {"name": value}) is None


def test_a_value_does_not_complete_a_step_that_the_template_began():
    assert fill("https://crm.example.org/.{name}/x", {"name": "."}) is None


@given(st.text(min_size=1, max_size=200))
def test_no_caller_moves_the_link_to_another_host_or_path(name):
    url = fill("https://crm.example.org/a/{name}?q={name}&fixed=1", {"name": name})
    if url is None:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "crm.example.org", "")
    assert [unquote(step) for step in parts.path.split("/")] == ["", "a", name]
    assert parse_qs(parts.query, keep_blank_values=True) == {"q": [name], "fixed": ["1"]}


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "https://a b", "//crm.example.org", "https://u:p@crm.example.org", "", "https://x\\@y"],
)
def test_a_stored_address_is_followed_only_when_it_is_plain(address):
    assert web_link(address) is None
    assert web_link("https://crm.example.org/c/1?x=2#y") == "https://crm.example.org/c/1?x=2#y"

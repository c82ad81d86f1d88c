"""The pieces of dialplan that we ship: nothing reaches Asterisk's functions unfiltered, no pattern fits everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crmconnector.asterisk import call_actions
from crmconnector.asterisk.call_actions import Dial

FOLDER = Path(__file__).resolve().parents[2] / "deploy/asterisk"
COMMAND = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture(params=["crmconnector.conf", "crmconnector-freepbx.conf"])
def lines(request: pytest.FixtureRequest) -> list[str]:
    text = (FOLDER / request.param).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(";")]


def test_it_is_one_context_of_its_own_that_nothing_is_included_in(lines: list[str]) -> None:
    assert lines[0] == "[crmconnector]" and sum(line.startswith("[") for line in lines) == 1
    assert not any("include" in line for line in lines)


def test_no_pattern_fits_a_name_of_any_length(lines: list[str]) -> None:
    patterns = [line.split("=>")[1].split(",")[0].strip() for line in lines if line.startswith("exten")]
    assert all("." not in name and "!" not in name for name in patterns)


def test_each_value_from_outside_is_filtered_before_it_is_used(lines: list[str]) -> None:
    for line in lines:
        bare = re.sub(r"\$\{FILTER\([^,]+,\$\{(CRM_\w+|EXTEN:1)\}\)\}", "", line)
        compared = re.sub(r'"\$\{CRM_WANTED\}" = "on"', "", bare)
        assert "${CRM_" not in compared and "${EXTEN" not in compared, line


def test_what_the_product_asks_for_is_there(lines: list[str]) -> None:
    """The names of extensions and variables on both sides."""
    text = "\n".join(lines)
    dial = Dial("PJSIP/204", "205", "205", "204", "inside", COMMAND, "crmconnector")
    asked = [
        call_actions.call_from_phone(dial),
        call_actions.do_not_disturb("204", on=True, snippet="crmconnector", command=COMMAND),
    ]
    for action in asked:
        names = {variable.split("=")[0] for variable in action.headers["Variable"] if variable.startswith("CRM_")}
        assert all(f"${{{name}}}" in text for name in names - {"CRM_COMMAND"})
    assert asked[0].headers["Exten"] == "call" and "exten => call,1," in text and "exten => dnd,1," in text
    room = call_actions.into_room("1700000000.1", room="0" * 12, snippet="crmconnector").headers["Exten"]
    (pattern,) = re.findall(r"exten => (_c\w+),1,", text)
    assert re.fullmatch(pattern[1:].replace("X", "[0-9]"), str(room))

"""The one sentence about a command: for every kind in every state, and never more than what is proven."""

from datetime import timedelta

import pytest

from crmconnector.calls.models import CallCommand, CommandKind, CommandState
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.callbar import ON_CARD
from crmconnector.web.command_story import tell_command
from crmconnector.web.command_words import WHY_NOT, WORDS, why_not
from crmconnector.web.words import said_of
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_command

NOW = utc_now()
KINDS = sorted(CommandKind.values)
STATES = sorted(CommandState.values)
ASKED = (CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT)


def command(kind: str, state: str, **changes: object) -> CallCommand:
    fields = {"path": "phone", "target": "Tomasz", "requested_at": NOW, "sent_at": NOW, "ended_at": NOW, **changes}
    return CallCommand(kind=kind, state=state, **fields)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_state_has_one_short_sentence(kind: str, state: str) -> None:
    for path in ("phone", "pbx"):
        said = said_of(command(kind, state, path=path), now=NOW)
        assert said.text and "%(" not in said.text and len(said.text) < 200
        assert not any(word in said.text for word in ("!", "successful", "please", "Please", "oops"))


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_confirmed_is_said_as_done(kind: str) -> None:
    for state in STATES:
        said = said_of(command(kind, state), now=NOW)
        assert (said.tone == "ok") is (state == CommandState.CONFIRMED)
        assert ("The PBX confirmed it at" in said.text) is (state == CommandState.CONFIRMED)
        assert said.asked is (state in ASKED or state == CommandState.UNKNOWN)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_end_is_watched_and_then_settled_with_what_to_do(kind: str) -> None:
    watched = said_of(command(kind, "unknown"), now=NOW)
    assert "may or may not" in watched.text and "do not press again" in watched.text and watched.asked
    settled = said_of(command(kind, "unknown", settled=True), now=NOW)
    assert not settled.asked and "No answer" in settled.text and "PBX" in settled.text


def test_the_workers_and_sweepers_own_sentence_comes_first() -> None:
    for state in ("refused", "failed", "expired", "cancelled"):
        assert said_of(command("hold", state, sentence="Line 2 rings."), now=NOW).text == "Line 2 rings."
    assert said_of(command("hold", "unknown", settled=True, sentence="Nobody knows."), now=NOW).text == "Nobody knows."


def test_hold_says_that_the_caller_still_hears_until_it_is_proven() -> None:
    assert "The caller can still hear you." in said_of(command("hold", "sent"), now=NOW).text
    assert said_of(command("hold", "confirmed"), now=NOW).text.startswith("On hold. The PBX confirmed it at ")


def test_a_second_way_says_that_the_first_did_nothing() -> None:
    first = command("hang_up", "refused")
    text = said_of(command("hang_up", "requested", fallback_of=first, path="pbx"), now=NOW).text
    assert text.startswith("Your phone did not take it, so the PBX was asked.")


def test_a_name_in_a_sentence_is_kept_apart_from_its_words() -> None:
    assert "\u2068\u202eTomasz\u2069" in said_of(command("blind_transfer", "sent", target="\u202eTomasz"), now=NOW).text


def test_every_kind_has_words_and_every_reason_a_sentence() -> None:
    assert set(WORDS) == set(CommandKind.values) == set(VERBS)
    assert set(ON_CARD) <= set(WORDS)
    codes = {"phone_cannot", "not_calibrated", "phone_refuses", "pbx_away", "no_snippet", "pbx_forbids", "no_way"}
    assert codes <= set(WHY_NOT) and all(why_not(code).endswith(".") for code in WHY_NOT)
    assert why_not("") == "" and why_not("something new") == why_not("not_now")


@pytest.mark.django_db
def test_the_story_of_a_second_way_says_why_and_that_the_pbx_was_asked(office: RowOffice) -> None:
    leg = add_call(office).legs.get()
    first = add_command(leg, "requested", "refused", kind="hang_up", sentence="Your phone refused.")
    second = add_command(leg, "requested", "sent", kind="hang_up", path="pbx", fallback_of=first)
    assert [step.why for step in tell_command(second).steps] == [
        "The phone did nothing, so the PBX was asked.",
        "Once, to the PBX. What it replied proves nothing yet.",
    ]
    assert tell_command(first).steps[0].why == "The button on the desk was pressed."


def test_the_time_until_which_we_look_is_ten_seconds_after_the_sending() -> None:
    late = command("hold", "unknown", sent_at=NOW - timedelta(hours=1))
    assert said_of(late, now=NOW).text != said_of(command("hold", "unknown"), now=NOW).text

"""The one sentence about a command: for every kind in every state, and never more than what is proven."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crmconnector.asterisk import ami
from crmconnector.calls.models import CallCommand, CommandKind, CommandState, CommandStep, StepState
from crmconnector.calls.services import Outcome
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.callbar import ON_CARD
from crmconnector.web.command_story import tell_command
from crmconnector.web.command_words import WHY_NOT, WORDS, why_not
from crmconnector.web.dial_story import said_of_dial
from crmconnector.web.step_words import (
    EXPECTED,
    KEYS,
    LINES,
    OVER,
    keys_in_words,
    lines_in_words,
    tell_steps,
)
from crmconnector.web.step_words import STATES as STEP_STATES
from crmconnector.web.words import said_of
from phones.drivers.base import LineWord
from phones.sequences import Certainty, Deed, Why
from phones.sequences_run import Ending
from phones.sequences_words import sentence_of
from tasks import pbx_deeds, phone_deeds, phone_plans, phone_scene
from tasks.pbx_words import NOT, outcome_of
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_command

NOW = utc_now()
KINDS = sorted(CommandKind.values)
STATES = sorted(CommandState.values)
CATALOGUE = Path(__file__).parents[2] / "phones/sequences_catalogue.py"
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


def test_that_the_pbx_rings_the_own_phone_is_not_told_as_a_call_that_is_on_its_way() -> None:
    text = said_of(command("make_call", "confirmed", path="pbx"), now=NOW).text
    assert text.startswith("The PBX is calling you. Pick up and it dials \u2068Tomasz\u2069.")
    first = command("make_call", "failed")
    text = said_of(command("make_call", "confirmed", path="pbx", fallback_of=first), now=NOW).text
    assert text.startswith("Your phone did not take it; the PBX is calling you. Pick up and it dials")


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


@pytest.mark.parametrize("state", ASKED)
def test_a_dial_that_nobody_tells_of_is_not_sure_after_three_seconds(state: str) -> None:
    for path in ("phone", "pbx"):
        one = command("make_call", state, path=path)
        assert "Not sure" not in said_of_dial(one, "030 1", NOW + timedelta(seconds=3)).text
        late = said_of_dial(one, "030 1", NOW + timedelta(seconds=4))
        rings = path == "pbx" and state == CommandState.SENT  # whom the PBX calls may take his time
        assert ("do not press again" in late.text.lower()) is not rings and late.asked


# --- reasons ---------------------------------------------------------------------------------------------------------


def outcomes_by_name() -> Iterator[tuple[str, Outcome]]:
    """What workers give as the end of a command, as far as it is written down beforehand."""
    for module in (phone_deeds, phone_plans, phone_scene, pbx_deeds):
        for value in vars(module).values():
            found = value.values() if isinstance(value, dict) else [value]
            yield from ((one.reason_code, one) for one in found if isinstance(one, Outcome))


def outcomes_by_pbx() -> Iterator[tuple[str, Outcome]]:
    refused = [ami.Refused("no", ami.Reply(False, said, {})) for said in ("Extension is busy", "Permission denied")]
    errors = [ami.Unclear("late"), ami.LinkLost("away"), ami.BadHeader("bad"), *refused]
    for kind in NOT:
        for error in errors:
            yield f"{kind}, {type(error).__name__}", outcome_of(error, kind, begun=False)
        yield f"{kind}, begun", outcome_of(errors[1], kind, begun=True)


def test_every_reason_says_what_happened_in_whole_sentences() -> None:
    told = {name: outcome.sentence for name, outcome in (*outcomes_by_name(), *outcomes_by_pbx())}
    told |= {f"{why}, {sure}": sentence_of(Ending(why, sure)) for why in Why for sure in Certainty}
    assert len(told) > 80
    for name, sentence in told.items():
        assert sentence and sentence[0].isupper() and sentence.endswith("."), name
        assert len(sentence) < 300 and not re.search(r"(?i)!|successful|please|oops|error", sentence), (name, sentence)


def test_no_reason_leaves_open_whether_something_was_done() -> None:
    """Nothing was sent or changed, or it may have happened: one of both is said, whatever went wrong."""
    nothing = r"Nothing was sent|was not sent|Nothing changed|nothing more was sent|cannot be sent"
    closed = rf"{nothing}|may or may not|may have|may be|Some"
    for name, outcome in (*outcomes_by_name(), *outcomes_by_pbx()):
        assert re.search(closed, outcome.sentence), (name, outcome.sentence)


# --- steps of a key sequence -----------------------------------------------------------------------------------------


def test_every_step_that_a_sequence_can_have_is_said_in_words() -> None:
    source = CATALOGUE.read_text()
    assert set(re.findall(r'expected="([^"]+)"', source)) == set(EXPECTED)
    assert set(re.findall(r'keys=\("([A-Z]+)",\)', source)) <= set(KEYS)
    assert {each.value for each in Deed} - {"keys"} <= set(KEYS)
    assert {each.value.replace("_", " ") for each in LineWord} - {"idle"} == set(LINES)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("XFER", "the transfer key"), ("LINE2", "the key of line 2"), ("1 digits, SEND", "1 digit, the send key"),
        ("4711", "4 digits"), ("1, 2, *", "1 digit, 1 digit, 1 digit"), ("SOFT3", "SOFT3"), ("", ""), ("end_other",
        "the order to end the second call"),
    ],
    ids=["key", "line", "number", "typed", "typed one by one", "new key", "nothing", "order"],
)  # fmt: skip
def test_keys_are_named_and_digits_only_counted(keys: str, words: str) -> None:
    assert keys_in_words(keys) == words


def test_what_the_phone_showed_is_said_line_by_line() -> None:
    assert lines_in_words("1 on hold, 2 connected") == "line 1 is on hold, line 2 is connected"
    assert lines_in_words("every line idle") == "every line is free"
    assert lines_in_words("nothing we know") == "nothing we know"


def test_a_step_says_how_long_it_took_and_what_never_came() -> None:
    seen = CommandStep(position=1, name="press transfer", keys="XFER", expected="line free", observed="every line idle",
                       state="seen", sent_at=NOW, seen_at=NOW + timedelta(milliseconds=480))  # fmt: skip
    rest = [CommandStep(position=place, name="dial", keys="dial", state=state) for place, state in enumerate(
        ("sent", "waiting"), start=2)]  # fmt: skip
    first, *under_way = tell_steps([seen, *rest], live=True)
    assert (first.title, first.word, first.milliseconds) == ("Press transfer", "Seen", 480)
    assert [one.word for one in under_way] == ["Under way", "To come"]
    assert [one.word for one in tell_steps(rest, live=False)] == ["Sent, its end not seen", "Not sent"]


def test_an_end_that_is_told_has_words_for_each_step_state() -> None:
    assert set(STEP_STATES) == set(OVER) == set(StepState)

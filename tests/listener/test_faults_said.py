"""From the wire to what people read: a fault of the link is said on the desk and by /readyz, and ends with it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.asterisk.ami_rights import missing_sentence, read_sentence
from crmconnector.calls.models import Call
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.models import Pop
from crmconnector.web.link_reasons import clause_of
from tests.support.listening_post import (
    FakeOffice,
    answer_events,
    hangup_events,
    leading,
    ring_events,
)
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.said_to_people import (
    STILL_DEAF,
    People,
    ended_well,
    gap_of,
    in_state,
    one_card,
)

pytestmark = pytest.mark.timeout(60)


def test_a_port_that_is_closed_is_said_and_calls_that_went_on_meanwhile_are_found_again(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        lost, kept, new = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202"), pbx.make("PJSIP/203", "03023125448")
        pbx.answer(kept)
        in_state(kept, "talking")
        one_card(lost, "ringing")
        people.are_content()
        people.begin()
        pbx.close_port()
        people.hear_of("unreachable")
        assert STILL_DEAF in people.warnings() and clause_of("cut") in people.warnings()
        pbx.say(*hangup_events(lost), *ring_events(new), heard=False)
        pbx.open_port()
        people.are_content()
        assert in_state(lost, "ended").disposition == "unseen"
        one_card(lost, "closed")
        one_card(new, "ringing")
        one_card(kept, "talking")
        ended_well(pbx, term, kept, new, log=[lost, kept, new])
        assert Call.objects.get(linkedid=kept.key).disposition == "answered"


@pytest.mark.parametrize("told", [True, False], ids=["with a Shutdown", "killed"])
def test_a_pbx_that_restarts_is_said_and_its_old_calls_are_closed(rows, pbx, people, hurry, told):
    with leading(rows.pbx) as term:
        one, two = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202")
        pbx.answer(two)
        in_state(two, "talking")
        one_card(one, "ringing")
        people.are_content()
        people.begin()
        if told:  # on its way down it refuses every login, then it is gone for a while
            pbx.ami.login, pbx.ami.refusal = "refuse", "Asterisk is shutting down"
            pbx.say({"Event": "Shutdown", "Shutdown": "Cleanly", "Restart": "True"})
            people.hear_of("pbx_shutdown")
        pbx.close_port()
        people.hear_of("unreachable")
        assert clause_of("pbx_shutdown" if told else "cut") in people.warnings()
        pbx.new_life()
        pbx.ami.login = "accept"
        pbx.open_port()
        people.are_content()
        assert in_state(one, "ended").disposition == "unseen"
        assert in_state(two, "ended").disposition == "answered", "its answer was seen"
        new = pbx.ring("PJSIP/201")
        one_card(new, "ringing")
        one_card(one, "closed")
        ended_well(pbx, term, new, log=[one, two, new])


def test_a_refused_login_is_said_and_the_call_that_went_on_is_not_told_twice(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        one_card(call, "ringing")
        people.are_content()
        version = Pop.objects.get().version
        people.begin()
        pbx.ami.login = "refuse"
        pbx.cut()
        people.hear_of("login_refused")
        pbx.ami.login = "accept"
        people.are_content()
        assert Pop.objects.get().version == version, "the card stayed as it was"
        ended_well(pbx, term, call, log=[call])


def test_a_login_that_was_never_accepted_is_said_from_the_start(rows, pbx, people, hurry):
    pbx.ami.login = "refuse"
    with leading(rows.pbx, hears=False) as term:
        people.begin()
        people.hear_of("login_refused")
        pbx.ami.login = "accept"
        people.are_content()
        call = pbx.ring()
        one_card(call, "ringing")
        ended_well(pbx, term, call, log=[call])


def test_a_link_that_is_half_open_is_said_and_the_answer_in_between_is_found_again(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        one_card(call, "ringing")
        people.are_content()
        people.begin()
        pbx.ami.silent = True  # the socket stays open; a new one is accepted and its login not answered
        people.hear_of("silent", "login_unanswered")
        gap_of(SENTENCES["silent"])
        assert clause_of("silent") in people.warnings()
        people.hear_of("login_unanswered")
        pbx.say(*answer_events(call), heard=False)
        pbx.ami.silent = False
        people.are_content()
        one_card(call, "talking")
        in_state(call, "talking")
        ended_well(pbx, term, call, log=[call])
        assert Call.objects.get().disposition == "answered"


def no_list(pbx: FakeOffice, missing: bool) -> None:
    pbx.refuse_list, pbx.commands = missing, {} if missing else FakeOffice(pbx.thread).commands


def not_booted(pbx: FakeOffice, missing: bool) -> None:
    pbx.ami.fully_booted = not missing


def no_calls(pbx: FakeOffice, missing: bool) -> None:
    pbx.ami.bend = without_calls if missing else bytes


def without_calls(raw: bytes) -> bytes:
    """What a user without `read = call` is sent; the list's own lines are answers."""
    return b"" if re.match(rb"Event: (Newchannel|Newstate|Dial|Hangup|Bridge)", raw) else raw


@pytest.mark.parametrize(
    ("right", "sentence"),
    [
        (no_list, missing_sentence("reporting")),
        (not_booted, read_sentence("system")),
        (no_calls, read_sentence("call")),
    ],
    ids=["list refused", "not FullyBooted", "no call events"],
)
def test_a_missing_right_is_said_to_administrators_and_goes_with_its_cause(
    rows: RowOffice, pbx: FakeOffice, people: People, hurry: None, right: Callable[..., None], sentence: str
) -> None:
    with leading(rows.pbx, check_seconds=0.3) as term:
        people.are_content()
        people.begin()
        right(pbx, True)
        links = PbxLink.objects.get().since
        pbx.cut()
        eventually(lambda: PbxLink.objects.filter(since__gt=links, state="connected").exists())
        call = pbx.ring()
        shown = sentence.replace("`", "")
        eventually(lambda: shown in people.desk(people.boss), what=lambda: people.desk(people.boss))
        eventually(lambda: sentence in people.warnings(), what=people.warnings)
        people.noticed(sentence)
        status, answer = people.readyz()
        assert (status, answer["ready"]) == (200, True), "restarting something cures nothing of it"
        assert "manager.conf" not in people.desk(people.agent)
        one_card(call, "ringing")
        right(pbx, False)
        pbx.cut()
        people.are_content()
        ended_well(pbx, term, call, log=[call])

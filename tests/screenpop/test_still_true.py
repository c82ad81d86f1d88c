"""A proof is of its moment: what does not last is not told as if it did."""

from uuid import uuid4

import pytest

from crmconnector.calls.models import CallCommand, CommandKind, CommandState, Leg
from crmconnector.screenpop.callbar import LASTS_WITH_THE_CALL, NO_BAR, CallBar, still_true
from crmconnector.web.templatetags.words import said_on


def told(kind, bar):
    command = CallCommand(kind=kind, state=CommandState.CONFIRMED)
    return still_true(command, bar) is command


@pytest.mark.parametrize("kind", LASTS_WITH_THE_CALL)
def test_when_the_call_is_over_nobody_is_on_hold_or_muted_any_more(kind):
    assert not told(kind, NO_BAR)


@pytest.mark.parametrize("kind", [CommandKind.BLIND_TRANSFER, CommandKind.HANG_UP, CommandKind.DTMF])
def test_what_was_done_once_is_told_after_the_call_too(kind):
    assert told(kind, NO_BAR)


@pytest.mark.parametrize(("kind", "held"), [(CommandKind.HOLD, True), (CommandKind.RESUME, False)])
def test_a_hold_is_told_until_it_is_undone_by_hand(kind, held):
    assert told(kind, CallBar(leg=Leg(), held=held)) and not told(kind, CallBar(leg=Leg(), held=not held))


@pytest.mark.parametrize("fallback", [False, True], ids=["at once", "instead of the phone"])
def test_that_the_pbx_rings_the_own_phone_is_told_until_it_is_picked_up(fallback):
    command = CallCommand(kind=CommandKind.MAKE_CALL, state=CommandState.CONFIRMED, path="pbx", target="Ada")
    command.fallback_of_id = uuid4() if fallback else None
    leg = Leg(state="dialling")
    assert "Pick up and it dials" in said_on(command, CallBar(leg=leg, rings_here=True)).text
    text = said_on(command, CallBar(leg=leg)).text
    assert "Pick up" not in text and "Calling" in text

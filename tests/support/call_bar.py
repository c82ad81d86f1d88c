"""A call on a desk whose every verb is possible, and commands moved as a worker and a listener would move them."""

from datetime import timedelta

from django.test import Client

from crmconnector.calls.models import CallCommand, CommandChange, CommandState, Leg
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import touch_pops, wake
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_leg, add_pop, caller, person

EVERY_ACTION = sorted({action.lower() for row in VERBS.values() for action in row.pbx})


def allow_everything(office: RowOffice) -> None:
    """The PBX lets our user do all that the verbs need, and has our piece of dialplan."""
    PbxLink.objects.filter(pbx=office.pbx).update(may_send=EVERY_ACTION, state=PbxLink.State.CONNECTED)
    Pbx.objects.filter(pk=office.pbx.pk).update(snippet_context="crmconnector")


def call_on_desk(office: RowOffice, *, state: str = "talking", place: int = 0, **payload: object) -> Pop:
    """A call that rings, talks or waits on the phone at `place`, with its card."""
    at = utc_now() - timedelta(seconds=20)
    answered = None if state in ("ringing", "dialling") else at + timedelta(seconds=5)
    call = add_call(office, place=place, state="talking", started_at=at, answered_at=answered, ended_at=None)
    leg = call.legs.get()
    leg.state, leg.outcome = state, ""
    leg.save()
    facts = {"caller": caller("known"), "people": [person()], "rule": "exact", **payload}
    return add_pop(call, leg, state=state, answered_at=answered.timestamp() if answered else None, **facts)


def own_leg_of(pop: Pop) -> Leg:
    return Leg.objects.get(call=pop.call_id, user=pop.user_id)


def press(client: Client, pop: Pop, kind: str, *, key: str = "k", **fields: str):
    return client.post(f"/desk/pops/{pop.pk}/verbs/{kind}", {"key": key, **fields})


def move(command: CallCommand, state: str, *, leg_state: str = "", sentence: str = "", by: str = "listener") -> None:
    """The command's row goes on, the leg with it, and the card is drawn again."""
    now = utc_now()
    fields: dict[str, object] = {"state": state, "sentence": sentence}
    if state in (CommandState.SENT, CommandState.UNKNOWN):
        fields["sent_at"] = now
    elif state not in (CommandState.REQUESTED, CommandState.GRANTED):
        fields |= {"ended_at": now, "settled": True}
    CallCommand.objects.filter(pk=command.pk).update(**fields)
    CommandChange.objects.create(command=command, state=state, at=now, by=by)
    command.refresh_from_db()
    if command.leg is not None:
        if leg_state:
            Leg.objects.filter(pk=command.leg_id).update(state=leg_state)
            show_state(command.leg, leg_state)
        redraw(command.leg)


def show_state(leg: Leg, state: str) -> None:
    for pop in Pop.objects.filter(call=leg.call_id, user=leg.user_id):
        pop.state, pop.payload = state, {**pop.payload, "state": state}
        pop.save(update_fields=["state", "payload"])


def redraw(leg: Leg) -> None:
    wake(touch_pops(legs=[(leg.call_id, leg.user_id or 0)], now=utc_now()))


def colleague_rings(office: RowOffice, *, place: int = 1, state: str = "ringing") -> Leg:
    """What the PBX shows of the one who is asked."""
    at = utc_now()
    call = add_call(office, place=place, direction="internal", started_at=at, answered_at=None, ended_at=None)
    leg = call.legs.get()
    leg.state, leg.outcome, leg.rang_at = state, "", at
    leg.answered_at = at if state == "talking" else None
    leg.save()
    return leg


__all__ = ["EVERY_ACTION", "add_leg", "allow_everything", "call_on_desk", "colleague_rings", "move", "own_leg_of",
           "press", "redraw", "show_state"]  # fmt: skip

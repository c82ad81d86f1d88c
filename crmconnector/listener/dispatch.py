"""From call events to what the rest of the product does about them: one table, one transaction a batch."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from crmconnector.calls import events as ev
from crmconnector.calls.confirmation import settle
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.open_commands import meant_by, open_commands, open_consultations, picture_of
from crmconnector.calls.services import settle_commands
from crmconnector.listener.fence import under_epoch
from crmconnector.pbx.models import Pbx
from crmconnector.screenpop.publisher import refresh_pops, touch_pops

Reaction = Callable[[CallLedger, Sequence[ev.CallEvent], datetime], set[int]]


def handle_batch(
    *, pbx: Pbx, epoch: int, batch: Sequence[ev.CallEvent], now: datetime, over: Set[str] = frozenset()
) -> set[int]:
    """Write one batch and everything it causes; returns the users to wake after the commit.

    `over` are legs that have ended already, though their end is in a later batch: they open no card.
    Raises `Fenced` when another listener leads this PBX by now; nothing is written then.
    """
    if not batch:
        return set()
    users: set[int] = set()
    with under_epoch(pbx_id=pbx.pk, epoch=epoch):
        ledger = CallLedger(pbx, batch, over=over)
        for event in batch:
            ledger.apply(event)
        ledger.save()
        for reaction in REACTIONS:
            users |= reaction(ledger, batch, now)
    return users


def prove_commands(ledger: CallLedger, batch: Sequence[ev.CallEvent], now: datetime) -> set[int]:
    """What the PBX did settles what was asked of phones and PBX; its people's desks are woken in any case."""
    legs = list(ledger.legs.values())
    waiting = open_commands(pbx_id=ledger.pbx.pk, legs=[leg.pk for leg in legs])
    if not waiting:
        return set()
    verdicts = settle(meant_by(waiting), batch, picture_of(waiting, legs))
    changed = settle_commands(verdicts, now) if verdicts else []
    cards = [(command.leg.call_id, command.user_id) for command in changed if command.leg is not None]
    return {command.user_id for command in changed} | (touch_pops(legs=cards, now=now) if cards else set())


def show_cards(ledger: CallLedger, batch: Sequence[ev.CallEvent], now: datetime) -> set[int]:
    return refresh_pops(ledger=ledger, now=now, batch=batch)


def show_consultations(ledger: CallLedger, batch: Sequence[ev.CallEvent], now: datetime) -> set[int]:
    """Whoever is being asked rings, picks up or is gone: the card of the one who asks tells it."""
    if not any(isinstance(event, TELLS_OF_THE_ASKED) for event in batch):
        return set()
    legs = [leg for call in ledger.touched() for leg in ledger.all_legs_of(call)]
    users = {leg.user_id for leg in legs if leg.user_id is not None}
    several = len(users) > 1 or any(leg.placed for leg in legs)  # one that only rings somebody asks nobody
    cards = open_consultations(users=users, now=now) if several else []
    return touch_pops(legs=cards, now=now) if cards else set()


TELLS_OF_THE_ASKED = (ev.LegRinging, ev.LegAnswered, ev.LegEnded)
# In this order: commands first, so that a card which opens or closes already tells the command's end.
REACTIONS: tuple[Reaction, ...] = (prove_commands, show_cards, show_consultations)

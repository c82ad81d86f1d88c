"""From call events to what the rest of the product does about them: one table, one transaction a batch."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from crmconnector.calls import events as ev
from crmconnector.calls.confirmation import settle
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.open_commands import meant_by, open_commands, picture_of
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


# In this order: commands first, so that a card which opens or closes already tells the command's end.
REACTIONS: tuple[Reaction, ...] = (prove_commands, show_cards)

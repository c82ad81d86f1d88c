"""From call events to what the rest of the product does about them: one table, one transaction a batch."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from crmconnector.calls import events as ev
from crmconnector.calls.confirmation import Disproof, Proof, proof_of_answer
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import CallCommand, CommandState, Leg
from crmconnector.calls.services import confirm_commands, disprove_commands
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
    """What the PBX did settles what was asked of the phones."""
    waiting = _legs_with_commands(ledger)
    if not waiting:
        return set()
    verdicts = [
        (leg, verdict) for event in batch for leg in waiting if (verdict := proof_of_answer(leg.uniqueid, event))
    ]
    proved = {leg.pk: verdict.evidence for leg, verdict in verdicts if isinstance(verdict, Proof)}
    failed = {leg.pk: verdict.evidence for leg, verdict in verdicts if isinstance(verdict, Disproof)}
    failed = {leg_id: evidence for leg_id, evidence in failed.items() if leg_id not in proved}
    changed = confirm_commands(leg_ids=proved, evidence=proved, now=now)
    changed += disprove_commands(leg_ids=failed, evidence=failed, now=now)
    calls = {leg.pk: leg.call_id for leg in waiting}
    return touch_pops(legs=[(calls[command.leg_id], command.user_id) for command in changed], now=now)


def show_cards(ledger: CallLedger, batch: Sequence[ev.CallEvent], now: datetime) -> set[int]:
    return refresh_pops(ledger=ledger, now=now, batch=batch)


# In this order: commands first, so that a card which opens or closes already tells the command's end.
REACTIONS: tuple[Reaction, ...] = (prove_commands, show_cards)


def _legs_with_commands(ledger: CallLedger) -> list[Leg]:
    """Legs of this batch on which a command may still come true: usually none, one query."""
    legs = {leg.pk: leg for leg in ledger.legs.values()}
    open_states = [CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN]
    waiting = CallCommand.objects.filter(leg__in=legs, state__in=open_states).values_list("leg_id", flat=True)
    return [legs[leg_id] for leg_id in set(waiting)]

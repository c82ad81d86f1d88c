"""Once a second, on PostgreSQL alone: what the broker lost is asked again, what cannot end by itself is ended.

Nothing is ever sent again: only a command that was never granted is handed out a second time.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max
from django.db.models.functions import Coalesce

from crmconnector.calls.aftermath import by_rows, still_as_before
from crmconnector.calls.confirmation import Disproof
from crmconnector.calls.emergency import with_advice
from crmconnector.calls.models import CallCommand, CommandPath, CommandState, CommandStep
from crmconnector.calls.open_commands import is_heard, meant_of_rows, placed_since, standing_of
from crmconnector.calls.sentences import expired, not_sure_yet, still_not_sure, still_pressing
from crmconnector.calls.services import LIVE, SEQUENCES, move_command, settle_commands
from crmconnector.common.clock import (
    COMMAND_RECONCILE_SECONDS,
    COMMAND_TRUTH_SECONDS,
    SEQUENCE_LEASE_SECONDS,
    utc_now,
)
from crmconnector.contacts.imports.services import forget_old
from crmconnector.listener.models import Heartbeat
from crmconnector.screenpop.publisher import touch_pops, wake
from phones.orders import end_stale_orders, note_relayed, orders_to_relay
from tasks.call_control import enqueue
from tasks.device_control import enqueue_orders
from tasks.reconcile import first_look_seconds, reconcile_now

RELAY_AGAIN_SECONDS = 2.0
HEARTBEAT_SECONDS = 3.0
FORGET_SECONDS = 3600.0
LAST_LOOK_SECONDS = 8.0  # so that its answer is there by COMMAND_RECONCILE_SECONDS
MOST_AT_ONCE = 500
Signs = Mapping[UUID, datetime]
NOBODY = "Not sent yet: no worker has taken it up. It is withdrawn by itself if that lasts."


def sweep() -> None:
    """One round. Each step looks at open commands only (a partial index)."""
    now = utc_now()
    commands = list(
        CallCommand.objects.filter(LIVE)
        .select_related("leg__call", "other_leg", "part_of__other_leg", "pbx__link")
        .order_by("requested_at")[:MOST_AT_ONCE]
    )
    signs = _signs_of_life(commands)
    changed = [command for command in commands if _ended_or_told(command, signs, now)]
    wake(_touch(changed, now))
    same = [command for command in commands if command not in changed]
    _relay(same, now)
    _look_after([command for command in commands if command.state != CommandState.REQUESTED], signs, now)
    _sweep_orders(now)
    _give_sign_of_life(now)
    _forget_old_files(now)


def _touch(changed: list[CallCommand], now: datetime) -> set[int]:
    """Whom to wake: everybody whose command changed, whether or not a call is known for it yet."""
    cards = [(command.leg.call_id, command.user_id) for command in changed if command.leg is not None]
    users = touch_pops(legs=cards, now=now) if cards else set()
    return users | {command.user_id for command in changed}


def _ended_or_told(command: CallCommand, signs: Signs, now: datetime) -> bool:
    """Whether this command changed: withdrawn, proved by the rows, "not sure yet", or settled."""
    if command.state == CommandState.REQUESTED:
        return _withdraw_or_explain(command, now)
    if _shown_by_rows(command, now):
        return True
    if _looked_for(command, signs, now) >= COMMAND_RECONCILE_SECONDS:
        return _settle(command, now)
    silent = (now - _last_sign(command, signs)).total_seconds()
    if silent >= COMMAND_TRUTH_SECONDS and command.state != CommandState.UNKNOWN:
        return _say_not_sure(command, now, pressing=command.pk in signs)
    return False


def _presses_keys(command: CallCommand) -> bool:
    """A worker may be pressing its keys now, one step after the other."""
    waits = command.state == CommandState.GRANTED or (command.state == CommandState.UNKNOWN and command.sent_at is None)
    return waits and command.path == CommandPath.PHONE and command.kind in SEQUENCES


def _signs_of_life(commands: Collection[CallCommand]) -> Signs:
    """When the workers that press keys last wrote a step down; one statement, and none without such a command."""
    pressing = [command.pk for command in commands if _presses_keys(command)]
    if not pressing:
        return {}
    steps = CommandStep.objects.filter(command__in=pressing, sent_at__isnull=False).order_by()
    return dict(steps.values_list("command").annotate(at=Max(Coalesce("seen_at", "sent_at"))))


def _last_sign(command: CallCommand, signs: Signs) -> datetime:
    began = command.granted_at or command.requested_at
    return max(began, signs.get(command.pk, began))


def _looked_for(command: CallCommand, signs: Signs, now: datetime) -> float:
    """Seconds since its effect could be seen. Keys are pressed one after the other for as long as the lease lasts, and
    each step renews it: the worker that presses them is not given up before that."""
    began = _last_sign(command, signs)
    if _presses_keys(command):
        began += timedelta(seconds=SEQUENCE_LEASE_SECONDS)
    return (now - began).total_seconds()


def _withdraw_or_explain(command: CallCommand, now: datetime) -> bool:
    if now >= command.not_after:
        return move_command(
            command_id=command.pk, from_states=(CommandState.REQUESTED,), to=CommandState.EXPIRED, now=now,
            reason_code="expired", sentence=with_advice(command, CommandState.EXPIRED, expired(command.kind)),
        )  # fmt: skip
    said = with_advice(command, CommandState.UNKNOWN, NOBODY)
    if command.sentence == said or (now - command.requested_at).total_seconds() < COMMAND_TRUTH_SECONDS:
        return False
    return bool(CallCommand.objects.filter(pk=command.pk, state=CommandState.REQUESTED).update(sentence=said))


def _shown_by_rows(command: CallCommand, now: datetime) -> bool:
    """What the rows prove a moment after the events: that a call goes on without us, or that nobody is left to be put
    together with. No statement for a command whose rows say nothing."""
    meant = meant_of_rows(command)
    standing = standing_of(command, heard=is_heard(getattr(command.pbx, "link", None)), now=now)
    verdict = by_rows(meant, standing, at=now.timestamp())
    return bool(verdict and settle_commands({command.pk: verdict}, now, by="sweeper"))


def _say_not_sure(command: CallCommand, now: datetime, *, pressing: bool) -> bool:
    phone, replied = command.path == CommandPath.PHONE, command.state == CommandState.SENT
    said = still_pressing(command.kind) if pressing else not_sure_yet(command.kind, phone=phone, replied=replied)
    return move_command(
        command_id=command.pk, from_states=(CommandState.GRANTED, CommandState.SENT), to=CommandState.UNKNOWN, now=now,
        reason_code=command.reason_code or "no_proof",
        sentence=with_advice(command, CommandState.UNKNOWN, said),
    )  # fmt: skip


def _settle(command: CallCommand, now: datetime) -> bool:
    """After ten seconds. The PBX's list and the phone's lines were asked before; now the rows have the last word: what
    surely is as it was did not happen, everything else stays unsure."""
    placed = placed_since(command, meant_of_rows(command))
    if placed:
        return bool(settle_commands({command.pk: placed}, now, by="sweeper"))
    heard = is_heard(getattr(command.pbx, "link", None))
    unchanged = still_as_before(meant_of_rows(command), standing_of(command, heard=heard, now=now))
    if unchanged:
        verdict = Disproof(command.leg.uniqueid if command.leg else "", now.timestamp(), f"{unchanged}.")
        return bool(settle_commands({command.pk: verdict}, now, by="sweeper", code="no_effect"))
    phone, replied = command.path == CommandPath.PHONE, _was_replied(command)
    said = still_not_sure(command.kind, phone=phone, replied=replied)
    return move_command(
        command_id=command.pk, from_states=(CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN),
        to=CommandState.UNKNOWN, now=now, settled=True,
        sentence=with_advice(command, CommandState.UNKNOWN, said),
    )  # fmt: skip


def _was_replied(command: CallCommand) -> bool:
    """Whether phone or PBX said yes: that was noted before the row became doubtful."""
    return command.changes.filter(state=CommandState.SENT).exists()


def _look_after(commands: list[CallCommand], signs: Signs, now: datetime) -> None:
    """Have the PBX's list and the phone's lines asked, by a worker: the sweeper speaks to neither. Twice: soon, for a
    proof alone, and late, when what cannot be seen surely did not happen."""
    due: dict[UUID, bool] = {}
    for command in commands:
        age = _looked_for(command, signs, now)
        final = age >= LAST_LOOK_SECONDS
        mark = LAST_LOOK_SECONDS if final else first_look_seconds(command)
        began = now - timedelta(seconds=age - mark)
        if mark <= age < COMMAND_RECONCILE_SECONDS and (command.relayed_at is None or command.relayed_at < began):
            due[command.pk] = final
    for final in (False, True):
        ids = [command_id for command_id, last in due.items() if last is final]
        if ids and reconcile_now(ids, final=final):
            CallCommand.objects.filter(pk__in=ids).update(relayed_at=now)


def _relay(commands: list[CallCommand], now: datetime) -> None:
    """The outbox: what was asked and not taken up is handed to the broker again; a duplicate finds nothing to claim."""
    before = now - timedelta(seconds=RELAY_AGAIN_SECONDS)
    due = [
        command.pk
        for command in commands
        if command.state == CommandState.REQUESTED
        and command.requested_at <= before
        and (command.relayed_at is None or command.relayed_at <= before)
    ]
    if due and enqueue(due):
        CallCommand.objects.filter(pk__in=due).update(relayed_at=now)


def _sweep_orders(now: datetime) -> None:
    """The same for orders to the phones themselves."""
    end_stale_orders(now=now)
    due = orders_to_relay(now=now)
    if due and enqueue_orders(due):
        note_relayed(order_ids=due, now=now)


def _give_sign_of_life(now: datetime) -> None:
    stale = now - timedelta(seconds=HEARTBEAT_SECONDS)
    if not Heartbeat.objects.filter(name="sweeper", at__gt=stale).exists():
        Heartbeat.objects.update_or_create(name="sweeper", defaults={"at": now})


def _forget_old_files(now: datetime) -> None:
    """Files of contacts that nobody brought in hold people's names and numbers; they go though nobody brings another.

    Marked before it is done, so that one that cannot be removed costs the rounds of a whole hour nothing.
    """
    stale = now - timedelta(seconds=FORGET_SECONDS)
    if not Heartbeat.objects.filter(name="old_files", at__gt=stale).exists():
        Heartbeat.objects.update_or_create(name="old_files", defaults={"at": now})
        forget_old(now=now)

"""Once a second, on PostgreSQL alone: what the broker lost is asked again, what cannot end by itself is ended.

Nothing is ever sent again: only a command that was never granted is handed out a second time.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from crmconnector.calls.models import CallCommand, CommandState
from crmconnector.calls.services import move_command
from crmconnector.common.clock import COMMAND_RECONCILE_SECONDS, COMMAND_TRUTH_SECONDS, utc_now
from crmconnector.contacts.imports.services import forget_old
from crmconnector.listener.models import Heartbeat
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.publisher import touch_pops, wake
from phones.orders import end_stale_orders, note_relayed, orders_to_relay
from tasks.call_control import enqueue
from tasks.device_control import enqueue_orders

RELAY_AGAIN_SECONDS = 2.0
HEARTBEAT_SECONDS = 3.0
FORGET_SECONDS = 3600.0
MOST_AT_ONCE = 500


def sweep() -> None:
    """One round. Each step looks at open commands only (a partial index)."""
    now = utc_now()
    commands = list(
        CallCommand.objects.filter(
            Q(state__in=[CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT])
            | Q(state=CommandState.UNKNOWN, settled=False)
        )
        .select_related("leg", "leg__pbx__link")
        .order_by("requested_at")[:MOST_AT_ONCE]
    )
    changed = [command for command in commands if _ended_or_told(command, now)]
    wake(touch_pops(legs=[(command.leg.call_id, command.user_id) for command in changed], now=now))
    _relay([command for command in commands if command not in changed], now)
    _sweep_orders(now)
    _give_sign_of_life(now)
    _forget_old_files(now)


def _ended_or_told(command: CallCommand, now: datetime) -> bool:
    """Whether this command changed: withdrawn, "not sure yet", or settled."""
    if command.state == CommandState.REQUESTED:
        return _withdraw_or_explain(command, now)
    age = (now - (command.granted_at or command.requested_at)).total_seconds()
    if age >= COMMAND_RECONCILE_SECONDS:
        return _settle(command, now)
    if age >= COMMAND_TRUTH_SECONDS and command.state != CommandState.UNKNOWN:
        return _say_not_sure(command, now)
    return False


def _withdraw_or_explain(command: CallCommand, now: datetime) -> bool:
    if now >= command.not_after:
        return move_command(
            command_id=command.pk, from_states=(CommandState.REQUESTED,), to=CommandState.EXPIRED, now=now,
            reason_code="expired", sentence="Nothing happened in time, so it was withdrawn. Not answered.",
        )  # fmt: skip
    if command.sentence or (now - command.requested_at).total_seconds() < COMMAND_TRUTH_SECONDS:
        return False
    sentence = "Not sent yet: no worker has taken it up. It is withdrawn by itself if that lasts."
    return bool(CallCommand.objects.filter(pk=command.pk, state=CommandState.REQUESTED).update(sentence=sentence))


def _say_not_sure(command: CallCommand, now: datetime) -> bool:
    said = "Your phone said yes" if command.state == CommandState.SENT else "No answer from your phone"
    return move_command(
        command_id=command.pk, from_states=(CommandState.GRANTED, CommandState.SENT), to=CommandState.UNKNOWN, now=now,
        reason_code=command.reason_code or "no_proof",
        sentence=f"{said}, but the PBX has not confirmed it. It may or may not have answered. "
        "We watch the PBX; do not press again.",
    )  # fmt: skip


def _settle(command: CallCommand, now: datetime) -> bool:
    """After ten seconds: if we hear the PBX and the leg still rings, it surely was not answered; else not sure."""
    live = (CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN)
    link = getattr(command.leg.pbx, "link", None)
    heard = link is not None and link.state == PbxLink.State.CONNECTED
    if heard and command.leg.ended_at is None and command.leg.state == "ringing":
        return move_command(
            command_id=command.pk, from_states=live, to=CommandState.FAILED, now=now, reason_code="no_effect",
            sentence="It did not answer: the PBX still hears your phone ring. You can press again.",
        )  # fmt: skip
    return move_command(
        command_id=command.pk, from_states=live, to=CommandState.UNKNOWN, now=now, settled=True,
        sentence="Not sure: neither your phone nor the PBX told us whether it answered. Look at your phone.",
    )  # fmt: skip


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

"""The life of a command: at most one send, every change a row, always an end or an honest "not sure".

requested -> granted -> sent -> confirmed, or refused, failed, unknown, expired, cancelled.

The row is written and committed before the deed. A worker claims with a conditional UPDATE, takes the phone's lease
with a growing token in the same transaction, and only then sends, once. Nothing here enqueues or speaks to a phone.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from crmconnector.calls.models import CallCommand, CommandChange, CommandKind, CommandState, Leg
from crmconnector.common.clock import CLICK_VALID_SECONDS
from crmconnector.users.models import User
from phones.lease import give_back, take_lease
from phones.models import Assignment, Phone

UNSENT = (CommandState.REQUESTED,)
IN_FLIGHT = (CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN)


class CommandProblem(Exception):
    """Why nothing was asked of the phone; a sentence that may be shown."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to send exactly once, until `GRANT_VALID_SECONDS` after `granted_monotonic`."""

    command_id: UUID
    kind: str
    token: int
    phone: Phone
    far_number: str
    granted_monotonic: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one send came to, in the driver's words: sent, refused, failed (surely nothing happened) or unknown."""

    state: CommandState
    reason_code: str = ""
    sentence: str = ""


def request_answer(*, user: User, leg: Leg, key: str, now: datetime) -> tuple[CallCommand, bool]:
    """Ask the user's own phone to answer the ringing leg: (command, was made now).

    The same key gives the same command; a second button for the same leg joins the attempt that is under way.
    """
    known = CallCommand.objects.filter(user=user, idempotency_key=key).first()
    if known:
        if known.leg_id != leg.pk:
            raise CommandProblem("key_reused", "This button was used for another call. Reload the page.")
        return known, False
    phone = _phone_to_answer(user=user, leg=leg, now=now)
    try:
        with transaction.atomic():
            command = CallCommand.objects.create(
                kind=CommandKind.ANSWER,
                user=user,
                idempotency_key=key,
                phone=phone,
                leg=leg,
                requested_at=now,
                not_after=now + timedelta(seconds=CLICK_VALID_SECONDS),
            )
            _note(command.pk, CommandState.REQUESTED, now, by="user")
            return command, True
    except IntegrityError:
        live = CallCommand.objects.filter(Q(user=user, idempotency_key=key) | Q(leg=leg, kind=CommandKind.ANSWER))
        return live.latest("requested_at"), False


def grant_command(*, command_id: UUID, now: datetime) -> Grant | None:
    """Claim a command and its phone in one transaction; None when there is nothing (more) to send."""
    with transaction.atomic():
        command = (
            CallCommand.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("phone", "leg", "user")
            .filter(pk=command_id, state=CommandState.REQUESTED)
            .first()
        )
        if command is None:
            return None
        problem = _why_not_now(command, now)
        if problem:
            _move(command.pk, UNSENT, problem[0], now, by="worker", reason_code=problem[1], sentence=problem[2])
            return None
        token = take_lease(phone_id=command.phone_id, holder=f"command {command.pk}", now=now)
        if token is None:
            _move(command.pk, UNSENT, CommandState.REFUSED, now, by="worker", reason_code="phone_busy",
                  sentence="Your phone is carrying out another order. This one was not sent.")  # fmt: skip
            return None
        claimed = _move(command.pk, UNSENT, CommandState.GRANTED, now, by="worker", token=token, granted_at=now)
        if not claimed:
            return None
    return Grant(command.pk, command.kind, token, command.phone, command.leg.far_number, time.monotonic())


def record_outcome(*, grant: Grant, outcome: Outcome, now: datetime) -> bool:
    """Write what the send came to, only under our own token; False when the row went on without us.

    A proof may be quicker than the phone's own reply: then the command is confirmed already and stays so.
    """
    with transaction.atomic():
        extra: dict[str, Any] = {"reason_code": outcome.reason_code, "sentence": outcome.sentence[:300]}
        if outcome.state in (CommandState.SENT, CommandState.UNKNOWN):
            extra["sent_at"] = now
        moved = _move(grant.command_id, (CommandState.GRANTED,), outcome.state, now, by="worker", path="phone",
                      own_token=grant.token, **extra)  # fmt: skip
        give_back(phone_id=grant.phone.pk, token=grant.token)
    return moved


def confirm_commands(*, leg_ids: Iterable[int], evidence: dict[int, str], now: datetime) -> list[CallCommand]:
    """The PBX proved these legs answered: what was sent is confirmed; what was not yet sent is no longer needed."""
    changed = []
    for command in _open_commands(leg_ids):
        proof = evidence[command.leg_id]
        if command.state == CommandState.REQUESTED:
            done = _move(command.pk, UNSENT, CommandState.CANCELLED, now, by="listener", evidence=proof,
                         sentence="You were quicker: the call was answered before your phone was asked.")  # fmt: skip
        else:
            done = _move(command.pk, IN_FLIGHT, CommandState.CONFIRMED, now, by="listener", evidence=proof)
        if done:
            changed.append(command)
    return changed


def disprove_commands(*, leg_ids: Iterable[int], evidence: dict[int, str], now: datetime) -> list[CallCommand]:
    """These legs ended without an answer: their commands can no longer come true."""
    changed = []
    for command in _open_commands(leg_ids):
        sent = command.state != CommandState.REQUESTED
        state = CommandState.FAILED if sent else CommandState.CANCELLED
        sentence = f"Not answered: {evidence[command.leg_id]}"
        if _move(command.pk, (*UNSENT, *IN_FLIGHT), state, now, by="listener", evidence=sentence, sentence=sentence):
            changed.append(command)
    return changed


def move_command(
    *, command_id: UUID, from_states: tuple[CommandState, ...], to: CommandState, now: datetime, **changes: object
) -> bool:
    """A conditional change by the sweeper: happens only if the row is still where it was seen."""
    with transaction.atomic():
        return _move(command_id, from_states, to, now, by="sweeper", **changes)  # type: ignore[arg-type]


def _phone_to_answer(*, user: User, leg: Leg, now: datetime) -> Phone:
    """The user's own phone, on which this leg rings now; refused with the reason otherwise."""
    if leg.user_id != user.pk or leg.phone is None:
        raise CommandProblem("not_yours", "This call does not ring on your phone.")
    if leg.call.test:
        raise CommandProblem("test", "This is a test. Nobody is calling, so there is nothing to answer.")
    if leg.ended_at is not None or leg.state != "ringing":
        raise CommandProblem("not_ringing", "This call no longer rings on your phone.")
    if not Assignment.objects.filter(phone=leg.phone, user=user, during__contains=now).exists():
        raise CommandProblem("not_assigned", "The phone that rings is no longer assigned to you.")
    if leg.phone.passcode_refused_at is not None:
        raise CommandProblem(
            "passcode_refused",
            "Your desk phone refused our passcode, so nothing is sent to it. Answer on the handset; "
            "an administrator can enter the new passcode on the phone's page.",
        )
    return leg.phone


def _why_not_now(command: CallCommand, now: datetime) -> tuple[CommandState, str, str] | None:
    """The same checks again in the granting transaction: minutes of queueing may have passed since the click."""
    if now >= command.not_after:
        return CommandState.EXPIRED, "expired", "Nothing happened in time, so it was withdrawn. Not answered."
    if not command.user.is_active:
        return CommandState.REFUSED, "user_inactive", "This account was closed. Nothing was sent."
    try:
        _phone_to_answer(user=command.user, leg=command.leg, now=now)
    except CommandProblem as problem:
        return CommandState.REFUSED, problem.code, problem.sentence
    return None


def _open_commands(leg_ids: Iterable[int]) -> list[CallCommand]:
    live = Q(state__in=[*UNSENT, CommandState.GRANTED, CommandState.SENT]) | Q(state=CommandState.UNKNOWN)
    return list(CallCommand.objects.filter(live, leg_id__in=list(leg_ids)))


def _move(
    command_id: UUID,
    from_states: tuple[CommandState, ...],
    to: CommandState,
    now: datetime,
    *,
    by: str,
    path: str = "",
    evidence: str = "",
    own_token: int | None = None,
    **changes: Any,
) -> bool:
    """The only place that changes a command's state: a conditional UPDATE and its history row."""
    rows = CallCommand.objects.filter(pk=command_id, state__in=from_states)
    if own_token is not None:
        rows = rows.filter(token=own_token)
    if evidence:
        changes["evidence"] = evidence[:300]
    if to not in (CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN):
        changes |= {"ended_at": now, "settled": True}
    if rows.update(state=to, **changes) != 1:
        return False
    CommandChange.objects.create(
        command_id=command_id,
        state=to,
        at=now,
        by=by,
        path=path,
        evidence=str(evidence or changes.get("sentence", ""))[:300],
    )
    return True


def _note(command_id: UUID, state: CommandState, at: datetime, *, by: str) -> None:
    CommandChange.objects.create(command_id=command_id, state=state, at=at, by=by)

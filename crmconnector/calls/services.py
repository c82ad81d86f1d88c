"""The life of a command: at most one send, every change a row, always an end or an honest "not sure".

requested -> granted -> sent -> confirmed, or refused, failed, unknown, expired, cancelled.

The row is written and committed before the deed. A worker claims with a conditional UPDATE, takes the phone's lease
with a growing token in the same transaction, and only then sends, once. Nothing here enqueues or speaks to a phone.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, prefetch_related_objects

from crmconnector.calls.confirmation import Disproof, Proof, Verdict
from crmconnector.calls.emergency import is_for_help, lease_for_help, with_advice
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState, Leg
from crmconnector.calls.sentences import SENTENCES, no_effect, undone
from crmconnector.calls.wanted import CommandProblem, Wanted, check_still, own_leg
from crmconnector.common.clock import CLICK_VALID_SECONDS, LEASE_SECONDS, SAME_DIAL_SECONDS, SEQUENCE_LEASE_SECONDS
from crmconnector.users.models import User
from phones.lease import give_back, take_lease
from phones.models import Phone

__all__ = ["CommandProblem", "Grant", "Outcome", "Wanted", "command_of_key", "grant_command", "move_command",
           "record_outcome", "request_answer", "request_command", "settle_commands"]  # fmt: skip

UNSENT = (CommandState.REQUESTED,)
UNDER_WAY = (CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT)
IN_FLIGHT = (CommandState.GRANTED, CommandState.SENT, CommandState.UNKNOWN)
# Several requests one after another under one lease, each from a state that was seen.
SEQUENCES = (CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START, CommandKind.ATTENDED_COMPLETE,
             CommandKind.ATTENDED_CANCEL, CommandKind.CONFERENCE, CommandKind.DTMF, CommandKind.KEYS)  # fmt: skip
AGAIN = "You dialled this emergency number again, so we stopped watching this attempt."
# These begin a call of the phone's own; the column that keeps the leg which proved it.
BEGIN = {CommandKind.MAKE_CALL: "leg", CommandKind.ATTENDED_START: "other_leg"}
_TWIN = """
    select id from calls_callcommand
    where user_id = %s and kind = 'make_call' and far_number = %s and requested_at > %s and state = any(%s)
    order by requested_at desc limit 1
"""
_ADD_CHANGE = """
    insert into calls_commandchange (command_id, at, state, by, path, evidence) values (%s, %s, %s, %s, %s, %s)
"""
LIVE = Q(state__in=[*UNSENT, CommandState.GRANTED, CommandState.SENT]) | Q(state=CommandState.UNKNOWN, settled=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to send exactly once, until `GRANT_VALID_SECONDS` after `granted_monotonic`.

    `command` is the row as it was when granted, with phone, leg, pbx and user loaded. By the phone the lease is ours
    under `token`; by the PBX no phone is asked, and the token only fences the row.
    """

    command: CallCommand
    token: int
    granted_monotonic: float

    @property
    def command_id(self) -> UUID:
        return self.command.pk

    @property
    def kind(self) -> str:
        return self.command.kind

    @property
    def phone(self) -> Phone:
        return self.command.phone

    @property
    def far_number(self) -> str:
        """Whom the phone must show at the other end, as far as it is known."""
        return self.command.leg.far_number if self.command.leg else self.command.far_number


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one send came to: sent, refused, failed (surely nothing happened) or unknown; confirmed only where the reply
    itself is the proof, because no event will ever tell (tones, mute, do not disturb by the PBX), with `evidence`.

    `nothing_happened`: proved, by a connection that never stood or a refusal after which the lines are as before. Only
    then another way may follow.
    """

    state: CommandState
    reason_code: str = ""
    sentence: str = ""
    nothing_happened: bool = False
    evidence: str = ""


def request_answer(*, user: User, leg: Leg, key: str, now: datetime) -> tuple[CallCommand, bool]:
    """Ask the user's own phone to answer the ringing leg: (command, was made now)."""
    known = command_of_key(user, key)
    if known and (known.kind, known.leg_id) == (CommandKind.ANSWER, leg.pk):
        return known, False
    phone = own_leg(user=user, leg=leg, kind=CommandKind.ANSWER, now=now)
    wanted = Wanted(CommandKind.ANSWER, phone, leg.endpoint, leg.pbx_id, leg)
    return request_command(user=user, wanted=wanted, path=CommandPath.PHONE, key=key, now=now)


def request_command(
    *, user: User, wanted: Wanted, path: CommandPath, key: str, now: datetime, may_fall_back: bool = False,
    looked: bool = False,
) -> tuple[CallCommand, bool]:  # fmt: skip
    """Write down what somebody asks for: (command, was made now). The checks of `wanted` were made before; `looked`:
    also that this key was not known a moment ago.

    The same key with the same content gives the same command, with another content CommandProblem; a second button for
    the same verb of the same leg joins the attempt under way, and the same number dialled again within five seconds is
    the same call.
    """
    fingerprint = wanted.fingerprint()
    known = None if looked else command_of_key(user, key)
    if known is not None:
        return _same(known, fingerprint), False
    try:
        with transaction.atomic():
            if wanted.kind == CommandKind.MAKE_CALL and (twin := _dialled_just_now(user, wanted, now)):
                return twin, False
            if wanted.emergency:
                _let_go_of_earlier(user, wanted, now)
            command = CallCommand.objects.create(
                kind=wanted.kind, user=user, idempotency_key=key, fingerprint=fingerprint, phone=wanted.phone,
                pbx_id=wanted.pbx_id, endpoint=wanted.endpoint, leg=wanted.leg, other_leg=wanted.other_leg,
                part_of=wanted.part_of, path=path, may_fall_back=may_fall_back, target=wanted.target,
                far_number=wanted.far_number, dial_string=wanted.dial_string, account=wanted.account,
                digits=wanted.digits, sequence=wanted.sequence, requested_at=now,
                not_after=now + timedelta(seconds=CLICK_VALID_SECONDS),
            )  # fmt: skip
            _note(command.pk, CommandState.REQUESTED, now, by="user")
            return command, True
    except IntegrityError:
        return _joined(user, wanted, key, fingerprint), False


def grant_command(*, command_id: UUID, now: datetime) -> Grant | None:
    """Claim a command (and its phone) in one transaction; None when there is nothing (more) to send."""
    with transaction.atomic():
        command = (
            CallCommand.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("phone", "user", "pbx")
            .filter(pk=command_id, state=CommandState.REQUESTED)
            .order_by()
            .first()
        )
        if command is None:
            return None
        if command.leg_id is not None:
            prefetch_related_objects([command], "leg__call", "part_of", "other_leg")
        problem = _why_not_now(command, now)
        if problem:
            said = with_advice(command, problem[0], problem[2])
            _move(command.pk, UNSENT, problem[0], now, by="worker", reason_code=problem[1], sentence=said)
            return None
        token = _token(command, now)
        if token is None:
            _move(command.pk, UNSENT, CommandState.REFUSED, now, by="worker", reason_code="phone_busy",
                  sentence="Your phone is carrying out another order, so this one was not sent. Wait a moment, "
                           "then press again.")  # fmt: skip
            return None
        claimed = _move(command.pk, UNSENT, CommandState.GRANTED, now, by="worker", token=token, granted_at=now)
        if not claimed:
            return None
    return Grant(command, token, time.monotonic())


def record_outcome(*, grant: Grant, outcome: Outcome, now: datetime) -> bool:
    """Write what the send came to, only under our own token; False when the row went on without us.

    A proof may be quicker than the phone's own reply: then the command is confirmed already and stays so. One that was
    called "not sure yet" meanwhile, because the phone was slow, still takes a better answer.
    """
    with transaction.atomic(savepoint=False):
        path = grant.command.path
        moved = _move(grant.command_id, (CommandState.GRANTED,), outcome.state, now, by="worker", path=path,
                      own_token=grant.token, evidence=_proof_in(outcome), **_extra_of(grant, outcome, now))  # fmt: skip
        if not moved:
            moved = _record_late(grant, outcome, now)
        if path == CommandPath.PHONE:
            give_back(phone_id=grant.phone.pk, token=grant.token)
    return moved


def settle_commands(
    verdicts: Mapping[UUID, Verdict], now: datetime, *, by: str = "listener", code: str = ""
) -> list[CallCommand]:
    """What the PBX, its list or the phone's lines proved; returns the commands that this changed, as they are now.

    A proof confirms what was sent and makes needless what was not; a disproof ends both. A command of a new call gets
    the leg that proved it, so that it is seen with that call. Who proved or sent first wins: each is a conditional
    change. `code`: the reason code of those that are called not done.
    """
    changed = []
    for command in CallCommand.objects.filter(pk__in=verdicts, state__in=(*UNSENT, *IN_FLIGHT)):
        with transaction.atomic():
            if _settle(command, verdicts[command.pk], now, by, code):
                changed.append(command.pk)
    return list(CallCommand.objects.filter(pk__in=changed).select_related("leg")) if changed else []


def _settle(command: CallCommand, verdict: Verdict, now: datetime, by: str, code: str) -> bool:
    if isinstance(verdict, Disproof):
        sentence = undone(command.kind, verdict.evidence)
        if code:
            sentence = no_effect(command.kind, verdict.evidence)
        ends: dict[str, Any] = {"evidence": verdict.evidence, "sentence": sentence[:300]}
        if _move(command.pk, UNSENT, CommandState.CANCELLED, now, by=by, **ends):
            return True
        return _move(command.pk, IN_FLIGHT, CommandState.FAILED, now, by=by, reason_code=code or "disproved", **ends)
    shown = _legs_of(command, verdict)
    if shown is None:
        return False
    by_hand = SENTENCES[command.kind].by_hand
    if _move(command.pk, UNSENT, CommandState.CANCELLED, now, by=by, evidence=verdict.evidence, sentence=by_hand):
        return True
    return _move(command.pk, IN_FLIGHT, CommandState.CONFIRMED, now, by=by, evidence=verdict.evidence, **shown)


def _legs_of(command: CallCommand, proof: Proof) -> dict[str, Any] | None:
    """The columns that take the leg of the proof; None when that leg has proved another command that begins a call: one
    call is never taken for the effect of two."""
    column = BEGIN.get(CommandKind(command.kind))
    if column is None or not proof.leg or command.pbx_id is None:
        return {}
    leg = Leg.objects.filter(pbx_id=command.pbx_id, uniqueid=proof.leg).first()
    if leg is None or leg == getattr(command, column):
        return {}
    begun = (Q(kind=kind, **{where: leg}) for kind, where in BEGIN.items())
    return None if CallCommand.objects.filter(reduce(or_, begun)).exists() else {column: leg}


def _extra_of(grant: Grant, outcome: Outcome, now: datetime) -> dict[str, Any]:
    sentence = with_advice(grant.command, outcome.state, outcome.sentence)
    extra: dict[str, Any] = {"reason_code": outcome.reason_code, "sentence": sentence[:300]}
    if outcome.state in (CommandState.SENT, CommandState.UNKNOWN, CommandState.CONFIRMED):
        extra["sent_at"] = now
    return extra


def _proof_in(outcome: Outcome) -> str:
    return outcome.evidence or (outcome.sentence if outcome.state == CommandState.CONFIRMED else "")


def _record_late(grant: Grant, outcome: Outcome, now: datetime) -> bool:
    """The row says "not sure yet" and we are still looking. That it was sent is no news then, a real end is."""
    doubted = CallCommand.objects.filter(
        pk=grant.command_id, state=CommandState.UNKNOWN, settled=False, token=grant.token
    )
    if outcome.state in (CommandState.SENT, CommandState.UNKNOWN):
        return doubted.update(sent_at=now) == 1
    if not doubted.exists():
        return False
    return _move(grant.command_id, (CommandState.UNKNOWN,), outcome.state, now, by="worker", path=grant.command.path,
                 own_token=grant.token, evidence=_proof_in(outcome), **_extra_of(grant, outcome, now))  # fmt: skip


def move_command(
    *, command_id: UUID, from_states: tuple[CommandState, ...], to: CommandState, now: datetime, **changes: object
) -> bool:
    """A conditional change by the sweeper: happens only if the row is still where it was seen."""
    with transaction.atomic():
        return _move(command_id, from_states, to, now, by="sweeper", **changes)  # type: ignore[arg-type]


def command_of_key(user: User, key: str) -> CallCommand | None:
    """Usually nobody has pressed that button before: the row is only loaded when there is one."""
    return _loaded("select id from calls_callcommand where user_id = %s and idempotency_key = %s", [user.pk, key])


def _loaded(which: str, terms: list[Any]) -> CallCommand | None:
    with connection.cursor() as cursor:
        cursor.execute(which, terms)
        found = cursor.fetchone()
    return CallCommand.objects.get(pk=found[0]) if found else None


def _same(known: CallCommand, fingerprint: str) -> CallCommand:
    if known.fingerprint != fingerprint:
        raise CommandProblem("key_reused", "This button was used for something else. Reload the page.")
    return known


def _dialled_just_now(user: User, wanted: Wanted, now: datetime) -> CallCommand | None:
    """The same person and the same number within five seconds: a double click, whatever the keys. Holds the person's
    row, so that two requests at once are one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("select from users_user where id = %s for no key update", [user.pk])
    # What has ended, or is in doubt, keeps nobody from calling for help at once.
    states = UNDER_WAY if wanted.emergency else CommandState
    since = now - timedelta(seconds=SAME_DIAL_SECONDS)
    return _loaded(_TWIN, [user.pk, wanted.far_number, since, list(states)])


def _let_go_of_earlier(user: User, wanted: Wanted, now: datetime) -> None:
    """An earlier call to the same emergency number that never came to an end must not keep this one back: what was not
    sent is withdrawn, what was sent stays unsure. Nobody but the person waits for the truth here."""
    live = CallCommand.objects.filter(LIVE, user=user, kind=CommandKind.MAKE_CALL, far_number=wanted.far_number)
    for earlier in live:
        if not _move(earlier.pk, UNSENT, CommandState.CANCELLED, now, by="user", sentence=AGAIN):
            _move(
                earlier.pk, IN_FLIGHT, CommandState.UNKNOWN, now, by="user", settled=True, ended_at=now, sentence=AGAIN
            )


def _joined(user: User, wanted: Wanted, key: str, fingerprint: str) -> CallCommand:
    """The command that was there first: of the same button pressed twice at once, or of the same verb under way."""
    known = command_of_key(user, key)
    if known is not None:
        return _same(known, fingerprint)
    live = CallCommand.objects.filter(LIVE, kind=wanted.kind)
    if wanted.leg is not None:
        return live.filter(leg=wanted.leg).latest("requested_at")
    return live.filter(user=user, far_number=wanted.far_number).latest("requested_at")


def _token(command: CallCommand, now: datetime) -> int | None:
    """By the phone: its lease's next token, None while another request is under way. By the PBX: one by chance."""
    if command.path != CommandPath.PHONE:
        return secrets.randbits(62)
    if is_for_help(command):
        return lease_for_help(phone_id=command.phone_id, holder=f"command {command.pk}", now=now)
    seconds = SEQUENCE_LEASE_SECONDS if command.kind in SEQUENCES else LEASE_SECONDS
    return take_lease(phone_id=command.phone_id, holder=f"command {command.pk}", now=now, seconds=seconds)


def _why_not_now(command: CallCommand, now: datetime) -> tuple[CommandState, str, str] | None:
    if now >= command.not_after:
        return CommandState.EXPIRED, "expired", "Nothing happened in time, so it was withdrawn. Nothing was sent."
    try:
        check_still(command=command, now=now)
    except CommandProblem as problem:
        return CommandState.REFUSED, problem.code, problem.sentence
    return None


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
    if changes.get("settled"):
        changes["digits"] = ""  # a PIN may have been typed; nobody needs it any more
    if rows.update(state=to, **changes) != 1:
        return False
    _note(command_id, to, now, by=by, path=path, evidence=str(evidence or changes.get("sentence", ""))[:300])
    return True


def _note(command_id: UUID, state: CommandState, at: datetime, *, by: str, path: str = "", evidence: str = "") -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD_CHANGE, [command_id, at, state, by, path, evidence])

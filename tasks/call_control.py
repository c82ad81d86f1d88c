"""The only path to a desk phone: grant (committed), one send, record. See `crmconnector.calls.services`."""

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from crmconnector.calls.models import CallCommand, CommandKind, CommandState
from crmconnector.calls.services import Grant, Outcome, grant_command, record_outcome
from crmconnector.common.clock import CLICK_VALID_SECONDS, GRANT_VALID_SECONDS, utc_now
from crmconnector.screenpop.publisher import touch_pops, wake
from phones.connection import driver_for
from phones.drivers.base import LineState, LineWord, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused
from phones.looks import put_person_first
from phones.services import note_passcode_refused, note_phone_answered, note_phone_silent
from tasks.celery import app

log = structlog.get_logger(__name__)


@app.task(name="call_control.look_now", acks_late=False, max_retries=0, ignore_result=True)
def look_now(command_id: str) -> None:
    """Look whether this command may be carried out, and do so once."""
    carry_out(UUID(command_id))


def enqueue(command_ids: list[UUID]) -> bool:
    """Hand "look now" to the broker; False when it is away. Nothing is lost: the sweeper asks again."""
    try:
        for command_id in command_ids:
            look_now.apply_async(args=[str(command_id)], expires=CLICK_VALID_SECONDS, retry=False)
    except (BrokerAway, RedisError, OSError) as error:
        log.warning("call_control.broker_away", reason=type(error).__name__)
        return False
    return True


def carry_out(command_id: UUID) -> None:
    """The whole path of one command. Killed anywhere in here, it never sends twice: see the sweeper."""
    put_person_first(CallCommand.objects.filter(pk=command_id).values("phone"))
    grant = grant_command(command_id=command_id, now=utc_now())
    show(command_id)
    if grant is None:
        return
    outcome = send(grant)
    record_outcome(grant=grant, outcome=outcome, now=utc_now())
    show(command_id)


def send(grant: Grant) -> Outcome:
    """Look at the lines first (harmless), then the one deed. Every error of the driver becomes an outcome."""
    deed_started = False
    try:
        phone = driver_for(grant.phone)
        problem = wrong_line(phone.line_status(), grant.far_number)
        if problem:
            return problem
        if time.monotonic() - grant.granted_monotonic > GRANT_VALID_SECONDS:
            return Outcome(
                CommandState.FAILED, "too_late", "Your phone was too slow to be asked in time. Nothing was sent."
            )
        deed_started = True
        DEEDS[grant.kind](phone)
        note_phone_answered(phone_id=grant.phone.pk, at=utc_now())
        return Outcome(CommandState.SENT)
    except PhoneError as error:
        return _outcome_of(error, grant, deed_started=deed_started)


def wrong_line(lines: Sequence[LineState], far_number: str) -> Outcome | None:
    """Answer names no line, so exactly one must ring, and where both sides name a caller it must be the same one."""
    ringing = [line for line in lines if line.state is LineWord.RINGING]
    if not ringing:
        return Outcome(
            CommandState.REFUSED, "nothing_rings", "Your phone says that nothing rings on it. Nothing was sent."
        )
    if len(ringing) > 1:
        return Outcome(
            CommandState.REFUSED,
            "several_ring",
            "Two calls ring on your phone and it cannot be told which to answer. Answer on the handset.",
        )
    if _differ(ringing[0].remote_number, far_number):
        return Outcome(
            CommandState.REFUSED,
            "another_caller",
            "Another caller rings on your phone than on this card. Nothing was sent.",
        )
    return None


def show(command_id: UUID, *, now: datetime | None = None) -> None:
    """Bring the command's new state to the card it belongs to."""
    command = CallCommand.objects.select_related("leg").get(pk=command_id)
    wake(touch_pops(legs=[(command.leg.call_id, command.user_id)], now=now or utc_now()))


def _answer(phone: PhoneDriver) -> None:
    phone.accept_call()


DEEDS = {CommandKind.ANSWER.value: _answer}


def _outcome_of(error: PhoneError, grant: Grant, *, deed_started: bool) -> Outcome:
    """Before the deed every error is harmless; from then on only a sure "nothing happened" counts as one."""
    now = utc_now()
    if isinstance(error, CredentialRefused):
        note_passcode_refused(phone_id=grant.phone.pk, at=now)
    elif isinstance(error, Refused):
        note_phone_answered(phone_id=grant.phone.pk, at=now)
    else:
        note_phone_silent(phone_id=grant.phone.pk, at=now, reason_code=error.reason_code, sentence=error.sentence)
    if isinstance(error, Refused):
        return Outcome(CommandState.REFUSED, error.reason_code, f"Not answered. {error}")
    if isinstance(error, NothingSent) or not deed_started:
        return Outcome(CommandState.FAILED, error.reason_code, f"Not answered. {error.sentence} Answer on the handset.")
    return Outcome(
        CommandState.UNKNOWN,
        error.reason_code,
        f"{error.sentence} It may or may not have answered. We watch the PBX; do not press again.",
    )


def _differ(on_phone: str, on_card: str) -> bool:
    """Whether two writings of a caller surely mean different numbers: compared by their last six digits."""
    first = "".join(char for char in on_phone if char.isdecimal())
    second = "".join(char for char in on_card if char.isdecimal())
    if len(first) < 3 or len(second) < 3:
        return False
    length = min(6, len(first), len(second))
    return first[-length:] != second[-length:]

"""The only path to a deed in a call: grant (committed), one send, record. See `crmconnector.calls.services`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from crmconnector.calls.falling_back import request_fallback
from crmconnector.calls.models import CallCommand, CommandPath
from crmconnector.calls.services import Grant, Outcome, grant_command, record_outcome
from crmconnector.common.clock import CLICK_VALID_SECONDS, utc_now
from crmconnector.screenpop.publisher import touch_pops, wake
from phones.looks import put_person_first
from tasks.celery import app
from tasks.pbx_deeds import by_pbx
from tasks.phone_deeds import by_phone

BY: Final[Mapping[str, Callable[[Grant], Outcome]]] = {CommandPath.PHONE: by_phone, CommandPath.PBX: by_pbx}
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
    """The whole path of one command, and of the one that may follow it. Killed anywhere in here, nothing is ever sent
    twice: see the sweeper."""
    put_person_first(CallCommand.objects.filter(pk=command_id, path=CommandPath.PHONE).values("phone"))
    grant = grant_command(command_id=command_id, now=utc_now())
    if grant is None:
        show(command_id)
        return
    _tell(grant.command)
    outcome = BY[grant.command.path](grant)
    second = record(grant, outcome)
    _tell(grant.command)  # a call that was found meanwhile was shown by the listener
    if second is not None:
        carry_out(second.pk)


@transaction.atomic
def record(grant: Grant, outcome: Outcome) -> CallCommand | None:
    """Write what the send came to, and the command by the other way that follows it, if one may. Whoever sees that the
    first came to nothing sees the second too: a page that saw the first alone would ask no more."""
    record_outcome(grant=grant, outcome=outcome, now=utc_now())
    return request_fallback(command=grant.command, outcome=outcome, now=utc_now())


def show(command_id: UUID, *, now: datetime | None = None) -> None:
    """Bring the command's new state to the card it belongs to; to the desk in any case."""
    _tell(CallCommand.objects.select_related("leg").get(pk=command_id), now=now)


def _tell(command: CallCommand, *, now: datetime | None = None) -> None:
    users = touch_pops(legs=[(command.leg.call_id, command.user_id)], now=now or utc_now()) if command.leg else set()
    wake({*users, command.user_id})

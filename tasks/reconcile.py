"""What came of a command that no event has proved: ask the PBX's list of channels, then the phone's lines. Reads only.

In that order, after the rows, for an event that was heard needs no question. The first look, soon after the sending,
only seeks a proof; the last, shortly before we stop looking, may also say that surely nothing happened.
"""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import connection
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_events import CoreShowChannel, parse
from crmconnector.calls.aftermath import Channel, Finding, by_channels, by_lines, by_rows, together
from crmconnector.calls.confirmation import Disproof, Meant, Proof, Verdict
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath
from crmconnector.calls.open_commands import is_heard, meant_by, placed_since, standing_of
from crmconnector.calls.services import LIVE, settle_commands
from crmconnector.common.clock import COMMAND_RECONCILE_SECONDS, COMMAND_TRUTH_SECONDS, utc_now
from crmconnector.pbx.models import Pbx
from phones.connection import driver_for
from phones.drivers.base import LineState
from phones.drivers.errors import PhoneError
from phones.lease import LOOK, give_back, take_lease
from tasks.call_control import show
from tasks.celery import app
from tasks.pbx_deeds import has_note
from tasks.pbx_link import ask_channels

EARLY_SECONDS: Final = 1.0
# The PBX tells of these by its list alone: it is asked before three seconds are over, so that nobody need be unsure.
SEEN_IN_THE_LIST: Final = (CommandKind.CONFERENCE, CommandKind.PARK, CommandKind.ATTENDED_CANCEL)
ON_LINES: Final = (CommandKind.MAKE_CALL, CommandKind.ANSWER, CommandKind.REJECT, CommandKind.HOLD, CommandKind.RESUME)
NOTED: Final = (CommandKind.DND_ON, CommandKind.DND_OFF)
NO_EFFECT: Final = "no_effect"
log = structlog.get_logger(__name__)


@app.task(name="reconcile.look_after", acks_late=False, max_retries=0, ignore_result=True)
def look_after(command_id: str, final: bool) -> None:
    """Look what came of this command."""
    reconcile(UUID(command_id), final=final)


def reconcile_now(command_ids: Iterable[UUID], *, final: bool) -> bool:
    """Hand the question to the broker; False when it is away: the sweeper asks again, and settles it in the end."""
    try:
        for command_id in command_ids:
            look_after.apply_async(args=[str(command_id), final], expires=COMMAND_RECONCILE_SECONDS, retry=False)
    except (BrokerAway, RedisError, OSError) as error:
        log.warning("reconcile.broker_away", reason=type(error).__name__)
        return False
    return True


def first_look_seconds(command: CallCommand) -> float:
    """How long after the grant it is asked for the first time."""
    return EARLY_SECONDS if command.kind in SEEN_IN_THE_LIST else COMMAND_TRUTH_SECONDS


def reconcile(command_id: UUID, *, final: bool) -> bool:
    """Whether the command was settled by what rows, PBX and phone show now."""
    rows = CallCommand.objects.filter(LIVE, pk=command_id, granted_at__isnull=False)
    command = rows.select_related(
        "leg__call", "other_leg__call", "part_of__other_leg__call", "phone", "pbx__link"
    ).first()
    if command is None:
        return False
    verdict = _verdict(command, meant_by([command])[0])
    if verdict is None or not (final or isinstance(verdict, Proof)):
        return False
    changed = settle_commands({command.pk: verdict}, utc_now(), by="worker", code=NO_EFFECT)
    if changed:
        show(command.pk)
    return bool(changed)


def _verdict(command: CallCommand, meant: Meant) -> Verdict | None:
    now = utc_now()
    standing = standing_of(command, heard=is_heard(getattr(command.pbx, "link", None)), now=now)
    known = by_rows(meant, standing, at=now.timestamp()) or placed_since(command, meant)
    if isinstance(known, Proof):  # what the rows disprove is told by the sweeper, each second
        return known
    if command.kind in NOTED:
        return _noted(command)
    listed = _listed(command.pbx, meant)
    if isinstance(listed, Proof):
        return listed
    return together(meant, listed, _on_the_phone(command, meant, now), at=time.time())


def _noted(command: CallCommand) -> Verdict | None:
    """Do not disturb is a note in the PBX's own database, of which no event tells: it is read back."""
    if command.pbx is None:
        return None
    _free_connection()
    try:
        there = has_note(command, command.pbx)
    except ami.AmiError as error:
        log.warning("reconcile.note_not_read", reason=type(error).__name__)
        return None
    if there is None:
        return None
    if there is (command.kind == CommandKind.DND_ON):
        return Proof("", time.time(), f"The PBX {'has' if there else 'no longer has'} the note.")
    return Disproof("", time.time(), f"the PBX {'still has the' if there else 'has no such'} note.")


def _listed(pbx: Pbx | None, meant: Meant) -> Finding:
    if pbx is None:
        return None
    _free_connection()
    try:
        rows = ask_channels(pbx)
    except ami.AmiError as error:
        log.warning("reconcile.list_not_read", reason=type(error).__name__)
        return None
    at = time.time()
    lines = [line for row in rows if isinstance(line := parse(row, at), CoreShowChannel)]
    return by_channels(meant, [Channel.of(line) for line in lines], complete=len(lines) == len(rows), at=at)


def _on_the_phone(command: CallCommand, meant: Meant, now: datetime) -> Finding:
    """What the phone's lines say; None as well when somebody else has the phone just now, or it does not answer."""
    if command.path != CommandPath.PHONE or command.kind not in ON_LINES or command.phone.passcode_refused_at:
        return None
    # As a look: a person who presses a button meanwhile waits for it and is not refused.
    token = take_lease(phone_id=command.phone_id, holder=LOOK, now=now)
    if token is None:
        return None
    try:
        _free_connection()
        lines: tuple[LineState, ...] = driver_for(command.phone).line_status()
    except PhoneError as error:
        log.info("reconcile.lines_not_read", reason=error.reason_code)
        return None
    finally:
        give_back(phone_id=command.phone_id, token=token)
    far_number = command.leg.far_number if command.leg else command.far_number
    return by_lines(meant, lines, far_number=far_number, at=time.time())


def _free_connection() -> None:
    """PBX and phone may take seconds, and connections to the database are few."""
    if not connection.in_atomic_block:
        connection.close()

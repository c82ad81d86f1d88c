"""Calls that a person asked for and that have no card yet, each with one sentence that is true at this moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState
from crmconnector.calls.services import LIVE
from crmconnector.common.clock import COMMAND_TRUTH_SECONDS, utc_now
from crmconnector.users.models import User
from crmconnector.web.dial_page import shown_far, whom_of_many
from crmconnector.web.words import Said, said_of

MOST_SHOWN = 4
OVER_STAYS_SECONDS = 90  # long enough to read why not, and to press again
LOOKED_AT_AGAIN_SECONDS = 0.5  # the page learns a moment later what was settled in time
PROVEN_STAYS_SECONDS = 4  # its card takes over
WAITING = (CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT)
LATE = gettext_noop("Not sure yet: nobody has told us what became of it. Do not press again; look at your phone.")
NEVER_ANSWERED_US = ("connection_refused", "connect_timeout", "unreachable")


@dataclass(frozen=True, slots=True)
class DialView:
    """`live`: it may still become a call, so the page looks again soon. `number`: to call again."""

    id: UUID
    name: str
    shown: str
    number: str
    said: Said
    live: bool
    since: datetime


def desk_dials(user: User, now: datetime) -> list[DialView]:
    """Newest first: under way, and those that did not become a call a moment ago. A newer try takes the place of an
    older one to the same number, and the second way that of the first."""
    ended = Q(ended_at__gte=now - timedelta(seconds=OVER_STAYS_SECONDS))
    asked = CallCommand.objects.filter(LIVE | ended, user=user, kind=CommandKind.MAKE_CALL, fallback=None)
    rows = asked.filter(requested_at__gte=now - timedelta(hours=1)).select_related("fallback_of")
    newest: dict[str, CallCommand] = {}
    for command in rows.order_by("-requested_at")[: MOST_SHOWN * 4]:
        newest.setdefault(command.far_number, command)
    return tell_dials(user, [one for one in newest.values() if _has_no_card(one, now)][:MOST_SHOWN])


def _has_no_card(command: CallCommand, now: datetime) -> bool:
    if command.leg_id is not None:
        return False
    if command.state != CommandState.CONFIRMED or command.ended_at is None:
        return True
    return now - command.ended_at < timedelta(seconds=PROVEN_STAYS_SECONDS)


def tell_dials(user: User, commands: Sequence[CallCommand]) -> list[DialView]:
    if not commands:
        return []
    whom = whom_of_many(user, [one.far_number for one in commands])
    return [_view(one, whom[one.far_number].name) for one in commands]


def newest_of(command: CallCommand) -> CallCommand:
    """The second way, when there is one: it is what the person should hear of."""
    return CallCommand.objects.filter(fallback_of=command).select_related("fallback_of").first() or command


def _view(command: CallCommand, name: str) -> DialView:
    shown = shown_far(command.far_number)
    return DialView(
        command.pk, name or shown, shown if name else "", command.target or command.far_number,
        said_of_dial(command, shown, utc_now()), is_live(command), command.requested_at,
    )  # fmt: skip


def is_live(command: CallCommand) -> bool:
    return command.state in WAITING or (command.state == CommandState.UNKNOWN and not command.settled)


def said_of_dial(command: CallCommand, shown: str, now: datetime) -> Said:
    """What a phone said is no proof: until the PBX shows the call, the sentence says what we wait for, and after some
    seconds that nobody has told us."""
    if _is_late(command, now):
        return Said("care", "unknown", _(LATE), asked=True)
    if command.path == CommandPath.PBX and command.state in ("requested", "granted", "sent"):
        return Said("care" if command.fallback_of_id else "wait", "asked", _by_pbx(command, shown), asked=True)
    if command.state == CommandState.SENT:
        return Said("wait", "asked", _("Your phone took the number; waiting for the PBX."), asked=True)
    return said_of(command, now=now)


def _is_late(command: CallCommand, now: datetime) -> bool:
    """Whom the PBX calls may take his time to pick up; for anything else it should be known by now."""
    by_pbx = command.path == CommandPath.PBX and command.state == CommandState.SENT
    if command.state not in WAITING or by_pbx:
        return False
    return now - command.requested_at > timedelta(seconds=COMMAND_TRUTH_SECONDS + LOOKED_AT_AGAIN_SECONDS)


def _by_pbx(command: CallCommand, shown: str) -> str:
    first = command.fallback_of
    if first is None:
        return _("The PBX is calling your phone. Pick up and it dials %(number)s.") % {"number": shown}
    if first.reason_code in NEVER_ANSWERED_US:
        text = _("Your phone did not answer us; the PBX is calling you. Pick up and it dials %(number)s.")
    else:
        text = _("Your phone did not take it; the PBX is calling you. Pick up and it dials %(number)s.")
    return text % {"number": shown}

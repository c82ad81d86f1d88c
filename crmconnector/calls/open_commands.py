"""The commands on which something may still be proved, in the words of the PBX's events."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from crmconnector.calls.aftermath import SETTLES_SECONDS, Standing
from crmconnector.calls.confirmation import CLOCK_SLACK_SECONDS, LONGEST_EXTENSION, Meant, Picture, Proof, same_number
from crmconnector.calls.models import Call, CallCommand, CommandKind, CommandPath, CommandState, Leg
from crmconnector.calls.services import LIVE
from crmconnector.pbx.models import PbxLink, Trunk
from phones.models import SipAccount

_ROWS: Final = ("leg__call", "other_leg__call", "part_of__other_leg__call")
# Where a phone of that extension is, when we know no phone of it: the usual names.
_USUAL_NAMES: Final = ("PJSIP/{}", "SIP/{}")
LONGEST_CONSULTATION: Final = timedelta(hours=4)
_TO_SOMEBODY: Final = (CommandKind.MAKE_CALL, CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START,
                       CommandKind.ATTENDED_COMPLETE, CommandKind.ATTENDED_CANCEL, CommandKind.CONFERENCE)  # fmt: skip


def open_commands(*, pbx_id: int, legs: Collection[int] = ()) -> list[CallCommand]:
    """Those of this PBX that have not ended, with their legs; usually none, and that costs one short statement.

    Of the `legs` named also those that were given up as "not sure": a proof that comes late still counts.
    """
    late = Q(state=CommandState.UNKNOWN, leg__in=list(legs)) if legs else Q(pk__in=())
    found = list(CallCommand.objects.filter(LIVE | late, pbx=pbx_id).order_by().values_list("pk", flat=True))
    if not found:
        return []
    return list(CallCommand.objects.filter(pk__in=found).select_related(*_ROWS).order_by("requested_at"))


def open_consultations(*, users: Collection[int], now: datetime) -> list[tuple[int, int]]:
    """(call, user) of those who asked a colleague first and are still in that call: what the colleague does now is
    shown on their card, though it may be no news of their own leg."""
    if not users:
        return []
    begun = CallCommand.objects.filter(
        kind=CommandKind.ATTENDED_START, user__in=list(users), leg__ended_at=None,
        requested_at__gte=now - LONGEST_CONSULTATION,
    )  # fmt: skip
    return list(begun.order_by().values_list("leg__call_id", "user_id").distinct())


def meant_by(commands: Iterable[CallCommand]) -> list[Meant]:
    """What they mean. Two statements more, only if one of them goes to somebody: who has which extension, which are
    lines to the outside."""
    asked = list(commands)
    to_somebody = [command for command in asked if command.kind in _TO_SOMEBODY]
    extensions = {number for one in to_somebody for number in _numbers(one) if len(number) <= LONGEST_EXTENSION}
    outside = any(len(number) > LONGEST_EXTENSION for one in to_somebody for number in _numbers(one))
    accounts = SipAccount.objects.filter(extension__in=extensions) if extensions else SipAccount.objects.none()
    phones = {(row.pbx_id, row.extension, row.endpoint) for row in accounts}
    trunks = set(Trunk.objects.filter(is_trunk=True).values_list("pbx_id", "endpoint")) if outside else set()
    return [_meant(command, _targets(command, phones, trunks)) for command in asked]


def meant_of_rows(command: CallCommand) -> Meant:
    """The same for one command whose rows alone are looked at: without asking who is at which number."""
    return _meant(command, frozenset())


def picture_of(commands: Iterable[CallCommand], legs: Iterable[Leg] = ()) -> Picture:
    """How the legs stand: those of the batch, which are newer, before those loaded with the commands."""
    mine = [leg for command in commands for leg in (command.leg, _other(command)) if leg is not None]
    return Picture({leg.uniqueid: leg.state for leg in (*mine, *legs)})


def standing_of(command: CallCommand, *, heard: bool, now: datetime) -> Standing:
    """How the rows stand for this command; `heard`: whether its PBX is heard now."""
    leg, other = command.leg, _other(command)
    if leg is None:
        return Standing(heard=heard)
    gone_for = _gone_for(leg, now)
    settled = gone_for is not None and gone_for >= SETTLES_SECONDS
    return Standing(
        own=leg.state, other=other.state if other else "", gone_for=gone_for,
        other_gone_for=_gone_for(other, now) if other else None, call_open=settled and _goes_on(leg.call), heard=heard,
    )  # fmt: skip


def placed_since(command: CallCommand, meant: Meant) -> Proof | None:
    """Of a new call: one of this phone to this number that the rows know and that began since."""
    if command.kind != CommandKind.MAKE_CALL:
        return None
    since = (command.granted_at or command.requested_at) - timedelta(seconds=CLOCK_SLACK_SECONDS)
    legs = Leg.objects.filter(pbx=command.pbx_id, endpoint=command.endpoint, placed=True, call__started_at__gte=since)
    for leg in legs.select_related("call").order_by("-pk"):
        if any(same_number(number, seen) for number in meant.numbers for seen in (leg.far_number, leg.call.dialled)):
            at = leg.call.started_at.timestamp()
            return Proof(leg.uniqueid, at, f"The PBX's events show a call of {leg.endpoint} to this number.")
    return None


def is_heard(link: PbxLink | None) -> bool:
    return link is not None and link.state == PbxLink.State.CONNECTED


def _meant(command: CallCommand, targets: frozenset[str]) -> Meant:
    leg, other = command.leg, _other(command)
    calls = [each.call for each in (leg, other) if each is not None]
    keys = {key for call in calls for key in (call.linkedid, call.merged_into) if key}
    return Meant(
        command=command.pk, kind=command.kind, since=(command.granted_at or command.requested_at).timestamp(),
        leg=leg.uniqueid if leg else "", endpoint=command.endpoint or (leg.endpoint if leg else ""),
        other_leg=other.uniqueid if other else "", customer=leg.far_endpoint if leg else "",
        numbers=_numbers(command), targets=targets, calls=frozenset(keys), by_pbx=command.path == CommandPath.PBX,
    )  # fmt: skip


def _other(command: CallCommand) -> Leg | None:
    """The user's end of the consultation: of this command, or of the one that it ends."""
    return command.other_leg or (command.part_of.other_leg if command.part_of else None)


def _numbers(command: CallCommand) -> tuple[str, ...]:
    rows = [command, *([command.part_of] if command.part_of else [])]
    found = [number for row in rows for number in (row.far_number, row.dial_string) if number]
    return tuple(dict.fromkeys(found))


def _targets(
    command: CallCommand, phones: Collection[tuple[int, str, str]], trunks: Collection[tuple[int, str]]
) -> frozenset[str]:
    """At which endpoints the number of this command is; of a consultation also whom its leg has at the other end."""
    found = {endpoint for pbx_id, extension, endpoint in phones
             if pbx_id == command.pbx_id and extension in _numbers(command)}  # fmt: skip
    for number in _numbers(command):
        if len(number) > LONGEST_EXTENSION:
            found |= {endpoint for pbx_id, endpoint in trunks if pbx_id == command.pbx_id}
        elif number.isdigit():
            found |= {name.format(number) for name in _USUAL_NAMES}
    other = _other(command)
    return frozenset(found | ({other.far_endpoint} if other and other.far_endpoint else set()))


def _gone_for(leg: Leg, now: datetime) -> float | None:
    return (now - leg.ended_at).total_seconds() if leg.ended_at is not None else None


def _goes_on(call: Call) -> bool:
    """Whether the story goes on, perhaps as a part of another call."""
    seen: Mapping[int, Call] = {}
    while call.merged_into and call.pk not in seen:
        seen = {**seen, call.pk: call}
        winner = Call.objects.filter(pbx=call.pbx_id, linkedid=call.merged_into).first()
        if winner is None:
            return False
        call = winner
    return call.ended_at is None

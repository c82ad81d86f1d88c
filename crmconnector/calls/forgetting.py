"""Calls when a contact becomes another, and when a person must be forgotten."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from crmconnector.calls.models import Call, CallCommand, CallNote, CommandChange, CommandStep, Leg
from crmconnector.calls.selectors import OLDEST_OPEN_HOURS
from crmconnector.contacts.erasing import Counts, Traces

SLICE = 500
WHOM = ("target", "far_number", "dial_string")  # the columns of a command that name somebody
STEP_TEXTS = ("keys", "expected", "observed")


def move_calls(*, gone_id: int, keep_id: int) -> int:
    """The calls of a contact that is merged into another one."""
    return Call.objects.filter(contact=gone_id).update(contact=keep_id)


def calls_touched(traces: Traces) -> list[int]:
    """All calls with the person, by contact or by number; also those with a number that others share."""
    numbers = [*traces.numbers, *traces.shared]
    plain = [number for number in numbers if number.startswith("+")]
    found = Call.objects.filter(contact__in=traces.contact_ids).order_by().values_list("pk", flat=True)
    by_number = (
        Call.objects.filter(far_number__in=numbers).exclude(far_number="").order_by().values_list("pk", flat=True)
    )
    by_caller = (
        Call.objects.filter(caller_e164__in=plain).exclude(caller_e164="").order_by().values_list("pk", flat=True)
    )
    return sorted({*found.iterator(), *by_number.iterator(), *by_caller.iterator()})


def talks_now(*, call_ids: list[int], now: datetime) -> bool:
    """Whether one of these calls still lasts: what the PBX goes on telling of it would be written again."""
    since = now - timedelta(hours=OLDEST_OPEN_HOURS)
    return Call.objects.filter(pk__in=call_ids, ended_at=None, started_at__gte=since).exists()


@transaction.atomic
def forget_calls(*, traces: Traces, call_ids: list[int]) -> Counts:
    """Empty numbers and names of these calls, their legs and commands, and delete the notes of the person's calls.

    The calls stay, as calls with nobody known: how much was telephoned is no secret of the person's.
    """
    counts = {"calls": 0, "legs": 0, "notes": 0, "commands": 0}
    for calls in _slices(call_ids):
        own = [call for call in calls if _is_theirs(call, traces)]
        counts["notes"] += CallNote.objects.filter(call__in=own).delete()[0]
        counts["calls"] += sum(_forget_call(call, traces) for call in own)
        counts["legs"] += _forget_legs(calls, own, traces)
        counts["commands"] += _forget_said(CallCommand.objects.filter(leg__call__in=calls), traces)
        Call.objects.filter(pk__in=[call.pk for call in calls], contact__in=traces.contact_ids).update(contact=None)
    counts["commands"] += _forget_dials(traces)
    return counts


def _slices(call_ids: list[int]) -> Iterator[list[Call]]:
    for start in range(0, len(call_ids), SLICE):
        yield list(Call.objects.select_for_update().filter(pk__in=call_ids[start : start + SLICE]).order_by("pk"))


def _is_theirs(call: Call, traces: Traces) -> bool:
    """A call with a number that somebody else has too is theirs only when they were said to be the caller."""
    if call.contact_id is not None:
        return call.contact_id in traces.contact_ids
    return call.far_number not in traces.shared and call.caller_e164 not in traces.shared


def _forget_call(call: Call, traces: Traces) -> int:
    shared = call.far_number in traces.shared
    if call.direction == "outbound":
        changed: dict[str, object] = {} if shared else {"dialled": "", "far_number": ""}
    else:
        changed = {"caller_name": ""}
        if not shared:
            changed |= {"caller_number": "", "caller_e164": "", "far_number": ""}
    changed["transfers"] = traces.without(call.transfers)
    changed["talked_with"] = traces.without(call.talked_with)
    return Call.objects.filter(pk=call.pk).update(**changed)


def _forget_legs(calls: list[Call], own: list[Call], traces: Traces) -> int:
    """The far party of a leg is the caller, or a colleague after a transfer: only what tells of the person goes."""
    own_ids = {call.pk: call for call in own}
    count = 0
    for leg in Leg.objects.filter(call__in=calls).only("call_id", "far_number", "far_name").iterator(chunk_size=SLICE):
        call = own_ids.get(leg.call_id)
        changed: dict[str, str] = {}
        if traces.touches(leg.far_number) or (call and _same_party(leg, call) and call.far_number not in traces.shared):
            changed["far_number"] = ""
        if traces.touches(leg.far_name) or (call and leg.far_name and _same_party(leg, call)):
            changed["far_name"] = ""
        if changed:
            count += Leg.objects.filter(pk=leg.pk).update(**changed)
    return count


def _same_party(leg: Leg, call: Call) -> bool:
    """Whether this leg's other side is the person who called, or was called, whatever the name says."""
    far = call.dialled if call.direction == "outbound" else call.caller_number
    return bool(leg.far_number) and leg.far_number == far


def _forget_said(commands: QuerySet[CallCommand], traces: Traces) -> int:
    """What phones and PBX said as evidence of these commands, and of each step of their life."""
    count = 0
    for command in commands.iterator(chunk_size=SLICE):
        if traces.touches(f"{command.evidence} {command.sentence}") or traces.touches(command.evidence):
            count += CallCommand.objects.filter(pk=command.pk).update(evidence="", sentence="")
    for change in CommandChange.objects.filter(command__in=commands).exclude(evidence="").iterator(chunk_size=SLICE):
        if traces.touches(change.evidence):
            count += CommandChange.objects.filter(pk=change.pk).update(evidence="")
    for step in CommandStep.objects.filter(command__in=commands).iterator(chunk_size=SLICE):
        changed = {name: "" for name in STEP_TEXTS if traces.touches(getattr(step, name))}
        if changed:
            count += CommandStep.objects.filter(pk=step.pk).update(**changed)
    return count


def _forget_dials(traces: Traces) -> int:
    """Commands that name the person as the one to be called or to be transferred to, whether or not a call ever came
    of it. A number that somebody else has too stays, but not the name it was chosen by."""
    found = Q(far_number__in=traces.numbers) | traces.find_in("target") | traces.find_in("dial_string")
    count = 0
    for command in CallCommand.objects.filter(found).order_by().iterator(chunk_size=SLICE):
        theirs = command.far_number in traces.numbers  # what was dialled for it may be written in any way
        changed = {name: "" for name in WHOM if theirs or traces.touches(getattr(command, name))}
        if changed:
            count += CallCommand.objects.filter(pk=command.pk).update(**changed)
            count += _forget_said(CallCommand.objects.filter(pk=command.pk), traces)
    return count

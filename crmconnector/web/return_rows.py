"""Missed calls to return as rows: who, how often, when last, whose queue or line."""

from collections.abc import Sequence
from dataclasses import dataclass

from crmconnector.calls.to_return import ToReturn
from crmconnector.pbx.models import Queue
from crmconnector.users.models import User
from crmconnector.web.call_rows import hide_contacts
from crmconnector.web.words import CallRow, call_row


@dataclass(frozen=True, slots=True)
class ReturnRow:
    row: CallRow
    missed: int
    place: str  # the queue, else the line that was called, as people call it


def return_rows(found: Sequence[ToReturn], *, user: User) -> list[ReturnRow]:
    hide_contacts((one.call for one in found), user=user)
    queues = queue_labels() if any(one.call.queue_name for one in found) else {}
    return [ReturnRow(call_row(one.call), one.missed, _place(one, queues)) for one in found]


def queue_labels() -> dict[tuple[int, str], str]:
    """(pbx, name there) -> what people call the queue."""
    return {(queue.pbx_id, queue.name): str(queue) for queue in Queue.objects.all()}


def _place(one: ToReturn, queues: dict[tuple[int, str], str]) -> str:
    call = one.call
    if call.queue_name:
        return queues.get((call.pbx_id, call.queue_name), call.queue_name)
    return call.line.label if call.line else ""

"""Calls that became part of another: a consultation, a pickup, a parked caller taken back. They are told with it.

What became part of a call is kept as the loser's row, with the Linkedid of the winner. The log folds them (calls/log).
"""

from dataclasses import dataclass, field

from django.db.models import QuerySet

from crmconnector.calls.log import without_parts
from crmconnector.calls.models import Call
from crmconnector.calls.selectors import for_list

__all__ = ["Parts", "parts_of", "without_parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """`into` is None as well when this visitor may not see that call."""

    into: Call | None = None
    joined: list[Call] = field(default_factory=list)


def parts_of(call: Call, *, seen: QuerySet[Call]) -> Parts:
    """Two queries at most."""
    near = for_list(seen.filter(pbx=call.pbx_id)).select_related("placed_by")
    into = near.filter(linkedid=call.merged_into).first() if call.merged_into else None
    joined = near.filter(merged_into=call.linkedid).exclude(merged_into="")
    return Parts(into, list(joined.order_by("ended_at", "id")))

"""Calls that became part of another: a consultation, a pickup, a parked caller taken back. They are told with it.

What became part of a call is kept as the loser's row, with the Linkedid of the winner.
"""

from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet

from crmconnector.calls.models import Call
from crmconnector.calls.selectors import for_list


@dataclass(frozen=True, slots=True)
class Parts:
    """`into` is None as well when this visitor may not see that call."""

    into: Call | None = None
    joined: list[Call] = field(default_factory=list)


def without_parts(calls: QuerySet[Call], *, seen: QuerySet[Call]) -> QuerySet[Call]:
    """Fold what became part of a call into that call; what became part of one that nobody here sees stays."""
    winner = seen.filter(pbx=OuterRef("pbx"), linkedid=OuterRef("merged_into"))
    # No call is its own winner. The comparison also keeps PostgreSQL from reading all calls into a hash: it looks up
    # the few winners by their key instead.
    winner = winner.exclude(pk=OuterRef("pk"))
    return calls.filter(Q(merged_into="") | ~Exists(winner))


def parts_of(call: Call, *, seen: QuerySet[Call]) -> Parts:
    """Two queries at most."""
    near = for_list(seen.filter(pbx=call.pbx_id)).select_related("placed_by")
    into = near.filter(linkedid=call.merged_into).first() if call.merged_into else None
    return Parts(into, list(near.filter(merged_into=call.linkedid).order_by("ended_at", "id")))

"""Which way an administrator decided on for a verb: at one phone, or at all phones that have no decision of their own.

A decision is a row of PathPolicy; without one the usual way of calls.verbs counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q

from crmconnector.calls.models import PathPolicy
from crmconnector.calls.verbs import VERBS
from phones.models import Phone


@dataclass(frozen=True, slots=True)
class Decision:
    """`path` is "phone", "pbx" or empty: none was made. `own`: for this phone alone, not for all."""

    path: str = ""
    fall_back: bool = False
    own: bool = False


NONE = Decision()


class WayProblem(Exception):
    """Why this cannot be decided; a sentence that may be shown."""


def decisions_for(phone: Phone | None) -> dict[str, Decision]:
    """By kind, for the verbs that somebody decided on; the phone's own word before that for all. One query."""
    rows = PathPolicy.objects.filter(Q(phone=phone) | Q(phone=None)).order_by("phone_id")
    return newest_word(rows, phone)


def newest_word(rows: Iterable[PathPolicy], phone: Phone | None) -> dict[str, Decision]:
    """The same from loaded rows, of whatever phones."""
    found: dict[str, Decision] = {}
    for row in rows:
        own = phone is not None and row.phone_id == phone.pk
        if own or (row.phone_id is None and row.kind not in found):
            found[row.kind] = Decision(row.path, row.fall_back, own)
    return found


def decide_ways(*, phone: Phone | None, wanted: Mapping[str, Decision]) -> dict[str, Decision]:
    """Keep these decisions for one phone, or for all (None); those that changed. An empty path takes one back.

    Raises WayProblem, and has then changed nothing, for a way that the verb does not have.
    """
    for kind, decision in wanted.items():
        _check(kind, decision)
    before = {row.kind: row for row in PathPolicy.objects.filter(phone=phone, kind__in=list(wanted))}
    changed = {kind: decision for kind, decision in wanted.items() if _differs(before.get(kind), decision)}
    for kind, decision in changed.items():
        if decision.path:
            PathPolicy.objects.update_or_create(
                phone=phone, kind=kind, defaults={"path": decision.path, "fall_back": decision.fall_back}
            )
        else:
            PathPolicy.objects.filter(phone=phone, kind=kind).delete()
    return changed


def _check(kind: str, decision: Decision) -> None:
    row = VERBS.get(kind)
    if row is None or (decision.path and decision.path not in row.ways()):
        raise WayProblem("This verb has no such way.")
    if decision.fall_back and len(row.ways()) < 2:
        raise WayProblem("This verb has one way only, so there is nothing to fall back to.")


def _differs(row: PathPolicy | None, decision: Decision) -> bool:
    stored = (row.path, row.fall_back) if row else ("", False)
    return stored != (decision.path, decision.fall_back if decision.path else False)

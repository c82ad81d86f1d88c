"""How far back one page of the log looks, so that it comes back fast however rare is what somebody asks for.

Bounded by the number of calls looked at and not by days: that takes as long in a house of three as in one of three
hundred, in a quiet year as in a busy one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery

from crmconnector.calls.models import Call, CallParty
from crmconnector.common.among import among
from crmconnector.users.models import User

# Most pages are full after the first few hundred; the second time it is as many as a page has time for.
LOOKED_AT = (300, 3000)
TIMES_FOR_ALL = 4  # as many of everybody's calls cost as much as one of some people's


Place = tuple[datetime, int]  # (start of a call, its id): newest first


@dataclass(frozen=True, slots=True)
class Bounds:
    """Since (including) and until (not), and the place where the last page ended; `up`: later calls are wanted."""

    since: datetime | None = None
    until: datetime | None = None
    place: Place | None = None
    up: bool = False

    def as_wish(self, start: str = "started_at", key: str = "id") -> Q:
        """Each bound stands alone beside the exact place, so that an index begins there and need not read up to it."""
        wish = Q()
        for word, value in (("gte", self.since), ("lt", self.until)):
            if value is not None:
                wish &= Q(**{f"{start}__{word}": value})
        if self.place is None:
            return wish
        (at, pk), word = self.place, "gt" if self.up else "lt"
        exact = Q(**{f"{start}__{word}": at}) | Q(**{start: at, f"{key}__{word}": pk})
        return wish & Q(**{f"{start}__{word}e": at}) & exact

    def order(self, start: str = "started_at", key: str = "id") -> tuple[str, str]:
        return (start, key) if self.up else (f"-{start}", f"-{key}")

    def as_far_as(self, edge: Place | None) -> Q:
        if edge is None:
            return Q()
        (at, pk), word = edge, "lt" if self.up else "gt"
        return Q(**{f"started_at__{word}e": at}) & (Q(**{f"started_at__{word}": at}) | Q(**{f"id__{word}e": pk}))

    def farther(self, one: Place, other: Place) -> bool:
        return one > other if self.up else one < other


@dataclass(frozen=True, slots=True)
class Reach:
    """The calls to look through, and the place of the last of them; `edge` None: there are no more."""

    among: Q
    edge: Place | None


def reach_of(people: Sequence[int] | None, narrow: Q | None, bounds: Bounds, *, size: int) -> Reach:
    """The next `size` calls of these people (None: of everybody), or of `narrow`, which has an index of its own:
    whichever reaches farther."""
    if people is None:
        times = size * TIMES_FOR_ALL
        edge = _edge(list(_places(narrow or Q(), bounds)[times - 1 : times + 1]), 1)
        return Reach(bounds.as_far_as(edge), edge)
    theirs = _of_people(people, bounds, size)
    if narrow is None or theirs.edge is None:
        return theirs
    places = list(_places(narrow, bounds)[: size + 1])
    edge = _edge(places, size)
    if edge is not None and not bounds.farther(edge, theirs.edge):
        return theirs
    return Reach(among(pk for _at, pk in places) & bounds.as_far_as(edge) & somebodys(people), edge)


def somebodys(people: Sequence[int] | None) -> Q:
    """Calls of these people, asked of each call in turn: as EXISTS, PostgreSQL may read all that these people ever had.
    For calls that are few already."""
    if people is None:
        return Q()
    return Q(pk__in=[]) if not people else Q(AnyOf(CallParty.objects.filter(call=OuterRef("pk")), people))


class AnyOf(ArraySubquery):
    """Whether one of the users of these parties is among `people`."""

    def __init__(self, parties: QuerySet[CallParty], people: Sequence[int]) -> None:
        super().__init__(parties.order_by().values("user_id"))
        self.people = list(people)
        self.template = "(ARRAY(%(subquery)s) && %%s::bigint[])"

    conditional = True

    def as_sql(self, compiler: Any, connection: Any, template: str | None = None, **extra: Any) -> Any:
        sql, params = super().as_sql(compiler, connection, template, **extra)
        return sql, (*params, self.people)


def _places(wish: Q, bounds: Bounds) -> QuerySet[Call, Place]:
    calls = Call.objects.filter(wish & bounds.as_wish()).order_by(*bounds.order())
    return calls.values_list("started_at", "pk")


def _edge(places: Sequence[Place], size: int) -> Place | None:
    """The last of so many, when there is one more."""
    return places[size - 1] if len(places) > size else None


def _of_people(people: Sequence[int], bounds: Bounds, size: int) -> Reach:
    """One walk of the index a person: for the newest of some together it would read everybody's when these had none for
    weeks. Complete as far as the list of the one with most calls goes."""
    each = -(-size // len(people))
    parties = CallParty.objects.filter(bounds.as_wish(key="call_id"), user=OuterRef("pk"))
    parties = parties.order_by(*bounds.order(key="call_id"))
    rows = (
        User.objects.filter(pk__in=people)
        .order_by()
        .annotate(calls_there=ArraySubquery(parties.values("call_id")[: each + 1]))
        .annotate(edge_at=Subquery(parties.values("started_at")[each - 1 : each]))
        .values_list("calls_there", "edge_at")
    )
    ids, edges = set[int](), list[Place]()
    for theirs, edge_at in rows:
        ids.update(theirs)
        edges += [(edge_at, theirs[each - 1])] if len(theirs) > each else []
    edge = (min(edges) if bounds.up else max(edges)) if edges else None
    return Reach(among(sorted(ids)) & bounds.as_far_as(edge), edge)

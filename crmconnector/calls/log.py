"""The log of calls, newest first, a page at a time, by any filter, at any number of calls.

A page is found by the place where the last one ended (start and id of a call), never by counting. First the keys of its
calls are read among those that reach.py lays before it, then these calls with all that a row shows. A page that is not
full says how far it looked, and the next one goes on from there.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q, QuerySet

from crmconnector.calls.models import MISSED_INBOUND, Call, CallNote
from crmconnector.calls.reach import LOOKED_AT, Bounds, Place, Reach, reach_of, somebodys
from crmconnector.calls.selectors import calls_of_people, for_list
from crmconnector.contacts.listing import no_table_read_whole

ROWS_ON_A_PAGE = 50


class Which(StrEnum):
    ALL = "all"
    MISSED = "missed"
    TALKED = "talked"
    BUSY = "busy"
    PASSED_ON = "passed_on"
    UNSEEN = "unseen"
    NOW = "now"


OF_WHICH: dict[Which, Q] = {
    Which.ALL: Q(),
    Which.MISSED: MISSED_INBOUND,
    Which.TALKED: Q(answered_at__isnull=False),
    Which.BUSY: Q(disposition__in=("busy", "rejected", "failed")),
    Which.PASSED_ON: ~Q(transfers=[]),
    Which.UNSEEN: Q(disposition="unseen"),
    Which.NOW: Q(ended_at__isnull=True),
}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What is asked for. `people` are those whose calls may be seen (None: everybody's); it is no wish but a right.

    `found` narrows to what a search found (see search.py). `since`, `until`: starts from (including), until (not).
    """

    people: tuple[int, ...] | None
    which: Which = Which.ALL
    direction: str = ""
    person: int | None = None
    line: int | None = None
    queue: tuple[int, str] | None = None
    contact: int | None = None
    number: str = ""
    noted: bool = False
    outcome: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    found: Q | None = None
    few: bool = False  # `found` are some calls by their ids
    parts: bool = False  # with what became part of another call as rows of its own


@dataclass(frozen=True, slots=True)
class LogPage:
    """`newer` and `older` are places of pages beside it. `newest`, `oldest` bound the time that it stands for, for
    gaps: from `oldest` (including; None: open) until before `newest` (None: open)."""

    calls: list[Call] = field(default_factory=list)
    newer: Place | None = None
    older: Place | None = None
    newest: datetime | None = None
    oldest: datetime | None = None
    cut_at: datetime | None = None  # nothing older was looked at


def read_page(wanted: LogFilter, *, before: Place | None = None, after: Place | None = None) -> LogPage:
    """The page that begins below `before`, or ends above `after`; else the newest."""
    if after is not None and before is None:
        above, edge = _keys(wanted, place=after, up=True, count=ROWS_ON_A_PAGE + 1)
        if len(above) > ROWS_ON_A_PAGE:
            keys = above[:ROWS_ON_A_PAGE][::-1]
            return LogPage(_rows(keys), keys[0], keys[-1], above[ROWS_ON_A_PAGE][0], keys[-1][0])
        if edge is not None:
            keys = above[::-1]
            older = keys[-1] if keys else (after[0], after[1] + 1)
            return LogPage(_rows(keys), edge, older, edge[0], older[0])
    keys, edge = _keys(wanted, place=before, count=ROWS_ON_A_PAGE + 1)
    more = len(keys) > ROWS_ON_A_PAGE
    keys = keys[:ROWS_ON_A_PAGE]
    last_one = keys[-1] if keys and more else None
    first = keys[0] if keys else before
    return LogPage(
        calls=_rows(keys),
        newer=first if before else None,
        older=last_one or edge,
        newest=before[0] if before else None,
        oldest=last_one[0] if last_one else None,
        cut_at=edge[0] if edge and not more else None,
    )


def newest_calls(wanted: LogFilter, *, count: int) -> list[Call]:
    return _rows(_keys(wanted, count=count)[0])


def newest_ids(wanted: LogFilter, *, count: int) -> list[int]:
    return [key for _at, key in _keys(wanted, count=count)[0]]


def matching(wanted: LogFilter) -> Q:
    """The filter as a condition on calls, without whose they are and when they were."""
    wish = OF_WHICH[wanted.which]
    for column, value in (
        ("direction", wanted.direction), ("line", wanted.line), ("contact", wanted.contact),
        ("far_number", wanted.number),
    ):  # fmt: skip
        if value:
            wish &= Q(**{column: value})
    if wanted.number:
        wish &= ~Q(far_number="")  # so that the index of numbers serves
    if wanted.queue:
        wish &= Q(pbx=wanted.queue[0], queue_name=wanted.queue[1]) & ~Q(queue_name="")
    if wanted.noted or wanted.outcome:
        notes = CallNote.objects.filter(call=OuterRef("pk"))
        wish &= Q(Exists(notes.filter(outcome=wanted.outcome) if wanted.outcome else notes))
    return wish & wanted.found if wanted.found is not None else wish


def without_parts(calls: QuerySet[Call], *, seen: QuerySet[Call]) -> QuerySet[Call]:
    """Fold what became part of a call into that call; what became part of one that nobody here sees stays."""
    return calls.filter(whole(seen=seen))


def whole(*, seen: QuerySet[Call]) -> Q:
    winner = seen.filter(pbx=OuterRef("pbx"), linkedid=OuterRef("merged_into"))
    # No call is its own winner. The comparison also keeps PostgreSQL from reading all calls into a hash: it looks up
    # the few winners by their key instead.
    return Q(merged_into="") | Q(~Exists(winner.exclude(pk=OuterRef("pk"))))


def _keys(
    wanted: LogFilter, *, place: Place | None = None, up: bool = False, count: int
) -> tuple[list[Place], Place | None]:
    """At most `count` places, and how far was looked; None: to the end."""
    people = _people(wanted)
    if people is not None and not people:
        return [], None
    bounds = Bounds(wanted.since, wanted.until, place, up)
    wish = matching(wanted) & bounds.as_wish()
    if not wanted.parts:
        wish &= whole(seen=calls_of_people(None if people is None else list(people)))
    keys, edge = list[Place](), None
    with no_table_read_whole():
        for size in LOOKED_AT:
            reach = (
                Reach(somebodys(people), None) if wanted.few else reach_of(people, _narrow(wanted), bounds, size=size)
            )
            found = Call.objects.filter(reach.among & wish, test=False).order_by(*bounds.order())
            keys, edge = list(found.values_list("started_at", "id")[:count]), reach.edge
            if len(keys) >= count or edge is None:
                break
    return keys, edge


def _narrow(wanted: LogFilter) -> Q | None:
    """The part of the filter that has an index in the order of the log."""
    if wanted.number:
        return Q(far_number=wanted.number) & ~Q(far_number="")
    if wanted.contact or wanted.line:
        return Q(contact=wanted.contact) if wanted.contact else Q(line=wanted.line)
    if wanted.queue:
        return Q(queue_name=wanted.queue[1]) & ~Q(queue_name="")
    return MISSED_INBOUND if wanted.which is Which.MISSED else None


def _people(wanted: LogFilter) -> tuple[int, ...] | None:
    """Whose calls are read: of the person asked for, when that person's may be seen at all."""
    if wanted.person is None:
        return wanted.people
    allowed = wanted.people is None or wanted.person in wanted.people
    return (wanted.person,) if allowed else ()


def _rows(keys: list[Place]) -> list[Call]:
    ids = [key for _at, key in keys]
    return list(for_list(Call.objects.filter(pk__in=ids))) if ids else []

"""One list of contacts among a million, in bounded time, and what it did not look at.

A list that a fixed number of rows in its order gives many of is read from that order alone, and goes on from where it
ended. A rarer one is asked of the index that finds it, up to a number of contacts that can still be sorted at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import BooleanField, Case, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.lookups import IsNull

from crmconnector.common.among import among
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.contacts.selectors import MOST_LISTED, SORTS, Wanted, visible_to, wanted_as
from crmconnector.users.models import User

ROWS_WALKED = 4000
# No index tells who has no number; the newest contacts are walked through, which is the quickest order.
ROWS_WALKED_FOR_NUMBERLESS = 20_000
ENOUGH = 250  # found on the way: the list is not a rare one
MOST_SORTED = 2000


@dataclass(frozen=True, slots=True)
class Listed:
    """`ids` in their order, MOST_LISTED at most. `more`: there are, or may be, others behind them.

    `some`: these are any of very many, so that others may belong before or between them. `further`: the list was read
    as far as the contact with this id, and goes on from there; `walked` rows were looked at.
    """

    ids: list[int]
    more: bool = False
    some: bool = False
    further: int | None = None
    walked: int = 0


def list_contacts(user: User, wanted: Wanted, *, country: str, after: int | None = None) -> Listed:
    """Those this user may see, as asked for; behind the contact `after`, when it is one to be seen."""
    visible, wish = visible_to(user), wanted_as(wanted, country=country)
    walked = _walk(visible, wish, wanted, after=after)
    if walked.further is None or len(walked.ids) >= ENOUGH or after is not None or wanted.without_number:
        return walked
    with no_table_read_whole():
        found = Contact.objects.filter(visible & wish).order_by().values_list("pk", flat=True)
        keys = list(found[: MOST_SORTED + 1])
    too_many = len(keys) > MOST_SORTED
    if too_many and walked.ids:
        return walked  # few, but the first ones
    in_order = Contact.objects.filter(among(keys)).order_by(*SORTS[wanted.sort]).values_list("pk", flat=True)
    ids, more = list(in_order[:MOST_LISTED]), len(keys) > MOST_LISTED
    return Listed(ids, more=more or too_many, some=too_many, further=ids[-1] if more and not too_many else None)


def first_contacts(user: User, text: str, *, country: str, most: int, with_numbers: bool = False) -> list[Contact]:
    """The first few with this text, while somebody types."""
    ids = list_contacts(user, Wanted(text=text), country=country).ids[:most]
    rows = Contact.objects.prefetch_related("numbers") if with_numbers else Contact.objects.all()
    by_id = rows.in_bulk(ids)
    return [by_id[pk] for pk in ids if pk in by_id]


def any_contacts(user: User, text: str, *, country: str, most: int) -> list[int]:
    """Ids of contacts with this text, in no order: enough to find their calls by."""
    wish = visible_to(user) & wanted_as(Wanted(text=text), country=country)
    with no_table_read_whole():
        return list(Contact.objects.filter(wish).order_by().values_list("pk", flat=True)[:most])


@contextmanager
def no_table_read_whole() -> Iterator[None]:
    """For questions that an index answers: PostgreSQL would begin to read the table when it takes a rare pair of words
    for a common one, and end after a million rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        yield
        cursor.execute("set local enable_seqscan = on")


def _walk(visible: Q, wish: Q, wanted: Wanted, *, after: int | None) -> Listed:
    """What the next rows of the order give. The wish is asked of each row in turn: as a condition it could make
    PostgreSQL walk through all of them until it has found enough."""
    most = ROWS_WALKED_FOR_NUMBERLESS if wanted.without_number else ROWS_WALKED if visible & wish else MOST_LISTED
    rows = _behind(Contact.objects.all(), wanted.sort, visible, after).order_by(*SORTS[wanted.sort])
    read = list(rows.annotate(hit=_hit(visible & wish, wanted)).values_list("pk", "hit")[: most + 1])
    found = [pk for pk, hit in read[:most] if hit]
    if len(found) > MOST_LISTED:
        return Listed(found[:MOST_LISTED], more=True, further=found[MOST_LISTED - 1], walked=most)
    further = read[most - 1][0] if len(read) > most else None
    return Listed(found, more=further is not None, further=further, walked=min(most, len(read)))


def _hit(wish: Q, wanted: Wanted) -> Combinable:
    hit: Combinable = ExpressionWrapper(wish, output_field=BooleanField()) if wish else Value(value=True)
    if not wanted.without_number:
        return hit
    # The number itself and not whether there is one: PostgreSQL would read all numbers into a hash for that.
    number = ContactNumber.objects.filter(contact=OuterRef("pk")).order_by().values("pk")[:1]
    return Case(When(IsNull(Subquery(number), True), then=hit), default=Value(value=False))


def _behind(rows: QuerySet[Contact], sort: str, visible: Q, after: int | None) -> QuerySet[Contact]:
    if after is None:
        return rows
    if sort == "newest":
        return rows.filter(pk__lt=after)
    first = SORTS[sort][0]
    falls = isinstance(first, str)  # "-updated_at": the ones behind are smaller
    key: Combinable = first.expression if isinstance(first, OrderBy) else F("updated_at")
    place = Contact.objects.filter(visible, pk=after).annotate(key=key).values_list("key", flat=True).first()
    if place is None:
        return rows
    word = "lt" if falls else "gt"
    beyond = Q(**{f"key__{word}": place}) | Q(key=place, **{f"pk__{word}": after})
    return rows.alias(key=key).filter(Q(**{f"key__{word}e": place}) & beyond)

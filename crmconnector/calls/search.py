"""What a person typed into the search of the log: numbers in any form, names, lines, queues, colleagues, notes.

Each kind has its index. A kind that finds few calls gives their ids, of all days; one that finds very many (a line that
half the calls come over) becomes a condition, and the log reads the newest calls for it within its window of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Reverse
from django.db.models.lookups import StartsWith

from crmconnector.calls.models import Call, CallNote, CallParty
from crmconnector.calls.parties import digits_of
from crmconnector.calls.reach import somebodys
from crmconnector.common.among import among
from crmconnector.common.numbers import fold_digits, read_number
from crmconnector.contacts.listing import any_contacts
from crmconnector.pbx.models import Line, Queue
from crmconnector.users.models import User

LONGEST_SEARCH = 80
LEAST_DIGITS = 3
LEAST_LETTERS = 3  # what the index of parts of words needs
MOST_BY_ID = 2000
MOST_CONTACTS = 500
_NUMBER_CHARACTERS = frozenset("0123456789+ ()./-–\u00a0\t")


@dataclass(frozen=True, slots=True)
class Found:
    """`wish` None: nothing can match. `few`: the ids of all days are known, and no window is needed."""

    wish: Q | None
    few: bool = True


def search_calls(text: str, *, user: User, country: str) -> Found:
    """What finds the calls with this text; `country`: where a number without one is read."""
    text = fold_digits(text.replace("\x00", "")).strip()[:LONGEST_SEARCH]
    many, ids = Q(), set[int]()
    found = [(kind, Call.objects.filter(kind)) for kind in _kinds(text, user, country)]
    kinds = [(kind, calls.order_by().values_list("pk", flat=True)) for kind, calls in found]
    for kind, rows in [*kinds, *_by_colleague(text)]:
        keys = list(rows[: MOST_BY_ID + 1])
        if len(keys) > MOST_BY_ID:
            many |= kind
        else:
            ids.update(keys)
    if len(ids) > MOST_BY_ID * 3:
        ids = set(sorted(ids)[-3 * MOST_BY_ID :])
    wish = many | among(sorted(ids)) if ids else many
    return Found(wish if wish else None, few=not many)


def _kinds(text: str, user: User, country: str) -> Iterator[Q]:
    if set(text) <= _NUMBER_CHARACTERS:
        yield from _by_number(text, country)
    if not any(char.isalnum() for char in text):
        return
    lines = Line.objects.filter(Q(label__icontains=text) | Q(did__icontains=text))
    if keys := list(lines.values_list("pk", flat=True)):
        yield Q(line__in=keys)
    queues = Queue.objects.filter(Q(label__icontains=text) | Q(name__iexact=text))
    if names := sorted(set(queues.values_list("name", flat=True)) - {""}):
        yield Q(queue_name__in=names) & ~Q(queue_name="")
    yield from _by_name(text, user, country)


def _by_number(text: str, country: str) -> Iterator[Q]:
    """The whole number, its last digits, or its first ones as people at home write them."""
    numbered = ~Q(far_number="")
    reading = read_number(text, country=country)
    digits = digits_of(text)
    if reading.e164:
        yield Q(far_number=reading.e164) & numbered
    if len(digits.lstrip("0")) < LEAST_DIGITS:
        return
    yield Q(StartsWith(Reverse("far_number"), Value(digits.lstrip("0")[::-1]))) & numbered
    if reading.e164:
        return  # whole already
    begins = Q(far_number__startswith=digits)
    begins |= Q(far_number__startswith=f"+{digits.removeprefix('00')}")
    if home := _calling_code(country):
        begins |= Q(far_number__startswith=f"+{home}{digits.lstrip('0')}")
    yield begins & numbered


def _by_name(text: str, user: User, country: str) -> Iterator[Q]:
    if keys := any_contacts(user, text, country=country, most=MOST_CONTACTS):
        yield among(keys, "contact")
    if len(text) >= LEAST_LETTERS:
        yield Q(caller_name__icontains=text) & ~Q(caller_name="")
        notes = CallNote.objects.filter(~Q(text=""), text__icontains=text)
        if keys := list(notes.order_by("-id").values_list("call_id", flat=True)[:MOST_BY_ID]):
            yield among(keys)


def _by_colleague(text: str) -> Iterator[tuple[Q, QuerySet[CallParty, int]]]:
    """The condition, and the ids from the narrow table: asked of the calls it would read them all."""
    if not any(char.isalnum() for char in text):
        return
    people = User.objects.filter(Q(full_name__icontains=text) | Q(username__iexact=text))
    if keys := list(people.order_by().values_list("pk", flat=True)[:MOST_CONTACTS]):
        theirs = CallParty.objects.filter(user__in=keys)
        yield somebodys(keys), theirs.order_by("-started_at", "-call_id").values_list("call_id", flat=True)


def _calling_code(country: str) -> str:
    code = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""

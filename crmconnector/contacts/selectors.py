"""Reads about contacts: who may see which, the list with its search, and what stands on one contact's page.

Who has a number is asked in lookup.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Reverse
from django.db.models.lookups import StartsWith
from phonenumbers import country_code_for_region

from crmconnector.common.among import among
from crmconnector.common.numbers import fold_digits, read_number
from crmconnector.contacts.folding import Fold
from crmconnector.contacts.models import Contact, ContactChange, ContactNumber
from crmconnector.users.models import Team, User

MOST_LISTED = 1000  # nobody leafs further; the export has all
MOST_WORDS = 6
LEAST_DIGITS = 4  # fewer say nothing among a million numbers
SHORTEST_PART = 3  # letters; a shorter text is looked for at the beginning of words only
MOST_WITH_NUMBER = 500
_NUMBER_CHARACTERS = frozenset("0123456789+ ()./-–\u00a0\t")

# What a list can be sorted by. The indexes of migration 0003 stand in these orders.
SORTS: dict[str, tuple[str | Combinable, ...]] = {
    "name": (Fold("name").asc(), "id"),
    "company": (Fold("company").asc(), "id"),
    "changed": ("-updated_at", "-id"),
    "newest": ("-id",),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list asks for. `owner`, `team`: ids, None for anybody's."""

    text: str = ""
    owner: int | None = None
    team: int | None = None
    tag: str = ""
    kind: str = ""
    without_number: bool = False
    sort: str = "name"


def contacts_seen_by(user: User) -> QuerySet[Contact]:
    """Those of nobody's team, those of the user's own teams; administrators see all."""
    return Contact.objects.filter(visible_to(user))


def visible_to(user: User) -> Q:
    """The teams by their ids: a question within the question would keep PostgreSQL from knowing how many these are."""
    if user.is_administrator:
        return Q()
    return Q(team=None) | Q(team__in=sorted(user.teams.order_by().values_list("pk", flat=True)))


def teams_offered_to(user: User) -> QuerySet[Team]:
    """The teams to which this user may give a contact: the own ones; any for administrators."""
    return Team.objects.all() if user.is_administrator else user.teams.all()


def find_contacts(seen: QuerySet[Contact], wanted: Wanted, *, country: str) -> QuerySet[Contact]:
    """Those of `seen` that were asked for, in their order, however many and however long it takes: a page asks
    listing.py. `country`: where a number without one is read."""
    found = seen.filter(wanted_as(wanted, country=country))
    if wanted.without_number:
        found = found.filter(~Exists(ContactNumber.objects.filter(contact=OuterRef("pk"))))
    return found.order_by(*SORTS.get(wanted.sort, SORTS["name"]))


def wanted_as(wanted: Wanted, *, country: str) -> Q:
    """All that was asked for but `without_number`, which speaks of another table."""
    wish = _with_text(wanted.text, country=country)
    for column, value in (("owner", wanted.owner), ("team", wanted.team), ("kind", wanted.kind or None)):
        if value is not None:
            wish &= Q(**{column: value})
    return wish & Q(tags__contains=[wanted.tag]) if wanted.tag else wish


def for_list(ids: Iterable[int]) -> list[Contact]:
    """Rows with all that a line of the list shows, in the order of the ids."""
    rows = Contact.objects.select_related("owner", "team").prefetch_related("numbers").defer("notes", "search")
    wanted = list(ids)
    by_id = rows.in_bulk(wanted)
    return [by_id[pk] for pk in wanted if pk in by_id]


def who_else_has(contact: Contact) -> dict[int, list[Contact]]:
    """Number id -> the other contacts with that number. Whether they may be seen is for the caller to look at."""
    numbers = list(contact.numbers.all())
    same = Q(e164__in=[row.e164 for row in numbers if row.e164])
    same |= Q(e164="", match_key__in=[row.match_key for row in numbers if not row.e164 and row.match_key])
    others = ContactNumber.objects.filter(same).exclude(contact=contact).select_related("contact")
    rows = list(others.order_by("contact__name", "pk")[:MOST_WITH_NUMBER])
    found = {one.pk: [row.contact for row in rows if _same_number(row, one)] for one in numbers}
    return {pk: list({each.pk: each for each in contacts}.values()) for pk, contacts in found.items() if contacts}


def company_colleagues(seen: QuerySet[Contact], contact: Contact, *, most: int) -> list[Contact]:
    """Others of the same company, however it is capitalised."""
    if not contact.company.strip():
        return []
    there = seen.alias(folded=Fold("company")).filter(folded=Fold(Value(contact.company)))
    return list(there.exclude(pk=contact.pk).order_by(*SORTS["company"])[:most])


def merged_into(contact_id: int) -> int | None:
    """Where a contact went that is no more, because it was merged: an old link still leads to the person."""
    merges = ContactChange.objects.filter(kind=ContactChange.Kind.MERGED, details__gone_id=contact_id)
    return merges.values_list("contact_id", flat=True).first()


def tags_in_use(seen: QuerySet[Contact], *, most: int) -> list[str]:
    """Tags for the list's filter, from the contacts that were changed last: not a walk through a million."""
    recent = seen.order_by("-updated_at", "-id").values_list("tags", flat=True)[:MOST_LISTED]
    return sorted({tag for tags in recent for tag in tags}, key=str.casefold)[:most]


def _with_text(text: str, *, country: str) -> Q:
    """Every word must be found; digits are also looked for in the numbers. Wildcards in the text mean themselves."""
    plain = fold_digits(text.replace("\x00", "")).strip()[:80]
    words = plain.split()[:MOST_WORDS]
    wanted = Q()
    for word in words:
        folded = Fold(Value(word))
        wanted &= Q(search__contains=folded if len(word) >= SHORTEST_PART else Concat(Value(" "), folded))
    if words and set(plain) <= _NUMBER_CHARACTERS:
        wanted |= among(_ids_with_number(plain, country=country))
    return wanted


def _ids_with_number(text: str, *, country: str) -> list[int]:
    """Contacts with this number in any written form, or one that begins or ends with these digits.

    Asked beforehand: as a part of the same query it would make PostgreSQL walk through all contacts.
    """
    reading = read_number(text, country=country)
    if reading.e164:
        rows = ContactNumber.objects.filter(Q(e164=reading.e164) | Q(match_key=reading.key, e164=""))
        if found := list(rows.values_list("contact_id", flat=True)[:MOST_WITH_NUMBER]):
            return found
    return _ids_with_part(text, country=country)


def _ids_with_part(text: str, *, country: str) -> list[int]:
    digits = "".join(char for char in text if char.isdigit())
    if len(digits) < LEAST_DIGITS:
        return list(
            ContactNumber.objects.filter(match_key=digits).values_list("contact_id", flat=True)[:MOST_WITH_NUMBER]
        )
    national = digits.lstrip("0")
    parts = Q(StartsWith(Reverse("match_key"), digits[::-1][:9])) | Q(match_key__startswith=national[:9])
    parts |= Q(e164__startswith=f"+{digits.removeprefix('00')}")
    if code := country_code_for_region(country):
        parts |= Q(e164__startswith=f"+{code}{national}")
    return list(ContactNumber.objects.filter(parts).values_list("contact_id", flat=True)[:MOST_WITH_NUMBER])


def _same_number(one: ContactNumber, other: ContactNumber) -> bool:
    if one.e164 or other.e164:
        return one.e164 == other.e164
    return bool(one.match_key) and one.match_key == other.match_key

"""What the pages of contacts show: the list with its filters, one contact with its history, two side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Prefetch, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.calls.models import CallNote
from crmconnector.calls.selectors import calls_seen_by, for_list
from crmconnector.common.numbers import read_number
from crmconnector.contacts import merging
from crmconnector.contacts.folding import Fold
from crmconnector.contacts.listing import list_contacts
from crmconnector.contacts.models import Contact, ContactChange, ContactKind, ContactNumber
from crmconnector.contacts.selectors import SORTS, Wanted, company_colleagues, contacts_seen_by, who_else_has
from crmconnector.contacts.selectors import for_list as contacts_for_list
from crmconnector.contacts.services import FIELDS, NUMBERS, Clash, told
from crmconnector.users.models import User
from crmconnector.web.access import ROWS_ON_A_PAGE
from crmconnector.web.call_parts import without_parts
from crmconnector.web.words import CallRow, call_row

MOST_CALLS = 20
MOST_CHANGES = 30
MOST_COLLEAGUES = 8
MOST_OTHERS = 30
FIELD_WORDS = {
    "kind": gettext_lazy("Kind"),
    "name": gettext_lazy("Name"),
    "company": gettext_lazy("Company"),
    "title": gettext_lazy("Role or title"),
    "email": gettext_lazy("E-mail"),
    "owner": gettext_lazy("Owner"),
    "team": gettext_lazy("Who sees it"),
    "tags": gettext_lazy("Tags"),
    "external_id": gettext_lazy("Id in the CRM"),
    "external_link": gettext_lazy("Link to the CRM"),
    "notes": gettext_lazy("Notes"),
    NUMBERS: gettext_lazy("Numbers"),
}


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list that nobody counts to its end. `more`: there are more than `known`.

    `some`: these are any of very many. `further`: the id behind which the list goes on, when it was read so far only.
    """

    contacts: list[Contact]
    number: int
    first: int
    last: int
    known: int
    more: bool
    previous: int | None
    next: int | None
    some: bool = False
    further: int | None = None
    walked: int = 0


def list_page(user: User, wanted: Wanted, *, page: str, after: str, country: str) -> ListPage:
    """Few queries and the numbers of the rows shown, however many contacts there are."""
    behind = int(after) if after.isdecimal() and len(after) < 18 else None
    listed = list_contacts(user, wanted, country=country, after=behind)
    ids, known = listed.ids, len(listed.ids)
    pages = max(1, -(-known // ROWS_ON_A_PAGE))
    number = min(max(1, int(page)), pages) if page.isdecimal() and len(page) < 6 else 1
    start = (number - 1) * ROWS_ON_A_PAGE
    shown = ids[start : start + ROWS_ON_A_PAGE]
    return ListPage(
        contacts_for_list(shown), number, start + 1, start + len(shown), known, listed.more,
        number - 1 if number > 1 else None, number + 1 if number < pages else None,
        listed.some, listed.further, listed.walked,
    )  # fmt: skip


def wanted_of(asked: Mapping[str, str], user: User, *, text: str) -> Wanted:
    """What the list's address asks for; what it does not understand is left out."""
    owner, team = asked.get("owner", ""), asked.get("team", "")
    sort, kind = asked.get("sort", ""), asked.get("kind", "")
    return Wanted(
        text=text,
        owner=user.pk if owner == "me" else None,
        team=int(team) if team.isdecimal() and len(team) < 10 else None,
        tag=asked.get("tag", "").replace("\x00", "")[:40],
        kind=kind if kind in ContactKind.values else "",
        without_number=asked.get("numbers") == "none",
        sort="newest" if asked.get("numbers") == "none" else sort if sort in SORTS else "name",
    )


@dataclass(frozen=True, slots=True)
class NumberRow:
    number: ContactNumber
    country: str
    others: list[Contact]  # with the same number, as far as the visitor may see them
    hidden: int  # and how many the visitor may not see


@dataclass(frozen=True, slots=True)
class FieldChange:
    word: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a history: a call with its notes, or a change."""

    at: datetime
    icon: str
    call: CallRow | None = None
    notes: list[CallNote] = field(default_factory=list)
    change: ContactChange | None = None
    fields: list[FieldChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    contact: Contact
    numbers: list[NumberRow]
    items: list[Item]
    more_calls: bool
    colleagues: list[Contact]


def contact_story(contact: Contact, user: User, *, show: str, country: str) -> Story:
    """`show`: all, calls, notes (calls with notes), changes."""
    calls, more = ([], False) if show == "changes" else _calls(contact, user, only_notes=show == "notes")
    changes = _changes(contact) if show in ("all", "changes") else []
    seen = contacts_seen_by(user)
    return Story(
        contact,
        number_rows(contact, user, country=country),
        sorted([*calls, *changes], key=lambda item: item.at, reverse=True),
        more,
        company_colleagues(seen, contact, most=MOST_COLLEAGUES),
    )


def number_rows(contact: Contact, user: User, *, country: str) -> list[NumberRow]:
    others = who_else_has(contact)
    every = {one.pk for contacts in others.values() for one in contacts}
    seen = set(contacts_seen_by(user).filter(pk__in=every).values_list("pk", flat=True)) if every else set()
    return [_number_row(row, others.get(row.pk, []), seen, country) for row in contact.numbers.all()]


def others_to_merge(keep: Contact, user: User, *, text: str, country: str) -> list[Contact]:
    """Who may be the same: found by the text; without one, whoever shares a number or the name."""
    seen = contacts_seen_by(user)
    if text:
        found = list_contacts(user, Wanted(text=text), country=country).ids[: MOST_OTHERS + 1]
    else:
        sharing = {one.pk for contacts in who_else_has(keep).values() for one in contacts}
        named = seen.alias(folded=Fold("name")).filter(folded=Fold(Value(keep.name))).values_list("pk", flat=True)
        found = [*seen.filter(pk__in=sharing).values_list("pk", flat=True)[:MOST_OTHERS], *named[:MOST_OTHERS]]
    return contacts_for_list([pk for pk in dict.fromkeys(found) if pk != keep.pk][:MOST_OTHERS])


def merge_choices(keep: Contact, gone: Contact) -> list[dict[str, object]]:
    """Field by field: what each says, and which is taken unless somebody chooses: the one that says anything."""
    mine, other = told(keep), told(gone)
    rows = []
    for name in FIELDS:
        differs = mine[name] != other[name]
        both = name in merging.BOTH and bool(mine[name] and other[name])
        chosen = merging.FROM_BOTH if both else merging.FROM_KEPT if mine[name] else merging.FROM_GONE
        rows.append(
            {
                "name": name, "word": FIELD_WORDS[name], "mine": _shown(name, mine[name]),
                "other": _shown(name, other[name]), "differs": differs, "both": both, "chosen": chosen,
            }
        )  # fmt: skip
    return rows


def clash_rows(clashes: list[Clash]) -> list[FieldChange]:
    return [
        FieldChange(_word(one.field), _shown(one.field, one.theirs), _shown(one.field, one.yours)) for one in clashes
    ]


def _number_row(row: ContactNumber, others: list[Contact], seen: set[int], country: str) -> NumberRow:
    shown = [one for one in others if one.pk in seen]
    return NumberRow(row, read_number(row.written, country=country).country, shown, len(others) - len(shown))


def _calls(contact: Contact, user: User, *, only_notes: bool) -> tuple[list[Item], bool]:
    seen = calls_seen_by(user)
    theirs = without_parts(seen.filter(contact=contact, test=False), seen=seen)
    if only_notes:
        theirs = theirs.filter(pk__in=CallNote.objects.exclude(text="").values("call"))
    notes = Prefetch("notes", CallNote.objects.select_related("user", "outcome"))
    rows = list(for_list(theirs).prefetch_related(notes)[: MOST_CALLS + 1])
    items = [_call_item(call_row(call, viewer=user), list(call.notes.all())) for call in rows[:MOST_CALLS]]
    return items, len(rows) > MOST_CALLS


def _call_item(row: CallRow, notes: list[CallNote]) -> Item:
    icon = "missed" if row.result.icon == "missed" else row.direction_icon
    return Item(row.call.started_at, icon, call=row, notes=[note for note in notes if note.text or note.outcome_id])


def _changes(contact: Contact) -> list[Item]:
    return [
        Item(change.at, "note", change=change, fields=_field_changes(change.details))
        for change in contact.changes.all()[:MOST_CHANGES]
    ]


def _field_changes(details: Mapping[str, object]) -> list[FieldChange]:
    pairs = [(name, value) for name, value in details.items() if isinstance(value, list) and len(value) == 2]
    return [FieldChange(_word(name), _shown(name, str(pair[0])), _shown(name, str(pair[1]))) for name, pair in pairs]


def _word(name: str) -> str:
    return str(FIELD_WORDS.get(name, name))


def _shown(name: str, text: str) -> str:
    if name == "team" and not text:
        return _("Everybody")
    return str(dict(ContactKind.choices).get(text, text)) if name == "kind" else text

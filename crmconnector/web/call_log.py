"""The log of calls as a visitor asks for it: from the address to a filter, and back to addresses of its parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.log import LogFilter, Place, Which
from crmconnector.calls.models import Direction, Disposition
from crmconnector.calls.search import search_calls
from crmconnector.calls.selectors import people_whose_calls
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import contacts_seen_by
from crmconnector.pbx.models import Line, Queue
from crmconnector.pbx.selectors import home_country
from crmconnector.users.models import User
from crmconnector.web.access import searched
from crmconnector.web.words import shown_far_number

MOST_OFFERED = 500
LARGEST_KEY = 2**63 - 1

RESULTS = {
    Which.MISSED: gettext_noop("Missed"),
    Which.TALKED: gettext_noop("Talked"),
    Which.BUSY: gettext_noop("Busy, rejected or failed"),
    Which.PASSED_ON: gettext_noop("Passed on"),
    Which.UNSEEN: gettext_noop("End not seen"),
    Which.NOW: gettext_noop("Going on now"),
}
DIRECTIONS = {
    Direction.INBOUND: gettext_noop("Incoming"),
    Direction.OUTBOUND: gettext_noop("Outgoing"),
    Direction.INTERNAL: gettext_noop("Internal"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A select of the form of filters; `name` is its word in the address."""

    name: str
    label: str
    everything: str
    choices: list[Choice]

    @property
    def chosen(self) -> str:
        return next((one.label for one in self.choices if one.chosen), "")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on; `names` are its words in the address, to be left out by its cross."""

    label: str
    without: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the visitor asked for. `fields` offers what else could be."""

    wanted: LogFilter
    text: str
    nothing: bool  # no call can have this text
    before: Place | None
    after: Place | None
    from_day: str
    until_day: str
    contact: Contact | None = None
    fields: list[Field] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)


def asked_for(request: HttpRequest, user: User) -> Asked:
    """What the address says. A word that says nothing is as if it were not there; 404 for a contact not to be seen."""
    words, text = request.GET, searched(request)
    people = people_whose_calls(user)
    fields = _fields(words, user, people)
    chosen = {one.name: next((each.value for each in one.choices if each.chosen), "") for one in fields}
    found = search_calls(text, user=user, country=home_country()) if text else None
    since, until, contact = _day(words, "from"), _day(words, "until"), _contact(words, user)
    pbx, _colon, queue = chosen["queue"].partition(":")
    outcome = chosen["noted"]
    wanted = LogFilter(
        people=None if people is None else tuple(people),
        which=Which(chosen["show"] or Which.ALL),
        direction=chosen["direction"],
        person=_key(chosen.get("person", "")),
        line=_key(chosen["line"]),
        queue=(int(pbx), queue) if queue else None,
        contact=contact.pk if contact else None,
        number=words.get("number", "").replace("\x00", "")[:20],
        noted=outcome == "any",
        outcome=_key(outcome),
        since=_midnight(since),
        until=_midnight(until + timedelta(days=1)) if until and until < date.max else None,
        found=found.wish if found else None,
        few=found is not None and found.few,
        parts=words.get("parts") == "1",
    )
    return Asked(
        wanted=wanted,
        text=text,
        nothing=found is not None and found.wish is None,
        before=_place(words.get("before", "")),
        after=_place(words.get("after", "")),
        from_day=since.isoformat() if since else "",
        until_day=until.isoformat() if until else "",
        contact=contact,
        fields=fields,
        chips=list(_chips(words, fields, wanted, contact, since, until)),
    )


def place_word(place: Place | None) -> str:
    """A place as the address carries it: microseconds and the call's id."""
    return f"{round(place[0].timestamp() * 1_000_000)}.{place[1]}" if place else ""


def _fields(words: QueryDict, user: User, people: Sequence[int] | None) -> list[Field]:
    results = [(which.value, _(word)) for which, word in RESULTS.items()]
    fields = [
        _field(words, "show", _("Result"), _("Any result"), results),
        _field(words, "direction", _("Direction"), _("Both ways"), [(d.value, _(w)) for d, w in DIRECTIONS.items()]),
    ]
    if people is None or len(people) > 1:
        named = User.objects.all() if people is None else User.objects.filter(pk__in=people)
        rows = named.order_by("-is_active", "full_name", "username").only("id", "full_name", "username")[:MOST_OFFERED]
        persons = [(str(one.pk), one.display_name) for one in rows]
        fields.append(_field(words, "person", _("Person"), _("Everybody"), persons))
    lines = [(str(one.pk), one.label) for one in Line.objects.all()[:MOST_OFFERED]]
    queues = [(f"{one.pbx_id}:{one.name}", str(one)) for one in Queue.objects.all()[:MOST_OFFERED]]
    outcomes = [("any", _("With a note or outcome"))]
    outcomes += [(str(one.pk), one.label) for one in Disposition.objects.all()]
    return [
        *fields,
        _field(words, "line", _("Line"), _("Any line"), lines),
        _field(words, "queue", _("Queue"), _("Any queue"), queues),
        _field(words, "noted", _("Note or outcome"), _("With or without"), outcomes),
    ]


def _field(words: QueryDict, name: str, label: str, everything: str, offered: list[tuple[str, str]]) -> Field:
    asked = words.get(name, "")
    return Field(name, label, everything, [Choice(value, word, value == asked) for value, word in offered])


def _chips(
    words: QueryDict, fields: Sequence[Field], wanted: LogFilter, contact: Contact | None,
    since: date | None, until: date | None,
) -> Iterator[Chip]:  # fmt: skip
    for one in fields:
        if one.chosen and one.name != "show":
            yield Chip(f"{one.label}: {one.chosen}", _without(words, one.name))
    if wanted.which in (Which.BUSY, Which.PASSED_ON, Which.UNSEEN, Which.NOW):
        yield Chip(_(RESULTS[wanted.which]), _without(words, "show"))
    if contact is not None:
        yield Chip(contact.name, _without(words, "contact"))
    if wanted.number:
        yield Chip(shown_far_number(wanted.number), _without(words, "number"))
    if since or until:
        label = " – ".join(date_format(day, "j M Y") if day else "…" for day in (since, until))
        yield Chip(label, _without(words, "from", "until"))


def _without(words: QueryDict, *names: str) -> str:
    """The address without these filters, from its first page."""
    left = words.copy()
    for name in (*names, "before", "after"):
        left.pop(name, None)
    return f"?{left.urlencode()}"


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST_KEY else None


def _contact(words: QueryDict, user: User) -> Contact | None:
    if "contact" not in words:
        return None
    key = _key(words.get("contact", "")[:20])
    seen: QuerySet[Contact] = contacts_seen_by(user)
    contact = seen.filter(pk=key).only("id", "name").first() if key is not None else None
    if contact is None:
        raise Http404
    return contact


def _day(words: QueryDict, name: str) -> date | None:
    try:
        day = date.fromisoformat(words.get(name, ""))
    except ValueError:
        return None
    return day if 1970 <= day.year < 9999 else None


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time())) if day else None


def _place(word: str) -> Place | None:
    micros, _dot, key = word[:40].partition(".")
    number, pk = _key(micros), _key(key)
    if number is None or pk is None or number > 253_000_000_000 * 1_000_000:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number), pk

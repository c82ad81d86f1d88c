"""The list of all phones: what is looked for, in which order, how many there are of each sort, and its rows.

However many phones there are, the number of queries stays the same, and memory holds one page and some ids.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Prefetch, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import gettext as _

from crmconnector.calls.models import Leg
from crmconnector.calls.selectors import OLDEST_OPEN_HOURS, open_legs
from crmconnector.common.clock import from_epoch
from crmconnector.web.access import ROWS_ON_A_PAGE, searched
from crmconnector.web.context import Shell
from crmconnector.web.desk_page import Tab
from crmconnector.web.phone_calls import LEG_WORDS
from crmconnector.web.phone_words import LINES_BELIEVED_SECONDS, PhoneRow, phone_row
from phones.drivers.grandstream.models import FirmwareVerdict, firmware_of, firmware_verdict
from phones.identity import Identity, identity_of, identity_of_phone
from phones.models import Phone, SipAccount
from phones.selectors import SORTS, find_phones, in_need, in_order, line_in_use, phones_overview, without_user

SHOWS = ("all", "attention", "nobody", "firmware", "call")
BY_FIRMWARE = "firmware"
MOST_LIVE = 200  # rows that one page may ask news of
LONGEST_ID = 16
_EARLIER, _LATER = from_epoch(0), from_epoch(1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person looks for in the list; anything that is not on offer has become the usual."""

    text: str
    show: str
    sort: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A heading of the table that sorts by itself. `now`: ascending, descending or empty; `value`: of the link."""

    key: str
    label: str
    now: str
    value: str
    narrow: bool = True


def wanted_of(request: HttpRequest) -> Wanted:
    show, sort = request.GET.get("show", ""), request.GET.get("sort", "")
    key = sort.removeprefix("-")
    known = key in (*SORTS, BY_FIRMWARE)
    return Wanted(
        searched(request), show if show in SHOWS else "all", key if known else "name", known and sort.startswith("-")
    )


def asked_ids(request: HttpRequest) -> list[int]:
    """The rows that a page asks news of; what is no number is not asked for."""
    told = request.GET.get("ids", "").split(",")[:MOST_LIVE]
    return [int(one) for one in told if one.isascii() and one.isdigit() and len(one) < LONGEST_ID]


def deaf_pbxes(shell: Shell) -> set[int]:
    """PBXes that nobody hears now: what their events told last may be long over."""
    return {link.pbx_id for link in shell.links if not link.heard}


def fleet_size() -> dict[str, int]:
    """All phones, on how many PBXes, and how many need somebody."""
    return Phone.objects.aggregate(
        all=Count("pk"), attention=Count("pk", filter=in_need()), pbxes=Count("accounts__pbx", distinct=True)
    )


class Moment:
    """What filters go by: the time, the PBXes that nobody hears then, and, asked for once at most, whose firmware is
    too old."""

    def __init__(self, at: datetime, deaf: Collection[int] = ()) -> None:
        self.at, self.deaf = at, deaf

    @cached_property
    def old(self) -> set[int]:
        return phones_with_old_firmware()


def found_phones(*, text: str = "", show: str = "all", at: datetime, deaf: Collection[int] = ()) -> QuerySet[Phone]:
    """The phones that a search and a filter of the list find. `deaf`: PBXes that nobody hears now."""
    return _found(Moment(at, deaf), text, show)


def _found(moment: Moment, text: str, show: str) -> QuerySet[Phone]:
    found = find_phones(Phone.objects.all(), text, at=moment.at)
    conditions = {
        "attention": in_need,
        "nobody": lambda: without_user(at=moment.at),
        "firmware": lambda: Q(pk__in=moment.old),
        "call": lambda: _in_a_call(moment),
    }
    return found.filter(conditions[show]()) if show in conditions else found


def fleet_tabs(moment: Moment, *, text: str) -> list[Tab]:
    """The filters with how many of the phones that the text finds are in each; few queries for any number."""
    counted = find_phones(Phone.objects.all(), text, at=moment.at).aggregate(
        all=Count("pk"),
        attention=Count("pk", filter=in_need()),
        nobody=Count("pk", filter=without_user(at=moment.at)),
        firmware=Count("pk", filter=Q(pk__in=moment.old)),
        call=Count("pk", filter=_in_a_call(moment)),
    )
    labels = (_("All"), _("Need attention"), _("Nobody assigned"), _("Old firmware"), _("In a call"))
    return [Tab(key, label, counted[key]) for key, label in zip(SHOWS, labels, strict=True)]


def fleet_page(moment: Moment, wanted: Wanted, number: str | None) -> tuple[Page[Any], list[PhoneRow]]:
    """The page that was asked for, or the nearest: first the ids in order, then all that their rows show."""
    found = _found(moment, wanted.text, wanted.show)
    ids: Any
    if wanted.sort == BY_FIRMWARE:
        ids = _by_firmware(found, descending=wanted.descending)
    else:
        ids = in_order(found, wanted.sort, at=moment.at, descending=wanted.descending).values_list("pk", flat=True)
    page = Paginator(ids, ROWS_ON_A_PAGE).get_page(number)
    return page, fleet_rows(list(page.object_list), at=moment.at, deaf=moment.deaf)


def fleet_rows(phone_ids: Sequence[int], *, at: datetime, deaf: Collection[int] = ()) -> list[PhoneRow]:
    """Rows in the order of the ids, in four queries; ids of phones that are gone have none."""
    phones = {phone.pk: phone for phone in phones_overview(at=at).filter(pk__in=phone_ids)}
    legs = legs_by_phone(phones, at=at)
    return [
        phone_row(phones[one], now=at, legs=legs.get(one, ()), deaf=deaf) for one in phone_ids if one in phones
    ]  # fmt: skip


def legs_by_phone(phone_ids: Iterable[int], *, at: datetime) -> dict[int, list[Leg]]:
    found: dict[int, list[Leg]] = defaultdict(list)
    for leg in open_legs(phone_ids=phone_ids, now=at):
        if leg.phone_id is not None:
            found[leg.phone_id].append(leg)
    return found


def columns(wanted: Wanted) -> list[Column]:
    """The headings; a second click turns the order round."""
    headings = (
        ("name", _("Phone")), ("status", _("Status")), ("extension", _("Extension, MAC")), ("user", _("Used by")),
        (BY_FIRMWARE, _("Firmware")), ("looked", _("Last asked")),
    )  # fmt: skip
    told = []
    for key, label in headings:
        now = ("descending" if wanted.descending else "ascending") if key == wanted.sort else ""
        told.append(Column(key, label, now, f"-{key}" if now == "ascending" else key))
    return told


def phones_with_old_firmware() -> set[int]:
    """Phones whose firmware is known to be too old for commands.

    There are few models, firmwares and User-Agents however many phones: those are judged first, in all their
    combinations, and only phones with a suspicious one are loaded.
    """
    rows = Phone.objects.order_by().values_list("model", "firmware", "accounts__user_agent").distinct()
    suspects = Q()
    for model, firmware, told in rows:
        if _may_be_old(model, firmware, told or ""):
            account = Q(accounts__isnull=True) if told is None else Q(accounts__user_agent=told)
            suspects |= Q(model=model, firmware=firmware) & account
    if not suspects:
        return set()
    return {pk for pk, identity in _identities(Phone.objects.filter(suspects).distinct()) if _too_old(identity)}


def _may_be_old(model: str, firmware: str, user_agent: str) -> bool:
    """Whether it is too old by what was typed, by what the PBX was told, or by a mixture: whichever is newer."""
    known = [
        identity_of(typed_model=model, typed_firmware=firmware, typed_at=typed_at, agents=[(user_agent, seen_at)])
        for typed_at, seen_at in ((_LATER, _EARLIER), (_EARLIER, _LATER), (None, None))
    ]
    return any(_too_old(one) for one in known)


def _too_old(identity: Identity) -> bool:
    return firmware_verdict(identity.model, identity.firmware) is FirmwareVerdict.TOO_OLD


def _identities(phones: QuerySet[Phone]) -> list[tuple[int, Identity]]:
    """Who each phone is, from as few columns as tell it."""
    accounts = SipAccount.objects.only("phone", "position", "user_agent", "contact_seen_at")
    slim = phones.only("model", "firmware", "identity_typed_at").prefetch_related(Prefetch("accounts", accounts))
    return [(phone.pk, identity_of_phone(phone)) for phone in slim]


def _by_firmware(phones: QuerySet[Phone], *, descending: bool) -> list[int]:
    """Ids by version, 1.0.9 before 1.0.13; those whose firmware is not known come last in both directions."""
    named = _identities(phones.order_by(Lower("name"), "pk"))
    told = [(firmware_of(identity.firmware), pk) for pk, identity in named]
    known = [(version, pk) for version, pk in told if version is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [pk for _version, pk in known] + [pk for version, pk in told if version is None]


def _in_a_call(moment: Moment) -> Q:
    """By the PBX where it is heard; else by what the phone itself said a moment ago."""
    legs = Leg.objects.filter(
        ended_at=None,
        phone__isnull=False,
        state__in=list(LEG_WORDS),
        call__started_at__gte=moment.at - timedelta(hours=OLDEST_OPEN_HOURS),
    ).exclude(pbx__in=list(moment.deaf))
    fresh = line_in_use(seen_after=moment.at - timedelta(seconds=LINES_BELIEVED_SECONDS))
    return Q(pk__in=legs.values("phone")) | fresh

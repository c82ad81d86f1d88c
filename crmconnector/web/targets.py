"""Whom a call can be handed to: what somebody types, read as an extension or a number; and who is found meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from crmconnector.calls.dial_rules import DialPlan, NoDial, plan_dial
from crmconnector.calls.dialling import wanted_target
from crmconnector.calls.models import CommandKind, Leg
from crmconnector.calls.selectors import open_legs
from crmconnector.contacts.listing import first_contacts
from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from crmconnector.web.phone_calls import LEG_WORDS
from phones.models import Assignment, Phone, SipAccount
from phones.selectors import seats_with_users

MOST_COLLEAGUES = 8
MOST_CONTACTS = 6
MOST_NUMBERS = 3  # of one contact
LEAST_TYPED = 2


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the list. `number` is what is asked for; `shown` how people write it. `lamp` empty: not one of ours.

    `warns`: it will probably not be answered; it can be chosen all the same.
    """

    number: str
    name: str
    shown: str
    word: str
    lamp: str = ""
    warns: bool = False
    since: datetime | None = None


def plan_of(user: User, text: str, *, kind: CommandKind, pbx: Pbx, now: datetime) -> tuple[DialPlan, str]:
    """(what the PBX dials for it, whose phone that is or the text). CommandProblem for what cannot or must not be
    dialled: the rules and brakes of new calls hold for transfers too. Inside the transaction that writes it down."""
    plan = wanted_target(user=user, pbx=pbx, text=text, kind=kind, now=now, asked=True)
    account = None if plan.outside else SipAccount.objects.filter(pbx=pbx, extension=plan.far_number).first()
    return plan, (_name_at(account.phone_id, now) if account else "") or text.strip()


def _name_at(phone_id: int, now: datetime) -> str:
    seat = Assignment.objects.filter(phone=phone_id, during__contains=now).select_related("user").first()
    return seat.user.display_name[:80] if seat else ""


def _planned(text: str, pbx: Pbx, extensions: set[str]) -> DialPlan | NoDial:
    return plan_dial(text, country=pbx.country, dial_prefix=pbx.dial_prefix, style=pbx.dial_style,
                     outside_prefixes=pbx.outside_prefix_list, extensions=extensions)  # fmt: skip


def find_targets(user: User, text: str, *, pbx: Pbx, now: datetime) -> list[Target]:
    """Colleagues first, then contacts, then the number itself. A fixed number of questions, however many are found."""
    seats = _seats(user, text, pbx, now)
    colleagues = _colleagues(seats, pbx, now)
    contacts = _contacts(user, text, pbx) if len(text) >= LEAST_TYPED else []
    return [*colleagues, *contacts, *_typed(text, pbx, {one.number for one in colleagues})]


def _seats(user: User, text: str, pbx: Pbx, now: datetime) -> list[Assignment]:
    """Those at phones of this PBX whose name or extension holds the text; nothing typed: the first ones."""
    seats = seats_with_users(at=now).filter(phone__accounts__pbx=pbx).exclude(user=user)
    if text:
        begins = Q(phone__accounts__extension__startswith=text, phone__accounts__pbx=pbx)
        seats = seats.filter(Q(user__full_name__icontains=text) | Q(user__username__icontains=text) | begins)
    return list(seats.distinct()[:MOST_COLLEAGUES])


def _colleagues(seats: Sequence[Assignment], pbx: Pbx, now: datetime) -> list[Target]:
    legs = {}
    for leg in open_legs(phone_ids={seat.phone_id for seat in seats}, now=now) if seats else ():
        if leg.phone_id not in legs or leg.state in ("talking", "held"):  # talking says more than ringing
            legs[leg.phone_id] = leg
    rows = []
    for seat in seats:
        account = next((one for one in seat.phone.accounts.all() if one.pbx_id == pbx.pk), None)
        if account is not None:
            rows.append(_colleague(seat, account.extension, legs.get(seat.phone_id)))
    return sorted(rows, key=lambda row: row.warns)


def _colleague(seat: Assignment, extension: str, leg: Leg | None) -> Target:
    name, shown = seat.user.display_name, _("ext. %(extension)s") % {"extension": extension}
    if leg is not None:
        lamp = leg.state if leg.state in LEG_WORDS else "ringing"
        since = leg.answered_at or leg.rang_at
        word = _(LEG_WORDS[leg.state]) if leg.state in LEG_WORDS else _("On the phone")
        return Target(extension, name, shown, word, lamp, warns=True, since=since)
    if _away(seat.phone):
        return Target(extension, name, shown, _("Phone unreachable"), "off", warns=True)
    return Target(extension, name, shown, _("Free"), "idle")


def _away(phone: Phone) -> bool:
    """The PBX's own word counts first: a phone that does not answer us may ring all the same."""
    told = [account.registered_at_pbx for account in phone.accounts.all() if account.registered_at_pbx is not None]
    if told:
        return not any(told)
    status = getattr(phone, "status", None)
    return status is not None and status.reachable is False


def _contacts(user: User, text: str, pbx: Pbx) -> list[Target]:
    found = first_contacts(user, text, country=pbx.country, most=MOST_CONTACTS, with_numbers=True)
    rows = []
    for contact in found:
        for number in list(contact.numbers.all())[:MOST_NUMBERS]:
            plan = _planned(number.e164 or number.written, pbx, set())
            if not isinstance(plan, NoDial):
                word = ", ".join(part for part in (number.label, contact.company) if part)
                rows.append(Target(plan.far_number, contact.name, plan.shown, word))
    return rows


def _typed(text: str, pbx: Pbx, known: set[str]) -> list[Target]:
    """The number itself, as far as it can be read; nothing for a name."""
    if not any(char.isdigit() for char in text) or text in known:
        return []
    plan = _planned(text, pbx, set())
    return [] if isinstance(plan, NoDial) else [Target(text, "", plan.shown, plan.sentence)]

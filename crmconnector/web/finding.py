"""What the box of the top bar finds while somebody types: people to open, people and numbers to call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from crmconnector.calls.dial_check import plan_on
from crmconnector.calls.dial_rules import NoDial
from crmconnector.contacts.listing import first_contacts
from crmconnector.contacts.models import ContactNumber
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import home_country, pbxes_heard_here
from crmconnector.users.models import User
from crmconnector.web.targets import MOST_CONTACTS, MOST_NUMBERS, Target, find_targets
from phones.models import SipAccount

LEAST_TYPED = 2


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the list: opens `url`, or calls `number`. `word`: what else is known, or what would be dialled."""

    text: str
    word: str
    url: str = ""
    number: str = ""
    shown: str = ""
    lamp: str = ""
    under: bool = False  # a number of the contact above


def find_anything(user: User, text: str, *, now: datetime) -> list[Option]:
    """Colleagues and the typed number first, then contacts with their numbers. A fixed number of questions."""
    pbx = _own_pbx(user, now)
    if len(text) < LEAST_TYPED:
        return []
    if pbx is None:
        return [*_contacts(user, text, None), _more(text)]
    targets = [one for one in find_targets(user, text, pbx=pbx, now=now) if one.lamp or not one.name]
    return [*(_call(one) for one in targets), *_contacts(user, text, pbx), _more(text)]


def _call(target: Target) -> Option:
    name = target.name or target.shown
    return Option(
        _("Call %(whom)s") % {"whom": name}, target.word, number=target.number, lamp=target.lamp,
        shown=target.shown if target.name else "",
    )  # fmt: skip


def _contacts(user: User, text: str, pbx: Pbx | None) -> list[Option]:
    country = pbx.country if pbx else home_country()
    rows = []
    for contact in first_contacts(user, text, country=country, most=MOST_CONTACTS, with_numbers=True):
        rows.append(Option(contact.name, contact.company, url=reverse("contact", args=[contact.pk])))
        rows += _numbers(list(contact.numbers.all())[:MOST_NUMBERS], pbx) if pbx else []
    return rows


def _numbers(numbers: Sequence[ContactNumber], pbx: Pbx) -> list[Option]:
    """Those that this PBX could dial."""
    rows = []
    for number in numbers:
        plan = plan_on(pbx=pbx, text=number.e164 or number.written)
        if not isinstance(plan, NoDial):
            text = _("Call %(whom)s") % {"whom": plan.shown}
            rows.append(Option(text, number.label, number=number.e164 or number.written, under=True))
    return rows


def _more(text: str) -> Option:
    return Option(
        _("All contacts with “%(text)s”") % {"text": text}, "", url=f"{reverse('contacts')}?{urlencode({'q': text})}"
    )


def _own_pbx(user: User, now: datetime) -> Pbx | None:
    """The PBX of the own phone, by whose rules numbers are read; the first one for who has none."""
    mine = SipAccount.objects.filter(phone__assignments__user=user, phone__assignments__during__contains=now)
    first = mine.order_by("position").values("pbx")[:1]
    return pbxes_heard_here().filter(pk__in=first).first() or pbxes_heard_here().first()

"""What the page of one phone shows, for an administrator and for the person who has it. Few queries, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import CallCommand, Leg
from crmconnector.pbx.selectors import LinkView
from crmconnector.users.models import User
from crmconnector.web.order_story import DeedView, deeds, name_of
from crmconnector.web.phone_acts import GUARDED, may_order, who_may_grant
from crmconnector.web.phone_calls import LineView, calls_on
from crmconnector.web.phone_words import (
    FirmwareView,
    LineOfPhone,
    PhoneHealth,
    firmware_view,
    lines_of,
    phone_health,
    registered_by_phone,
    status_of,
)
from crmconnector.web.words import day_and_time
from phones.hints import SLOTS
from phones.identity import identity_of_phone
from phones.models import Assignment, OrderKind, Phone, PhoneStatus, SipAccount
from phones.orders import PERMISSIONS
from phones.selectors import orders_of

MOST_DEEDS = 10
MOST_HINTS = 8
MOST_NAMES = 3
SLOW_POLL_SECONDS, QUICK_POLL_SECONDS = 5, 1


@dataclass(frozen=True, slots=True)
class Word:
    """A lamp or badge with when it was said."""

    tone: str
    lamp: str
    word: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account as the phone says and as the PBX says."""

    account: SipAccount
    by_phone: Word
    by_pbx: Word


@dataclass(frozen=True, slots=True)
class Offer:
    """A guarded order: may this person ask for it, and if not, who could allow it."""

    kind: str
    label: str
    allowed: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class HintView:
    """The last notification of a kind that the phone sent about itself."""

    title: str
    times: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PhoneNow:
    """Everything of one phone that changes while one looks."""

    phone: Phone
    seat: Assignment | None
    health: PhoneHealth
    looked: str
    breaker: str
    do_not_disturb: str
    firmware: FirmwareView
    accounts: list[AccountView]
    calls: list[LineView]
    lines: list[LineOfPhone]
    lines_at: str
    faults: list[str]
    deeds: list[DeedView]

    @property
    def poll_seconds(self) -> int:
        """Every second while something is under way, so that its end is seen when it comes."""
        return QUICK_POLL_SECONDS if any(deed.pending for deed in self.deeds) else SLOW_POLL_SECONDS


def phone_now(
    phone: Phone, *, legs: Sequence[Leg], deaf: Sequence[LinkView], now: datetime, since: datetime | None = None
) -> PhoneNow:
    """From a phone loaded by `phones_overview`. `since`: nothing that was asked of it before is shown."""
    status, seats = status_of(phone), getattr(phone, "seats_now", [])
    lost = {link.pbx_id for link in deaf}
    unheard = any(account.pbx_id in lost for account in phone.accounts.all())
    return PhoneNow(
        phone=phone, seat=seats[0] if seats else None,
        health=phone_health(phone, now=now, legs=legs, unheard=unheard),
        looked=_looked(status, now), breaker=_breaker(status, now),
        do_not_disturb=_do_not_disturb(status, now),
        firmware=firmware_view(identity_of_phone(phone), now=timezone.localtime(now)),
        accounts=[_account(account, status, now) for account in phone.accounts.all()],
        calls=calls_on(phone, legs, deaf), lines=lines_of(status),
        lines_at=_at(status.looked_at if status else None, now), faults=faults_of(phone, now=now),
        deeds=deeds_of(phone, now=now, since=since),
    )  # fmt: skip


def deeds_of(phone: Phone, *, now: datetime, since: datetime | None = None) -> list[DeedView]:
    """What was asked of the phone lately: orders to itself and commands in calls, newest first."""
    commands = CallCommand.objects.filter(phone=phone).select_related("user", "leg")
    if since is not None:
        commands = commands.filter(requested_at__gte=since)
    orders = orders_of(phone_ids=[phone.pk], since=since)[:MOST_DEEDS]
    return deeds(orders, commands[:MOST_DEEDS], now=now, most=MOST_DEEDS)


def faults_of(phone: Phone, *, now: datetime) -> list[str]:
    """What is amiss and what to do, in sentences. A refused passcode has its own banner."""
    status, accounts = status_of(phone), list(phone.accounts.all())
    found = [_not_reachable(status, now)] if status is not None and status.reachable is False else []
    if status is not None and status.reachable and status.reason_code and not phone.passcode_refused_at:
        found.append(_("It answers, but not as we need it: %(why)s") % {"why": status.sentence})
    if not accounts:
        found.append(_("It has no SIP account here, so no call can be told to be this phone’s. Add one by Edit."))
    found += [_elsewhere(account, phone) for account in accounts if _is_elsewhere(account, phone)]
    found += [_unregistered(account, now) for account in accounts if account.registered_at_pbx is False]
    if status is not None and status.do_not_disturb:
        found.append(_("Do not disturb is on: calls do not ring on it."))
    if not phone.passcode:
        found.append(_("No passcode is stored, so nothing can be asked of it. Enter it by Edit."))
    return found


def hints_of(phone: Phone) -> list[HintView]:
    """What the phone told by itself, newest first."""
    titles = {slot.kind: slot.title for slot in SLOTS}
    return [
        HintView(_(titles.get(hint.kind, hint.kind)), hint.times, hint.at) for hint in phone.hints.all()[:MOST_HINTS]
    ]


def guarded_offers(user: User) -> list[Offer]:
    """Lock, unlock, restart, reset: as buttons, with who may grant what this person may not."""
    lacking = {PERMISSIONS[kind].removeprefix("phones.") for kind in GUARDED if not may_order(user, kind)}
    names = who_may_grant(lacking) if lacking else {}
    return [
        Offer(kind, name_of(kind), True)
        if may_order(user, kind)
        else Offer(kind, name_of(kind), False, _why_not(names[PERMISSIONS[kind].removeprefix("phones.")]))
        for kind in GUARDED
    ]


def _why_not(names: list[str]) -> str:
    if not names:
        return _("You may not. Any administrator can allow it to you, on your page under People.")
    told = _(" or ").join(names[:MOST_NAMES])
    return _("You may not. %(names)s can allow it to you, on your page under People.") % {"names": told}


WHAT_HAPPENS: dict[str, tuple[str, ...]] = {
    OrderKind.LOCK: (
        gettext_noop("Nobody can dial from its keys until they are unlocked, here or at the phone with its own code."),
        gettext_noop("Buttons on the desk page go on working."),
    ),
    OrderKind.UNLOCK: (gettext_noop("Whoever stands at the phone can use its keys again."),),
    OrderKind.REBOOT: (
        gettext_noop("The phone is away for about 90 s. It does not ring in that time and does not dial."),
        gettext_noop("Its settings stay as they are."),
    ),
    OrderKind.RESET: (
        gettext_noop("Everything that was set on the phone is gone: accounts, passcodes, remote control. No way back."),
        gettext_noop("It does not ring until somebody has set it up again at its place, or by provisioning."),
        gettext_noop(
            "Buttons on the desk page do not work for it until it is set up and its passcode is entered here."
        ),
    ),
}


def what_happens(kind: str) -> list[str]:
    return [_(sentence) for sentence in WHAT_HAPPENS[kind]]


def _at(moment: datetime | None, now: datetime) -> str:
    return day_and_time(moment, beside=now) if moment else ""


def _looked(status: PhoneStatus | None, now: datetime) -> str:
    if status is None or status.looked_at is None:
        return _("Never asked yet.")
    told = {"at": _at(status.looked_at, now), "n": status.answer_milliseconds}
    if status.answer_milliseconds is not None and status.reachable:
        return _("Asked at %(at)s; it answered in %(n)s ms.") % told
    return _("Asked at %(at)s.") % told


def _breaker(status: PhoneStatus | None, now: datetime) -> str:
    if status is None or status.breaker_until is None or status.breaker_until <= now:
        return ""
    told = {"n": status.failures, "until": _at(status.breaker_until, now)}
    return _("It did not answer %(n)s times in a row. Not asked again by itself until %(until)s; a check is.") % told


def _do_not_disturb(status: PhoneStatus | None, now: datetime) -> str:
    if status is None or status.do_not_disturb is None:
        return _("not known")
    told = {"at": _at(status.do_not_disturb_at, now)}
    return (_("on, since %(at)s") if status.do_not_disturb else _("off, since %(at)s")) % told


def _account(account: SipAccount, status: PhoneStatus | None, now: datetime) -> AccountView:
    told = registered_by_phone(status, account)
    at = _at(status.accounts_at if status and told is not None else None, now)
    return AccountView(
        account, _registered(told, at), _registered(account.registered_at_pbx, _at(account.contact_seen_at, now))
    )


def _registered(told: bool | None, at: str) -> Word:
    tone, lamp, word = {
        True: ("", "ready", gettext_noop("registered")),
        False: ("care", "off", gettext_noop("not registered")),
        None: ("", "idle", gettext_noop("not known")),
    }[told]
    return Word(tone, lamp, _(word), at if told is not None else "")


def _not_reachable(status: PhoneStatus, now: datetime) -> str:
    since = _at(status.since, now)
    told = _("It does not answer us since %(at)s.") % {"at": since} if since else _("It does not answer us.")
    return f"{told} {status.sentence}".strip()


def _is_elsewhere(account: SipAccount, phone: Phone) -> bool:
    return bool(account.contact_address) and str(account.contact_address) != str(phone.address)


def _elsewhere(account: SipAccount, phone: Phone) -> str:
    told = {"extension": account.extension, "seen": account.contact_address, "ours": phone.address}
    return (
        _("Ext. %(extension)s registers from %(seen)s, but we ask this phone at %(ours)s. Is its address right?") % told
    )


def _unregistered(account: SipAccount, now: datetime) -> str:
    told = {"extension": account.extension, "at": _at(account.contact_seen_at, now)}
    text = _("The PBX has no registration of ext. %(extension)s, so calls to it do not ring here.") % told
    return f"{text} {_('Last told at %(at)s.') % told}" if told["at"] else text

"""The lines that make a phone tell us what it does, ready to be pasted into it, and what has come of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.audit.services import record_act
from crmconnector.users.models import User
from phones.hint_services import REFUSED, give_token
from phones.hints import LONGEST_TEMPLATE, SLOTS, Slot, template
from phones.models import Phone, PhoneHint

REFUSED_SHOWN = timedelta(days=1)
# What was wrong with notifications that had the right token; the reasons of phone_event_door.
REFUSED_WORDS = {
    "mac": gettext_noop("Its MAC address was missing, or not the one recorded here."),
    "no-mac": gettext_noop("No MAC address is recorded for this phone here."),
    "source": gettext_noop(
        "It came from %(source)s, which is not this phone’s network address. If that is a reverse proxy, it must pass "
        "on the phone’s address (X-Forwarded-For) and be trusted (FORWARDED_ALLOW_IPS)."
    ),
    "kind": gettext_noop("It was of a kind that we do not know: the line was changed."),
}


@dataclass(frozen=True, slots=True)
class EventLine:
    """One place in the phone's settings. `at` and `times`: of what came by it, None and 0 when nothing did."""

    slot: Slot
    text: str
    at: datetime | None
    times: int

    @property
    def too_long(self) -> bool:
        return len(self.text) > LONGEST_TEMPLATE


@dataclass(frozen=True, slots=True)
class RefusedRow:
    sentence: str
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class EventsPage:
    """`lines` is empty until there is a token. `notes`: what keeps notifications from coming or being believed."""

    lines: Sequence[EventLine]
    notes: Sequence[str]
    refused: Sequence[RefusedRow]
    provisioning: str
    last_at: datetime | None


@transaction.atomic
def renew_token(*, actor: User, phone: Phone) -> None:
    """Give the phone a new token. The audit event does not hold it."""
    give_token(phone=phone)
    record_act(actor=actor, action="phone.event_token_renewed", target=phone)


def base_address(request: HttpRequest) -> str:
    """Where phones reach this site: PUBLIC_URL, else the address by which this page was opened."""
    base: str = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
    return base.rstrip("/")


def events_page(phone: Phone, *, base: str, now: datetime) -> EventsPage:
    """All of the page; one query."""
    hints = {hint.kind: hint for hint in PhoneHint.objects.filter(phone=phone)}
    token = phone.event_token.reveal() if phone.event_token else ""
    rows = [_line(slot, base, token, hints.get(slot.kind)) for slot in SLOTS] if token else []
    heard = [row.at for row in rows if row.at is not None]
    return EventsPage(
        lines=rows,
        notes=_notes(phone, base, rows),
        refused=_refused(hints, now),
        provisioning=provisioning(rows),
        last_at=max(heard, default=None),
    )


def provisioning(rows: Sequence[EventLine]) -> str:
    """The same as settings for a provisioning file, for the places whose number is known."""
    return "\n".join(
        f"<P{row.slot.p_value}>{escape(row.text)}</P{row.slot.p_value}>" for row in rows if row.slot.p_value
    )


def unreachable_host(base: str) -> bool:
    """Whether the address means the machine itself to whoever uses it."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _line(slot: Slot, base: str, token: str, hint: PhoneHint | None) -> EventLine:
    return EventLine(slot, template(base, token, slot.kind), hint.at if hint else None, hint.times if hint else 0)


def _notes(phone: Phone, base: str, rows: Sequence[EventLine]) -> list[str]:
    found = []
    if not phone.mac:
        found.append(_("No MAC address is recorded for this phone. Until there is one, its notifications are refused."))
    if unreachable_host(base):
        found.append(
            _("%(base)s is this machine itself: a phone that is told this address asks itself. Open this page by the "
              "address that phones can reach, or set PUBLIC_URL.") % {"base": base}
        )  # fmt: skip
    elif base.startswith("https://"):
        found.append(
            _("This site is reached by HTTPS. A phone that does not trust its certificate sends nothing, and does not "
              "say so.")
        )  # fmt: skip
    if any(row.too_long for row in rows):
        found.append(
            _("Lines of more than %(most)s characters are dropped by phones without a word. Give this site a shorter "
              "address.") % {"most": LONGEST_TEMPLATE}
        )  # fmt: skip
    return found


def _refused(hints: dict[str, PhoneHint], now: datetime) -> list[RefusedRow]:
    known = [(hints.get(REFUSED + why), sentence) for why, sentence in REFUSED_WORDS.items()]
    rows = [
        RefusedRow(_(sentence).replace("%(source)s", hint.remote), hint.at, hint.times)
        for hint, sentence in known
        if hint is not None and now - hint.at < REFUSED_SHOWN
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)

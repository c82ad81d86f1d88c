"""What comes of a phone's own notifications. They are hints: whoever has the token, the MAC address and the phone's
network address can send them. So the PBX wins on calls; the phone wins only on what nobody else can know: its do not
disturb, its hold key, whether it is registered.

Every change is one conditional UPDATE, so that the same notification twice, or two at once, come to the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q

from phones.hints import Notice
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneHint, PhoneStatus
from phones.orders import confirm_order

TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
SAME_WITHIN = timedelta(seconds=1)  # a phone that says the same so soon has sent it twice
# After a start the phone's web server needs a moment more than its SIP.
LOOK_AFTER_BOOT = timedelta(seconds=5)
BOOT_CONFIRMS_WITHIN = timedelta(minutes=10)
REFUSED = "refused-"  # kinds of hints that tell why a notification with the right token was not believed


def give_token(*, phone: Phone) -> str:
    """A new token for the phone's notifications; lines with the old one are refused from now on."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    phone.event_token, phone.event_token_digest = token, _digest(token)
    phone.save(update_fields=["event_token", "event_token_digest"])
    return token


def phone_of_token(token: str) -> Phone | None:
    """The phone that has this token, with its status and `account_count`; one query, none for what can be no token."""
    if not _TOKEN.fullmatch(token):
        return None
    digest = _digest(token)
    rows = Phone.objects.filter(event_token_digest=digest).select_related("status")
    phone = rows.annotate(account_count=Count("accounts")).defer("passcode", "event_token", "certificate").first()
    if phone is None or not hmac.compare_digest(phone.event_token_digest or "", digest):
        return None
    return phone


def keep_hint(*, phone: Phone, notice: Notice, now: datetime) -> None:
    """Take one notification of a phone that came from `phone_of_token`, in at most three statements more; a start that
    proves a restart of ours takes one more, and so does a phone's first."""
    deed = _DEEDS.get(notice.kind)
    if deed is not None:
        _ensure_status(phone)
        deed(phone, notice, now)
    _note(phone.pk, notice, now)


def note_refused(*, phone: Phone, why: str, source: str, now: datetime) -> None:
    """Somebody has the right token, but we did not believe: shown beside the lines, so that one sees what is wrong.

    `source`: the network address from which it came.
    """
    _note(phone.pk, Notice(REFUSED + why, remote=source[:80]), now)


# --- the row of each kind ---------------------------------------------------------------------------------------------


def _note(phone_id: int, notice: Notice, now: datetime) -> None:
    said = {"call_id": notice.call_id, "local": notice.local, "remote": notice.remote}
    rows = PhoneHint.objects.filter(phone_id=phone_id, kind=notice.kind)
    counted = rows.exclude(at__gt=now - SAME_WITHIN, **said).update(at=now, times=F("times") + 1, **said)
    if not counted:  # the first of its kind, or the same a moment ago: then nothing is written
        row = PhoneHint(phone_id=phone_id, kind=notice.kind, at=now, **said)
        PhoneHint.objects.bulk_create([row], ignore_conflicts=True)


def _ensure_status(phone: Phone) -> None:
    if getattr(phone, "status", None) is None:
        PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone)], ignore_conflicts=True)


# --- what each kind means ---------------------------------------------------------------------------------------------

_Deed = Callable[[Phone, Notice, datetime], None]


def _sets(column: str, value: bool) -> _Deed:
    """`<column>` and since when. One that is later by the clock has the last word."""

    def deed(phone: Phone, _notice: Notice, now: datetime) -> None:
        at = f"{column}_at"
        known = Q(**{column: value}) | Q(**{f"{at}__gt": now})
        _statuses(phone).exclude(known).update(**{column: value, at: now})

    return deed


def _held(phone: Phone, notice: Notice, now: datetime) -> None:
    """Notifications may overtake one another: a call that has ended is not put on hold any more."""
    rows = _statuses(phone).exclude(held_by_key=True)
    if notice.call_id:
        ends = PhoneHint.objects.filter(phone=OuterRef("phone"), kind="terminated", call_id=notice.call_id)
        rows = rows.exclude(Exists(ends))
    rows.update(held_by_key=True, held_by_key_at=now)


def _no_longer_held(phone: Phone, _notice: Notice, now: datetime) -> None:
    """Only what was held is let go: the end of a call says nothing of a hold key that nobody told us of."""
    _statuses(phone).filter(held_by_key=True).update(held_by_key=False, held_by_key_at=now)


def _registered(phone: Phone, _notice: Notice, now: datetime) -> None:
    """One account of several that registers says nothing of the others: the look that follows will tell."""
    alone: Mapping[str, Any] = {"registered": True, "accounts_at": now} if _account_count(phone) <= 1 else {}
    _statuses(phone).update(next_look_at=now, **alone)


def _unregistered(phone: Phone, _notice: Notice, now: datetime) -> None:
    _statuses(phone).update(registered=False, accounts_at=now, next_look_at=now)


def _started_up(phone: Phone, _notice: Notice, now: datetime) -> None:
    """Its calls are gone with the restart, and so is whatever its hold key held."""
    if _just_started(phone, now):
        return
    rows = _statuses(phone)
    rows.update(started_up_at=now, next_look_at=now + LOOK_AFTER_BOOT, held_by_key=None, held_by_key_at=None)
    sent = DeviceOrder.objects.filter(
        phone=phone,
        kind=OrderKind.REBOOT,
        state__in=(OrderState.SENT, OrderState.UNKNOWN),
        sent_at__range=(now - BOOT_CONFIRMS_WITHIN, now),
    )
    for order_id, sent_at in sent.order_by("-sent_at").values_list("pk", "sent_at")[:1]:
        seconds = (now - sent_at).total_seconds() if sent_at else 0.0
        evidence = f"The phone told us that it had started, {seconds:.0f} s after the order."
        confirm_order(order_id=order_id, evidence=evidence, now=now)


def _just_started(phone: Phone, now: datetime) -> bool:
    """The same start told twice."""
    status = getattr(phone, "status", None)
    at = status.started_up_at if status is not None else None
    return at is not None and timedelta(0) <= now - at < SAME_WITHIN


_DEEDS: Final[Mapping[str, _Deed]] = {
    "dnd-on": _sets("do_not_disturb", True),
    "dnd-off": _sets("do_not_disturb", False),
    "hold": _held,
    "unhold": _sets("held_by_key", False),
    "terminated": _no_longer_held,
    "idle": _no_longer_held,
    "registered": _registered,
    "unregistered": _unregistered,
    "register-failed": _unregistered,
    "boot": _started_up,
}


def _statuses(phone: Phone) -> Any:
    return PhoneStatus.objects.filter(phone_id=phone.pk)


def _account_count(phone: Phone) -> int:
    return int(getattr(phone, "account_count", 0))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

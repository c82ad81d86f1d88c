"""The life of an order to a phone itself: the row before the deed, at most one send, an honest end.

    requested -> granted -> sent -> confirmed, or refused, failed, unknown, expired

The same protocol as the commands of calls. Nothing here enqueues or speaks to a phone: `request_order` returns the row
that the entry point hands to a worker, `grant_order` gives the worker leave to send once.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from crmconnector.common.clock import CLICK_VALID_SECONDS, LEASE_SECONDS, SEQUENCE_LEASE_SECONDS
from phones.learned import end_abandoned
from phones.lease import give_back, take_lease
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneLease

UNSENT = (OrderState.REQUESTED,)
# Each is granted to a person by name, beyond the role: see Phone.Meta.permissions.
PERMISSIONS: Mapping[str, str] = {
    OrderKind.REBOOT: "phones.reboot_phone",
    OrderKind.RESET: "phones.reset_phone",
    OrderKind.LOCK: "phones.lock_phone",
    OrderKind.UNLOCK: "phones.lock_phone",
}
# A doctor asks several things, one after another, under one lease; a reset waits for the passcode to be handed over.
LEASE_BY_KIND: Mapping[str, float] = {OrderKind.DOCTOR: 60.0, OrderKind.RESET: 15.0}
# A calibration goes on for minutes and renews its lease before each request: gone is whose lease ran out.
LEASE_BY_KIND_RENEWED: Mapping[str, float] = {OrderKind.CALIBRATE: SEQUENCE_LEASE_SECONDS}
LOST_AFTER_SECONDS = 5.0  # beyond its lease: then the worker that was granted the order is gone
RELAY_AGAIN_SECONDS = 2.0
MOST_AT_ONCE = 500
STOP_ASKED = "stop_asked"
STOPPED_UNSENT = "Stopped before it began. Nothing was sent."
WITHDRAWN = "Nobody took it up in time, so it was withdrawn. Nothing was sent."


class OrderProblem(Exception):
    """Why nothing was asked of the phone; a sentence that may be shown."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class PhoneBusy(Exception):
    """The phone carries out another request just now. The order stays asked for: try again in a moment."""


@dataclass(frozen=True, slots=True)
class OrderGrant:
    """Leave to send exactly once, until `GRANT_VALID_SECONDS` after `granted_monotonic`."""

    order_id: UUID
    kind: str
    argument: str
    token: int
    phone: Phone
    granted_monotonic: float


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """What one send came to: sent, confirmed, refused, failed (surely nothing happened) or unknown."""

    state: OrderState
    reason_code: str = ""
    sentence: str = ""
    evidence: str = ""
    result: Mapping[str, Any] | None = None


def request_order(
    *, phone: Phone, kind: OrderKind, user: AbstractBaseUser, key: str, now: datetime, argument: str = ""
) -> tuple[DeviceOrder, bool]:
    """Write down what somebody asks of a phone: (order, was made now).

    The same key gives the same order; while one of a kind is under way, a second button joins it. Who may ask is the
    caller's to check, before; it is checked again when the order is granted.
    """
    known = _order_of_key(user, key, phone, kind, argument)
    if known:
        return known, False
    problem = _why_not_now(phone, kind)
    if problem:
        raise OrderProblem(*problem)
    try:
        with transaction.atomic():
            order = DeviceOrder.objects.create(
                phone=phone,
                kind=kind,
                argument=argument,
                user_id=user.pk,
                user_name=user.get_username(),
                idempotency_key=key,
                requested_at=now,
                not_after=now + timedelta(seconds=CLICK_VALID_SECONDS),
            )
            return order, True
    except IntegrityError:
        return _joined(user, key, phone, kind, argument), False


def grant_order(*, order_id: UUID, now: datetime) -> OrderGrant | None:
    """Claim an order and its phone in one transaction; None when there is nothing (more) to send.

    Raises PhoneBusy, and has then changed nothing, while another request to the phone is under way.
    """
    with transaction.atomic():
        order = (
            DeviceOrder.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("phone", "user")
            .filter(pk=order_id, state=OrderState.REQUESTED)
            .first()
        )
        if order is None:
            return None
        if now >= order.not_after:
            _move(order.pk, UNSENT, OrderState.EXPIRED, now, reason_code="expired", sentence=WITHDRAWN)
            return None
        problem = _why_not_now(order.phone, order.kind) or _why_not_by(order)
        if problem:
            _move(order.pk, UNSENT, OrderState.REFUSED, now, reason_code=problem[0], sentence=problem[1])
            return None
        token = take_lease(
            phone_id=order.phone_id, holder=f"order {order.pk}", now=now, seconds=lease_seconds(order.kind)
        )
        if token is None:
            raise PhoneBusy
        _move(order.pk, UNSENT, OrderState.GRANTED, now, token=token, granted_at=now)
    return OrderGrant(order.pk, order.kind, order.argument, token, order.phone, time.monotonic())


def lease_seconds(kind: str) -> float:
    """How long a worker may be at an order of this kind, from its grant to its record."""
    return {**LEASE_BY_KIND, **LEASE_BY_KIND_RENEWED}.get(kind, LEASE_SECONDS)


def record_order(*, grant: OrderGrant, outcome: OrderOutcome, now: datetime) -> bool:
    """Write what the send came to, only under our own token; False when the row went on without us."""
    changes: dict[str, Any] = {
        "reason_code": outcome.reason_code[:40],
        "sentence": outcome.sentence[:300],
        "evidence": outcome.evidence[:300],
    }
    if outcome.result is not None:
        changes["result"] = dict(outcome.result)
    if outcome.state in (OrderState.SENT, OrderState.UNKNOWN, OrderState.CONFIRMED):
        changes["sent_at"] = now
    with transaction.atomic():
        moved = _move(grant.order_id, (OrderState.GRANTED,), outcome.state, now, own_token=grant.token, **changes)
        give_back(phone_id=grant.phone.pk, token=grant.token)
    return moved


def confirm_order(*, order_id: UUID, evidence: str, now: datetime) -> bool:
    """What was sent is proved: the phone went away after a restart was asked, its keys are locked, …"""
    return _move(
        order_id, (OrderState.SENT, OrderState.UNKNOWN), OrderState.CONFIRMED, now,
        evidence=evidence[:300], reason_code="", sentence="",
    )  # fmt: skip


def doubt_order(*, order_id: UUID, reason_code: str, sentence: str, now: datetime) -> bool:
    """What was sent was not proved in time: nobody knows whether it happened."""
    return _move(
        order_id, (OrderState.SENT,), OrderState.UNKNOWN, now, reason_code=reason_code, sentence=sentence, ended_at=now
    )


def withdraw_order(*, order_id: UUID, reason_code: str, sentence: str, now: datetime) -> bool:
    """Take back what no worker has taken up; False when one has, or it has ended already."""
    return _move(order_id, UNSENT, OrderState.EXPIRED, now, reason_code=reason_code, sentence=sentence)


def stop_order(*, order_id: UUID, now: datetime) -> bool:
    """Ask the one who carries it out to stop, or take it back when nobody has taken it up; False: it has ended, or was
    asked before. Only long orders look at this."""
    if _move(order_id, UNSENT, OrderState.EXPIRED, now, reason_code="stopped", sentence=STOPPED_UNSENT):
        return True
    under_way = DeviceOrder.objects.filter(pk=order_id, state=OrderState.GRANTED).exclude(reason_code=STOP_ASKED)
    return under_way.update(reason_code=STOP_ASKED) == 1


def stop_asked(*, order_id: UUID) -> bool:
    """For who carries it out: a person wants it to end."""
    return DeviceOrder.objects.filter(pk=order_id, reason_code=STOP_ASKED).exists()


def end_stale_orders(*, now: datetime) -> int:
    """End what nobody took up, and what a worker took up and never came back from; how many.

    A granted one may have been sent: it becomes unknown, and is never sent again.
    """
    expired = DeviceOrder.objects.filter(state=OrderState.REQUESTED, not_after__lte=now).update(
        state=OrderState.EXPIRED, ended_at=now, reason_code="expired", sentence=WITHDRAWN
    )
    long = Q()
    for kind, seconds in LEASE_BY_KIND.items():
        long |= Q(kind=kind, granted_at__lte=now - timedelta(seconds=seconds + LOST_AFTER_SECONDS))
    usual = ~Q(kind__in=[*LEASE_BY_KIND, *LEASE_BY_KIND_RENEWED]) & Q(
        granted_at__lte=now - timedelta(seconds=LEASE_SECONDS + LOST_AFTER_SECONDS)
    )
    let_go = Q(kind__in=list(LEASE_BY_KIND_RENEWED)) & ~Exists(_living_leases(now))
    lost = DeviceOrder.objects.filter(long | usual | let_go, state=OrderState.GRANTED).update(
        state=OrderState.UNKNOWN, ended_at=now, reason_code="worker_lost",
        sentence="The worker that had it is gone. It may or may not have been sent. Look at the phone.",
    )  # fmt: skip
    end_abandoned(now=now)
    return expired + lost


def _living_leases(now: datetime) -> QuerySet[PhoneLease]:
    """Of the order that is asked about: held by its own token, or run out only a moment ago."""
    since = now - timedelta(seconds=LOST_AFTER_SECONDS)
    return PhoneLease.objects.filter(phone=OuterRef("phone"), token=OuterRef("token"), held_until__gt=since)


def orders_to_relay(*, now: datetime) -> list[UUID]:
    """What was asked and not taken up: to be handed to the broker (again). A duplicate finds nothing to claim."""
    before = now - timedelta(seconds=RELAY_AGAIN_SECONDS)
    waiting = DeviceOrder.objects.filter(
        Q(relayed_at=None) | Q(relayed_at__lte=before), state=OrderState.REQUESTED, requested_at__lte=before,
        not_after__gt=now,
    )  # fmt: skip
    return list(waiting.order_by("requested_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def note_relayed(*, order_ids: Collection[UUID], now: datetime) -> None:
    DeviceOrder.objects.filter(pk__in=order_ids).update(relayed_at=now)


def _order_of_key(user: AbstractBaseUser, key: str, phone: Phone, kind: OrderKind, argument: str) -> DeviceOrder | None:
    known = DeviceOrder.objects.filter(user_id=user.pk, idempotency_key=key).first()
    if known and (known.phone_id, known.kind, known.argument) != (phone.pk, kind, argument):
        raise OrderProblem("key_reused", "This button was used for something else. Reload the page.")
    return known


def _joined(user: AbstractBaseUser, key: str, phone: Phone, kind: OrderKind, argument: str) -> DeviceOrder:
    """The order that was there first: by the same button pressed twice at once, or of the same kind under way."""
    known = _order_of_key(user, key, phone, kind, argument)
    if known:
        return known
    live = DeviceOrder.objects.filter(phone=phone, kind=kind, state__in=[*UNSENT, OrderState.GRANTED])
    order = live.filter(argument=argument).first()
    if order is None and kind == OrderKind.CALIBRATE and not live.exists():
        raise OrderProblem("busy", "Another phone is being calibrated. Wait for it, or stop it there.")
    if order is None:
        raise OrderProblem("busy", "Another order of this kind is under way at this phone. Wait for it.")
    return order


def _why_not_now(phone: Phone, kind: str) -> tuple[str, str] | None:
    """A refused passcode stops everything, also a factory reset: before that the phone's lines are looked at, which
    would show it the same wrong passcode again. The doctor knows what it may still ask."""
    if phone.passcode_refused_at is None or kind == OrderKind.DOCTOR:
        return None
    return "passcode_refused", "The phone refused our passcode, so nothing is sent to it. Enter the right one first."


def _why_not_by(order: DeviceOrder) -> tuple[str, str] | None:
    """Seconds of queueing may have passed since the click: is this person still one who may?"""
    user: Any = order.user
    if user is None or not user.is_active:
        return "user_inactive", "This account was closed. Nothing was sent."
    needed = PERMISSIONS.get(order.kind)
    if needed and not user.has_perm(needed):
        return "not_permitted", "The permission for this was withdrawn. Nothing was sent."
    return None


def _move(
    order_id: UUID,
    from_states: tuple[OrderState, ...],
    to: OrderState,
    now: datetime,
    *,
    own_token: int | None = None,
    **changes: Any,
) -> bool:
    """The only place that changes an order's state: a conditional UPDATE."""
    rows = DeviceOrder.objects.filter(pk=order_id, state__in=from_states)
    if own_token is not None:
        rows = rows.filter(token=own_token)
    if to not in (OrderState.GRANTED, OrderState.SENT, OrderState.UNKNOWN):
        changes["ended_at"] = now
    return rows.update(state=to, **changes) == 1

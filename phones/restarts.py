"""Did the phone restart? Its "success" is no proof; that it goes away, or says itself that it has started, is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from crmconnector.common.clock import RESTART_WATCH_SECONDS
from phones.health import Kind, Sight
from phones.models import DeviceOrder, OrderKind, OrderState
from phones.orders import confirm_order, doubt_order

RESTARTING = (OrderKind.REBOOT, OrderKind.RESET)
UNPROVED = (OrderState.SENT, OrderState.UNKNOWN)
FORGOTTEN_AFTER = timedelta(days=1)
NO_PROOF = "The phone took the order and went on answering: it seems that it did not restart. Look at the phone."


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart or reset that was sent; `started_up_at`: when the phone last told by itself that it had started."""

    order_id: UUID
    state: str
    sent_at: datetime
    started_up_at: datetime | None

    def watched(self, now: datetime) -> bool:
        """Whether the phone is expected to go away and come back about now."""
        return (now - self.sent_at).total_seconds() < RESTART_WATCH_SECONDS


def restarts_of(*, phone_ids: Collection[int], now: datetime) -> dict[int, Restart]:
    """The newest restart of each phone that is watched still, or awaits its end; one query."""
    recent = now - timedelta(seconds=RESTART_WATCH_SECONDS)
    rows = DeviceOrder.objects.filter(
        phone_id__in=list(phone_ids), kind__in=RESTARTING, state__in=[*UNPROVED, OrderState.CONFIRMED],
        requested_at__gt=now - FORGOTTEN_AFTER,
    ).order_by("requested_at")  # fmt: skip
    found: dict[int, Restart] = {}
    for row in rows.select_related("phone__status"):
        sent_at = row.sent_at or row.granted_at  # of a worker that died over it: when it may have been sent
        if sent_at and (row.state == OrderState.SENT or sent_at > recent):
            status = getattr(row.phone, "status", None)
            found[row.phone_id] = Restart(row.pk, row.state, sent_at, status and status.started_up_at)
    return found


def judge_restarts(found: Iterable[tuple[Restart, Sight, datetime]]) -> None:
    """Confirm what these looks prove, and stop waiting for what they have not proved in time."""
    for restart, sight, at in found:
        if restart.state not in UNPROVED:
            continue
        evidence = _evidence(restart, sight, at)
        if evidence:
            confirm_order(order_id=restart.order_id, evidence=evidence, now=at)
        elif not restart.watched(at):
            doubt_order(order_id=restart.order_id, reason_code="no_proof", sentence=NO_PROOF, now=at)


def _evidence(restart: Restart, sight: Sight, at: datetime) -> str:
    started = restart.started_up_at
    if started is not None and started > restart.sent_at:
        seconds = (started - restart.sent_at).total_seconds()
        return f"The phone told us that it had started, {seconds:.0f} s after the order."
    if sight.kind is Kind.SILENT and restart.watched(at):
        return f"It stopped answering within {(at - restart.sent_at).total_seconds():.0f} s of the order."
    return ""

"""Orders to a phone itself: grant (committed), one send, record. See `phones.orders` for their life."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import structlog
from billiard import current_process
from django.db import close_old_connections, connection
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from crmconnector.common.clock import CLICK_VALID_SECONDS, utc_now
from crmconnector.common.secrets import Secret
from phones.health import Kind
from phones.lease import extend_lease
from phones.looks import Seen, claim_of, record_looks
from phones.models import OrderKind, OrderState
from phones.orders import OrderGrant, OrderOutcome, PhoneBusy, grant_order, lease_seconds, record_order
from tasks.calibration import run_calibration
from tasks.celery import app
from tasks.device_deeds import TOO_LATE, carry_out_deed
from tasks.device_health import look_at
from tasks.doctor import run_doctor
from tasks.handover import WAIT_SECONDS, receiver

LEASE_WAIT_SECONDS: Final = 4.0  # a look, or another order, ends within that; else the sweeper asks again
LEASE_STEP_SECONDS: Final = 0.1
AT_ONCE: Final = 8  # a hundred restarts must not keep the one who presses Answer waiting

log = structlog.get_logger(__name__)


@app.task(name="device_control.look_now_order", acks_late=False, max_retries=0, ignore_result=True)
def look_now_order(order_id: str) -> None:
    """Look whether this order may be carried out, and do so once."""
    if current_process().name == "MainProcess":
        DESK.take(UUID(order_id))
    else:
        carry_out_order(UUID(order_id))  # a forked worker does one thing at a time and may end after it


def enqueue_order(order_id: UUID) -> bool:
    """Hand "look now" to the broker; False when it is away. Nothing is lost: the sweeper asks again."""
    return enqueue_orders([order_id])


def enqueue_orders(order_ids: Iterable[UUID]) -> bool:
    try:
        for order_id in order_ids:
            look_now_order.apply_async(args=[str(order_id)], expires=CLICK_VALID_SECONDS, retry=False)
    except (BrokerAway, RedisError, OSError) as error:
        log.warning("device_control.broker_away", reason=type(error).__name__)
        return False
    return True


def carry_out_order(order_id: UUID) -> None:
    """The whole path of one order. Killed anywhere in here, it never sends twice: see `end_stale_orders`."""
    grant = _granted(order_id)
    if grant is None:
        return
    _free_connection()
    outcome = CARRIED_OUT.get(OrderKind(grant.kind), carry_out_deed)(grant)
    record_order(grant=grant, outcome=outcome, now=utc_now())


class OrderDesk:
    """A few threads of their own, so that orders to phones do not take those of the commands to calls."""

    def __init__(self, threads: int = AT_ONCE) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="orders")
        self._here: set[UUID] = set()
        self._lock = threading.Lock()

    def take(self, order_id: UUID) -> None:
        """Carry it out when there is a free thread. The sweeper may hand out the same order again meanwhile."""
        with self._lock:
            if order_id in self._here:
                return
            self._here.add(order_id)
        self._threads.submit(self._carry_out, order_id)

    def close(self) -> None:
        """What has not begun stays asked for, and is handed to another worker."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, order_id: UUID) -> None:
        try:
            carry_out_order(order_id)
        except Exception as error:  # what was granted and not recorded is ended by the sweeper, honestly
            log.warning("device_control.failed", order=str(order_id), reason=type(error).__name__)
        finally:
            with self._lock:
                self._here.discard(order_id)
            close_old_connections()


def _granted(order_id: UUID) -> OrderGrant | None:
    """Leave to send; waits for a look or another order that has the phone just now, and gives up after a while."""
    deadline = time.monotonic() + LEASE_WAIT_SECONDS
    while True:
        try:
            return grant_order(order_id=order_id, now=utc_now())
        except PhoneBusy:
            if time.monotonic() > deadline:
                return None
            time.sleep(LEASE_STEP_SECONDS)


def _look(grant: OrderGrant) -> OrderOutcome:
    """Look now: the phone's status is written as by any other look, and the order tells what came of it."""
    claim = claim_of(phone=grant.phone, token=grant.token, now=utc_now())
    _free_connection()
    sight = look_at(claim, ask_accounts=True)
    record_looks([Seen(claim, sight, utc_now())])
    if sight.kind is Kind.ANSWERED:
        milliseconds = round(1000 * (sight.seconds or 0))
        return OrderOutcome(OrderState.CONFIRMED, evidence=f"The phone answered in {milliseconds} ms.")
    state = OrderState.FAILED if sight.kind is Kind.SILENT else OrderState.REFUSED
    return OrderOutcome(state, sight.reason_code, sight.sentence)


def _reset(grant: OrderGrant) -> OrderOutcome:
    """Wait for the administrator passcode, which only a person knows, then reset. It is kept nowhere."""
    secret = _handed_over(grant)
    if secret is None:
        return OrderOutcome(
            OrderState.EXPIRED, "not_handed_over",
            "The administrator passcode did not reach the worker in time. Nothing was sent. Try again.",
        )  # fmt: skip
    proved = time.monotonic()
    seconds = lease_seconds(grant.kind)
    if not extend_lease(phone_id=grant.phone.pk, token=grant.token, now=utc_now(), seconds=seconds):
        return TOO_LATE
    _free_connection()
    return carry_out_deed(grant, secret=secret, valid_from=proved)


def _free_connection() -> None:
    """A phone may take seconds, and connections to the database are few. A caller's own transaction keeps its one."""
    if not connection.in_atomic_block:
        connection.close()


def _handed_over(grant: OrderGrant) -> Secret | None:
    try:
        with receiver(grant.order_id) as receive:
            return receive(WAIT_SECONDS)
    except RedisError as error:
        log.warning("device_control.broker_away", reason=type(error).__name__)
        return None


# Everything else is one deed: see tasks.device_deeds.
CARRIED_OUT: dict[OrderKind, Callable[[OrderGrant], OrderOutcome]] = {
    OrderKind.LOOK: _look,
    OrderKind.DOCTOR: run_doctor,
    OrderKind.CALIBRATE: run_calibration,
    OrderKind.RESET: _reset,
}
DESK = OrderDesk()

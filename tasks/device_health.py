"""Looks at every phone, in each worker process: one thread that claims and records, many that ask, none that waits.

Several workers share the phones without looking twice; see `phones.looks`. The asking threads touch no database. Not
a Celery task each: a look that comes late is worth nothing, and five thousand a minute would bury the orders of people
in the queue.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.db import DataError, close_old_connections
from django.db import Error as DatabaseProblem

from crmconnector.common.clock import LEASE_SECONDS, PHONE_REQUEST_SECONDS, utc_now
from phones.connection import driver_for
from phones.drivers.base import AccountState, PhoneDriver
from phones.drivers.errors import CredentialRefused, PhoneError, Refused
from phones.health import Kind, Sight, accounts_are_due, registration_of
from phones.looks import Claim, Seen, add_missing_rows, claim_due_phones, record_looks

# A dead phone holds a thread for a second, a mute one for three: so many may be asked at once, and those that failed
# before may take no more than half of the threads from the others.
THREADS = 128
CLAIM_SECONDS = 1.0
CLAIM_AGAIN_SECONDS = 0.1  # when more were due than could be taken
GATHER_SECONDS = 0.03  # answers of so long are written together; so long a lease is held beyond its need
MISSING_ROWS_SECONDS = 5.0
STOP_SECONDS = PHONE_REQUEST_SECONDS + 1.0

log = structlog.get_logger(__name__)


def look_at(claim: Claim, *, ask_accounts: bool) -> Sight:
    """Ask for the lines, then perhaps for the accounts, one after the other; every failure is a sight too."""
    try:
        phone = driver_for(claim.phone)
        began = time.monotonic()
        lines = tuple(line.state.value for line in phone.line_status())
        seconds = time.monotonic() - began
    except PhoneError as error:
        return sight_of(error)
    seen = Sight(Kind.ANSWERED, lines=lines, seconds=seconds)
    # The lease must outlast both requests: a phone that is slow today is asked another time.
    if not ask_accounts or seconds > LEASE_SECONDS - PHONE_REQUEST_SECONDS - 1.0:
        return seen
    return _with_accounts(seen, phone, claim)


def sight_of(error: PhoneError) -> Sight:
    """What an error tells of the phone's health. A phone that says no is there."""
    if isinstance(error, CredentialRefused):
        return Sight(Kind.PASSCODE_REFUSED, error.reason_code, str(error))
    if isinstance(error, Refused):
        return Sight(Kind.REFUSED, error.reason_code, str(error))
    return Sight(Kind.SILENT, error.reason_code, error.sentence)


class Looker:
    """One round after another: claim what is due, let the threads ask, write what they found."""

    def __init__(self, *, threads: int = THREADS, look: Callable[..., Sight] = look_at) -> None:
        self._threads, self._look = threads, look
        self._asking = ThreadPoolExecutor(threads, thread_name_prefix="looks")
        self._under_way: dict[int, Claim] = {}  # by phone; the looking thread's alone
        self._found: queue.SimpleQueue[Seen | None] = queue.SimpleQueue()
        self._unwritten: list[Seen] = []
        self._stopping = threading.Event()
        self._claim_at = self._missing_rows_at = 0.0
        self._failed = ""
        self._thread = threading.Thread(target=self._look_for_ever, name="looks-at-phones", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop_soon(self) -> None:
        """Claim no more."""
        self._stopping.set()
        self._found.put(None)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Write what is still under way and end; at most as long as a phone may take to answer."""
        self.stop_soon()
        self._thread.join(seconds)
        self._asking.shutdown(wait=False, cancel_futures=True)

    def _look_for_ever(self) -> None:
        while not self._stopping.is_set() or self._under_way or self._unwritten:
            try:
                self._round()
                if self._failed:
                    log.info("device_health.goes_on")
                self._failed = ""
            except DatabaseProblem as error:
                self._go_on_later("device_health.database_away", error)
            except Exception as error:  # no fault of one round may end all looks of this worker
                self._go_on_later("device_health.failed", error)
            finally:
                close_old_connections()

    def _go_on_later(self, event: str, error: Exception) -> None:
        if self._failed != event:
            log.warning(event, reason=type(error).__name__, text="" if "away" in event else str(error)[:200])
        self._failed = event
        if self._stopping.wait(CLAIM_SECONDS):
            self._under_way.clear()  # what cannot be written when we stop is looked at again by another worker
            self._unwritten.clear()

    def _round(self) -> None:
        self._gather()
        self._write()
        now = time.monotonic()
        if self._stopping.is_set() or now < self._claim_at:
            return
        self._claim_at = now + CLAIM_SECONDS
        if now >= self._missing_rows_at:
            add_missing_rows(now=utc_now())
            self._missing_rows_at = now + MISSING_ROWS_SECONDS
        self._claim()

    def _gather(self) -> None:
        """Wait until something was found, or until it is time to claim; then a moment more for what comes with it."""
        until = time.monotonic() + GATHER_SECONDS if self._stopping.is_set() else self._claim_at
        while (seen := self._next_found(until)) is not None:
            self._under_way.pop(seen.claim.phone.pk, None)
            self._unwritten.append(seen)
            if len(self._unwritten) == 1:
                until = time.monotonic() + GATHER_SECONDS

    def _next_found(self, until: float) -> Seen | None:
        try:
            return self._found.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def _write(self) -> None:
        if not self._unwritten:
            return
        try:
            record_looks(self._unwritten)
        except DataError:
            self._write_one_by_one()
        self._unwritten = []

    def _write_one_by_one(self) -> None:
        """A phone that says something no column can hold must not cost the others theirs."""
        for seen in self._unwritten:
            try:
                record_looks([seen])
            except DataError as error:
                log.warning("device_health.unwritable", phone=seen.claim.phone.pk, reason=type(error).__name__)

    def _claim(self) -> None:
        free = self._threads - len(self._under_way)
        if free <= 0:
            self._claim_at = time.monotonic() + CLAIM_AGAIN_SECONDS
            return
        troubled = sum(1 for claim in self._under_way.values() if claim.before.failures)
        now, deadline = utc_now(), time.monotonic() + LEASE_SECONDS
        claims = claim_due_phones(now=now, most=free, most_troubled=max(0, self._threads // 2 - troubled))
        for claim in claims:
            self._under_way[claim.phone.pk] = claim
            ask_accounts = accounts_are_due(claim.before, now=now)
            self._asking.submit(self._ask, claim, ask_accounts, deadline)
        if len(claims) == free:
            self._claim_at = time.monotonic() + CLAIM_AGAIN_SECONDS

    def _ask(self, claim: Claim, ask_accounts: bool, deadline: float) -> None:
        """In a thread of its own, without the database. Never ends without an answer to the looking thread."""
        try:
            if time.monotonic() > deadline - PHONE_REQUEST_SECONDS:
                raise TimeoutError  # frozen meanwhile: the lease might end before the request does
            sight = self._look(claim, ask_accounts=ask_accounts)
        except Exception as error:
            log.warning("device_health.not_looked", phone=claim.phone.pk, reason=type(error).__name__)
            sight = Sight(Kind.SILENT, "not_looked", "We could not look at the phone. Report this: it is our fault.")
        self._found.put(Seen(claim, sight, utc_now()))


def start_looking() -> Looker:
    """Called once in a worker's main process."""
    looker = Looker()
    looker.start()
    return looker


def _with_accounts(seen: Sight, phone: PhoneDriver, claim: Claim) -> Sight:
    try:
        accounts = phone.accounts()
    except CredentialRefused as error:
        return sight_of(error)
    except Refused:
        return _told(seen, (), claim)  # it knows no such question: not asked again for five minutes
    except PhoneError:
        return seen
    return _told(seen, accounts, claim)


def _told(seen: Sight, accounts: Iterable[AccountState], claim: Claim) -> Sight:
    told: list[dict[str, Any]] = [
        {"account": one.account, "sip_id": _printable(one.sip_id), "registered": one.registered} for one in accounts
    ]
    registered = registration_of([(one["account"], one["sip_id"], one["registered"]) for one in told], claim.extensions)
    return Sight(
        seen.kind, lines=seen.lines, seconds=seen.seconds, accounts_asked=True, accounts=tuple(told),
        registered=registered,
    )  # fmt: skip


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:80]

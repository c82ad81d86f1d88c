"""Who may bring a phone's notification in: the right token, the phone's own MAC address, from the phone's own address.

Whoever knocks learns nothing: every refusal is the same 404. What was wrong goes to the log and, when the token was
right, to the page with the phone's lines.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.http import HttpRequest

from phones.hint_services import keep_hint, note_refused, phone_of_token
from phones.hints import KINDS, Notice, read_notice
from phones.models import Phone

# Of one token from one address, in one web process; a phone in use says a few for each call. By address too, so that
# a token that got out cannot be used to silence the phone.
MOST_A_MINUTE = 60
MOST_TOKENS = 10_000  # counted at a time; beyond, all are forgotten at once
LOG_SECONDS = 10.0  # one line for a reason so often, with how many there were
log = structlog.get_logger(__name__)


@dataclass
class Pace:
    """How many of each name came in this minute. Fixed minutes, bounded memory, safe in threads."""

    most: int = MOST_A_MINUTE
    names: int = MOST_TOKENS
    clock: Callable[[], float] = time.monotonic
    _minute: int = -1
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, name: str) -> bool:
        with self._lock:
            minute = int(self.clock() // 60)
            if minute != self._minute or len(self._counts) >= self.names:
                self._minute, self._counts = minute, Counter()
            self._counts[name] += 1
            return self._counts[name] <= self.most


@dataclass
class Refusals:
    """Counted by reason since the start of the process; said in the log now and then, never with the token."""

    total: Counter[str] = field(default_factory=Counter)
    _told: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, why: str, *, phone: Phone | None, address: str) -> None:
        with self._lock:
            self.total[why] += 1
            told_at, told = self._told.get(why, (float("-inf"), 0))
            if time.monotonic() - told_at < LOG_SECONDS:
                return
            self._told[why] = (time.monotonic(), self.total[why])
            times = self.total[why] - told
        name = phone.name if phone is not None else None
        log.warning("phone_event.refused", why=why, phone=name, source=address[:45], times=times)


pace = Pace()
refusals = Refusals()


def take_notice(request: HttpRequest, *, token: str, kind: str, now: datetime) -> bool:
    """Take in one notification; False: refused, for whatever reason."""
    address = request.META.get("REMOTE_ADDR", "")
    if request.method not in ("GET", "HEAD"):
        return _refuse("method", None, address)
    if not pace.allows(f"{address} {token[:64]}"):
        return _refuse("flood", None, address)
    notice = read_notice(kind, request.META.get("QUERY_STRING", ""))
    phone = phone_of_token(token) if notice is not None else None
    if notice is None or phone is None:
        return _refuse("token" if notice is not None else "length", None, address)
    why = why_not(phone, notice, address)
    if why:
        note_refused(phone=phone, why=why, source=address, now=now)
        return _refuse(why, phone, address)
    keep_hint(phone=phone, notice=notice, now=now)
    return True


def why_not(phone: Phone, notice: Notice, address: str) -> str:
    """Why this notification is not believed, "" if it is."""
    if notice.kind not in KINDS:
        return "kind"
    if not phone.mac:
        return "no-mac"
    if notice.mac != phone.mac:
        return "mac"
    return "" if same_address(address, phone.address) else "source"


def same_address(one: str, other: str) -> bool:
    """Whatever their spelling; an IPv4 address in IPv6 spelling, as dual-stack sockets tell it, is the IPv4 one."""
    try:
        return _plain(one) == _plain(other)
    except ValueError:
        return False


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _refuse(why: str, phone: Phone | None, address: str) -> bool:
    refusals.count(why, phone=phone, address=address)
    return False

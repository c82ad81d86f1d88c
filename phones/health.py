"""What one look at a phone means: is it there, since when, when to look again. Pure: values in, values out.

While all is well a phone is looked at once a minute, each at its own second of the minute, so that five thousand
phones never ask for a worker at the same moment. After trouble it is looked at within seconds, then ever less often,
at least every five minutes. From the third failure in a row the breaker is open: until its time nothing asks the phone
by itself, unless the phone has told us that it is back. A person's order goes through all the same, and its success
closes the breaker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from crmconnector.common.clock import (
    PHONE_ACCOUNTS_SECONDS,
    PHONE_BACK_OFF_SECONDS,
    PHONE_LOOK_AGAIN_SECONDS,
    PHONE_LOOK_SECONDS,
)

BREAKER_FAILURES: Final = 3
SECOND_LOOK_SECONDS: Final = 10.0  # after the second failure; doubled with each one more
ROUND_JITTER_SECONDS: Final = 2.5  # either way, each round anew
# Consecutive ids times this, without the whole part, lie as evenly in a minute as can be, however many there are.
GOLDEN: Final = 0.6180339887498949


class Kind(Enum):
    """What came of a look, or of an order, as far as the phone's health goes."""

    ANSWERED = "answered"
    REFUSED = "refused"  # it is there and says no: without CTI, or with too old a firmware
    PASSCODE_REFUSED = "passcode refused"  # it is there and does not know us: nothing more until a person acts
    SILENT = "silent"  # no answer, or not one of such a phone


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. `lines`: words in the phone's order, None when it was not asked; `accounts` and `registered`
    likewise, and only when `accounts_asked`; `seconds`: how long the phone took to tell its lines."""

    kind: Kind
    reason_code: str = ""
    sentence: str = ""
    lines: tuple[str, ...] | None = None
    seconds: float | None = None
    accounts_asked: bool = False
    accounts: tuple[Mapping[str, Any], ...] = ()
    registered: bool | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The columns of PhoneStatus that looks write; see there."""

    reachable: bool | None = None
    reason_code: str = ""
    sentence: str = ""
    since: datetime | None = None
    looked_at: datetime | None = None
    answer_milliseconds: int | None = None
    lines: tuple[str, ...] = ()
    accounts: tuple[Mapping[str, Any], ...] = ()
    registered: bool | None = None
    accounts_at: datetime | None = None
    failures: int = 0
    breaker_until: datetime | None = None
    next_look_at: datetime | None = None


def next_health(
    before: Health, sight: Sight, *, phone_id: int, now: datetime, random: float, restarting: bool = False
) -> Health:
    """The phone's health after this look. `random`: 0 to 1; `restarting`: we sent it a restart a moment ago."""
    there = sight.kind is not Kind.SILENT
    failures = 0 if there else before.failures + 1
    next_look_at = _next_look(failures, phone_id=phone_id, now=now, random=random, restarting=restarting)
    breaks = failures >= BREAKER_FAILURES and not restarting
    after = replace(
        before,
        reachable=there,
        reason_code=sight.reason_code[:40],
        sentence=sight.sentence[:300],
        since=before.since if before.reachable is there and before.since else now,
        looked_at=now,
        answer_milliseconds=_milliseconds(before, sight),
        lines=_lines(before, sight),
        failures=failures,
        breaker_until=next_look_at if breaks else None,
        next_look_at=next_look_at,
    )
    if not sight.accounts_asked:
        return after
    return replace(after, accounts=sight.accounts, registered=sight.registered, accounts_at=now)


def accounts_are_due(health: Health, *, now: datetime) -> bool:
    """Whether to ask for the accounts too: they were not asked for five minutes, or the phone was or is in trouble."""
    if health.accounts_at is None or health.reachable is not True or health.failures or health.registered is False:
        return True
    return (now - health.accounts_at).total_seconds() >= PHONE_ACCOUNTS_SECONDS


def registration_of(accounts: Sequence[tuple[int, str, bool]], ours: Mapping[int, str]) -> bool | None:
    """Whether every account of ours that the phone has is registered, by the phone's own word; None: it has none.

    `accounts`: (position from 1, SIP user id, registered); `ours`: extension by position. A phone that does not tell
    the SIP user id is believed by position.
    """
    extensions = set(ours.values())
    found = [registered for position, sip_id, registered in accounts
             if (sip_id in extensions if sip_id else position in ours)]  # fmt: skip
    return all(found) if found else None


def soon(*, now: datetime, random: float) -> datetime:
    """A moment three to five seconds from now."""
    least, most = PHONE_LOOK_AGAIN_SECONDS
    return now + timedelta(seconds=least + (most - least) * random)


def regular_look(*, phone_id: int, now: datetime, random: float) -> datetime:
    """The phone's own second of the minute that is nearest to a minute from now: 30 to 90 s away, and a jitter."""
    about = now.timestamp() + PHONE_LOOK_SECONDS
    phase = (phone_id * GOLDEN % 1.0) * PHONE_LOOK_SECONDS
    off = (phase - about) % PHONE_LOOK_SECONDS
    if off > PHONE_LOOK_SECONDS / 2:
        off -= PHONE_LOOK_SECONDS
    return now + timedelta(seconds=PHONE_LOOK_SECONDS + off + ROUND_JITTER_SECONDS * (2 * random - 1))


def _next_look(failures: int, *, phone_id: int, now: datetime, random: float, restarting: bool) -> datetime:
    if restarting or failures == 1:
        return soon(now=now, random=random)
    if failures == 0:
        return regular_look(phone_id=phone_id, now=now, random=random)
    doubled = SECOND_LOOK_SECONDS * 2.0 ** min(failures - 2, 20)
    return now + timedelta(seconds=min(PHONE_BACK_OFF_SECONDS, doubled) * (0.8 + 0.2 * random))


def _milliseconds(before: Health, sight: Sight) -> int | None:
    if sight.seconds is not None:
        return round(sight.seconds * 1000)
    return None if sight.kind is Kind.SILENT else before.answer_milliseconds


def _lines(before: Health, sight: Sight) -> tuple[str, ...]:
    """Lines of a phone that did not tell them are not known; an order that did not ask leaves them as they were."""
    if sight.lines is not None:
        return sight.lines
    return before.lines if sight.kind is Kind.ANSWERED else ()

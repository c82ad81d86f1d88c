"""Which phones are due for a look, and what looks have found: many phones in a few statements, never a query each.

Claim and record are one transaction each. A claim locks the status rows it takes and their leases; another worker
passes over locked rows and held leases, so no phone is looked at twice. What a look found is written only while its
lease's token is still the newest: a worker that was frozen for a while overwrites nothing.
"""

import json
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, When

from crmconnector.common.clock import LEASE_SECONDS, PHONE_LOOK_SECONDS, utc_now
from phones.health import Health, Kind, Sight, next_health, regular_look
from phones.lease import LOOK, give_all_back, take_leases
from phones.models import Phone, PhoneStatus, SipAccount
from phones.restarts import Restart, judge_restarts, restarts_of

# No look of a phone begins so long after a person has pressed a button for it: longer than the lease of a look whose
# worker died, or that look and the person would race for the phone when the lease ends.
PERSON_FIRST_SECONDS = LEASE_SECONDS + 2.0
WAIT_STEP_SECONDS = 0.05
COLUMNS = {
    "reachable": "boolean", "reason_code": "text", "sentence": "text", "since": "timestamptz",
    "looked_at": "timestamptz", "answer_milliseconds": "integer", "lines": "jsonb", "accounts": "jsonb",
    "registered": "boolean", "accounts_at": "timestamptz", "failures": "integer", "breaker_until": "timestamptz",
    "next_look_at": "timestamptz",
}  # fmt: skip
ACCOUNT_COLUMNS = ("accounts", "registered", "accounts_at")
# What others write meanwhile is not undone: the phone's own notifications tell of its accounts, and they, or a person's
# change, want it looked at sooner.
_SOONER = """case when status.next_look_at is not distinct from seen.planned_at then seen.next_look_at
             when status.next_look_at is null then null
             else least(status.next_look_at, seen.next_look_at) end"""
_NEW_VALUES = {
    **{name: f"seen.{name}" for name in COLUMNS},
    **{name: f"case when seen.accounts_asked then seen.{name} else status.{name} end" for name in ACCOUNT_COLUMNS},
    "next_look_at": _SOONER,
}
# Names of columns are our own constants; every value travels as one JSON parameter.
_WRITE = f"""
    update phones_phonestatus as status set {", ".join(f"{name} = {value}" for name, value in _NEW_VALUES.items())}
    from jsonb_to_recordset(%s::jsonb) as seen (phone_id bigint, token bigint, accounts_asked boolean,
            planned_at timestamptz, {", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())})
    join phones_phonelease as lease on lease.phone_id = seen.phone_id and lease.token = seen.token
    where status.phone_id = seen.phone_id
    returning status.phone_id
"""  # noqa: S608
# Written by hand, as they stand before every request that a person waits for.
_LATER = """
    update phones_phonestatus set next_look_at = %s
    where phone_id in ({phones}) and (next_look_at is null or next_look_at < %s)
"""
_STILL_WELL = """
    update phones_phonestatus set looked_at = %s, next_look_at = %s
    where phone_id = %s and reachable and since is not null and failures = 0 and breaker_until is null
        and reason_code = '' and sentence = ''
"""
_LOOKED_AT = """
    with mine as ({phones})
    select exists (select from phones_phonelease where phone_id in (select * from mine) and holder = %s
            and held_until > %s),
        array(select * from mine except select phone_id from phones_phonestatus where phone_id in (select * from mine))
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A phone that is ours to look at until the lease ends. `extensions`: of its accounts, by position."""

    phone: Phone
    before: Health
    token: int
    extensions: Mapping[int, str] = field(default_factory=dict)
    restart: Restart | None = None  # one was sent not long ago


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found, and when it ended."""

    claim: Claim
    sight: Sight
    at: datetime


@transaction.atomic
def claim_due_phones(*, now: datetime, most: int, most_troubled: int, seconds: float = LEASE_SECONDS) -> list[Claim]:
    """Up to `most` phones whose look is due, those in trouble last and at most `most_troubled` of them."""
    due = list(_due(now)[:most])
    sound = [status for status in due if not status.failures]
    troubled = [status for status in due if status.failures][:most_troubled]
    statuses = {status.phone_id: status for status in sound + troubled}
    tokens = take_leases(phone_ids=statuses.keys(), holder=LOOK, now=now, seconds=seconds)
    if not tokens:
        return []
    extensions = _extensions(tokens)
    restarts = restarts_of(phone_ids=tokens, now=now)
    return [
        Claim(statuses[one].phone, health_of(statuses[one]), token, extensions.get(one, {}), restarts.get(one))
        for one, token in tokens.items()
    ]


def claim_of(*, phone: Phone, token: int, now: datetime) -> Claim:
    """The same for one phone whose lease somebody has already: a person's order to look."""
    status = _status_of(phone.pk)
    restart = restarts_of(phone_ids=[phone.pk], now=now).get(phone.pk)
    return Claim(phone, health_of(status), token, _extensions([phone.pk]).get(phone.pk, {}), restart)


@transaction.atomic
def record_looks(looks: Sequence[Seen]) -> int:
    """Write what was found, give the leases back; how many were still ours to write."""
    if not looks:
        return 0
    rows = [_row(seen) for seen in looks]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [json.dumps(rows, default=str)])
        ours = {phone_id for (phone_id,) in cursor.fetchall()}
    written = [seen for seen in looks if seen.claim.phone.pk in ours]
    refused = {seen.claim.phone.pk: seen.at for seen in written if seen.sight.kind is Kind.PASSCODE_REFUSED}
    if refused:
        stopped = Phone.objects.filter(pk__in=refused, passcode_refused_at=None)
        stopped.update(passcode_refused_at=max(refused.values()))
    judge_restarts([(seen.claim.restart, seen.sight, seen.at) for seen in written if seen.claim.restart])
    give_all_back(tokens={seen.claim.phone.pk: seen.claim.token for seen in looks})
    return len(written)


def add_missing_rows(*, now: datetime) -> int:
    """A status row for every phone that has none, their first looks spread over a minute; how many."""
    missing = list(Phone.objects.filter(status=None).values_list("pk", flat=True))
    PhoneStatus.objects.bulk_create(
        [PhoneStatus(phone_id=one, next_look_at=_some_time(now, place, len(missing)))
         for place, one in enumerate(missing)],
        ignore_conflicts=True,
    )  # fmt: skip
    return len(missing)


def note(*, phone_id: int, sight: Sight, at: datetime, restarting: bool = False) -> None:
    """What an order has learned of the phone's health on its way; one statement when a phone that was well answered
    again, else one or two more. The caller has the phone's lease."""
    if sight == Sight(Kind.ANSWERED) and not restarting and _still_well(phone_id, at):
        return
    before = health_of(_status_of(phone_id))
    after = next_health(before, sight, phone_id=phone_id, now=at, random=chance(), restarting=restarting)
    was = _columns(before)
    changed = {name: value for name, value in _columns(after).items() if value != was[name]}
    PhoneStatus.objects.filter(phone_id=phone_id).update(**changed)


def look_at_once(*, phone_id: int) -> None:
    """A person changed something about the phone: it is looked at within a second, whatever was known of it."""
    PhoneStatus.objects.update_or_create(
        phone_id=phone_id, defaults={"next_look_at": None, "breaker_until": None, "failures": 0}
    )


def put_person_first(phones: QuerySet[Any], *, seconds: float = LEASE_SECONDS) -> None:
    """Return when no look holds these phones (a query of phone ids) and none begins; at the latest after `seconds`.

    A look takes some 50 ms once a minute; a person who presses a button in that moment waits for it and is not refused.
    Call it outside of transactions.
    """
    which, terms = phones.query.sql_with_params()
    deadline = time.monotonic() + seconds
    _look_later(which, terms)
    looked_at, unknown = _looked_at(which, terms)
    if unknown:
        PhoneStatus.objects.bulk_create([PhoneStatus(phone_id=one) for one in unknown], ignore_conflicts=True)
        _look_later(which, terms)
        looked_at, _ = _looked_at(which, terms)
    while looked_at and time.monotonic() < deadline:
        time.sleep(WAIT_STEP_SECONDS)
        looked_at, _ = _looked_at(which, terms)


def _still_well(phone_id: int, at: datetime) -> bool:
    """What `next_health` comes to when nothing else changes; False: the phone was not known to be well."""
    next_look_at = regular_look(phone_id=phone_id, now=at, random=chance())
    with connection.cursor() as cursor:
        cursor.execute(_STILL_WELL, [at, next_look_at, phone_id])
        return cursor.rowcount == 1


def _look_later(phones: str, terms: tuple[Any, ...]) -> None:
    """A worker that is claiming the phone just now has its row locked, and this waits for that; a later one finds the
    phone not due. So the leases that are seen afterwards are all there are."""
    later = utc_now() + timedelta(seconds=PERSON_FIRST_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_LATER.format(phones=phones), [later, *terms, later])


def _looked_at(phones: str, terms: tuple[Any, ...]) -> tuple[bool, list[int]]:
    """Whether a look is under way, and which of the phones have no status row."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOKED_AT.format(phones=phones), [*terms, LOOK, utc_now()])
        looked_at, unknown = cursor.fetchone()
    return looked_at, unknown


def health_of(status: PhoneStatus) -> Health:
    return Health(**{name: _tuple(getattr(status, name)) for name in COLUMNS})


def chance() -> float:
    """0 to 1, for spreading looks in time; nobody gains by guessing it."""
    return random.random()  # noqa: S311


def _status_of(phone_id: int) -> PhoneStatus:
    """The phone's row, which is made when there is none yet."""
    status = PhoneStatus.objects.filter(phone_id=phone_id).first()
    if status is None:
        status = PhoneStatus(phone_id=phone_id)
        PhoneStatus.objects.bulk_create([status], ignore_conflicts=True)
    return status


def _due(now: datetime) -> QuerySet[PhoneStatus]:
    """Those in trouble keep a thread for seconds each: they come after the others."""
    waiting = Q(next_look_at=None) | Q(next_look_at__lte=now)
    free = Q(phone__lease=None) | Q(phone__lease__held_until=None) | Q(phone__lease__held_until__lte=now)
    return (
        PhoneStatus.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("phone")
        .filter(waiting, free, phone__passcode_refused_at=None)
        .order_by(Case(When(failures=0, then=0), default=1), F("next_look_at").asc(nulls_first=True))
    )


def _extensions(phone_ids: Collection[int]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    rows = SipAccount.objects.filter(phone_id__in=list(phone_ids)).order_by()
    for phone_id, position, extension in rows.values_list("phone_id", "position", "extension"):
        found.setdefault(phone_id, {})[position] = extension
    return found


def _row(seen: Seen) -> dict[str, Any]:
    claim = seen.claim
    restarting = claim.restart is not None and claim.restart.watched(seen.at)
    after = next_health(
        claim.before, seen.sight, phone_id=claim.phone.pk, now=seen.at, random=chance(), restarting=restarting
    )
    fence = {"phone_id": claim.phone.pk, "token": claim.token, "planned_at": claim.before.next_look_at}
    return {**fence, "accounts_asked": seen.sight.accounts_asked, **_columns(after)}


def _columns(health: Health) -> dict[str, Any]:
    written = {name: getattr(health, name) for name in COLUMNS}
    return written | {"lines": list(health.lines), "accounts": [dict(one) for one in health.accounts]}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _some_time(now: datetime, place: int, of: int) -> datetime:
    return now + timedelta(seconds=PHONE_LOOK_SECONDS * place / max(of, 1)) if of > 1 else now

"""Writes a plan into the database, within the transaction of its caller, and notes what was there before.

Ends and shorter seats first, longer and new ones last: the database looks for two users on one phone row by row. The
notes are what `import_undo` works from, one dict for every row touched:

    {"of": "phone", "id", "phone": its name, "made": bool, "before": {field: value}, "after": {field: value}}
    {"of": "account", "id", "phone", "made", "before", "after"}
    {"of": "seat", "id", "phone", "phone_id", "user_id", "before": [from, until] or None, "after": likewise}

Times are ISO texts. Of passcodes there is the former ciphertext, as it lay in the phone's row, and a mark of the one
that was written: enough to see that somebody has entered another one since, and nothing to guess from.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F
from psycopg.types.range import TimestamptzRange

from crmconnector.common.fields import SealedSecret
from crmconnector.common.secrets import Secret
from phones.imports.office import Office
from phones.imports.plan import Plan, RowPlan
from phones.imports.seats import FOR_EVER, SeatPlan
from phones.models import Assignment, Phone, PhoneLease, PhoneStatus, SipAccount
from phones.seats import end_seats, write_during

ROWS_AT_ONCE = 500
# What a person types of a phone; the passcode apart.
TYPED = ("model", "firmware", "mac", "address", "port", "scheme", "certificate", "mute_key", "mpk_keys")
# What the PBX told of an account under its former name says nothing about the new one.
TOLD_BY_PBX: dict[str, Any] = {
    "registered_at_pbx": None, "user_agent": "", "contact_address": None, "contact_seen_at": None,
}  # fmt: skip
Note = dict[str, Any]


def write_plan(plan: Plan, office: Office, *, now: datetime) -> list[Note]:
    notes = _end_and_shorten(plan, office)
    notes += _write_phones(plan, now)
    notes += _write_accounts(plan)
    return notes + _lengthen_and_make(plan)


def _write_phones(plan: Plan, now: datetime) -> list[Note]:
    made = [each for each in plan.good if each.phone_is_new]
    changed = [each for each in plan.good if not each.phone_is_new and (each.changes or each.passcode)]
    before = {each.row.line: _former(each) for each in changed}
    fields: set[str] = set()
    for each in made + changed:
        fields |= _take_values(each, now)
    Phone.objects.bulk_create([each.phone for each in made], batch_size=ROWS_AT_ONCE)
    if changed:
        Phone.objects.bulk_create(
            [each.phone for each in changed],
            update_conflicts=True, unique_fields=["id"], update_fields=sorted(fields), batch_size=ROWS_AT_ONCE,
        )  # fmt: skip
    _tell_looks(made + changed)
    return [_phone_note(each, before.get(each.row.line)) for each in made + changed]


def _tell_looks(rows: list[RowPlan]) -> None:
    """As after every change by a person, for many in two statements."""
    look_at_many(each.phone.pk for each in rows)
    disown_many(each.phone.pk for each in rows if each.passcode)


def look_at_many(phone_ids: Iterable[int]) -> None:
    """These phones are looked at within a second, whatever was known of them: see phones.looks.look_at_once."""
    fields = ["next_look_at", "breaker_until", "failures"]
    PhoneStatus.objects.bulk_create(
        [PhoneStatus(phone_id=phone_id) for phone_id in sorted(phone_ids)],
        update_conflicts=True, unique_fields=["phone"], update_fields=fields, batch_size=ROWS_AT_ONCE,
    )  # fmt: skip


def disown_many(phone_ids: Iterable[int]) -> None:
    """What these phones say to their former passcode no longer counts: see phones.lease.disown."""
    PhoneLease.objects.filter(phone__in=list(phone_ids)).update(token=F("token") + 1)


def _take_values(each: RowPlan, now: datetime) -> set[str]:
    """Give the phone its new values; the fields that changed."""
    fields = set(each.changes)
    for name, value in each.changes.items():
        setattr(each.phone, name, value)
    if fields & {"model", "firmware"}:
        each.phone.identity_typed_at = now
        fields.add("identity_typed_at")
    if each.passcode:
        # A newly entered passcode lifts the stop that a refused one had put on the phone.
        each.phone.passcode = _encrypted(each.passcode)
        each.phone.passcode_refused_at = None
        fields |= {"passcode", "passcode_refused_at"}
    return fields


def _former(each: RowPlan) -> dict[str, Any]:
    """What is there now of everything that this row will change."""
    phone = each.phone
    before: dict[str, Any] = {name: getattr(phone, name) for name in each.changes}
    if set(each.changes) & {"model", "firmware"}:
        before["identity_typed_at"] = _iso(phone.identity_typed_at)
    if each.passcode:
        before["passcode"] = column_of_passcode(phone)
        before["passcode_refused_at"] = _iso(phone.passcode_refused_at)
    return before


def _phone_note(each: RowPlan, before: dict[str, Any] | None) -> Note:
    phone, made = each.phone, before is None
    after: dict[str, Any] = {name: getattr(phone, name) for name in (TYPED if made else each.changes)}
    if "identity_typed_at" in (before or ()):
        after["identity_typed_at"] = _iso(phone.identity_typed_at)
    if each.passcode:
        after["passcode"] = token_mark(phone)
    return {"of": "phone", "id": phone.pk, "phone": phone.name, "made": made, "before": before or {}, "after": after}


def _encrypted(passcode: Secret) -> SealedSecret:
    """As the column will hold it, so that its mark can be noted."""
    field: Any = Phone._meta.get_field("passcode")
    return SealedSecret(field.get_prep_value(passcode))


def token_mark(phone: Phone) -> str:
    """Another one as soon as a passcode is entered anew, be it the same: each encryption differs."""
    return hashlib.sha256(column_of_passcode(phone).encode()).hexdigest()[:32]


def column_of_passcode(phone: Phone) -> str:
    """The ciphertext as it lies in the phone's row; empty when there is none."""
    return phone.passcode.token if isinstance(phone.passcode, SealedSecret) else ""


def _write_accounts(plan: Plan) -> list[Note]:
    made: list[tuple[RowPlan, SipAccount]] = []
    changed: list[tuple[RowPlan, SipAccount, dict[str, Any]]] = []
    for each in plan.good:
        if each.account is None:
            continue
        account, changes = each.account.account, each.account.changes
        before = {name: getattr(account, name) for name in changes}
        for name, value in {**changes, **(TOLD_BY_PBX if "endpoint" in changes else {})}.items():
            setattr(account, name, value)
        if account.pk is None:
            account.phone = each.phone
            made.append((each, account))
        else:
            changed.append((each, account, before))
    SipAccount.objects.bulk_create([account for _each, account in made], batch_size=ROWS_AT_ONCE)
    if changed:
        SipAccount.objects.bulk_create(
            [account for _each, account, _before in changed],
            update_conflicts=True, unique_fields=["id"], batch_size=ROWS_AT_ONCE,
            update_fields=["extension", "endpoint", *TOLD_BY_PBX],
        )  # fmt: skip
    return [_account_note(each, account, None) for each, account in made] + [
        _account_note(each, account, before) for each, account, before in changed
    ]


def _account_note(each: RowPlan, account: SipAccount, before: dict[str, Any] | None) -> Note:
    after = {"extension": account.extension, "endpoint": account.endpoint}
    if before is not None:
        after = {name: after[name] for name in before}
    return {
        "of": "account", "id": account.pk, "phone": each.phone.name, "made": before is None,
        "before": before or {}, "after": after,
    }  # fmt: skip


def _end_and_shorten(plan: Plan, office: Office) -> list[Note]:
    """Seats that end for others' sake or get an earlier end of their own; each once, at the earliest instant."""
    ends: dict[int, tuple[Assignment, datetime]] = {}
    for seat, at in _ends(plan):
        if seat.pk not in ends or at < ends[seat.pk][1]:
            ends[seat.pk] = (seat, at)
    notes = [
        _seat_note(seat, office.names[seat.phone_id], before=seat.during, after=_until(seat, at))
        for seat, at in ends.values()
    ]
    end_seats(ends.values())
    return notes


def _ends(plan: Plan) -> Iterable[tuple[Assignment, datetime]]:
    for each in plan.good:
        if each.seat is None:
            continue
        yield from each.seat.ended
        kept, until_at = each.seat.kept, each.seat.until_at
        if kept is not None and until_at is not None and until_at < (kept.during.upper or FOR_EVER):
            yield kept, until_at


def _lengthen_and_make(plan: Plan) -> list[Note]:
    seats = [(each, each.seat) for each in plan.good if each.seat]
    longer = [(each, seat) for each, seat in seats if seat.kept and _is_longer(seat.kept, seat.until_at)]
    notes = [
        _seat_note(seat.kept, each.phone.name, before=seat.kept.during, after=_until(seat.kept, seat.until_at))
        for each, seat in longer
        if seat.kept
    ]
    for _each, seat in longer:
        if seat.kept:
            seat.kept.during = TimestamptzRange(seat.kept.during.lower, seat.until_at, "[)")
    write_during([seat.kept for _each, seat in longer if seat.kept])
    made = [
        (each, Assignment(phone=each.phone, user_id=seat.person.pk, during=_wanted(seat)))
        for each, seat in seats
        if seat.is_new
    ]
    Assignment.objects.bulk_create([row for _each, row in made], batch_size=ROWS_AT_ONCE)
    return notes + [_seat_note(row, each.phone.name, before=None, after=row.during) for each, row in made]


def _wanted(seat: SeatPlan) -> TimestamptzRange:
    return TimestamptzRange(seat.from_at, seat.until_at, "[)")


def _is_longer(kept: Assignment, until_at: datetime | None) -> bool:
    return (until_at or FOR_EVER) > (kept.during.upper or FOR_EVER)


def _until(seat: Assignment, at: datetime | None) -> TimestamptzRange | None:
    """What is left of a seat with this end; None: nothing."""
    nothing = at is not None and seat.during.lower is not None and seat.during.lower >= at
    return None if nothing else TimestamptzRange(seat.during.lower, at, "[)")


def _seat_note(seat: Assignment, name: str, *, before: TimestamptzRange | None, after: TimestamptzRange | None) -> Note:
    return {
        "of": "seat", "id": seat.pk, "phone": name, "phone_id": seat.phone_id, "user_id": seat.user_id,
        "before": during_text(before), "after": during_text(after),
    }  # fmt: skip


def during_text(during: TimestamptzRange | None) -> list[str | None] | None:
    return None if during is None else [_iso(during.lower), _iso(during.upper)]


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

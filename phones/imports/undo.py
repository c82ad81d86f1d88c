"""Puts back what a file changed, from the notes of `import_write`: exactly, or not at all with the reasons.

Everything is compared first: what the file made or changed must still be as it left it. What machines noted since (a
look at the phone, a refused passcode, what the PBX said) is no change by a person.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model, ProtectedError
from django.utils.translation import gettext as _
from psycopg.types.range import TimestamptzRange

from crmconnector.common.fields import SealedSecret
from crmconnector.common.secrets import Secret
from phones.imports.write import ROWS_AT_ONCE, TOLD_BY_PBX, Note, disown_many, during_text, look_at_many, token_mark
from phones.models import Assignment, DeviceOrder, OrderKind, Phone, PhoneHint, PhoneLease, PhoneStatus, SipAccount
from phones.seats import write_during

TIMES = ("identity_typed_at", "passcode_refused_at")
# Goes with a phone without a loss: what was only looked up.
_OWN = (SipAccount, Assignment, PhoneStatus, PhoneLease, PhoneHint, DeviceOrder)
_HARMLESS_ORDERS = (OrderKind.LOOK, OrderKind.DOCTOR)


class UndoRefused(Exception):
    """Nothing was put back; the reasons, each with its phone."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons[:3]))
        self.reasons = list(reasons)


def take_back(notes: Sequence[Note]) -> None:
    """Within the transaction of the caller. Raises UndoRefused before anything is written."""
    by_kind: dict[str, list[Note]] = defaultdict(list)
    for note in notes:
        by_kind[note["of"]].append(note)
    phones = _rows(Phone, (note["id"] for note in by_kind["phone"]))
    accounts = _rows(SipAccount, (note["id"] for note in by_kind["account"]))
    seats = _seats_around(by_kind["seat"], by_kind["phone"])
    reasons = [*_changed_phones(by_kind["phone"], phones), *_changed_accounts(by_kind["account"], accounts)]
    reasons += _changed_seats(by_kind["seat"], seats)
    reasons += _used_since(by_kind, accounts, seats)
    if reasons:
        raise UndoRefused(sorted(set(reasons)))
    _restore_seats(by_kind["seat"], seats)
    _restore_accounts(by_kind["account"], accounts)
    _restore_phones(by_kind["phone"], phones)


def _rows(model: Any, ids: Iterable[int]) -> dict[int, Any]:
    rows = model.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=list(ids)).order_by("pk")
    return {row.pk: row for row in rows}


def _seats_around(notes: Sequence[Note], phones: Sequence[Note]) -> dict[int, Assignment]:
    """Every seat of the phones whose seats were touched, and of those that were made."""
    ids = {note["phone_id"] for note in notes} | {note["id"] for note in phones if note["made"]}
    rows = Assignment.objects.select_for_update(of=("self",), no_key=True).filter(phone__in=ids).order_by("pk")
    return {row.pk: row for row in rows}


# --- is everything as it was left? --------------------------------------------------------------------------------
def _changed_phones(notes: Sequence[Note], rows: dict[int, Phone]) -> Iterable[str]:
    for note in notes:
        row = rows.get(note["id"])
        if row is None:
            yield _("%(phone)s is gone.") % note
            continue
        if row.name != note["phone"]:
            yield _("%(phone)s has another name now.") % note
        changed = [name for name, value in note["after"].items() if _differs(row, name, value)]
        if changed:
            yield _("%(phone)s was changed since: %(what)s.") % {"phone": note["phone"], "what": ", ".join(changed)}


def _differs(row: Phone, name: str, value: Any) -> bool:
    if name == "passcode":
        return bool(token_mark(row) != value)
    stored = getattr(row, name)
    return bool((stored.isoformat() if isinstance(stored, datetime) else stored) != value)


def _changed_accounts(notes: Sequence[Note], rows: dict[int, SipAccount]) -> Iterable[str]:
    for note in notes:
        row = rows.get(note["id"])
        if row is None or any(getattr(row, name) != value for name, value in note["after"].items()):
            yield _("The account of %(phone)s was changed since.") % note


def _changed_seats(notes: Sequence[Note], rows: dict[int, Assignment]) -> Iterable[str]:
    """A seat of ours was changed, or the time that comes back is somebody else's by now."""
    ours = {note["id"] for note in notes}
    others: dict[int, list[Assignment]] = defaultdict(list)
    for row in rows.values():
        if row.pk not in ours:
            others[row.phone_id].append(row)
    for note in notes:
        ours_now = rows.get(note["id"])
        now_there = _times(ours_now, note)
        if now_there != note["after"]:
            yield _("Who sits at %(phone)s was changed since.") % note
        elif note["before"] and any(_overlap(note["before"], other) for other in others[note["phone_id"]]):
            yield _("%(phone)s was given to somebody since.") % note


def _times(row: Assignment | None, note: Note) -> list[str | None] | None:
    same = row is not None and (row.user_id, row.phone_id) == (note["user_id"], note["phone_id"])
    return during_text(row.during) if row is not None and same else None


def _overlap(before: Sequence[str | None], other: Assignment) -> bool:
    lower, upper = (datetime.fromisoformat(text) if text else None for text in before)
    starts_before_end = upper is None or other.during.lower is None or other.during.lower < upper
    ends_after_start = lower is None or other.during.upper is None or other.during.upper > lower
    return starts_before_end and ends_after_start


def _used_since(
    notes: dict[str, list[Note]], accounts: dict[int, SipAccount], seats: dict[int, Assignment]
) -> Iterable[str]:
    """A phone that was made is taken away again only while nothing hangs on it that the file did not bring."""
    made = {note["id"]: note["phone"] for note in notes["phone"] if note["made"]}
    if not made:
        return
    ours = {note["id"] for note in notes["seat"]}
    more = {row.phone_id for row in seats.values() if row.pk not in ours and row.phone_id in made}
    more |= set(
        SipAccount.objects.filter(phone__in=made).exclude(pk__in=list(accounts)).values_list("phone_id", flat=True)
    )
    for phone_id in more:
        yield _("%(phone)s was given more since.") % {"phone": made[phone_id]}
    for phone_id in _with_history(made):
        cause = _("%(phone)s was used since: there are calls or orders on it. Release it instead.")
        yield cause % {"phone": made[phone_id]}


def _with_history(phone_ids: Collection[int]) -> set[int]:
    """Those that calls, commands or people's orders point at; asked of every table that knows phones."""
    orders = DeviceOrder.objects.filter(phone__in=phone_ids).exclude(kind__in=_HARMLESS_ORDERS)
    found = set(orders.values_list("phone_id", flat=True))
    for relation in Phone._meta.get_fields(include_hidden=True):
        if not (relation.one_to_many or relation.one_to_one) or relation.concrete:
            continue
        model: Any = relation.related_model
        if model in _OWN:
            continue
        name = relation.field.name  # type: ignore[union-attr]
        rows = model._default_manager.filter(**{f"{name}__in": phone_ids}).order_by()
        found |= set(rows.values_list(f"{name}_id", flat=True).distinct())
    return found


# --- putting back -------------------------------------------------------------------------------------------------
def _restore_seats(notes: Sequence[Note], rows: dict[int, Assignment]) -> None:
    """Made ones go, longer ones shrink, and only then shorter ones grow back and ended ones come back."""
    Assignment.objects.filter(pk__in=[note["id"] for note in notes if note["before"] is None]).delete()
    kept = [note for note in notes if note["before"] and note["after"]]
    for grows in (False, True):
        chosen = [note for note in kept if _grows(note) == grows]
        for note in chosen:
            rows[note["id"]].during = _during(note["before"])
        write_during([rows[note["id"]] for note in chosen])
    lost = [note for note in notes if note["before"] and note["after"] is None]
    Assignment.objects.bulk_create(
        [
            Assignment(phone_id=note["phone_id"], user_id=note["user_id"], during=_during(note["before"]))
            for note in lost
        ],
        batch_size=ROWS_AT_ONCE,
    )


def _grows(note: Note) -> bool:
    (_from, before), (_same, after) = note["before"], note["after"]
    if after is None:
        return False
    return before is None or datetime.fromisoformat(before) > datetime.fromisoformat(after)


def _during(text: Sequence[str | None]) -> TimestamptzRange:
    lower, upper = (datetime.fromisoformat(one) if one else None for one in text)
    return TimestamptzRange(lower, upper, "[)")


def _restore_accounts(notes: Sequence[Note], rows: dict[int, SipAccount]) -> None:
    SipAccount.objects.filter(pk__in=[note["id"] for note in notes if note["made"]]).delete()
    changed = []
    for note in notes:
        if note["made"]:
            continue
        row = rows[note["id"]]
        for name, value in {**note["before"], **(TOLD_BY_PBX if "endpoint" in note["before"] else {})}.items():
            setattr(row, name, value)
        changed.append(row)
    _write(SipAccount, changed, {"extension", "endpoint", *TOLD_BY_PBX})


def _restore_phones(notes: Sequence[Note], rows: dict[int, Phone]) -> None:
    made = [note for note in notes if note["made"]]
    try:
        Phone.objects.filter(pk__in=[note["id"] for note in made]).delete()
    except ProtectedError:  # a command that came while this ran
        raise UndoRefused([_("One of the phones was used at this moment.")]) from None
    fields: set[str] = set()
    changed = []
    for note in notes:
        if note["made"]:
            continue
        row = rows[note["id"]]
        for name, value in note["before"].items():
            setattr(row, name, _value(name, value))
        fields |= set(note["before"])
        changed.append(row)
    _write(Phone, changed, fields)
    look_at_many(row.pk for row in changed)
    disown_many(note["id"] for note in notes if "passcode" in note["before"])


def _value(name: str, value: Any) -> Any:
    if name == "passcode":
        return SealedSecret(value) if value else Secret("")
    return datetime.fromisoformat(value) if name in TIMES and value else value


def _write(model: Any, rows: Sequence[Model], fields: set[str]) -> None:
    if rows:
        model.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["id"], update_fields=sorted(fields), batch_size=ROWS_AT_ONCE
        )

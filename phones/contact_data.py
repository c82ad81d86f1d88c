"""What the PBX knows of the phones' registrations, kept on their SIP accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from phones.models import SipAccount

# Seen again is written only so often: the age is shown in minutes.
SEEN_AGAIN_AFTER = timedelta(minutes=4)
_COLUMNS = ("registered_at_pbx", "user_agent", "contact_address", "contact_seen_at")


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of an endpoint, cleaned. `address`: literal, None if the PBX tells none; `reachable`: the PBX
    could still reach it, or never tries."""

    user_agent: str
    address: str | None
    reachable: bool


def endpoints_of(*, pbx_id: int) -> list[str]:
    """The endpoints of our phones on this PBX, such as PJSIP/204."""
    return list(SipAccount.objects.filter(pbx_id=pbx_id).order_by("endpoint").values_list("endpoint", flat=True))


def keep_registrations(
    *, pbx_id: int, asked: Collection[str], found: Mapping[str, Sequence[Registration]], now: datetime
) -> int:
    """Write what the PBX said of the endpoints in `asked`; how many rows changed. One read, at most one update.

    An endpoint that was asked about and is not in `found` is not registered; of others nothing is known. Who has left
    is remembered by its last words: they still tell what phone it was, and when.
    """
    rows = SipAccount.objects.filter(pbx_id=pbx_id, endpoint__in=set(asked)).select_related("phone")
    rows = rows.only(*_COLUMNS, "endpoint", "phone__address")
    changed = [row for row in rows if _take(row, found.get(row.endpoint, ()), now)]
    if changed:
        SipAccount.objects.bulk_update(changed, _COLUMNS, batch_size=500)
    return len(changed)


def _take(row: SipAccount, registrations: Sequence[Registration], now: datetime) -> bool:
    """Put what was said into the row; whether that is worth writing."""
    before = tuple(getattr(row, name) for name in _COLUMNS[:3])
    one = _ours(registrations, row.phone.address)
    row.registered_at_pbx = one is not None and one.reachable
    if one is not None:
        row.user_agent, row.contact_address = one.user_agent[:160], one.address
    is_new = before != tuple(getattr(row, name) for name in _COLUMNS[:3])
    if one is None or not one.reachable:
        return is_new  # what it was when it was last there, and when that was, stays
    if is_new or row.contact_seen_at is None or now - row.contact_seen_at >= SEEN_AGAIN_AFTER:
        row.contact_seen_at = now
        return True
    return False


def _ours(registrations: Sequence[Registration], address: str) -> Registration | None:
    """Several may be registered as one endpoint, a program on a computer too: the one at the phone's own address."""
    ranked = sorted(registrations, key=lambda one: (one.address == address, one.reachable), reverse=True)
    return ranked[0] if ranked else None

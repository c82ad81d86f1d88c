"""What stands in the database beside a file: everything its rows are held against, in six queries however many rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from psycopg.types.range import TimestamptzRange

from phones.imports.cells import WantedRow
from phones.models import Assignment, Phone, SipAccount


@dataclass(frozen=True, slots=True)
class Person:
    pk: int
    username: str
    is_active: bool


@dataclass(slots=True)
class Office:
    """Phones, accounts and seats as they are now. Whole rows only of what the file names; the rest as bare keys."""

    pbxes: Mapping[str, int]  # name -> id
    phones: dict[str, Phone] = field(default_factory=dict)  # named in the file, by name
    names: dict[int, str] = field(default_factory=dict)  # of every phone
    spelt: dict[str, str] = field(default_factory=dict)  # name without case -> as it is written
    macs: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, int], int] = field(default_factory=dict)  # (address, port) -> phone
    accounts: dict[int, list[SipAccount]] = field(default_factory=lambda: defaultdict(list))  # by phone
    endpoints: dict[tuple[int, str], int] = field(default_factory=dict)  # (pbx, endpoint) -> phone
    people: dict[int, Person] = field(default_factory=dict)
    by_username: dict[str, list[Person]] = field(default_factory=lambda: defaultdict(list))  # without case
    seats_of_phone: dict[int, list[Assignment]] = field(default_factory=lambda: defaultdict(list))
    seats_of_user: dict[int, list[Assignment]] = field(default_factory=lambda: defaultdict(list))

    def person(self, username: str) -> Person | None:
        """By the user name as it is written, else without case where only one can be meant."""
        alike = self.by_username.get(username.casefold(), [])
        just_so = next((one for one in alike if one.username == username), None)
        return just_so or (alike[0] if len(alike) == 1 else None)


def load_office(rows: Sequence[WantedRow], *, pbxes: Mapping[str, int], now: datetime, lock: bool = False) -> Office:
    """`lock`: for bringing in; the phones by rising id, then the seats, as everybody locks them."""
    office = Office({name.casefold(): pk for name, pk in pbxes.items()})
    _load_phones(office, {row.phone for row in rows}, lock)
    _load_people(office)
    named = {phone.pk for phone in office.phones.values()}
    _load_accounts(office, named, {row.endpoint for row in rows if row.endpoint}, lock)
    _load_seats(office, named, rows, now, lock)
    return office


def _load_phones(office: Office, names: Iterable[str], lock: bool) -> None:
    rows = _locking(Phone.objects.filter(name__in=set(names)).order_by("pk"), lock)
    office.phones = {phone.name: phone for phone in rows}
    for pk, name, mac, address, port in Phone.objects.order_by().values_list("pk", "name", "mac", "address", "port"):
        office.names[pk] = name
        office.spelt[name.casefold()] = name
        office.places[str(address), port] = pk
        if mac:
            office.macs[mac] = pk


def _load_people(office: Office) -> None:
    rows = get_user_model().objects.order_by("pk").values_list("pk", "username", "is_active")
    for pk, username, is_active in rows:
        person = office.people[pk] = Person(pk, username, is_active)
        office.by_username[username.casefold()].append(person)


def _load_accounts(office: Office, phone_ids: set[int], endpoints: set[str], lock: bool) -> None:
    rows = SipAccount.objects.filter(Q(phone__in=phone_ids) | Q(endpoint__in=endpoints)).order_by("pk")
    for account in _locking(rows, lock):
        office.endpoints[account.pbx_id, account.endpoint] = account.phone_id
        if account.phone_id in phone_ids:
            office.accounts[account.phone_id].append(account)


def _load_seats(office: Office, phone_ids: set[int], rows: Sequence[WantedRow], now: datetime, lock: bool) -> None:
    """Of the phones and of the people in the file, from the earliest time that the file touches."""
    people = {person.pk for row in rows if row.user and (person := office.person(row.user))}
    earliest = min([now, *(row.from_at for row in rows if row.from_at)])
    seats = Assignment.objects.filter(
        Q(phone__in=phone_ids) | Q(user__in=people), during__overlap=TimestamptzRange(earliest, None, "[)")
    )
    for seat in _locking(seats.order_by("pk"), lock):
        office.seats_of_phone[seat.phone_id].append(seat)
        office.seats_of_user[seat.user_id].append(seat)


def _locking(rows: QuerySet[Any], lock: bool) -> QuerySet[Any]:
    return rows.select_for_update(of=("self",), no_key=True) if lock else rows

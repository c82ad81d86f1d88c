"""One request at a time per phone, whoever asks: a row with a deadline and a token that only grows."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from crmconnector.common.clock import LEASE_SECONDS

LOOK = "look"  # the holder's name when a worker looks by itself: a person's order may wait for that

# Whoever is changing a row just now has it: that one is passed over, not waited for. A worker that is frozen between
# taking a lease and its commit must not stop everybody else; so it is not left to "on conflict", which waits for it.
# Of those that would make a phone's first row one does (7005 is the class of that advisory lock); the others go on.
_ADD_MISSING = """
    insert into phones_phonelease (phone_id, token, holder)
    select id, 0, '' from unnest(%s::bigint[]) as id
    where not exists (select from phones_phonelease as lease where lease.phone_id = id)
    and pg_try_advisory_xact_lock(7005, id::int)
    on conflict do nothing
"""
_TAKE = """
    with free as (
        select phone_id from phones_phonelease
        where phone_id = any(%(phones)s) and (held_until is null or held_until <= %(now)s)
        order by phone_id for update skip locked
    )
    update phones_phonelease as lease set token = token + 1, held_until = %(until)s, holder = %(holder)s
    from free where lease.phone_id = free.phone_id returning lease.phone_id, lease.token
"""
_TAKE_OVER = """
    with there as (select phone_id from phones_phonelease where phone_id = %(phone)s for update skip locked)
    update phones_phonelease as lease set token = token + 1, held_until = %(until)s, holder = %(holder)s
    from there where lease.phone_id = there.phone_id returning lease.token
"""
_EXTEND = """
    update phones_phonelease set held_until = %s where phone_id = %s and token = %s and held_until > %s
"""
_GIVE_BACK = """
    update phones_phonelease as lease set held_until = null
    from unnest(%s::bigint[], %s::bigint[]) as ours (phone_id, token)
    where lease.phone_id = ours.phone_id and lease.token = ours.token
"""


def take_lease(*, phone_id: int, holder: str, now: datetime, seconds: float = LEASE_SECONDS) -> int | None:
    """The lease with its next token, until `now` + `seconds`; None while another request is under way."""
    return take_leases(phone_ids=[phone_id], holder=holder, now=now, seconds=seconds).get(phone_id)


@transaction.atomic(savepoint=False)
def take_leases(
    *, phone_ids: Collection[int], holder: str, now: datetime, seconds: float = LEASE_SECONDS
) -> dict[int, int]:
    """Token by phone for those that were free; one statement however many phones, three when not all were."""
    wanted = sorted(phone_ids)
    if not wanted:
        return {}
    terms: dict[str, Any] = {"now": now, "until": now + timedelta(seconds=seconds), "holder": holder[:60]}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"phones": wanted, **terms})
        taken: dict[int, int] = dict(cursor.fetchall())
        if missed := [phone_id for phone_id in wanted if phone_id not in taken]:  # held, or without a row as yet
            cursor.execute(_ADD_MISSING, [missed])
            cursor.execute(_TAKE, {"phones": missed, **terms})
            taken |= dict(cursor.fetchall())
        return taken


@transaction.atomic
def take_over(*, phone_id: int, holder: str, now: datetime, seconds: float = LEASE_SECONDS) -> int | None:
    """The lease, whoever has it: they send nothing more, for they prove that it is theirs before each request. For an
    emergency call alone. None while a worker is just changing its row: that one may be frozen and is not waited for."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD_MISSING, [[phone_id]])
        until = now + timedelta(seconds=seconds)
        cursor.execute(_TAKE_OVER, {"phone": phone_id, "until": until, "holder": holder[:60]})
        found = cursor.fetchone()
    return found[0] if found else None


def give_back(*, phone_id: int, token: int) -> bool:
    """End our lease; False when it had run out and somebody else has it by now."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [[phone_id], [token]])
        return cursor.rowcount == 1


def give_all_back(*, tokens: dict[int, int]) -> None:
    """End these leases, each only if it is still ours; one statement."""
    if tokens:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [list(tokens), list(tokens.values())])


def extend_lease(*, phone_id: int, token: int, now: datetime, seconds: float = LEASE_SECONDS) -> bool:
    """Prove that the lease is ours and has not run out, and hold it until `now` + `seconds`; False: send nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTEND, [now + timedelta(seconds=seconds), phone_id, token, now])
        return cursor.rowcount == 1


def disown(*, phone_id: int) -> None:
    """Whatever is under way at this phone writes nothing any more: what it was told has been overtaken."""
    with connection.cursor() as cursor:
        cursor.execute("update phones_phonelease set token = token + 1 where phone_id = %s", [phone_id])

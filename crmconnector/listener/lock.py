"""One leader: a PostgreSQL advisory lock held by a session of its own, and a lease beside it.

The lock goes with the session, so a killed leader frees it at once. A frozen one (stopped, swapped out, its machine
paused) keeps session and lock; but it no longer renews its lease, and who stands by then ends that session. All times
are compared by the database's clock alone: two machines never agree on theirs.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connections
from psycopg.rows import dict_row

from crmconnector.common.clock import LEADER_GRACE_SECONDS, LEADER_LEASE_SECONDS, LEADER_LOOK_AGAIN_SECONDS
from crmconnector.listener.models import Lease

LEADER_CLASS = 8001
SWEEPER_CLASS = 8002
RELEASE_SECONDS = 2.0
_table = Lease._meta.db_table
_values: Mapping[str, object] = {"lease": LEADER_LEASE_SECONDS, "grace": LEADER_GRACE_SECONDS}

# Lock and lease in one statement: nobody can be frozen between them and hold a lock that no lease tells of.
_GET = f"""
with free as (
    select not exists (
        select from {_table} where lock_class = %(class)s and key = %(key)s and holder <> %(holder)s
        and backend_start < pg_postmaster_start_time()
        and now() < pg_postmaster_start_time() + make_interval(secs => %(grace)s)
    ) as ok
), got as materialized (select pg_try_advisory_lock(%(class)s, %(key)s) as ok from free where free.ok)
insert into {_table} (lock_class, key, holder, backend_pid, backend_start, lease_until)
select %(class)s, %(key)s, %(holder)s, pid, backend_start, now() + make_interval(secs => %(lease)s)
from got, pg_stat_activity where got.ok and pid = pg_backend_pid()
on conflict (lock_class, key) do update set holder = excluded.holder, backend_pid = excluded.backend_pid,
    backend_start = excluded.backend_start, lease_until = excluded.lease_until
returning 1"""  # noqa: S608  (the table's own name)

_RENEW = f"""
update {_table} set lease_until = now() + make_interval(secs => %(lease)s)
where lock_class = %(class)s and key = %(key)s and holder = %(holder)s and backend_pid = pg_backend_pid()
returning 1"""  # noqa: S608

_EXPIRED = f"""
select lease_until, now() as now from {_table}
where lock_class = %(class)s and key = %(key)s and lease_until < now()"""  # noqa: S608

# `permitted` is None when we may not even see when that session began: then we may not end it either.
_HOLDER = f"""
select held.pid, session.backend_start as permitted, lease.backend_start = session.backend_start as same
from pg_locks held
join pg_database d on d.oid = held.database and d.datname = current_database()
join {_table} lease on lease.lock_class = %(class)s and lease.key = %(key)s and lease.backend_pid = held.pid
left join pg_stat_activity session on session.pid = held.pid
where held.locktype = 'advisory' and held.classid = %(class)s::int8::oid
and held.objid = %(key)s::int8::oid and held.objsubid = 2
and held.granted and lease.lease_until = %(until)s and lease.lease_until < now()"""  # noqa: S608

_END = "select pg_terminate_backend(pid) from pg_stat_activity where pid = %(pid)s and backend_start = %(start)s"
_FORGET = f"delete from {_table} where lock_class = %(class)s and key = %(key)s and holder = %(holder)s"  # noqa: S608


class NotPermitted(Exception):
    """The holder's lease has expired, but our database role may not end its session."""


class LeaderLock:
    """A session that holds, or tries to get, one advisory lock. Not for use through a transaction pool."""

    def __init__(self, lock_class: int, key: int) -> None:
        self._values = {**_values, "class": lock_class, "key": key, "holder": uuid.uuid4().hex}
        self._session: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._expired_since: tuple[Any, Any] | None = None  # (lease_until, the database's time when first seen)
        self.held = False

    async def try_to_get(self) -> bool:
        """Get lock and lease or say no at once. Raises psycopg.OperationalError when the database is away."""
        if not self.held:
            self.held = await self._one(_GET) is not None
        return self.held

    async def renew(self) -> bool:
        """Extend the lease; False when session or lease are gone, and with them the lock."""
        try:
            if self.held and self._alive() and await self._one(_RENEW) is not None:
                return True
        except psycopg.OperationalError:
            pass  # the session is gone: whoever ended it, the lock went with it
        await self._close()
        return False

    async def keep(self) -> bool:
        """Renew it, or get it (back): for whoever looks in every second and needs nothing else."""
        return (self.held and await self.renew()) or await self.try_to_get()

    async def end_expired_holder(self) -> bool:
        """End the session of a holder whose lease has expired; True when that was done, the lock is then free.

        Raises NotPermitted when the session belongs to a role that ours may not end.
        """
        lease = await self._one(_EXPIRED)
        if lease is None or not self._expired_long_enough(lease["lease_until"], lease["now"]):
            return False
        holder = await self._one(_HOLDER, until=lease["lease_until"])
        if holder is None:
            return False
        if holder["permitted"] is None:
            raise NotPermitted
        if not holder["same"]:
            return False
        try:
            return await self._one(_END, pid=holder["pid"], start=holder["permitted"]) is not None
        except psycopg.errors.InsufficientPrivilege:
            raise NotPermitted from None

    async def release(self) -> None:
        """Give lock and lease back, in order: nobody needs to wait for anything."""
        if self.held and self._alive():
            with contextlib.suppress(psycopg.Error, TimeoutError):
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._one(_FORGET)
        await self._close()

    def _alive(self) -> bool:
        return self._session is not None and not self._session.closed

    def _expired_long_enough(self, until: Any, now: Any) -> bool:
        if self._expired_since is None or self._expired_since[0] != until:
            self._expired_since = (until, now)
        return bool((now - self._expired_since[1]).total_seconds() >= LEADER_LOOK_AGAIN_SECONDS)

    async def _one(self, statement: str, **more: object) -> dict[str, Any] | None:
        """Run one statement on the lock's own session; its first row, if it gives any."""
        if self._session is None or self._session.closed:
            self.held = False
            self._session = await psycopg.AsyncConnection.connect(
                **_parameters(), autocommit=True, row_factory=dict_row
            )
        cursor = await self._session.execute(statement, {**self._values, **more})
        return await cursor.fetchone() if cursor.description else None

    async def _close(self) -> None:
        self.held = False
        if self._session is not None:
            await self._session.close()
            self._session = None


def _parameters() -> dict[str, Any]:
    wanted = connections["default"].get_connection_params()
    drop = {
        "cursor_factory",
        "context",
        "server_side_binding",
        "pool",
        "isolation_level",
        "assume_role",
        "prepare_threshold",
    }
    return {name: value for name, value in wanted.items() if name not in drop}

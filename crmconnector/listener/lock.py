"""One leader: a PostgreSQL advisory lock held by a session of its own.

The lock goes with the session, so a killed leader frees it at once. A lost session means lost leadership.
"""

from typing import Any

import psycopg
from django.db import connections

LEADER_CLASS = 8001
SWEEPER_CLASS = 8002


class LeaderLock:
    """A session that holds, or tries to get, one advisory lock. Not for use through a transaction pool."""

    def __init__(self, lock_class: int, key: int) -> None:
        self._ids = (lock_class, key)
        self._session: psycopg.AsyncConnection | None = None
        self.held = False

    async def try_to_get(self) -> bool:
        """Get the lock or say no at once. Raises psycopg.OperationalError when the database is away."""
        if self._session is None or self._session.closed:
            self.held = False
            self._session = await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True)
        if not self.held:
            row = await (await self._session.execute("select pg_try_advisory_lock(%s, %s)", self._ids)).fetchone()
            self.held = bool(row and row[0])
        return self.held

    async def still_held(self) -> bool:
        """Ask the session; False when it is gone, and with it the lock."""
        try:
            if self._session is not None and not self._session.closed and self.held:
                await self._session.execute("select 1")
                return True
        except psycopg.OperationalError:
            pass
        await self.release()
        return False

    async def release(self) -> None:
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

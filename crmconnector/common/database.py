"""Database work from asynchronous code, and how long processes put up with a database that is away."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError, close_old_connections, connections
from django.db import Error as DatabaseProblem

RETRY_SECONDS = 0.25
T = TypeVar("T")
log = structlog.get_logger(__name__)


async def in_database(work: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Run one piece of work in a thread; its connection goes back to the pool at once."""

    def run() -> T:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


async def until_done(work: Callable[[], T]) -> T:
    """The same, again and again while the database is away. The work must be safe to repeat; its own errors pass."""
    while True:
        try:
            return await in_database(work)
        except (DataError, IntegrityError):
            raise
        except DatabaseProblem as error:
            log.warning("database.away", reason=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

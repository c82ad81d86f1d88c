"""The one factory of Redis/Valkey clients.

redis-py 8 has a default socket time-out of 5 s, which breaks every blocking read of that length or more, so every
time-out is given here explicitly. Nothing of worth lives in Redis: it carries "look now" and wakes streams.
"""

from typing import Any

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry


def redis_client(url: str) -> "redis.Redis":
    """A client for short commands: answers or fails within about a second, never retries by itself."""
    return redis.Redis.from_url(url, **_short())


def async_redis_client(url: str) -> "redis.asyncio.Redis":
    """A client for subscriptions: reads may block for ever, connecting may not."""
    return redis.asyncio.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=None, health_check_interval=15)


def _short() -> dict[str, Any]:
    return {
        "socket_connect_timeout": 0.5,
        "socket_timeout": 1.0,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 0),
    }

"""A worker's sign of life: a key in the broker that expires by itself, read by /readyz."""

import os
import socket
import threading
import time

from django.conf import settings
from redis.exceptions import RedisError

from crmconnector.common.redis import redis_client

KEY_PREFIX = "crmconnector:worker:"
EVERY_SECONDS = 3.0
EXPIRES_SECONDS = 10


def keep_writing() -> None:
    """Write this worker's key for ever, from a thread of its own."""
    threading.Thread(target=_write_for_ever, name="signs-of-life", daemon=True).start()


def workers_alive() -> list[str]:
    """Names of the workers that gave a sign of life in the last `EXPIRES_SECONDS`. Raises RedisError."""
    client = redis_client(settings.REDIS_URL)
    try:
        return sorted(key.decode().removeprefix(KEY_PREFIX) for key in client.scan_iter(f"{KEY_PREFIX}*", count=100))
    finally:
        client.close()


def _write_for_ever() -> None:
    client = redis_client(settings.REDIS_URL)
    key = f"{KEY_PREFIX}{socket.gethostname()}:{os.getpid()}"
    while True:
        try:
            client.set(key, int(time.time()), ex=EXPIRES_SECONDS)
        except RedisError:
            pass  # the broker is away; /readyz says so by itself
        time.sleep(EVERY_SECONDS)

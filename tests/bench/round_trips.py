"""The simple things that slower things are compared with."""

import time
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import connection

TIMES = 200


def publish_and_hear() -> list[float]:
    """Seconds from a publish to its arrival at a subscriber of the same Valkey."""
    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
        channel.subscribe("bench")
        while (channel.get_message(timeout=5) or {}).get("type") != "subscribe":
            pass

        def once() -> None:
            client.publish("bench", "1")
            while (channel.get_message(timeout=5) or {}).get("type") != "message":
                pass

        return timed(once)


def select_one() -> list[float]:
    with connection.cursor() as cursor:

        def once() -> None:
            cursor.execute("select 1")
            cursor.fetchone()

        return timed(once)


def timed(work: Callable[[], object], times: int = TIMES) -> list[float]:
    """Seconds of each of so many times."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds

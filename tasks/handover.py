"""Hands a secret from the web to the one worker that needs it, past everything that keeps things.

The administrator passcode of a factory reset is never in the database, in a task's arguments or in a key of Valkey: a
message to a channel goes to whoever listens in that moment and is kept nowhere. It is encrypted besides, and names its
order, so that it is of no use to any other.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from crmconnector.common.clock import utc_now
from crmconnector.common.redis import redis_client
from crmconnector.common.secrets import Cipher, Secret, SecretError
from phones.orders import withdraw_order

WAIT_SECONDS = 5.0
STEP_SECONDS = 0.05
NOBODY = "No worker was there to take it, so it was withdrawn. Nothing was sent. Try again."

log = structlog.get_logger(__name__)


def hand_over(order_id: UUID, secret: Secret, wait_seconds: float = WAIT_SECONDS) -> bool:
    """Give the secret to the worker that was granted this order; False, and the order is withdrawn, if none came."""
    try:
        if _handed_over(order_id, secret, wait_seconds):
            return True
    except RedisError as error:
        log.warning("handover.broker_away", reason=type(error).__name__)
    # When a worker has it already, that one waits in vain and says so itself.
    withdraw_order(order_id=order_id, reason_code="not_handed_over", sentence=NOBODY, now=utc_now())
    return False


@contextmanager
def receiver(order_id: UUID) -> Iterator[Callable[[float], Secret | None]]:
    """While inside, we are the one who listens; what it gives waits so many seconds for the secret. Raises RedisError.

    One use: the first message counts, be it readable or not.
    """
    client = redis_client(settings.REDIS_URL)
    try:
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(_channel(order_id))
            yield lambda seconds: _received(channel, order_id, seconds)
    finally:
        client.close()


def _handed_over(order_id: UUID, secret: Secret, wait_seconds: float) -> bool:
    deadline = time.monotonic() + wait_seconds
    channel = _channel(order_id)
    client = redis_client(settings.REDIS_URL)
    try:
        while time.monotonic() < deadline:
            # Nobody listens yet: then nothing is said, so that nothing is lost.
            if client.pubsub_numsub(channel)[0][1] and client.publish(channel, _sealed(order_id, secret)):
                return True
            time.sleep(STEP_SECONDS)
    finally:
        client.close()
    return False


def _received(channel: Any, order_id: UUID, seconds: float) -> Secret | None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        message = channel.get_message(timeout=min(left, 0.5))
        if message is not None:
            channel.unsubscribe()
            return _opened(order_id, message["data"])
    return None


def _sealed(order_id: UUID, secret: Secret) -> str:
    return Cipher(settings.ENCRYPTION_KEYS).encrypt(json.dumps([str(order_id), secret.reveal()]))


def _opened(order_id: UUID, token: bytes) -> Secret | None:
    try:
        told = json.loads(Cipher(settings.ENCRYPTION_KEYS).decrypt(token.decode("ascii")))
    except (SecretError, UnicodeDecodeError):
        return None
    return Secret(told[1]) if told[0] == str(order_id) else None


def _channel(order_id: UUID) -> str:
    return f"crmconnector:handover:{order_id}"

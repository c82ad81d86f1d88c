"""How many sign-ins may be tried: a sliding hour per account and per address, kept in Valkey.

A stranger can fill the account's bucket, so a browser that signed in as this user before has a bucket of its own
(a signed cookie names it): the owner gets in while the stranger waits. Addresses of this machine are not counted,
because behind a reverse proxy that hides them they would be everybody's.
"""

import hashlib
import ipaddress
import time
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from crmconnector.common.redis import redis_client

TRIES_PER_ACCOUNT = 20
TRIES_PER_ADDRESS = 100
WINDOW_SECONDS = 3600
SLOW_SECONDS = 1.0  # a guesser's pace while nothing can be counted
KNOWN_COOKIE = "known_browser"
KNOWN_SALT = "crmconnector.web.known_browser"
KNOWN_MAX_AGE = 180 * 24 * 3600
PREFIX = "crmconnector:tries:"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Try:
    """One counted try. `allowed` is False when a bucket is full; a right password gives the try back."""

    allowed: bool
    member: str
    buckets: tuple[tuple[str, int], ...]


def count_try(request: HttpRequest, *, username: str) -> Try:
    """Count before the password is looked at, so that parallel guesses count too."""
    return _counted(_buckets(request, username))


def count_old_password(*, username: str) -> Try:
    """Whoever sits at an unlocked screen may not guess the password there either; signing in has its own buckets."""
    return _counted(((_key("change", _folded(username)), TRIES_PER_ACCOUNT),))


def _counted(buckets: tuple[tuple[str, int], ...]) -> Try:
    member = uuid.uuid4().hex
    try:
        counts = _add(member, [key for key, _most in buckets])
    except RedisError as error:
        log.warning("sign_in.not_counted", reason=type(error).__name__)
        time.sleep(SLOW_SECONDS)
        return Try(True, member, ())
    tried = Try(all(count <= most for count, (_, most) in zip(counts, buckets, strict=True)), member, buckets)
    if not tried.allowed:
        give_back(tried)  # a refused try was no guess; it must not keep the door shut
    return tried


def give_back(tried: Try) -> None:
    """A right password was no guess."""
    client = redis_client(settings.REDIS_URL)
    try:
        for key, _most in tried.buckets:
            client.zrem(key, tried.member)
    except RedisError as error:
        log.warning("sign_in.not_counted", reason=type(error).__name__)
    finally:
        client.close()


def remember_browser(request: HttpRequest, response: HttpResponse, *, username: str) -> None:
    """From now on this browser has its own bucket for this user."""
    if _known_as(request, username):
        return
    value = signing.dumps([_folded(username), uuid.uuid4().hex], salt=KNOWN_SALT)
    response.set_cookie(
        KNOWN_COOKIE,
        value,
        max_age=KNOWN_MAX_AGE,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _buckets(request: HttpRequest, username: str) -> tuple[tuple[str, int], ...]:
    browser = _known_as(request, username)
    if browser:
        return ((_key("browser", browser), TRIES_PER_ACCOUNT),)
    found = [(_key("account", _folded(username)), TRIES_PER_ACCOUNT)]
    address = request.META.get("REMOTE_ADDR", "")
    if _is_countable(address):
        found.append((_key("address", address), TRIES_PER_ADDRESS))
    return tuple(found)


def _known_as(request: HttpRequest, username: str) -> str:
    """The mark of a browser that signed in as this user before, or an empty text."""
    try:
        user, mark = signing.loads(request.COOKIES.get(KNOWN_COOKIE, ""), salt=KNOWN_SALT, max_age=KNOWN_MAX_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(mark) if user == _folded(username) else ""


def _add(member: str, keys: Iterable[str]) -> list[int]:
    now = time.time()
    client = redis_client(settings.REDIS_URL)
    try:
        pipeline = client.pipeline(transaction=True)
        for key in keys:
            pipeline.zremrangebyscore(key, 0, now - WINDOW_SECONDS)
            pipeline.zadd(key, {member: now})
            pipeline.zcard(key)
            pipeline.expire(key, WINDOW_SECONDS)
        return [int(count) for count in pipeline.execute()[2::4]]
    finally:
        client.close()


def _is_countable(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _folded(username: str) -> str:
    return unicodedata.normalize("NFKC", username).casefold()


def _key(kind: str, name: str) -> str:
    """Names are hashed: who tried to sign in is nobody's business in the broker."""
    return f"{PREFIX}{kind}:{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:32]}"

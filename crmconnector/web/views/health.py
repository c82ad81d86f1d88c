"""/healthz: this process lives. /readyz: each part of the connector, by name."""

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET
from redis.exceptions import RedisError

from crmconnector.common.clock import utc_now
from crmconnector.listener.models import Heartbeat
from crmconnector.pbx.models import PbxLink
from crmconnector.pbx.selectors import pbxes_heard_here
from tasks.heartbeat import workers_alive

SWEEPER_STALE_SECONDS = 10.0
LINK_STALE_SECONDS = 20.0
Part = dict[str, object]


@require_GET
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


@require_GET
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a call would reach a screen and a click a phone; 503 and the reasons otherwise."""
    now = utc_now()
    parts = {name: checked(check, now) for name, check in CHECKS.items()}
    ready = all(part["ok"] for part in parts.values())
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)


def all_parts_ok() -> bool:
    now = utc_now()
    return all(checked(check, now)["ok"] for check in CHECKS.values())


def _database(now: datetime) -> Part:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return {"ok": True}


def _broker(now: datetime) -> Part:
    workers_alive()
    return {"ok": True}


def _workers(now: datetime) -> Part:
    count = len(workers_alive())
    return {"ok": count > 0, "count": count, **({} if count else {"reason": "No worker gave a sign of life."})}


def _sweeper(now: datetime) -> Part:
    beat = Heartbeat.objects.filter(name="sweeper").first()
    if beat is None:
        return {"ok": False, "reason": "It has not run yet. Is the listener running?"}
    age = (now - beat.at).total_seconds()
    return {"ok": age < SWEEPER_STALE_SECONDS, "age_seconds": round(age, 1)}


def _pbx_link(now: datetime) -> Part:
    """Every PBX that should be heard, with the age of the last sign. No PBX at all is not a fault of ours."""
    heard = list(pbxes_heard_here())
    links = {link.pbx_id: link for link in PbxLink.objects.filter(pbx__in=heard)}
    rows = [_one_link(pbx.name, links.get(pbx.pk), now) for pbx in heard]
    return {"ok": all(row["ok"] for row in rows), "links": rows}


def _one_link(name: str, link: PbxLink | None, now: datetime) -> Part:
    age = (now - link.heard_at).total_seconds() if link and link.heard_at else None
    connected = link is not None and link.state == PbxLink.State.CONNECTED
    return {
        "name": name,
        "ok": connected and age is not None and age < LINK_STALE_SECONDS,
        "heard_seconds_ago": round(age, 1) if age is not None else None,
        **({"reason": link.reason or "No listener has connected yet."} if link and not connected else {}),
    }


CHECKS: dict[str, Callable[[datetime], Part]] = {
    "database": _database,
    "broker": _broker,
    "pbx_link": _pbx_link,
    "workers": _workers,
    "sweeper": _sweeper,
}


def checked(check: Callable[[datetime], Part], now: datetime) -> Part:
    """One part, looked at; a server that does not answer is a result, not an error."""
    try:
        return check(now)
    except DatabaseError:
        return {"ok": False, "reason": "The database does not answer."}
    except RedisError:
        return {"ok": False, "reason": "The broker does not answer."}

"""/healthz: this process lives. /readyz: each part of the connector, by name."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET
from redis.exceptions import RedisError

from crmconnector.common.clock import utc_now
from crmconnector.listener.models import Heartbeat
from crmconnector.listener.selectors import dead_letters_by_pbx
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import pbxes_heard_here, recent_gaps
from crmconnector.web.gap_rows import gap_rows
from crmconnector.web.link_news import LinkNews, news_of
from tasks.heartbeat import workers_alive

SWEEPER_STALE_SECONDS = 10.0
GAP_MINUTES = 30
UNREAD_HOURS = 24
MOST_GAPS = 10
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
    parts = checked_parts(now)
    ready = all(part["ok"] for part in parts.values())
    answer = {"ready": ready, "parts": parts, "warnings": _warnings(now, parts) if parts["database"]["ok"] else []}
    return JsonResponse(answer, status=200 if ready else 503)


def all_parts_ok() -> bool:
    now = utc_now()
    return all(part["ok"] for part in checked_parts(now).values())


def _database(now: datetime) -> Part:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return {"ok": True}


def _broker(now: datetime) -> Part:
    workers_alive()
    return {"ok": True}


def _workers(now: datetime) -> Part:
    count = len(workers_alive())
    return {
        "ok": count > 0,
        "count": count,
        **({} if count else {"reason": gettext_noop("No worker gave a sign of life.")}),
    }


def _sweeper(now: datetime) -> Part:
    beat = Heartbeat.objects.filter(name="sweeper").first()
    if beat is None:
        return {"ok": False, "reason": gettext_noop("It has not run yet. Is the listener running?")}
    age = (now - beat.at).total_seconds()
    return {"ok": age < SWEEPER_STALE_SECONDS, "age_seconds": round(age, 1)}


def _pbx_link(now: datetime) -> Part:
    """Every PBX that should be heard, with the age of the last sign. No PBX at all is not a fault of ours."""
    rows = [_one_link(pbx, now) for pbx in pbxes_heard_here()]
    return {"ok": all(row["ok"] for row in rows), "links": rows}


def _one_link(pbx: Pbx, now: datetime) -> Part:
    link, news = getattr(pbx, "link", None), news_of(pbx, now)
    age = (now - link.heard_at).total_seconds() if link and link.heard_at else None
    return {
        "name": pbx.name,
        "ok": news.view.heard,
        "heard_seconds_ago": round(age, 1) if age is not None else None,
        **({} if news.view.heard else _why(news)),
        "unwritten": news.view.unwritten,
        "dropped_facts": news.view.dropped_facts,
        "dropped_at": news.view.dropped_at,
        "warnings": [f"{one.title}: {one.text}" for one in news.remarks],
    }


def _why(news: LinkNews) -> Part:
    return {"reason_code": news.code, "reason": news.view.reason or news.why, "cure": news.cure}


def _warnings(now: datetime, parts: dict[str, Part]) -> list[str]:
    """What works, but. None of it makes the answer 503: restarting or paging somebody at night cures nothing of it."""
    links = parts["pbx_link"].get("links", [])
    found = [text for link in links for text in link["warnings"]] if isinstance(links, list) else []
    try:
        found += [f"{gap.title} {gap.text}" for gap in gap_rows(recent_gaps(now=now, minutes=GAP_MINUTES)[:MOST_GAPS])]
        unread = dead_letters_by_pbx()
        names = dict(Pbx.objects.filter(pk__in=unread).values_list("pk", "name")) if unread else {}
    except DatabaseError:
        return found  # said by its own part
    told = "%(n)d events of the PBX %(name)s could not be understood, the last at %(at)s."
    return found + [
        told % {"n": one.count, "name": names.get(pbx_id, pbx_id), "at": one.newest_at.isoformat(timespec="seconds")}
        for pbx_id, one in unread.items()
        if now - one.newest_at < timedelta(hours=UNREAD_HOURS)
    ]


CHECKS: dict[str, Callable[[datetime], Part]] = {
    "database": _database,
    "broker": _broker,
    "pbx_link": _pbx_link,
    "workers": _workers,
    "sweeper": _sweeper,
}


IN_THE_DATABASE = ("pbx_link", "sweeper")


def checked_parts(now: datetime) -> dict[str, Part]:
    """All parts by name. A database that is away is waited for once, not by every part that needs it."""
    parts: dict[str, Part] = {}
    for name, check in CHECKS.items():
        away = name in IN_THE_DATABASE and not parts["database"]["ok"]
        parts[name] = dict(parts["database"]) if away else checked(check, now)
    return parts


def checked(check: Callable[[datetime], Part], now: datetime) -> Part:
    """One part, looked at; a server that does not answer is a result, not an error."""
    try:
        return check(now)
    except DatabaseError:
        return {"ok": False, "reason": gettext_noop("The database does not answer.")}
    except RedisError:
        return {"ok": False, "reason": gettext_noop("The broker does not answer.")}

"""Calls that our rows still hold open but the PBX no longer has, ended without our seeing it."""

from collections.abc import Set
from datetime import datetime

from crmconnector.calls.events import CallEnded, CallEvent, LegEnded
from crmconnector.calls.models import Call, Leg
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Pbx

MOST_AT_ONCE = 500


def close_unseen(*, pbx: Pbx, epoch: int, open_keys: Set[str], at: float, now: datetime) -> set[int]:
    """End them as 'unseen' through the ordinary path, so that legs, commands and cards follow; users to wake.

    `at` (epoch seconds) is when the PBX was asked: that they had ended by then is all we know.
    """
    users: set[int] = set()
    last = 0
    ghosts = Call.objects.filter(pbx=pbx, ended_at=None, test=False)  # test cards end by themselves
    ghosts = ghosts.exclude(linkedid__in=open_keys).order_by("pk")
    while rows := list(ghosts.filter(pk__gt=last).prefetch_related("legs")[:MOST_AT_ONCE]):
        batch = [event for call in rows for event in _endings(call, at)]
        users |= handle_batch(pbx=pbx, epoch=epoch, batch=batch, now=now)
        last = rows[-1].pk
    return users


def _endings(call: Call, at: float) -> list[CallEvent]:
    at = max(at, call.started_at.timestamp())
    legs: list[Leg] = [leg for leg in call.legs.all() if leg.ended_at is None]
    endings: list[CallEvent] = [
        LegEnded(call.linkedid, at, leg.uniqueid, leg.endpoint, "answered" if leg.answered_at else "unseen", None)
        for leg in legs
    ]
    return [*endings, CallEnded(call.linkedid, at, "unseen", call.answered_by_endpoint or None, None)]

"""Reads about the listener's own rows."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from crmconnector.listener.models import DeadLetter


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Events of one PBX that could not be interpreted or written; the newest thousand are kept."""

    count: int
    newest_at: datetime


def dead_letters_by_pbx() -> dict[int, DeadLetters]:
    """pbx id -> how many there are; PBXes without any are not in it."""
    rows = DeadLetter.objects.order_by().values_list("pbx_id").annotate(Count("id"), Max("at"))
    return {pbx_id: DeadLetters(count, newest_at) for pbx_id, count, newest_at in rows}

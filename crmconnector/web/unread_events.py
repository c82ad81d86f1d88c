"""Events of a PBX that could not be understood: how many, since when, and their text as far as it may be shown."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min

from crmconnector.common.redaction import redact_text
from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.models import Pbx

MOST_SHOWN = 20
RAW_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Unread:
    """Of those that are kept; the newest thousand are."""

    count: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadEvent:
    """`raw` comes from the PBX: without what looks like a secret, without signs that turn text, and cut."""

    at: datetime
    reason: str
    raw: str
    cut: bool


def unread_of(pbx: Pbx) -> Unread:
    counted = DeadLetter.objects.filter(pbx=pbx).aggregate(n=Count("id"), oldest=Min("at"), newest=Max("at"))
    return Unread(counted["n"], counted["oldest"], counted["newest"])


def unread_since(at: datetime) -> list[tuple[int, str, int]]:
    """(pbx id, its name, how many) since that time."""
    fresh = DeadLetter.objects.filter(at__gte=at).order_by("pbx__name")
    return list(fresh.values_list("pbx_id", "pbx__name").annotate(n=Count("id")))


def unread_events(pbx: Pbx) -> list[UnreadEvent]:
    """The newest of them. For administrators alone."""
    return [_shown(letter) for letter in DeadLetter.objects.filter(pbx=pbx)[:MOST_SHOWN]]


def _shown(letter: DeadLetter) -> UnreadEvent:
    text = redact_text(letter.raw, block=True)  # before the cut: half a secret would no longer look like one
    return UnreadEvent(letter.at, letter.reason, text[:RAW_LENGTH], len(text) > RAW_LENGTH)

"""Writes about dialling: the brakes, and the stop of the whole installation."""

from datetime import datetime

from django.db import transaction

from crmconnector.calls.models import DialSettings


@transaction.atomic
def save_brakes(*, row: DialSettings) -> DialSettings:
    """Keep the brakes; the stop is not theirs to change, even when it was pressed while somebody filled in the form."""
    kept = _locked()
    for name in ("countries", "premium", "satellite", "calls_a_minute", "night_from", "night_until"):
        setattr(kept, name, getattr(row, name))
    kept.save()
    return kept


@transaction.atomic
def stop_dialling(*, by: str, because: str, now: datetime) -> DialSettings:
    """From now on nothing is dialled, not even what waits already. A second stop leaves the first one's name."""
    row = _locked()
    if row.stopped_at is None:
        row.stopped_at, row.stopped_by, row.stopped_because = now, by[:150], because[:200]
        row.save()
    return row


@transaction.atomic
def allow_dialling() -> DialSettings:
    row = _locked()
    row.stopped_at, row.stopped_by, row.stopped_because = None, "", ""
    row.save()
    return row


def _locked() -> DialSettings:
    DialSettings.objects.get_or_create(pk=1)
    return DialSettings.objects.select_for_update().get(pk=1)

"""What calibrations taught: by model and firmware, which key sequences worked, how fast, and when. See phones.models.

A calibration on one phone counts for every phone of its model and firmware, so it is listed by those.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from phones.models import Calibration, DeviceOrder, OrderKind, OrderState

ABANDONED_SECONDS: Final = 10.0
MOST_ROWS: Final = 2000
GONE = "The worker that ran it is gone, so nothing was learnt. A call may still be up: look at the phone."
Kind = tuple[str, str]  # (model, firmware)


@dataclass(frozen=True, slots=True)
class Learned:
    """One kind of phone: the newest run of each sequence that said something, by the sequence's name."""

    model: str
    firmware: str
    newest: dict[str, Calibration]

    def worked(self, sequence: str) -> bool:
        row = self.newest.get(sequence)
        return row is not None and row.outcome == Calibration.Outcome.WORKED


def learned_kinds() -> list[Learned]:
    """Every model and firmware that was ever calibrated, by name. A run that was stopped says nothing."""
    rows = Calibration.objects.filter(outcome__in=[Calibration.Outcome.WORKED, Calibration.Outcome.FAILED])
    return group_learned(rows.order_by("-at", "-pk")[:MOST_ROWS])


def group_learned(rows: Iterable[Calibration]) -> list[Learned]:
    """From rows, newest first."""
    found: dict[Kind, dict[str, Calibration]] = defaultdict(dict)
    for row in rows:
        found[row.model, row.firmware].setdefault(row.sequence, row)
    return [Learned(model, firmware, newest) for (model, firmware), newest in sorted(found.items())]


def end_abandoned(*, now: datetime) -> int:
    """Calibrations that no order carries out any more did not come to their end; how many."""
    carried = DeviceOrder.objects.filter(kind=OrderKind.CALIBRATE, state=OrderState.GRANTED).values("phone")
    lost = Calibration.objects.filter(
        outcome=Calibration.Outcome.RUNNING, at__lte=now - timedelta(seconds=ABANDONED_SECONDS)
    ).exclude(phone__in=carried)
    return lost.update(outcome=Calibration.Outcome.STOPPED, sentence=GONE, ended_at=now)


# The driver's verb -> the sequences of which every one must have worked.
NEEDED: Final = {
    "blind_transfer": ("blind_transfer",),
    "attended_transfer": ("attended_start", "attended_complete", "attended_cancel"),
    "conference": ("attended_start", "conference"),
}


def verbs_learned(one: Learned) -> frozenset[str]:
    """Which of the driver's verbs are known to work on this kind of phone."""
    return frozenset(verb for verb, names in NEEDED.items() if all(one.worked(name) for name in names))

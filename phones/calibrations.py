"""Calibrations: each key sequence is run on a real phone against a test extension before anybody relies on it.

What was learnt counts for every phone of the same model and firmware, and for no other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from phones.identity import identity_of_phone
from phones.learned import group_learned, verbs_learned
from phones.models import Calibration, Phone
from phones.sequences_catalogue import CALIBRATED

SAID_SOMETHING = (Calibration.Outcome.WORKED, Calibration.Outcome.FAILED)
SENTENCE_LENGTH = 300


def calibrated_verbs(phone: Phone) -> frozenset[str]:
    """Which verbs that go by keys are known to work on this phone: of blind_transfer, attended_transfer, conference.

    The newest word on each sequence counts, so one that fails later takes the verb away again.
    """
    identity = identity_of_phone(phone)
    if not identity.model:
        return frozenset()
    rows = Calibration.objects.filter(
        model=identity.model, firmware=identity.firmware, outcome__in=SAID_SOMETHING
    ).order_by("-at", "-pk")
    return frozenset().union(*(verbs_learned(one) for one in group_learned(rows)))


def timings_of(phone: Phone, sequence: str) -> dict[str, int]:
    """Milliseconds by the name of the step, as last measured on this model and firmware; empty when never."""
    identity = identity_of_phone(phone)
    rows = Calibration.objects.filter(
        model=identity.model, firmware=identity.firmware, sequence=sequence, outcome=Calibration.Outcome.WORKED
    )
    newest = rows.order_by("-at", "-pk").first() if identity.model else None
    return _readable(newest.timings) if newest is not None else {}


def begin(phone: Phone, sequence: str, extension: str, by_name: str, now: datetime) -> Calibration:
    """The row before the first key. ValueError for a sequence that nobody knows."""
    if sequence not in CALIBRATED:
        raise ValueError("no such sequence")
    identity = identity_of_phone(phone)
    return Calibration.objects.create(
        phone=phone, phone_name=phone.name, model=identity.model, firmware=identity.firmware, sequence=sequence,
        extension=extension, by_name=by_name, at=now,
    )  # fmt: skip


def finish(
    calibration_id: int, outcome: str, sentence: str, timings: Sequence[Mapping[str, object]], now: datetime
) -> bool:
    """How it went; False when it has an end already. `timings`: [{"step": name, "milliseconds": n}, …]."""
    running = Calibration.objects.filter(pk=calibration_id, outcome=Calibration.Outcome.RUNNING)
    ended = running.update(
        outcome=outcome, sentence=sentence[:SENTENCE_LENGTH], timings=[dict(one) for one in timings], ended_at=now
    )
    return ended == 1


def _readable(timings: object) -> dict[str, int]:
    """A row may have been written by an older version: what is not understood is left out."""
    if not isinstance(timings, list):
        return {}
    pairs = [(one.get("step"), one.get("milliseconds")) for one in timings if isinstance(one, dict)]
    return {step: length for step, length in pairs if isinstance(step, str) and type(length) is int and length > 0}

"""What the PBX shows after a transfer by keys: a line that is free tells only that the phone is out of the call."""

import time
from datetime import datetime
from typing import Final

from crmconnector.calls.models import Leg
from tasks.calibration_bench import Bench

HANDED_OVER: Final = ("blind_transfer", "attended_complete")  # the phone leaves, the other two go on
HEARD_SECONDS: Final = 3.0
UNHEARD = "By the phone's word alone: the PBX told nothing of this call."
PROVEN = "The PBX shows the same: the phone is out, the call goes on."
STILL_IN = "The phone's lines are free, but the PBX still shows it in the call."
LOST = "The phone's lines are free, but the PBX shows that the call is over: it was lost, or they hung up at once."


def word_of_pbx(bench: Bench, name: str, since: datetime) -> tuple[bool, str]:
    """(whether it agrees, a sentence). `since`: when this trial began. A PBX that is not heard does not object."""
    if name not in HANDED_OVER:
        return True, ""
    ends_at = time.monotonic() + HEARD_SECONDS
    while True:
        agrees, sentence = judge(_legs(bench.phone.pk, since))
        if sentence != STILL_IN or time.monotonic() >= ends_at:
            return agrees, sentence
        time.sleep(0.25)
        bench.hold()


def judge(legs: list[Leg]) -> tuple[bool, str]:
    """From the phone's own legs of the test calls."""
    if not legs:
        return True, UNHEARD
    if any(leg.ended_at is None for leg in legs):
        return False, STILL_IN
    return (True, PROVEN) if any(leg.call.ended_at is None for leg in legs) else (False, LOST)


def _legs(phone_id: int, since: datetime) -> list[Leg]:
    legs = Leg.objects.filter(phone=phone_id, call__started_at__gte=since, call__test=False)
    return list(legs.select_related("call"))

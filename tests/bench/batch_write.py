"""A storm: 200 calls ring at once. Calls per second through the listener's write path, cards included."""

import time
from pathlib import Path

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from tests.bench.figures import Figure
from tests.bench.raw_rows import forget, insert_again
from tests.support.office import RowOffice, make_office
from tests.support.story import inbound_call

CALLS, BATCH, USERS = 200, 50, 20


def measure(folder: Path) -> list[Figure]:
    office = make_office(phone_ports=tuple(range(8001, 8001 + USERS)))
    _storm(office, "warm", BATCH)
    forget()
    seconds = _storm(office, "storm", CALLS)
    counted = (Call.objects.count(), Leg.objects.count(), Pop.objects.count())
    if counted != (CALLS, CALLS, CALLS):
        raise RuntimeError(f"the storm left {counted} calls, legs and cards")
    _, raw = insert_again(BATCH)
    return [
        Figure(
            "ringing calls written", CALLS / seconds, "calls/s", f"raw insert of their {3 * CALLS} rows", CALLS / raw
        )
    ]


def _storm(office: RowOffice, key: str, calls: int) -> float:
    stories = [_ringing(key, place) for place in range(calls)]
    epoch = office.pbx.link.epoch
    began = time.perf_counter()
    for first in range(0, calls, BATCH):
        batch = [event for story in stories[first : first + BATCH] for event in story]
        handle_batch(pbx=office.pbx, epoch=epoch, batch=batch, now=utc_now())
    return time.perf_counter() - began


def _ringing(key: str, place: int) -> list[ev.CallEvent]:
    endpoint = f"PJSIP/{201 + place % USERS}"
    return inbound_call(leg_endpoint=endpoint, number=f"0302312{place:04d}", key=f"{key}.{place}")

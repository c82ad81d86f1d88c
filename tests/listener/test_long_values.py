"""Values longer than any PBX sends: cut where the event is read, so every column holds them and the call is told."""

import pytest

from crmconnector.calls.models import Call, Leg
from crmconnector.listener.models import DeadLetter
from crmconnector.screenpop.models import Pop
from tests.support.listening_post import FakeOffice, answer_events, hangup_events, leading, ring_events, wire
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.timeout(60)
LONG = {
    "CallerIDName": "Ä" * 200, "CallerIDNum": "1" * 200, "ConnectedLineName": "n" * 200, "ConnectedLineNum": "2" * 200,
    "Exten": "3" * 200,
}  # fmt: skip


@pytest.mark.parametrize("header", [*LONG, "Channel", "Queue"])
def test_a_value_of_two_hundred_characters_costs_nothing(rows: RowOffice, pbx: FakeOffice, header: str) -> None:
    call = pbx.make("PJSIP/201", "03023125447")
    value = LONG.get(header, "")
    call.caller.update({header: value} if value else {})
    if header == "Channel":
        call.caller["Channel"] = f"PJSIP/{'t' * 200}-00000001"
    events = ring_events(call)
    if header == "Queue":
        events.insert(1, {"Event": "QueueCallerJoin", **call.caller, "Queue": "q" * 200, "Position": "1"})
    with leading(rows.pbx) as term:
        pbx.say_raw(b"".join(wire(event) for event in events))
        eventually(lambda: Pop.objects.filter(state="ringing").count() == 1, what=DeadLetter.objects.values)
        pbx.say_raw(b"".join(wire(event) for event in [*answer_events(call), *hangup_events(call)]))
        eventually(lambda: Call.objects.filter(ended_at__isnull=False).count() == 1, what=DeadLetter.objects.values)
        eventually(lambda: term.outbox.oldest_at() is None)
    assert not DeadLetter.objects.exists()
    assert {*Leg.objects.values_list("outcome", flat=True)} == {"answered"}

"""Who waits in a queue is known after a reconnect, with the queue's name and the moment of joining."""

import pytest

from crmconnector.asterisk.ami_events import ChannelFacts, QueueCallerJoin
from crmconnector.calls.models import Call
from crmconnector.listener.queue_refill import wait_seconds, waiting_callers
from tests.support.listening_post import leading, now, ring_events
from tests.support.processes import eventually

ADA = ChannelFacts("1.1", "PJSIP/trunk-01", "1.1", 6)


def entry(**changes):
    row = {"Event": "QueueEntry", "Queue": "600", "Position": "1", "Channel": "PJSIP/trunk-01", "Uniqueid": "1.1",
           "CallerIDNum": "unknown", "Wait": "90"}  # fmt: skip
    return {**row, **changes}


def test_a_caller_joined_when_the_wait_says():
    rows = [{"Event": "QueueParams", "Queue": "600"}, {"Event": "QueueMember", "Queue": "600"}, entry()]
    assert waiting_callers(rows, {"1.1": ADA}, 1000.0) == [QueueCallerJoin(910.0, ADA, "600")]


def test_who_is_not_in_the_list_of_channels_has_left_or_came_later():
    assert waiting_callers([entry(Uniqueid="2.2")], {"1.1": ADA}, 1000.0) == []


@pytest.mark.parametrize("row", [entry(Queue=""), entry(Queue=["a", "b"]), entry(Uniqueid=["1.1"]), {"Event": "X"}])
def test_a_row_that_makes_no_sense_is_no_caller(row):
    assert waiting_callers([row], {"1.1": ADA}, 1000.0) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("61", 61), ("-5", 0), ("", 0), ("9" * 30, 0), ("²", 0), ("90000", 0)]
)
def test_a_wait_that_makes_no_sense_is_none(text, seconds):
    assert wait_seconds({"Wait": text}) == seconds


@pytest.mark.timeout(60)
def test_after_a_login_the_callers_who_wait_are_known_with_queue_and_beginning(rows, pbx):
    call = pbx.make("PJSIP/201", "03023125447")
    call.caller.update(ChannelState="6", ChannelStateDesc="Up")
    pbx.say(*ring_events(call)[:1], heard=False)
    pbx.queues = [entry(Uniqueid=call.key, Channel=call.caller["Channel"], Wait="90")]
    with leading(rows.pbx):
        row = eventually(lambda: Call.objects.filter(queue_name="600").first())
        assert (row.state, row.direction, row.caller_number) == ("waiting", "inbound", "03023125447")
        assert 80 < now() - row.started_at.timestamp() < 110
        pbx.say(*ring_events(call)[1:])
        eventually(lambda: Call.objects.filter(queue_name="600", state="ringing").exists())
        assert Call.objects.count() == 1

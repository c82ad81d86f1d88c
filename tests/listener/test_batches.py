"""Many calls in one batch, also calls that begin in it: each keeps its own legs."""

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from tests.support.story import T0, answered_call, inbound_call


def handle(office, batch, **more):
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now(), **more)


def test_a_call_that_ends_in_the_batch_in_which_others_begin_ends_only_its_own_legs(office):
    ended = answered_call(leg_endpoint="PJSIP/201", number="03023125447", key="1.1")
    begun = inbound_call(leg_endpoint="PJSIP/202", number="03023125448", key="2.2")
    handle(office, [*begun, *ended])
    assert Leg.objects.get(call__linkedid="2.2").state == "ringing"
    assert Pop.objects.get(state="ringing").user == office.users[1]
    assert Call.objects.get(linkedid="1.1").state == "ended"


def test_a_leg_that_is_over_opens_no_card_in_any_batch_before_its_end(office):
    story = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    for one in story[:4]:
        handle(office, [one], over={"1.1-leg"})
    handle(office, story[4:])
    assert not Pop.objects.exists()
    assert Call.objects.get().disposition == "answered"


def test_a_card_that_is_open_is_closed_by_the_end_and_not_by_its_being_known(office):
    story = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    handle(office, story[:2])
    handle(office, story[2:4], over={"1.1-leg"})
    assert Pop.objects.get().state == "ringing"
    handle(office, story[4:])
    assert Pop.objects.get().state == "closed"


def test_a_call_end_ends_its_legs_even_if_they_are_over(office):
    story = inbound_call(leg_endpoint="PJSIP/201", number="03023125447")
    handle(office, story)
    handle(office, [ev.CallEnded("1.1", T0 + 9, "unseen", None, None)], over={"1.1-leg"})
    assert Leg.objects.get().state == "ended"

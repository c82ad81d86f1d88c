"""Placed calls as rows: the phone that began a call has a leg of its own, and the call the contact it went to."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, CallParty, Leg
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.resync import close_unseen
from tests.support.placed import NUMBER, OWN, calls_colleague, colleague_answers, dials, fails, hangs_up, talks
from tests.support.story import T0, TRUNK, inbound_call

pytestmark = pytest.mark.django_db


def told(office, batch):
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def own() -> Leg:
    return Leg.objects.get(placed=True)


def test_a_placed_leg_dials_talks_holds_and_ends(office):
    told(office, dials())
    leg = own()
    assert (leg.user, leg.phone, leg.uniqueid) == (office.users[0], office.phones[0], "1.1")
    assert (leg.state, leg.far_number, leg.rang_at, leg.pops) == ("dialling", NUMBER, None, True)
    told(office, talks())
    assert (own().state, own().answered_at, own().far_endpoint) == ("talking", from_epoch(T0 + 5), TRUNK)
    told(office, [ev.LegHeld("1.1", T0 + 9, "1.1", "PJSIP/201")])
    assert own().state == "held"
    told(office, [ev.LegResumed("1.1", T0 + 9, "1.1", "PJSIP/201")])
    assert own().state == "talking"
    told(office, hangs_up())
    assert (own().state, own().outcome, own().ended_at) == ("ended", "answered", from_epoch(T0 + 35))


def test_the_same_batch_twice_changes_nothing(office):
    story = [*dials(), *talks(), *hangs_up()]
    told(office, story)
    before = list(Leg.objects.order_by("id").values())
    told(office, story)
    assert list(Leg.objects.order_by("id").values()) == before


def test_a_call_out_that_is_resumed_before_anybody_answered_still_dials(office):
    told(office, dials())
    told(office, [ev.LegHeld("1.1", T0 + 2, "1.1", "PJSIP/201"), ev.LegResumed("1.1", T0 + 3, "1.1", "PJSIP/201")])
    assert own().state == "dialling"


def test_a_call_out_belongs_to_the_contact_whose_number_was_dialled(office):
    contact = office.add_contact("Ada Lovelace", "030 23125447")
    told(office, dials())
    call = Call.objects.get()
    assert (call.contact, call.far_number, call.caller_e164) == (contact, "+493023125447", "")
    assert list(CallParty.objects.values_list("user", flat=True)) == [office.users[0].pk]


def test_a_number_behind_the_outside_prefix_is_the_contacts_too(office):
    office.pbx.outside_prefixes = "9"
    office.pbx.save()
    contact = office.add_contact("Ada Lovelace", "030 23125447")
    told(office, dials(f"9{NUMBER}"))
    assert Call.objects.get().contact == contact


def test_a_person_that_somebody_chose_stays_when_the_call_goes_on(office):
    office.add_contact("Ada Lovelace", NUMBER)
    chosen = office.add_contact("Her Brother", "0401234567")
    told(office, dials())
    Call.objects.update(contact=chosen)
    told(office, [ev.CallChanged("1.1", T0 + 2, "outbound", OWN, NUMBER), *talks()])
    assert Call.objects.get().contact == chosen


def test_nobody_is_bound_to_a_call_that_has_not_gone_out(office):
    office.add_contact("Ada Lovelace", NUMBER)
    told(office, dials()[:2])
    assert Call.objects.get().contact is None


def test_a_caller_told_again_after_a_gap_still_talks(office):
    told(office, [*dials(), *talks()])
    told(office, [dials()[1]])
    assert (own().state, own().far_endpoint) == ("talking", TRUNK)


def test_who_calls_a_colleague_sees_the_colleague_before_there_is_an_answer(office):
    told(office, calls_colleague())
    assert (own().far_number, own().far_endpoint) == ("202", "PJSIP/202")
    told(office, colleague_answers())
    assert {(leg.endpoint, leg.state, leg.placed) for leg in Leg.objects.all()} == {
        ("PJSIP/201", "talking", True),
        ("PJSIP/202", "talking", False),
    }


def test_a_phone_that_asterisk_rings_first_is_placed_and_rang(office):
    far = ev.Party(None, None, None)
    start = ev.CallStarted("1.1", T0, "internal", True, OWN, None)
    told(office, [start, ev.LegPlaced("1.1", T0, "1.3", "PJSIP/201", far, rung=True)])
    assert (own().state, own().rang_at, own().far_number) == ("dialling", from_epoch(T0), "")
    told(office, [ev.LegChanged("1.1", T0 + 1, "1.3", "PJSIP/201", ev.Party(None, NUMBER, None))])
    assert (own().state, own().far_number) == ("dialling", NUMBER)


def test_who_picks_a_call_up_has_a_leg_that_was_not_placed(office):
    told(office, inbound_call(leg_endpoint="PJSIP/202", number=NUMBER))
    start = ev.CallStarted("2.1", T0 + 2, "internal", False, OWN, "*8")
    told(office, [start, ev.LegPlaced("2.1", T0 + 2, "2.1", "PJSIP/201", ev.Party(None, "*8", None))])
    far = ev.Party(TRUNK, NUMBER, None)
    taken = ev.LegRinging("1.1", T0 + 3, "2.1", "PJSIP/201", far, None, None, picked_up=True)
    told(office, [ev.CallMerged("2.1", T0 + 3, "1.1"), taken])
    leg = Leg.objects.get(uniqueid="2.1")
    assert (leg.placed, leg.state, leg.call.linkedid, leg.far_number) == (False, "ringing", "1.1", NUMBER)


@pytest.mark.parametrize(
    ("outcome", "disposition"), [("busy", "busy"), ("no_answer", "no_answer"), ("cancelled", "cancelled")]
)
def test_a_call_that_came_to_nothing_ends_for_the_phone_that_began_it(office, outcome, disposition):
    told(office, [*dials(), *fails(outcome, disposition)])
    assert (own().state, own().outcome, own().answered_at) == ("ended", outcome, None)


def test_a_placed_leg_whose_end_nobody_heard_is_closed_with_its_call(office):
    told(office, [*dials(), *talks()])
    close_unseen(pbx=office.pbx, epoch=office.pbx.link.epoch, open_keys=set(), at=T0 + 60, now=utc_now())
    assert (own().state, own().outcome) == ("ended", "answered")


def test_the_number_of_statements_does_not_grow_with_the_calls_that_are_placed(office):
    def statements(batch):
        with CaptureQueriesContext(connection) as asked:
            told(office, batch)
        return len(asked)

    told(office, dials(key="9.1"))
    one = statements(dials(key="1.1"))
    three = statements([event for key in ("2.1", "3.1", "4.1") for event in dials(key=key)])
    assert three <= one

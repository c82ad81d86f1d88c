"""Call events become rows: once, completely, and the same however often they are told."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from tests.support.story import T0, answered_call, group_call, inbound_call, missed_call


def told(office, batch):
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def test_an_answered_call_is_one_row_with_one_leg(office):
    office.add_contact("Ada Lovelace", "030 23125447")
    told(office, answered_call(leg_endpoint="PJSIP/201", number="03023125447"))
    call = Call.objects.get()
    assert (call.direction, call.disposition, call.caller_e164) == ("inbound", "answered", "+493023125447")
    assert (call.answered_by, call.contact.name, call.line.label) == (office.users[0], "Ada Lovelace", "Support DE")
    assert call.talk_seconds == 30
    leg = Leg.objects.get()
    assert (leg.user, leg.phone, leg.outcome, leg.state) == (office.users[0], office.phones[0], "answered", "ended")


def test_telling_everything_twice_changes_nothing(office):
    batch = answered_call(leg_endpoint="PJSIP/201", number="03023125447")
    told(office, batch[:3])
    first = Pop.objects.values_list("version", "payload").get()
    told(office, batch[:3])
    assert Pop.objects.values_list("version", "payload").get() == first
    told(office, batch)
    told(office, batch)
    assert (Call.objects.count(), Leg.objects.count(), Pop.objects.count()) == (1, 1, 1)
    assert Call.objects.get().talk_seconds == 30


def test_a_ring_group_makes_a_card_for_each_and_says_who_took_it(office):
    ring, answer, end = group_call(endpoints=["PJSIP/201", "PJSIP/202", "PJSIP/203"], winner="PJSIP/202")
    told(office, ring)
    assert sorted(Pop.objects.values_list("user__username", "state")) == [
        ("user201", "ringing"), ("user202", "ringing"), ("user203", "ringing"),
    ]  # fmt: skip
    told(office, answer)
    states = dict(Pop.objects.values_list("user__username", "state"))
    assert states == {"user201": "closed", "user202": "talking", "user203": "closed"}
    closed = Pop.objects.get(user=office.users[0]).payload["closed"]
    assert (closed["reason"], closed["who"]) == ("elsewhere", "User 202")
    told(office, end)
    assert Pop.objects.get(user=office.users[1]).payload["closed"]["reason"] == "ended"


def test_two_phones_of_one_user_make_one_card(office, django_assert_max_num_queries):
    from phones.models import Assignment

    Assignment.objects.filter(phone=office.phones[1]).update(user=office.users[0])
    ring, answer, _ = group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")
    told(office, ring)
    assert Pop.objects.get().state == "ringing"
    told(office, answer)
    assert Pop.objects.get().state == "talking"


def test_a_missed_call_says_that_the_caller_gave_up(office):
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    told(office, missed_call())
    assert Pop.objects.get().payload["closed"]["reason"] == "gave_up"
    assert Call.objects.get().disposition == "no_answer"


def test_several_people_on_one_number_are_all_shown_and_none_is_linked(office):
    office.add_contact("Ada Lovelace", "030 23125447")
    office.add_contact("Charles Babbage", "+49 30 23125 447")
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    payload = Pop.objects.get().payload
    assert payload["caller"]["kind"] == "several"
    assert [person["name"] for person in payload["people"]] == ["Ada Lovelace", "Charles Babbage"]
    assert Call.objects.get().contact is None


def test_a_withheld_caller_is_never_looked_up(office):
    office.add_contact("Ada Lovelace", "030 23125447")
    batch = inbound_call(leg_endpoint="PJSIP/201", number="03023125447", restricted=True)
    with CaptureQueriesContext(connection) as asked:
        told(office, batch)
    assert [query for query in asked if "contacts_contactnumber" in query["sql"]] == []
    payload = Pop.objects.get().payload
    assert payload["caller"]["kind"] == "withheld"
    assert payload["people"] == []
    assert "23125447" not in str(payload)
    assert Call.objects.get().contact is None


def test_a_phone_nobody_has_makes_a_log_row_and_no_card(office):
    from phones.seats import release_phone

    release_phone(phone=office.phones[0], at=from_epoch(T0 - 10))
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    assert Leg.objects.get().user is None
    assert not Pop.objects.exists()


def test_a_storm_of_calls_takes_no_query_per_call(office, django_assert_num_queries):
    def storm(prefix, count):
        return [
            event
            for place in range(count)
            for event in inbound_call(leg_endpoint="PJSIP/201", number=f"0302312{place:04d}", key=f"{prefix}.{place}")
        ]

    told(office, storm("0", 3))  # both storms find earlier calls of a number
    with CaptureQueriesContext(connection) as few:
        told(office, storm("1", 3))
    with CaptureQueriesContext(connection) as many:
        told(office, storm("2", 60))
    assert len(many) == len(few)


def test_a_batch_of_a_former_leader_is_refused(office):
    import pytest

    from crmconnector.listener.fence import Fenced, next_epoch

    old = office.pbx.link.epoch
    next_epoch(pbx_id=office.pbx.pk, now=utc_now())
    with pytest.raises(Fenced):
        handle_batch(pbx=office.pbx, epoch=old, batch=missed_call(), now=utc_now())
    assert not Call.objects.exists()


def test_a_call_answered_before_a_restart_stays_answered(office):
    told(office, answered_call(leg_endpoint="PJSIP/201", number="03023125447")[:-2])
    told(office, [ev.CallEnded("1.1", T0 + 60, "unseen", None, None)])
    call = Call.objects.get()
    assert (call.disposition, call.talk_seconds) == ("answered", 55.0)
    assert Leg.objects.get().state == "ended"

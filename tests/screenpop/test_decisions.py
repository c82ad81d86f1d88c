"""One reason is kept for each call and everybody it concerns, as it becomes true; each way to no card has its word."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import LinkGap, Queue
from crmconnector.screenpop.models import Pop, PopDecision, PopRule, QuietHours
from phones.models import Assignment
from phones.seats import release_phone
from tests.support.office import add_phone
from tests.support.placed import OWN, calls_colleague, dials, fails, talks
from tests.support.story import T0, TRUNK, answered_call, caller, group_call, inbound_call, missed_call

NUMBER = "03023125447"


def told(office, batch, **more):
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now(), **more)


def reasons():
    """user name, or the endpoint of nobody -> word"""
    rows = PopDecision.objects.select_related("user")
    return {row.user.username if row.user else row.endpoint: row.reason for row in rows}


def only():
    return PopDecision.objects.get()


def ring(leg_endpoint="PJSIP/201"):
    return inbound_call(leg_endpoint=leg_endpoint, number=NUMBER)


def rule(when, **scope):
    return PopRule.objects.create(when=when, **scope)


# --- with a card -----------------------------------------------------------------------------------------------------


def test_a_card_is_kept_with_the_card_and_stays_shown_when_the_call_is_over(office):
    told(office, ring())
    first = only()
    assert (first.shown, first.reason, first.user, first.pop) == (True, "ring", office.users[0], Pop.objects.get())
    assert first.endpoint == "PJSIP/201"
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER)[2:])
    assert (only().reason, only().decided_at) == ("ring", first.decided_at)


def test_everybody_of_a_ring_group_has_a_reason_of_their_own(office):
    ring_all, answer, end = group_call(endpoints=["PJSIP/201", "PJSIP/202", "PJSIP/203"], winner="PJSIP/202")
    for batch in (ring_all, answer, end):
        told(office, batch)
    assert reasons() == {"user201": "ring", "user202": "ring", "user203": "ring"}


def test_two_phones_of_one_person_make_one_reason(office):
    Assignment.objects.filter(phone=office.phones[1]).update(user=office.users[0])
    told(office, group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")[0])
    assert reasons() == {"user201": "ring"}


def test_who_takes_a_call_from_another_phone_is_told_so(office):
    start, first = ring()
    taken = ev.LegRinging("1.1", T0 + 2, "1.1-other", "PJSIP/202", caller(NUMBER), None, None, picked_up=True)
    told(office, [start, first])
    told(office, [taken, ev.LegAnswered("1.1", T0 + 2, "1.1-other", "PJSIP/202", caller(NUMBER))])
    assert reasons() == {"user201": "ring", "user202": "picked_up"}


def test_a_card_that_goes_on_with_another_call_is_told_of_both(office):
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER, key="1.1")[:4])
    told(office, [*ring_of_consultation(), ev.CallMerged("2.2", T0 + 9, "1.1")])
    followed = PopDecision.objects.get(call__linkedid="1.1", user=office.users[1])
    assert (followed.shown, followed.reason, followed.pop.call.linkedid) == (True, "ring", "1.1")


def ring_of_consultation():
    far = ev.Party("PJSIP/201", "201", "User 201")
    return [
        ev.CallStarted("2.2", T0 + 6, "internal", False, far, "202"),
        ev.LegRinging("2.2", T0 + 6, "2.2-leg", "PJSIP/202", far, None, "202"),
    ]


def test_a_card_that_was_open_before_its_call_was_put_through_is_followed(office):
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER, key="1.1")[:4])
    told(office, ring_of_consultation())
    told(office, [ev.CallMerged("2.2", T0 + 9, "1.1")])
    rows = PopDecision.objects.filter(user=office.users[1]).order_by("id")
    assert [(row.call.linkedid, row.reason) for row in rows] == [("2.2", "ring"), ("1.1", "followed")]
    assert {row.pop for row in rows} == {Pop.objects.get(user=office.users[1])}


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_rule_that_says_never_makes_no_card_and_is_named(office):
    never = rule("never", line=office.pbx.lines.get())
    told(office, ring())
    assert not Pop.objects.exists()
    assert (only().reason, only().details) == ("rule", {"when": "never", "because": "line", "rule": never.pk})
    told(office, missed_call())
    assert only().reason == "rule"


def test_a_rule_for_a_queue_counts_for_calls_of_that_queue_alone(office):
    rule("never", user=office.users[0], queue=Queue.objects.get())
    start, leg = ring()
    told(office, [start, ev.QueueEntered("1.1", T0, "600"), leg])
    assert reasons() == {"user201": "rule"}
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER, key="2.2"))
    assert Pop.objects.get().call.linkedid == "2.2"


def test_a_rule_that_waits_for_the_answer_shows_the_card_then(office):
    rule("answer", user=office.users[0])
    story = answered_call(leg_endpoint="PJSIP/201", number=NUMBER)
    told(office, story[:2])
    assert not Pop.objects.exists()
    assert reasons() == {"user201": "waits_for_answer"}
    told(office, story[2:4])
    assert Pop.objects.get().state == "talking"
    assert (only().reason, only().shown, only().pop) == ("answer", True, Pop.objects.get())


def test_a_rule_that_waits_for_an_answer_that_never_comes_says_so(office):
    rule("answer")
    told(office, ring())
    told(office, missed_call())
    assert not Pop.objects.exists()
    assert reasons() == {"user201": "not_answered"}


def test_a_card_that_is_open_stays_whatever_the_rules_say_then(office):
    told(office, ring())
    rule("never")
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER)[2:4])
    assert (Pop.objects.get().state, only().reason) == ("talking", "ring")


def test_a_rule_taken_out_while_it_rings_counts_from_the_next_event(office):
    never = rule("never")
    told(office, ring())
    never.delete()
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER)[2:4])
    assert (Pop.objects.get().state, only().reason) == ("talking", "ring")


def test_a_rule_that_is_changed_after_the_call_did_not_cause_what_came_before(office):
    told(office, missed_now())
    assert reasons() == {"user201": "gave_up_first"}
    rule("never")
    told(office, missed_call())
    assert reasons() == {"user201": "gave_up_first"}


def test_in_quiet_hours_no_card_shows(office):
    QuietHours.objects.create(user=office.users[0], starts="00:00", ends="00:00", days=list(range(7)))
    told(office, group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")[0])
    assert reasons() == {"user201": "quiet_hours", "user202": "ring"}
    assert Pop.objects.get().user == office.users[1]


# --- without a card --------------------------------------------------------------------------------------------------


def missed_now():
    """It rang and the caller gave up, all heard at once."""
    return [*ring(), *missed_call()]


ENDS = [
    ("cancelled", "gave_up_first"),
    ("no_answer", "too_late"),
    ("rejected", "too_late"),
    ("busy", "too_late"),
    ("failed", "too_late"),
    ("unseen", "too_late"),
]


@pytest.mark.parametrize(("outcome", "word"), ENDS, ids=[one[0] for one in ENDS])
def test_what_rang_and_ended_in_one_batch_makes_no_card_and_says_how_it_ended(office, outcome, word):
    end = [ev.LegEnded("1.1", T0 + 9, "1.1-leg", "PJSIP/201", outcome, None)]
    told(office, [*ring(), *end])
    assert (only().shown, only().reason, only().details) == (False, word, {"outcome": outcome})


def test_somebody_else_was_first_and_is_named(office):
    ring_all, answer, _end = group_call(endpoints=["PJSIP/201", "PJSIP/202"], winner="PJSIP/202")
    told(office, [*ring_all, *answer])
    assert reasons() == {"user201": "answered_elsewhere", "user202": "ring"}
    assert PopDecision.objects.get(user=office.users[0]).details["by"] == "PJSIP/202"


def test_a_leg_that_is_known_to_be_over_is_too_late_until_its_end_says_more(office):
    told(office, ring(), over={"1.1-leg"})
    assert reasons() == {"user201": "too_late"}
    told(office, missed_call())
    assert reasons() == {"user201": "gave_up_first"}


@pytest.mark.parametrize("outcome", ["busy", "failed", "rejected"])
def test_a_phone_that_never_rang_says_why(office, outcome):
    start, _leg = ring()
    told(office, [start, ev.LegEnded("1.1", T0, "1.1-leg", "PJSIP/201", outcome, None, rang=False)])
    assert (only().reason, only().details) == ("did_not_ring", {"outcome": outcome, "phone": office.phones[0].pk})


def test_the_phone_that_asterisk_rings_first_to_dial_for_it_gets_a_card(office):
    far = ev.Party(None, "0612345678", None)
    first = ev.LegPlaced("1.1", T0, "1.1-leg", "PJSIP/201", far, rung=True)
    told(office, [ev.CallStarted("1.1", T0, "outbound", True, OWN, "0612345678"), first])
    assert (only().reason, only().shown, only().endpoint) == ("placed", True, "PJSIP/201")
    told(office, [ev.LegAnswered("1.1", T0 + 1, "1.1-leg", "PJSIP/201", far)])
    assert reasons() == {"user201": "placed"}


def test_who_places_a_call_has_a_card_and_the_trunk_it_goes_out_by_has_no_reason(office):
    told(office, dials())
    assert (only().reason, only().shown, only().pop) == ("placed", True, Pop.objects.get())


def test_a_call_whose_placer_has_no_leg_is_told_as_an_own_call(office):
    out = ev.LegRinging("1.1", T0, "1.1-out", TRUNK, OWN, None, "0612345678")
    told(office, [ev.CallStarted("1.1", T0, "outbound", False, OWN, "0612345678"), out])
    assert reasons() == {"user201": "own_call"}


def test_a_colleague_who_is_called_and_the_caller_have_a_card_each(office):
    told(office, calls_colleague())
    assert reasons() == {"user201": "placed", "user202": "ring"}


def test_a_placed_call_that_was_over_when_it_was_written_has_no_card(office):
    told(office, [*dials(), *fails("busy", "busy")])
    assert (only().reason, only().shown) == ("too_late", False)
    assert Pop.objects.count() == 0


def test_a_closed_account_gets_no_card_of_its_own_calls_either(office):
    office.users[0].is_active = False
    office.users[0].save()
    told(office, dials())
    assert reasons() == {"user201": "account_closed"}


def test_a_phone_of_nobody_that_dials_is_no_question(office):
    release_phone(phone=office.phones[0], at=utc_now() - timedelta(minutes=30))
    told(office, [*dials(), *talks()])
    assert reasons() == {}


def test_a_phone_that_belongs_to_nobody_is_told_once(office):
    release_phone(phone=office.phones[0], at=from_epoch(T0 - 10))
    told(office, ring())
    told(office, missed_call())
    assert (only().user, only().endpoint, only().reason) == (None, "PJSIP/201", "not_assigned")
    assert only().details == {"known": True, "phone": office.phones[0].pk}


def test_an_endpoint_that_is_no_phone_of_ours_is_told_as_such(office):
    told(office, ring("PJSIP/999"))
    assert (only().user, only().endpoint, only().reason) == (None, "PJSIP/999", "not_assigned")
    assert only().details["known"] is False


def test_a_phone_that_is_known_and_nobodys_stands_beside_that_of_a_colleague(office):
    add_phone(office.pbx, extension="204", port=8004)
    told(office, group_call(endpoints=["PJSIP/201", "PJSIP/204"], winner="PJSIP/201")[0])
    assert reasons() == {"user201": "ring", "PJSIP/204": "not_assigned"}


def test_a_closed_account_gets_no_card(office):
    office.users[0].is_active = False
    office.users[0].save()
    told(office, ring())
    assert not Pop.objects.exists()
    assert reasons() == {"user201": "account_closed"}


def found_talking():
    return [
        ev.CallStarted("1.1", T0, "inbound", False, caller(NUMBER), "+493023125100"),
        ev.LegAnswered("1.1", T0 + 5, "1.1-leg", "PJSIP/201", caller(NUMBER)),
    ]


def test_a_call_found_talking_after_a_gap_is_not_popped_and_names_the_gap(office):
    gap = LinkGap.objects.create(pbx=office.pbx, from_at=utc_now() - timedelta(minutes=3))
    told(office, found_talking())
    assert not Pop.objects.exists()
    assert (only().reason, only().details) == ("gap", {"from": gap.from_at.isoformat()})


@pytest.mark.parametrize("ended", [None, 2], ids=["no_gap", "a_gap_of_hours_ago"])
def test_a_call_found_talking_without_a_gap_rang_before_we_listened(office, ended):
    if ended:
        hours_ago = utc_now() - timedelta(hours=ended)
        LinkGap.objects.create(pbx=office.pbx, from_at=hours_ago, until_at=hours_ago)
    told(office, found_talking())
    assert reasons() == {"user201": "before_we_listened"}


# --- cost ------------------------------------------------------------------------------------------------------------


def test_events_that_change_nothing_ask_and_write_nothing(office):
    rule("never")
    told(office, answered_call(leg_endpoint="PJSIP/201", number=NUMBER)[:4])
    with CaptureQueriesContext(connection) as asked:
        told(office, [ev.LegHeld("1.1", T0 + 6, "1.1-leg", "PJSIP/201")])
    assert [query["sql"] for query in asked if "popdecision" in query["sql"]] == []


def test_telling_it_again_writes_nothing(office):
    release_phone(phone=office.phones[1], at=from_epoch(T0 - 10))
    ring_all, answer, _end = group_call(endpoints=["PJSIP/201", "PJSIP/202", "PJSIP/203"], winner="PJSIP/203")
    rule("never", user=office.users[0])
    told(office, [*ring_all, *answer])
    before = list(PopDecision.objects.values())
    with CaptureQueriesContext(connection) as asked:
        told(office, [*ring_all, *answer])
    assert [query["sql"] for query in asked if "popdecision" in query["sql"] and "SELECT" not in query["sql"]] == []
    assert list(PopDecision.objects.values()) == before


def test_many_people_and_calls_take_no_statement_each(office):
    rule("never", user=office.users[1])

    def storm(prefix, count):
        rings = []
        for place in range(count):
            for phone in (201, 202, 999):
                rings += inbound_call(
                    leg_endpoint=f"PJSIP/{phone}", number=f"030231{place:05d}", key=f"{prefix}.{place}{phone}"
                )
        return rings

    with CaptureQueriesContext(connection) as few:
        told(office, storm("1", 2))
    with CaptureQueriesContext(connection) as many:
        told(office, storm("2", 30))
    own = [
        len([one for one in asked if "popdecision" in one["sql"] or "poprule" in one["sql"]]) for asked in (few, many)
    ]
    assert own[0] == own[1] == 3
    assert PopDecision.objects.filter(call__in=Call.objects.all()).count() == 96

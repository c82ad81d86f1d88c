"""A test card goes the whole way of a real ring, harms no real call, and always ends."""

from datetime import timedelta

import pytest

from crmconnector.calls.models import Call, Leg
from crmconnector.calls.services import CommandProblem, request_answer
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.fence import Fenced, next_epoch
from crmconnector.listener.pretended_ring import ring_and_end
from crmconnector.listener.resync import close_unseen
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.screenpop.models import Pop, PopDecision, PopRule, PopTest
from crmconnector.screenpop.selectors import open_cards
from crmconnector.screenpop.trials import MOST_A_MINUTE, RINGS_SECONDS, VOID_SECONDS, TrialProblem, ask_trial
from phones.models import Assignment, SipAccount
from phones.seats import release_phone
from tests.support.listening_post import leading
from tests.support.processes import eventually
from tests.support.story import inbound_call


def asked(office, place=0, **more):
    user = office.users[place]
    return ask_trial(user=user, by=user, number="", now=utc_now(), **more)


def look(office, *, after=0.0):
    return ring_and_end(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now() + timedelta(seconds=after))


def told(office, batch):
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def again(test):
    return PopTest.objects.get(pk=test.pk)


def refused(office, **more):
    with pytest.raises(TrialProblem) as caught:
        asked(office, **more)
    return caught.value.code


def test_it_makes_a_card_marked_as_a_test_and_leaves_the_time_of_each_step(office):
    test = asked(office)
    assert look(office) == {office.users[0].pk}
    pop, test = Pop.objects.get(), again(test)
    assert (pop.user, pop.state, pop.payload["test"], pop.call.test) == (office.users[0], "ringing", True, True)
    assert "nobody is calling" in pop.payload["caller"]["network_name"]
    assert (test.pop, test.call) == (pop, pop.call)
    assert test.asked_at <= test.taken_at <= test.written_at
    assert PopDecision.objects.get().reason == "ring"


def test_it_ends_by_itself_after_its_seconds_and_not_before(office):
    test = asked(office)
    look(office)
    assert look(office, after=RINGS_SECONDS - 2) == set()
    assert look(office, after=RINGS_SECONDS + 1) == {office.users[0].pk}
    assert Pop.objects.get().state == "closed"
    assert (Call.objects.get().state, Leg.objects.get().state) == ("ended", "ended")
    assert again(test).ended_at is not None and again(test).problem == ""
    assert look(office, after=RINGS_SECONDS + 2) == set()


def test_a_look_too_many_rings_no_second_time(office):
    asked(office)
    look(office)
    version = Pop.objects.get().version
    look(office)
    assert (Call.objects.count(), Pop.objects.get().version) == (1, version)


def test_its_call_cannot_be_answered(office):
    asked(office)
    look(office)
    with pytest.raises(CommandProblem) as caught:
        request_answer(user=office.users[0], leg=Leg.objects.get(), key="k", now=utc_now())
    assert caught.value.code == "test"
    (card,) = open_cards(user=office.users[0])
    assert not card.answer.possible and "test" in card.answer.why_not


def test_the_resync_passes_it_over_and_ends_real_ghosts(office):
    asked(office)
    look(office)
    told(office, inbound_call(leg_endpoint="PJSIP/202", number="03023125447"))
    close_unseen(pbx=office.pbx, epoch=office.pbx.link.epoch, open_keys=frozenset(), at=0.0, now=utc_now())
    assert dict(Call.objects.values_list("test", "state")) == {True: "ringing", False: "ended"}


def test_a_number_may_be_given_to_see_whose_card_it_makes(office):
    office.add_contact("Ada Lovelace", "030 23125447")
    ask_trial(user=office.users[0], by=office.users[1], number="030 23125447", now=utc_now())
    look(office)
    assert [one["name"] for one in Pop.objects.get().payload["people"]] == ["Ada Lovelace"]


# --- who may ask, and when -------------------------------------------------------------------------------------------


def test_one_at_a_time_for_each_person(office):
    asked(office)
    assert refused(office) == "under_way"
    asked(office, place=1)


def test_five_in_a_minute_are_enough(office):
    long_ago = utc_now() - timedelta(minutes=2)
    for place in range(MOST_A_MINUTE + 1):
        at = utc_now() if place else long_ago
        PopTest.objects.create(user=office.users[0], by=office.users[0], asked_at=at, ended_at=at)
    assert refused(office) == "too_many"
    asked(office, place=1)


def test_a_real_call_on_the_phone_forbids_it(office):
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    assert refused(office) == "on_a_call"
    asked(office, place=1)


def test_a_real_call_between_asking_and_ringing_forbids_it_as_well(office):
    test = asked(office)
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    assert look(office) == set()
    assert (again(test).problem, Call.objects.filter(test=True).count()) == ("on_a_call", 0)


def test_a_real_call_ends_a_test_at_once(office):
    test = asked(office)
    look(office)
    told(office, inbound_call(leg_endpoint="PJSIP/201", number="03023125447"))
    look(office)
    assert again(test).problem == "real_call"
    assert dict(Pop.objects.values_list("call__test", "state")) == {True: "closed", False: "ringing"}


def test_without_a_phone_it_is_told_at_once_that_a_real_call_would_not_show(office):
    release_phone(phone=office.phones[0], at=utc_now() - timedelta(minutes=1))
    test = asked(office)
    assert (test.problem, test.ended_at is not None) == ("no_phone", True)
    assert look(office) == set()


def test_for_a_closed_account_nothing_is_tried(office):
    office.users[0].is_active = False
    office.users[0].save()
    assert asked(office).problem == "account_closed"


def test_a_rule_that_says_never_makes_no_card_and_the_test_knows_its_call(office):
    PopRule.objects.create(user=office.users[0], when="never")
    test = asked(office)
    look(office)
    test = again(test)
    assert (test.pop, test.written_at) == (None, None)
    assert test.call.pop_decisions.get().reason == "rule"
    look(office, after=RINGS_SECONDS + 1)
    assert again(test).ended_at is not None


def test_one_that_no_listener_took_up_is_void_and_rings_nobody_later(office):
    test = asked(office)
    assert look(office, after=VOID_SECONDS + 1) == set()
    assert (again(test).problem, Call.objects.count()) == ("no_listener", 0)


# --- many listeners --------------------------------------------------------------------------------------------------


def test_only_the_leader_of_the_phones_own_pbx_takes_it(office):
    other = Pbx.objects.create(name="Other", host="127.0.0.1", username="crm", secret="secret", country="DE")
    PbxLink.objects.create(pbx=other)
    test = asked(office)
    assert ring_and_end(pbx=other, epoch=0, now=utc_now()) == set()
    assert again(test).taken_at is None
    look(office)
    assert Pop.objects.get().call.pbx == office.pbx


def test_a_phone_with_accounts_at_two_systems_rings_at_one(office):
    other = Pbx.objects.create(name="Other", host="127.0.0.1", username="crm", secret="secret", country="DE")
    PbxLink.objects.create(pbx=other)
    SipAccount.objects.create(phone=office.phones[0], pbx=other, extension="901", endpoint="PJSIP/901", position=2)
    asked(office)
    ring_and_end(pbx=other, epoch=0, now=utc_now())
    look(office)
    assert Call.objects.get().pbx == office.pbx


def test_a_former_leader_writes_nothing_and_leaves_the_test_to_the_next(office):
    test, old = asked(office), office.pbx.link.epoch
    next_epoch(pbx_id=office.pbx.pk, now=utc_now())
    with pytest.raises(Fenced):
        ring_and_end(pbx=office.pbx, epoch=old, now=utc_now())
    assert again(test).taken_at is None and not Call.objects.exists()


def test_the_next_leader_ends_what_the_last_one_began(office):
    test = asked(office)
    look(office)
    epoch = next_epoch(pbx_id=office.pbx.pk, now=utc_now())
    ring_and_end(pbx=office.pbx, epoch=epoch, now=utc_now() + timedelta(seconds=RINGS_SECONDS + 1))
    assert again(test).ended_at is not None and Pop.objects.get().state == "closed"


def test_a_person_whose_phone_was_taken_away_meanwhile_keeps_no_open_test(office):
    test = asked(office)
    look(office)
    Assignment.objects.all().delete()
    look(office, after=RINGS_SECONDS + 1)
    assert again(test).ended_at is not None and Call.objects.get().state == "ended"


def test_a_listener_that_leads_takes_it_by_itself_and_its_list_of_calls_leaves_it_alone(rows, pbx):
    with leading(rows.pbx, check_seconds=0.1, settle_seconds=0.05):
        assert eventually(lambda: PbxLink.objects.filter(state="connected").exists(), seconds=20)
        test = asked(rows)
        assert eventually(lambda: again(test).written_at is not None, seconds=20)
        listed = pbx.lists_asked
        assert eventually(lambda: pbx.lists_asked > listed + 2, seconds=20)  # held against the PBX's own list
        assert Pop.objects.get().state == "ringing"
        assert Call.objects.get().ended_at is None

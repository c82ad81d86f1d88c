"""The page of a test card: who may ask and look, what each step says, where it stopped and what cures it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.listener.pretended_ring import ring_and_end
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.models import PopReceipt, PopRule, PopTest
from crmconnector.screenpop.trials import RINGS_SECONDS
from crmconnector.users.models import User
from phones.seats import release_phone
from tests.support.web_story import NASTY


def ask(client, **fields):
    """The test that was begun."""
    answer = client.post("/pops/tests", fields)
    assert answer.status_code == 302
    return PopTest.objects.get(pk=answer["Location"].rsplit("/", 1)[-1])


def take(office, *, after=0.0):
    ring_and_end(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now() + timedelta(seconds=after))


def page(client, test, *, now=False):
    answer = client.get(f"/pops/tests/{test.pk}{'/now' if now else ''}")
    assert answer.status_code == 200
    return answer.content.decode()


def age(test, *, seconds=10):
    """As if it had been begun so long ago."""
    test.refresh_from_db()
    for name in ("asked_at", "taken_at", "written_at", "ended_at"):
        at = getattr(test, name)
        setattr(test, name, at and at - timedelta(seconds=seconds))
    test.save()


def deliver(test, *, seen=True):
    at = utc_now()
    test.refresh_from_db()
    PopReceipt.objects.create(
        pop=test.pop, desk="a", browser="Firefox on Windows", delivered_at=at, seen_at=at if seen else None
    )


def test_an_agent_asks_for_the_own_desk_and_it_is_recorded(agent, office):
    test = ask(agent)
    assert (test.user, test.by) == (office.users[0], office.users[0])
    assert AuditEvent.objects.get().action == "pop.test_asked"
    told = page(agent, test)
    assert "Taken by the listener" in told and "waiting" in told and "hx-get" in told


def test_each_step_is_told_with_its_time_as_it_is_proven(agent, office):
    test = ask(agent)
    take(office)
    told = page(agent, test, now=True)
    assert "Card written" in told and "ms" in told and "It works" not in told
    deliver(test)
    told = page(agent, test, now=True)
    assert "It works: the card showed." in told and "Firefox on Windows" in told
    assert told.count('class="proven"') == 5


def test_a_card_that_was_delivered_and_not_looked_at_waits_for_the_last_step(agent, office):
    test = ask(agent)
    take(office)
    deliver(test, seen=False)
    told = page(agent, test, now=True)
    assert "It works" in told and told.count('class="proven"') == 4 and "waiting" in told


def test_it_says_that_no_listener_took_it(agent, administrator, office):
    test = ask(agent)
    age(test, seconds=4)
    assert "No listener took it up" in page(agent, test)
    assert 'href="/health" target="_blank" rel="noopener">See health' in page(administrator, test)
    assert 'href="/health" target="_blank" rel="noopener">See health' not in page(agent, test)


def test_the_page_of_a_test_that_nobody_ever_ends_does_not_ask_for_ever(agent, office):
    test = ask(agent)
    assert "hx-get" in page(agent, test)
    age(test, seconds=60)
    assert "hx-get" not in page(agent, test)


def test_it_says_that_no_desk_was_open(agent, office):
    test = ask(agent)
    take(office)
    age(test, seconds=4)
    told = page(agent, test)
    assert (
        "no desk of \u2068User 201\u2069 was open" in told
        and 'href="/desk" target="_blank" rel="noopener">Open the desk' in told
    )


def test_it_says_which_rule_was_in_the_way_and_leads_to_it(agent, office):
    PopRule.objects.create(user=office.users[0], when="never")
    test = ask(agent)
    take(office)
    told = page(agent, test)
    assert (
        "pop-ups are off in this account" in told
        and 'href="/pops/rules" target="_blank" rel="noopener">Change the rule' in told
    )


def test_without_a_phone_a_real_call_would_not_show_either(agent, administrator, office):
    release_phone(phone=office.phones[0], at=utc_now() - timedelta(minutes=1))
    test = ask(agent)
    assert "so a real call would not show a card either" in page(agent, test)
    assert 'href="/phones" target="_blank" rel="noopener">Assign a phone' in page(administrator, test)


def test_a_pbx_that_is_not_heard_is_told_although_the_card_shows(agent, office):
    PbxLink.objects.update(state=PbxLink.State.DOWN)
    test = ask(agent)
    take(office)
    deliver(test)
    assert "a real call would not be told to us" in page(agent, test)


def test_when_it_is_over_it_can_be_begun_anew(agent, office):
    test = ask(agent)
    take(office)
    deliver(test)
    take(office, after=RINGS_SECONDS + 1)
    age(test, seconds=30)
    told = page(agent, test)
    assert "Try a card" in told.partition('id="trial"')[2] and "hx-get" not in told.partition('id="trial"')[2]


def test_a_second_one_at_once_is_refused_with_a_sentence(agent, office):
    ask(agent)
    answer = agent.post("/pops/tests", follow=True)
    assert "A test is under way already" in answer.content.decode()
    assert PopTest.objects.count() == 1


def test_an_administrator_asks_for_anybody(administrator, boss, office):
    test = ask(administrator, user=office.users[1].pk)
    assert (test.user, test.by) == (office.users[1], boss)
    assert AuditEvent.objects.get().target_name == "User 202"
    take(office)
    assert "User 202" in page(administrator, test)


@pytest.mark.parametrize("who", ["colleague", "99999999", "1e3", "-1"])
def test_an_agent_asks_for_nobody_else(agent, office, who):
    wanted = office.users[1].pk if who == "colleague" else who
    assert agent.post("/pops/tests", {"user": wanted}).status_code == 404
    assert not PopTest.objects.exists()


def test_an_agent_does_not_see_somebody_elses_test(agent, office):
    other = Client()
    other.force_login(office.users[1])
    test = ask(other)
    assert agent.get(f"/pops/tests/{test.pk}").status_code == agent.get(f"/pops/tests/{test.pk}/now").status_code == 404
    assert agent.get(f"/pops/tests/{uuid4()}").status_code == 404


def test_the_token_is_wanted(office):
    client = Client(enforce_csrf_checks=True)
    client.force_login(office.users[0])
    assert client.post("/pops/tests").status_code == 403


def test_names_and_numbers_stay_text(administrator, office):
    User.objects.filter(pk=office.users[1].pk).update(full_name=NASTY)
    test = ask(administrator, user=office.users[1].pk, number=NASTY[:40])
    take(office)
    deliver(test)
    PopReceipt.objects.update(browser=NASTY[:60])
    told = page(administrator, test)
    assert "<img" not in told and "<svg onload" not in told

"""The card of a test: nobody calls, so nothing is offered, nothing is kept, and at its end nobody gave up."""

import re
from datetime import timedelta

import pytest
from django.template.loader import render_to_string

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, NumberChoice
from crmconnector.listener.pretended_ring import ring_and_end
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.selectors import open_cards
from crmconnector.screenpop.trials import RINGS_SECONDS, ask_trial
from tests.support.office import RowOffice

HTMX = {"HTTP_HX_REQUEST": "true"}


def rung(office: RowOffice, *, number: str = "", ended: bool = False) -> Pop:
    """A test card as the listener makes it, and as it ends it."""
    now, user = utc_now(), office.users[0]
    ask_trial(user=user, by=user, number=number, now=now)
    for after in (0.0, RINGS_SECONDS + 1) if ended else (0.0,):
        ring_and_end(pbx=office.pbx, epoch=office.pbx.link.epoch, now=now + timedelta(seconds=after))
    return Pop.objects.get()


def drawn(office: RowOffice) -> str:
    (card,) = open_cards(user=office.users[0])
    return render_to_string("screenpop/card.html", card.context())


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def test_it_says_that_nobody_is_calling_and_offers_nothing_that_would_be_kept(office) -> None:
    rung(office)
    card = drawn(office)
    assert "Test, nobody is calling" in words(card)
    assert "by the network" not in words(card) and "comes from the network" not in words(card)
    # Answer and Reject stand there as on a real card; neither can be pressed.
    assert card.count("<form") == 2 and "data-answer" in card and card.count('aria-disabled="true"') == 2
    for offered in ("<textarea", "Create contact", "add the number to someone", "/calls/"):
        assert offered not in card


def test_several_people_are_shown_and_cannot_be_chosen(office) -> None:
    for name in ("Ada", "Bob"):
        office.add_contact(name, "030 23125447")
    rung(office, number="030 23125447")
    card = drawn(office)
    assert "2 people use this number" in words(card)
    assert card.count('<button class="opt" disabled>') == 2 and "None of these" not in card


def test_its_end_is_the_end_of_a_test_and_nobody_gave_up(office) -> None:
    pop = rung(office, ended=True)
    assert pop.payload["closed"]["reason"] == "test"
    card = drawn(office)
    assert "The test is over" in words(card) and "Gave up" not in card and "Nobody answered" not in card
    assert 'data-closed="test"' in card and "data-stays" not in card and "Goes away by itself" in card
    assert "/calls/" not in card


def test_it_is_gone_from_a_desk_that_is_opened_later(office) -> None:
    rung(office, ended=True)
    Pop.objects.update(changed_at=utc_now() - timedelta(seconds=30))
    assert open_cards(user=office.users[0]) == []


@pytest.mark.parametrize("act", ["choose", "create", "attach", "note", "outcome"])
def test_nothing_is_kept_of_it_whatever_a_browser_sends(office, agent, act) -> None:
    ada, pop = office.add_contact("Ada"), rung(office)
    outcome = Disposition.objects.create(key=1, label="Settled")
    fields = {"contact": ada.pk, "name": "Test", "text": "note", "version": "", "outcome": outcome.pk}
    assert agent.post(f"/desk/pops/{pop.pk}/{act}", fields, **HTMX).status_code == 404
    assert agent.get(f"/desk/pops/{pop.pk}/find?q=Ada").status_code == 404
    assert not CallNote.objects.exists() and not NumberChoice.objects.exists()
    assert Contact.objects.count() == 1 and Call.objects.get().contact is None


def test_it_can_be_put_away(office, agent) -> None:
    pop = rung(office, ended=True)
    assert agent.post(f"/desk/pops/{pop.pk}/close", **HTMX).status_code == 204
    assert open_cards(user=office.users[0]) == []

"""A call that somebody placed, on the pages: on their line, to colleagues, on the card, in the story of the call."""

import re
from html import unescape

import pytest
from django.test import Client

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.users.models import Team
from tests.support.office import RowOffice
from tests.support.placed import NUMBER, OWN, calls_colleague, colleague_answers, dials, fails, hangs_up, talks
from tests.support.story import T0


def told(office: RowOffice, batch: list[ev.CallEvent]) -> None:
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u2068", "").replace("\u2069", ""))


def lines(client: Client) -> str:
    return text_of(client.get("/desk").content.decode().split('id="desk-lines"')[1].split("</section>")[0])


def card(client: Client) -> str:
    return re.search(r"<article.*?</article>", client.get("/desk").content.decode(), re.DOTALL)[0]


def story(client: Client) -> str:
    html = client.get(f"/calls/{Call.objects.get().pk}").content.decode()
    return text_of(html.split('class="timeline"')[1].split("</ol>")[0])


def test_a_phone_that_dials_shows_whom_it_calls_on_its_line(office: RowOffice, agent: Client) -> None:
    told(office, dials())
    assert re.search(rf"{NUMBER} .*Calling", lines(agent))
    office.add_contact("Ada Lovelace", NUMBER)
    told(office, [ev.CallChanged("1.1", T0 + 2, "outbound", OWN, NUMBER)])
    assert re.search(r"Ada Lovelace .*Calling", lines(agent))
    told(office, talks())
    assert re.search(r"Ada Lovelace .*Talking", lines(agent))


def test_a_contact_that_one_may_not_see_stays_unnamed_on_the_own_line(office: RowOffice, agent: Client) -> None:
    contact = office.add_contact("Secret Person", NUMBER)
    contact.team = Team.objects.create(name="Others")
    contact.save()
    told(office, dials())
    assert "Secret" not in lines(agent) + card(agent) and NUMBER in lines(agent)


def test_colleagues_see_that_somebody_calls(office: RowOffice) -> None:
    told(office, dials())
    other = Client()
    other.force_login(office.users[1])
    side = text_of(other.get("/desk").content.decode().split('id="desk-side"')[1])
    assert re.search(r"User 201 .{0,40}Calling", side)


def test_the_card_of_an_own_call_says_calling_and_offers_no_answer(office: RowOffice, agent: Client) -> None:
    told(office, dials()[:3])  # it does not ring there yet
    html = card(agent)
    assert 'data-state="dialling"' in html and "is-dialling" in html
    assert "Calling" in text_of(html) and "Outgoing call" in text_of(html)
    assert "data-answer" not in html


@pytest.mark.parametrize(
    ("outcome", "disposition", "words"),
    [
        ("busy", "busy", "was busy."),
        ("rejected", "rejected", "rejected the call."),
        ("no_answer", "no_answer", "did not answer within 20 s."),
        ("failed", "failed", "could not put the call through to"),
        ("cancelled", "cancelled", "had not answered after 20 s."),
        ("answered_unconnected", "no_answer", "without anybody talking."),
        ("unseen", "unseen", "We did not hear the PBX"),
    ],
)
def test_a_card_of_an_own_call_says_how_it_came_out(
    office: RowOffice, agent: Client, outcome: ev.LegOutcome, disposition: ev.CallDisposition, words: str
) -> None:
    told(office, dials())
    told(office, fails(outcome, disposition))
    assert words in text_of(card(agent)) and "030 23125447" in text_of(card(agent))


def test_the_story_of_a_call_out_tells_who_called_and_no_ring_that_was_not(office: RowOffice, agent: Client) -> None:
    told(office, [*dials(), *talks()])
    told(office, hangs_up())
    words = story(agent)
    assert "User 201 called" in words and "User 201: phone rings" not in words and "User 201 answered" not in words
    assert "User 201 left the call Was in it for 30 s." in words


def test_the_story_of_a_call_given_up_says_so(office: RowOffice, agent: Client) -> None:
    told(office, dials())
    told(office, fails("cancelled", "cancelled"))
    assert "User 201 hung up Nobody had answered yet." in story(agent)


def test_the_story_of_a_phone_rung_first_says_why_it_rang(office: RowOffice, agent: Client) -> None:
    first = ev.LegPlaced("1.1", T0, "1.3", "PJSIP/201", ev.Party(None, NUMBER, None), rung=True)
    told(office, [ev.CallStarted("1.1", T0, "internal", True, OWN, NUMBER), first])
    assert "User 201: phone rings The PBX called this phone first, to dial for it." in story(agent)


def test_the_phone_that_calls_is_not_counted_among_those_that_rang(office: RowOffice, agent: Client) -> None:
    told(office, [*calls_colleague(), *colleague_answers()])
    page = text_of(agent.get(f"/calls/{Call.objects.get().pk}").content.decode())
    assert "2 phones" not in page

"""The page of one call: everything in order, notes and outcomes, and the way to say who it was."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, Team
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call, add_command, add_pop


@pytest.fixture
def call(office: RowOffice) -> Call:
    return add_call(office)


@pytest.fixture
def outcome(db: None) -> Disposition:
    return Disposition.objects.create(key=7, label="Promised an offer")


def page(client: Client, call: Call, **asked: str) -> str:
    return client.get(f"/calls/{call.pk}", asked).content.decode()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u2068", "").replace("\u2069", ""))


def test_the_story_tells_calls_commands_cards_and_notes_in_one_order(
    office: RowOffice, agent: Client, call: Call, outcome: Disposition
) -> None:
    command = add_command(call.legs.get(), "requested", "granted", "sent", "confirmed")
    command.changes.update(at=call.started_at + timedelta(seconds=4))
    command.requested_at = call.started_at + timedelta(seconds=4)
    command.save()
    pop = add_pop(call, call.legs.get())
    type(pop).objects.filter(pk=pop.pk).update(opened_at=call.started_at + timedelta(seconds=1))
    note = CallNote.objects.create(call=call, user=office.users[0], text="Wants a credit note", outcome=outcome)
    CallNote.objects.filter(pk=note.pk).update(created_at=call.started_at + timedelta(seconds=30))
    words = text_of(page(agent, call).split('class="timeline"')[1].split("</ol>")[0])
    order = ["The PBX told us of a call", "User 201: phone rings", "Card made for User 201", "Answer, by User 201",
             "User 201 answered", "User 201 wrote a note Outcome: Promised an offer.", "The call ended"]  # fmt: skip
    places = [words.find(one) for one in order]
    assert -1 not in places and places == sorted(places)


def test_a_note_and_an_outcome_are_written_and_changed_on_the_page(
    office: RowOffice, agent: Client, call: Call, outcome: Disposition
) -> None:
    answer = agent.post(f"/calls/{call.pk}/note", {"text": "First", "outcome": outcome.pk, "version": ""}, follow=True)
    assert "Your note is kept." in answer.content.decode()
    note = CallNote.objects.get()
    assert (note.text, note.outcome, note.user, note.call) == ("First", outcome, office.users[0], call)
    version = re.search(r'name="version" value="([^"]+)"', page(agent, call))[1]
    agent.post(f"/calls/{call.pk}/note", {"text": "Second", "outcome": "", "version": version})
    note.refresh_from_db()
    assert (note.text, note.outcome, CallNote.objects.count()) == ("Second", None, 1)


def test_what_another_tab_wrote_meanwhile_is_given_back(agent: Client, call: Call) -> None:
    agent.post(f"/calls/{call.pk}/note", {"text": "From the other tab"})
    told = agent.post(f"/calls/{call.pk}/note", {"text": "Mine", "version": ""}, follow=True).content.decode()
    assert "It took the place of: From the other tab" in told and CallNote.objects.get().text == "Mine"


def test_a_note_that_is_too_long_is_refused_and_stays_in_the_field(agent: Client, call: Call) -> None:
    told = agent.post(f"/calls/{call.pk}/note", {"text": "y" * 4001}).content.decode()
    assert "1 characters too long" in told and "y" * 4001 in told and not CallNote.objects.filter(text__gt="").exists()


@pytest.mark.parametrize("word", ["0", "x", "-1", "9" * 30])
def test_an_outcome_that_is_none_is_not_found(agent: Client, call: Call, word: str) -> None:
    assert agent.post(f"/calls/{call.pk}/note", {"text": "a", "outcome": word}).status_code == 404
    assert not CallNote.objects.filter(text__gt="").exists()


def test_an_outcome_no_longer_offered_stays_with_who_chose_it(
    office: RowOffice, agent: Client, administrator: Client, call: Call, outcome: Disposition
) -> None:
    CallNote.objects.create(call=call, user=office.users[0], text="a", outcome=outcome)
    Disposition.objects.update(enabled=False)
    agent.post(f"/calls/{call.pk}/note", {"text": "b", "outcome": outcome.pk})
    assert CallNote.objects.get().outcome == outcome
    assert administrator.post(f"/calls/{call.pk}/note", {"text": "b", "outcome": outcome.pk}).status_code == 404
    assert f'value="{outcome.pk}"' not in page(administrator, call).split('id="note-outcome"')[1].split("</select>")[0]


def test_everybody_reads_the_notes_of_all_and_writes_the_own(
    office: RowOffice, agent: Client, administrator: Client, call: Call, outcome: Disposition
) -> None:
    CallNote.objects.create(call=call, user=office.users[0], text="Of the agent", outcome=outcome)
    told = page(administrator, call)
    assert "Of the agent" in told and "Promised an offer" in told
    assert "Of the agent" not in told.split('id="note-text"')[1].split("</textarea>")[0]
    assert "Of the agent" in page(agent, call).split('id="note-text"')[1].split("</textarea>")[0]


def test_nobody_writes_a_note_about_a_call_that_is_not_to_be_seen(office: RowOffice, agent: Client) -> None:
    other = add_call(office, place=1)
    assert agent.post(f"/calls/{other.pk}/note", {"text": "a"}).status_code == 404
    assert agent.get(f"/calls/{other.pk}").status_code == 404
    assert not CallNote.objects.exists()


def test_a_supervisor_opens_calls_of_the_own_team_alone(office: RowOffice) -> None:
    office.users[1].role = Role.SUPERVISOR
    office.users[1].save()
    Team.objects.create(name="One").members.add(office.users[1], office.users[2])
    client = Client()
    client.force_login(office.users[1])
    answers = [client.get(f"/calls/{add_call(office, place=place).pk}").status_code for place in range(3)]
    assert answers == [404, 200, 200]


def test_of_several_with_the_number_one_is_chosen(office: RowOffice, agent: Client, call: Call) -> None:
    people = [office.add_contact(name, "030 23125447") for name in ("Margaret", "Oluwaseun")]
    secret = office.add_contact("Secret", "030 23125447")
    secret.team = Team.objects.create(name="Elsewhere")
    secret.save()
    told = page(agent, call)
    assert "2 contacts have the number" in text_of(told) and "Secret" not in told
    answer = agent.post(f"/calls/{call.pk}/contact", {"contact": people[1].pk}, follow=True)
    call.refresh_from_db()
    assert call.contact == people[1] and "<h1><bdi>Oluwaseun</bdi></h1>" in answer.content.decode()
    assert agent.post(f"/calls/{call.pk}/contact", {"contact": secret.pk}).status_code == 404


def test_somebody_else_is_looked_for_by_name(office: RowOffice, agent: Client, call: Call) -> None:
    ada = office.add_contact("Ada Lovelace", "030 40506070")
    told = page(agent, call, find="lovel")
    assert f'name="contact" value="{ada.pk}"' in told
    assert "Nobody matches “ zzzz ”." in text_of(page(agent, call, find="zzzz"))
    for text in ("%", "\x00", NASTY):
        assert agent.get(f"/calls/{call.pk}", {"find": text}).status_code == 200
    assert "<img" not in page(agent, call, find=NASTY)


def test_who_withheld_the_number_is_not_looked_up(office: RowOffice, agent: Client) -> None:
    office.add_contact("Ada Lovelace", "030 23125447")
    call = add_call(office, caller_restricted=True)
    told = page(agent, call)
    assert "Ada" not in told and 'id="who"' not in told and "23125" not in told.split('class="timeline"')[0]


def test_the_page_of_a_call_that_lasts_has_no_end(office: RowOffice, agent: Client) -> None:
    call = add_call(office, ended_at=None, state="talking", disposition="", answered_at=utc_now(), talk_seconds=None)
    call.legs.update(ended_at=None, state="talking")
    told = text_of(page(agent, call))
    assert "The call ended" not in told and "Talking" in told

"""What a person does on the own card: who it is, a note, an outcome; and what of it every card shows."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.calls.notes import add_usual_outcomes
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, ContactNumber, NumberChoice
from crmconnector.screenpop.models import CardLink, Pop
from crmconnector.screenpop.selectors import open_cards
from crmconnector.users.models import Team
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call, add_leg, add_pop, caller, person

E164 = "+493023125447"
KEYS = {"e164": E164, "key": E164, "national": "03023125447"}
HTMX = {"HTTP_HX_REQUEST": "true"}


def ringing(office: RowOffice, *, place: int = 0, **changes: object) -> Pop:
    call = add_call(office, place=place, state="ringing", disposition="", answered_at=None, answered_by=None,
                    ended_at=None)  # fmt: skip
    return add_pop(call, call.legs.get(), **{"caller": caller("unknown", **KEYS), **changes})


def several(office: RowOffice, *people: Contact, **changes: object) -> Pop:
    rows = [person(one.name, id=one.pk, company=one.company) for one in people]
    return ringing(office, caller=caller("several", **KEYS), people=rows, **changes)


def talked(office: RowOffice, **changes: object) -> Pop:
    now = utc_now().timestamp()
    end = {"reason": "ended", "who": "", "seconds": 60}
    told = {"state": "closed", "answered_at": now - 60, "ended_at": now, "closed": end, **changes}
    return ringing(office, **told)


def drawn(office: RowOffice, place: int = 0) -> str:
    cards = open_cards(user=office.users[place])
    return "".join(render_to_string("screenpop/card.html", card.context()) for card in cards)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def version_of(pop: Pop) -> int:
    return Pop.objects.get(pk=pop.pk).version


# --- several people --------------------------------------------------------------------------------------------------


def test_choosing_binds_the_call_and_is_remembered_and_the_card_becomes_that_persons(office, agent) -> None:
    ada, bob = office.add_contact("Ada", E164), office.add_contact("Bob", E164)
    pop = several(office, ada, bob)
    before = pop.version
    answer = agent.post(f"/desk/pops/{pop.pk}/choose", {"contact": bob.pk}, **HTMX)
    assert answer.status_code == 204 and version_of(pop) > before
    assert Call.objects.get().contact == bob
    choice = NumberChoice.objects.get()
    assert (choice.number, choice.contact, choice.user) == (E164, bob, office.users[0])
    card = text_of(drawn(office))
    assert "Bob" in card and "Ada" not in card and "Not this person?" in card and "2 people" not in card
    agent.post(f"/desk/pops/{pop.pk}/choose", {"contact": ""}, **HTMX)
    assert Call.objects.get().contact is None and "2 people use this number" in text_of(drawn(office))


def test_choosing_twice_changes_nothing_more(office, agent) -> None:
    ada, bob = office.add_contact("Ada", E164), office.add_contact("Bob", E164)
    pop = several(office, ada, bob)
    for _ in range(2):
        agent.post(f"/desk/pops/{pop.pk}/choose", {"contact": bob.pk}, **HTMX)
    assert NumberChoice.objects.count() == 1
    assert AuditEvent.objects.filter(action="call.contact_chosen").count() == 1


def test_what_was_chosen_before_is_offered_with_who_and_when_and_never_taken(office) -> None:
    ada, bob = office.add_contact("Ada", E164), office.add_contact("Bob", E164)
    at = utc_now().timestamp()
    pop = several(office, ada, bob, choices=[{"contact": bob.pk, "by": "Tomasz", "own": False, "at": at}])
    card = drawn(office)
    assert re.search(r"Tomasz\s*</bdi> chose this on", card) and card.index("Bob") < card.index("Ada")
    assert pop.call.contact is None and "2 people use this number" in text_of(card)


def test_nobody_chooses_a_contact_that_they_may_not_see(office, agent) -> None:
    hidden = office.add_contact("Hidden", E164)
    hidden.team = Team.objects.create(name="Sales")
    hidden.save()
    pop = ringing(office)
    for act in ("choose", "attach"):
        assert agent.post(f"/desk/pops/{pop.pk}/{act}", {"contact": hidden.pk}, **HTMX).status_code == 404
    assert Call.objects.get().contact is None
    assert "Add the number" not in agent.get(f"/desk/pops/{pop.pk}/find?q=Hidden").content.decode()


def test_a_contact_of_another_team_stays_hidden_though_the_call_is_bound_to_it(office) -> None:
    hidden = office.add_contact("Hidden Person", E164)
    hidden.team = Team.objects.create(name="Sales")
    hidden.save()
    ringing(office, hidden=1)
    Call.objects.update(contact=hidden)
    card = drawn(office)
    assert "Hidden Person" not in card and "A contact of another team has this number." in card


# --- an unknown caller -----------------------------------------------------------------------------------------------


def test_an_unknown_caller_becomes_a_contact_in_one_step_with_the_number_and_the_earlier_calls(office, agent) -> None:
    earlier = add_call(office)
    pop = ringing(office)
    fields = {"name": "J. Lefebvre", "company": "Atelier", "label": "Office", "number": "+4415550000"}
    assert agent.post(f"/desk/pops/{pop.pk}/create", fields, **HTMX).status_code == 204
    contact = Contact.objects.get()
    assert (contact.name, contact.company, contact.owner) == ("J. Lefebvre", "Atelier", office.users[0])
    number = contact.numbers.get()
    assert (number.e164, number.label) == (E164, "Office")  # the call's own number, whatever a browser sends
    earlier.refresh_from_db()
    assert earlier.contact == contact == Call.objects.get(pk=pop.call_id).contact
    assert "J. Lefebvre" in text_of(drawn(office)) and "Nobody in your contacts" not in drawn(office)
    assert AuditEvent.objects.filter(action="contact.added").count() == 1


def test_a_second_press_makes_no_second_contact(office, agent) -> None:
    pop = ringing(office)
    for _ in range(2):
        assert agent.post(f"/desk/pops/{pop.pk}/create", {"name": "Ada"}, **HTMX).status_code == 204
    assert Contact.objects.count() == 1 and ContactNumber.objects.count() == 1


def test_a_contact_without_a_name_is_refused_with_a_sentence_and_nothing_is_stored(office, agent) -> None:
    pop = ringing(office)
    answer = agent.post(f"/desk/pops/{pop.pk}/create", {"name": " "}, **HTMX)
    assert answer.status_code == 422 and answer.json()["sentence"] and not Contact.objects.exists()


def test_the_number_is_added_to_an_existing_contact_found_while_typing(office, agent) -> None:
    ada = office.add_contact("Ada Lovelace", "030 1234567", company="Engines")
    earlier, pop = add_call(office), ringing(office)
    found = agent.get(f"/desk/pops/{pop.pk}/find?q=lovel").content.decode()
    assert f'value="{ada.pk}"' in found and "Engines" in found
    for _ in range(2):
        assert agent.post(f"/desk/pops/{pop.pk}/attach", {"contact": ada.pk}, **HTMX).status_code == 204
    assert ada.numbers.filter(e164=E164).count() == 1
    earlier.refresh_from_db()
    assert earlier.contact == ada and "Ada Lovelace" in text_of(drawn(office))


@pytest.mark.parametrize("text", ["", "x", "%", "zzz", NASTY], ids=["empty", "short", "wildcard", "nobody", "hostile"])
def test_a_search_that_finds_nobody_shows_nobody(office, agent, text) -> None:
    office.add_contact("Ada", "030 1234567")
    found = agent.get(f"/desk/pops/{ringing(office).pk}/find", {"q": text})
    assert found.status_code == 200 and "Ada" not in found.content.decode() and "<img" not in found.content.decode()


@pytest.mark.parametrize("contact", ["", "0", "-1", "1.5", "x", "9" * 30, "１"])
def test_a_contact_that_is_none_is_not_found(office, agent, contact) -> None:
    assert agent.post(f"/desk/pops/{ringing(office).pk}/attach", {"contact": contact}, **HTMX).status_code == 404


@pytest.mark.parametrize("act", ["choose", "create", "attach", "note", "outcome", "close"])
def test_nobody_acts_on_somebody_elses_card(office, act) -> None:
    ada, pop = office.add_contact("Ada"), ringing(office)
    other = Client()
    other.force_login(office.users[1])
    fields = {"contact": ada.pk, "name": "Mallory", "text": "mine"}
    assert other.post(f"/desk/pops/{pop.pk}/{act}", fields, **HTMX).status_code == 404
    assert other.get(f"/desk/pops/{pop.pk}/find?q=Ada").status_code == 404
    assert not CallNote.objects.exists() and Contact.objects.count() == 1 and Call.objects.get().contact is None


# --- notes and outcomes ----------------------------------------------------------------------------------------------


def test_a_note_is_kept_while_talking_and_stands_in_the_field_when_the_card_is_drawn_again(office, agent) -> None:
    pop = ringing(office, state="talking", answered_at=utc_now().timestamp())
    Pop.objects.update(state="talking")
    answer = agent.post(f"/desk/pops/{pop.pk}/note", {"text": "Wants a </textarea><b>credit", "version": ""}, **HTMX)
    assert answer.status_code == 200 and "Your note is kept" in answer.content.decode()
    card = drawn(office)
    assert "Wants a &lt;/textarea&gt;&lt;b&gt;credit</textarea>" in card and "Your note is kept" in card
    assert version_of(pop) == pop.version  # nothing is drawn anew under the writer's hands


def test_the_version_that_a_note_was_answered_with_is_that_of_the_next_write(office, agent) -> None:
    pop = talked(office)
    first = agent.post(f"/desk/pops/{pop.pk}/note", {"text": "One", "version": ""}, **HTMX).content.decode()
    version = re.search(r'name="version" value="([^"]+)"', first)[1]
    second = agent.post(f"/desk/pops/{pop.pk}/note", {"text": "Two", "version": version}, **HTMX).content.decode()
    assert "another tab" not in second
    third = agent.post(f"/desk/pops/{pop.pk}/note", {"text": "Three", "version": version}, **HTMX).content.decode()
    assert "another tab" in third and "Two" in third and CallNote.objects.get().text == "Three"


def test_after_the_call_the_card_asks_for_an_outcome_by_key_and_says_when_it_is_saved(office, agent) -> None:
    settled, *_rest = add_usual_outcomes()
    pop = talked(office)
    card = drawn(office)
    assert 'aria-keyshortcuts="1" aria-pressed="false"' in card and "keys 1–9" in card
    assert agent.post(f"/desk/pops/{pop.pk}/outcome", {"outcome": settled.pk}, **HTMX).status_code == 204
    assert CallNote.objects.get().outcome == settled and version_of(pop) > pop.version
    card = drawn(office)
    assert 'aria-keyshortcuts="1" aria-pressed="true"' in card and "Saved." in card


def test_an_outcome_that_is_switched_off_is_not_offered_and_not_taken(office, agent) -> None:
    off = Disposition.objects.create(key=3, label="Old", enabled=False)
    pop = talked(office)
    assert "Old" not in drawn(office)
    assert agent.post(f"/desk/pops/{pop.pk}/outcome", {"outcome": off.pk}, **HTMX).status_code == 404


def test_a_card_of_a_call_one_talked_in_stays_over_a_reload_until_it_is_put_away(office, agent) -> None:
    pop = talked(office)
    Pop.objects.update(state="closed", changed_at=utc_now() - timedelta(minutes=5))
    assert "data-stays" in drawn(office)
    for _ in range(2):
        assert agent.post(f"/desk/pops/{pop.pk}/close", **HTMX).status_code == 204
    assert drawn(office) == ""


def test_a_card_nobody_talked_in_asks_for_no_note(office) -> None:
    end = {"reason": "gave_up", "who": "", "seconds": 6}
    ringing(office, state="closed", closed=end, ended_at=utc_now().timestamp())
    Pop.objects.update(state="closed")
    add_usual_outcomes()
    assert "<textarea" not in drawn(office) and "dispo" not in drawn(office)


def test_who_got_the_call_sees_who_sent_it_and_the_note_as_it_is_written(office, agent) -> None:
    mine = talked(office)
    add_leg(office, mine.call, place=1)
    sent = {"user": office.users[0].pk, "name": "Victoria Stonehouse-Bello", "kind": "blind", "seconds": 120}
    theirs = add_pop(mine.call, mine.call.legs.get(user=office.users[1]), sent_by=sent)
    agent.post(f"/desk/pops/{mine.pk}/note", {"text": "Second invoice was a copy", "version": ""}, **HTMX)
    assert version_of(theirs) > theirs.version
    card = text_of(drawn(office, 1))
    assert "Sent by Victoria Stonehouse-Bello , who talked with the caller for 2 min." in card
    assert "Second invoice was a copy" in card


# --- links, old rows, hostile text, queries --------------------------------------------------------------------------


def test_links_open_in_a_tab_of_their_own_and_are_left_out_without_their_value(office) -> None:
    CardLink.objects.create(label="CRM", template="https://crm.example.org/?tel={e164}")
    CardLink.objects.create(label="Ticket", template="https://crm.example.org/{external_id}")
    ringing(office)
    card = drawn(office)
    link = '<a class="btn big icon-s" href="https://crm.example.org/?tel=%2B493023125447" target="crm" rel="noopener"'
    assert link in card and "Ticket" not in card


def test_a_withheld_caller_makes_no_link_by_name_or_number(office) -> None:
    CardLink.objects.create(label="CRM", template="https://crm.example.org/?tel={number}")
    CardLink.objects.create(label="Name", template="https://crm.example.org/?name={name}")
    ringing(office, caller=caller("withheld"))
    assert "crm.example.org" not in drawn(office)


def test_a_contacts_own_link_is_followed_only_over_http(office) -> None:
    known = caller("known", **KEYS)
    pop = ringing(office, caller=known, people=[person(external_link="javascript:alert(1)")])
    assert "javascript" not in drawn(office)
    pop.payload["people"] = [person(external_link="https://crm.example.org/c/1")]
    pop.save()
    assert 'href="https://crm.example.org/c/1"' in drawn(office) and "Open in CRM" in drawn(office)


@pytest.mark.parametrize("kind", ["known", "several", "unknown", "colleague", "withheld"])
@pytest.mark.parametrize("state", ["ringing", "talking", "held"])
def test_a_row_of_an_older_version_is_still_drawn(office, kind, state) -> None:
    people = [person(), person("Bob", id=2)] if kind == "several" else [person()] if kind == "known" else []
    ringing(office, caller=caller(kind), people=people, state=state, answered_at=1.0 if state != "ringing" else None)
    Pop.objects.update(state=state)
    assert f'class="card is-{state}"' in drawn(office)


@pytest.mark.parametrize("kind", ["known", "several", "unknown", "colleague"])
@pytest.mark.parametrize("state", ["ringing", "talking", "closed"])
def test_hostile_text_stays_text_in_every_card(office, kind, state) -> None:
    add_usual_outcomes()
    bad = {"tags": [NASTY], "owner": NASTY, "owner_id": 5, "external_id": NASTY, "external_link": NASTY}
    people = [person(NASTY, notes=NASTY, company=NASTY, **bad), person("B", id=2, number_label=NASTY)]
    CardLink.objects.create(label=NASTY[:40], template="https://crm.example.org/{name}/{number}")
    pop = ringing(
        office, caller=caller(kind, network_name=NASTY, written=NASTY, number=NASTY, teams=[NASTY]),
        people=people if kind == "several" else people[:1] if kind == "known" else [], state=state, queue=NASTY,
        answered_at=None if state == "ringing" else 1.0, ended_at=2.0 if state == "closed" else None,
        closed={"reason": "transferred", "who": NASTY, "seconds": 1, "talks": True} if state == "closed" else None,
        last_note={"text": NASTY, "by": NASTY, "at": 1.0}, sent_by={"user": 1, "name": NASTY, "kind": "", "seconds": 1},
        choices=[{"contact": 2, "by": NASTY, "own": False, "at": 1.0}],
        last_calls=[{"kind": "talked", "seconds": 1, "with": NASTY, "at": 1.0, "outcome": NASTY}],
    )  # fmt: skip
    Pop.objects.update(state=state)
    CallNote.objects.create(call=pop.call, user=office.users[0], text=NASTY)
    card = drawn(office)
    assert card and "<img" not in card and "</script" not in card and "<svg onload" not in card


def test_many_cards_take_no_query_each(office) -> None:
    add_usual_outcomes()
    CardLink.objects.create(label="CRM", template="https://crm.example.org/?tel={e164}")
    ada, bob = office.add_contact("Ada", E164), office.add_contact("Bob", E164)

    def some(count: int) -> None:
        for _ in range(count):
            pop = several(office, ada, bob, answered_at=1.0, state="talking")
            Pop.objects.filter(pk=pop.pk).update(state="talking")
            Call.objects.filter(pk=pop.call_id).update(contact=ada)
            CallNote.objects.create(call=pop.call, user=office.users[0], text="x")

    some(2)
    with CaptureQueriesContext(connection) as few:
        drawn(office)
    some(10)
    with CaptureQueriesContext(connection) as many:
        drawn(office)
    assert len(many) == len(few) < 11


# --- from the call's page --------------------------------------------------------------------------------------------


def test_a_call_is_bound_to_somebody_else_later_from_its_page(office, agent) -> None:
    ada, pop = office.add_contact("Ada", E164), ringing(office)
    assert agent.get(f"/calls/{pop.call_id}/contact").status_code == 405
    page = agent.get(f"/calls/{pop.call_id}").content.decode()
    assert page.count(f'action="/calls/{pop.call_id}/contact"') == 1 and f'value="{ada.pk}"' in page
    answer = agent.post(f"/calls/{pop.call_id}/contact", {"contact": ada.pk})
    assert answer.status_code == 302 and Call.objects.get().contact == ada and version_of(pop) > pop.version
    other = Client()
    other.force_login(office.users[1])
    assert other.post(f"/calls/{pop.call_id}/contact", {"contact": ""}).status_code == 404

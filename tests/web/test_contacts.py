"""The pages of contacts: list, page, edit, merge; and who may see what on them."""

import re
from html import unescape

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.contacts.models import Contact, ContactChange
from crmconnector.users.models import Team, User
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call


def fields(name: str, *numbers: str, **changes: object) -> dict[str, object]:
    told: dict[str, object] = {"name": name, "kind": "person", "form-INITIAL_FORMS": 0}
    for place, number in enumerate(numbers):
        told |= {f"form-{place}-label": "work", f"form-{place}-written": number}
    return {**told, "form-TOTAL_FORMS": len(numbers) + 1, **changes}


@pytest.fixture
def secret(office: RowOffice) -> Contact:
    """Of a team in which user201 is not."""
    team = Team.objects.create(name="Board")
    contact = office.add_contact("Top Secret", "030 23125447", company="Hidden Ltd")
    contact.team, contact.tags = team, ["hush"]
    contact.save()
    return contact


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_contact_of_another_team_is_not_there_on_any_page(
    office: RowOffice, secret: Contact, agent: Client, administrator: Client
) -> None:
    own = office.add_contact("Own", "030 23125447", company="hidden ltd")
    for address in (f"/contacts/{secret.pk}", f"/contacts/{secret.pk}/edit", f"/contacts/{secret.pk}/merge"):
        assert agent.get(address).status_code == 404 and administrator.get(address).status_code == 200
    assert agent.post(f"/contacts/{secret.pk}/edit", fields("Mine")).status_code == 404
    assert agent.get(f"/contacts/{own.pk}/merge?with={secret.pk}").status_code == 404
    assert agent.post(f"/contacts/{own.pk}/merge", {"with": secret.pk, "choose_name": "gone"}).status_code == 404
    pages = ["/contacts", "/contacts?q=secret", "/contacts?q=5447", "/contacts?tag=hush", f"/contacts/{own.pk}"]
    pages += [f"/contacts/{own.pk}/merge", f"/contacts/{own.pk}/merge?q=secret", f"/contacts?team={secret.team_id}"]
    for address in pages:
        page = agent.get(address).content.decode()
        assert "Top Secret" not in page and "<option>hush" not in page, address
    assert "Top Secret" in administrator.get("/contacts?q=5447").content.decode()
    assert "1 contact of another team" in agent.get(f"/contacts/{own.pk}").content.decode()


def test_a_contact_is_given_only_to_a_team_of_ones_own(office: RowOffice, agent: Client, administrator: Client) -> None:
    mine, other = Team.objects.create(name="Mine"), Team.objects.create(name="Other")
    office.users[0].teams.add(mine)
    page = agent.post("/contacts/new", fields("Ada", team=other.pk)).content.decode()
    assert "You are no member of this team" in page and not Contact.objects.exists()
    agent.post("/contacts/new", fields("Ada", team=mine.pk))
    administrator.post("/contacts/new", fields("Bea", team=other.pk))
    assert {one.name: one.team for one in Contact.objects.all()} == {"Ada": mine, "Bea": other}


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_narrows_by_owner_tag_and_missing_number(office: RowOffice, agent: Client) -> None:
    office.add_contact("Ada", "030 23125447")
    Contact.objects.update(owner=office.users[0], tags=["VIP & <b>"])
    office.add_contact("Bea")
    shown = {
        query: re.findall(r'<a class="rowlink"[^>]*><bdi>(\w+)', agent.get(f"/contacts?{query}").content.decode())
        for query in (
            "",
            "owner=me",
            "tag=VIP+%26+%3Cb%3E",
            "numbers=none",
            "sort=newest",
            "page=99",
            "page=x&team=%00",
        )
    }
    assert list(shown.values()) == [
        ["Ada", "Bea"],
        ["Ada"],
        ["Ada"],
        ["Bea"],
        ["Bea", "Ada"],
        ["Ada", "Bea"],
        ["Ada", "Bea"],
    ]


def test_the_list_is_leafed_through_and_counted_no_further_than_a_thousand(office: RowOffice, agent: Client) -> None:
    Contact.objects.bulk_create(Contact(name=f"P{place:04}") for place in range(1003))
    page = agent.get("/contacts").content.decode()
    assert "Showing 1 to 50 of more than 1000" in page and "P0049" in page and "P0050" not in page
    page = agent.get("/contacts?page=20").content.decode()
    assert "Showing 951 to 1000" in page and "P0999" in page and "P1000" not in page
    further = unescape(re.search(r'rel="next" href="([^"]+)">Look further', page)[1])
    page = agent.get(f"/contacts{further}").content.decode()
    assert "P1000" in page and "P0999" not in page
    assert "Showing 1 to 1 of 1<" in agent.get("/contacts?q=p1002").content.decode()


def test_hostile_texts_stay_texts_on_every_page_of_contacts(office: RowOffice, agent: Client) -> None:
    agent.post("/contacts/new", fields(NASTY[:100], "030 23125447", company=NASTY[:100], notes=NASTY, tags=NASTY[:30]))
    contact = Contact.objects.get()
    agent.post(f"/contacts/{contact.pk}/edit", fields("Now plain", "030 23125447", notes=NASTY * 2))
    for address in (
        "/contacts",
        f"/contacts/{contact.pk}",
        f"/contacts/{contact.pk}/edit",
        f"/contacts/{contact.pk}/merge",
    ):
        page = agent.get(address).content.decode()
        assert "<img" not in page and "<svg onload" not in page, address


# --- one contact ------------------------------------------------------------------------------------------------------


def test_the_page_tells_calls_notes_and_changes_with_before_and_after(office: RowOffice, agent: Client) -> None:
    contact = office.add_contact("Ada", "030 23125447", company="Analytical")
    office.add_contact("Colleague", "030 23125447", company="ANALYTICAL")
    call = add_call(office, contact=contact)
    outcome = Disposition.objects.create(label="Call back", key=2)
    CallNote.objects.create(call=call, user=office.users[0], text="Gate code 2207", outcome=outcome)
    hidden = add_call(office, contact=contact, place=2)
    CallNote.objects.create(call=hidden, user=office.users[2], text="Not for user201")
    agent.post(f"/contacts/{contact.pk}/edit", fields("Ada Lovelace", "030 23125447", company="Analytical"))
    page = agent.get(f"/contacts/{contact.pk}").content.decode()
    assert "Gate code 2207" in page and "Call back" in page and "Not for user201" not in page
    assert "<del><bdi>Ada</bdi></del>" in page and "<ins><bdi>Ada Lovelace</bdi></ins>" in page
    assert "Also a number of" in page and page.count("Colleague") >= 2 and "Read as" in page
    assert "Gate code" not in agent.get(f"/contacts/{contact.pk}?show=changes").content.decode()
    assert "Ada Lovelace</bdi></ins>" not in agent.get(f"/contacts/{contact.pk}?show=notes").content.decode()


def test_only_web_addresses_become_a_link_to_the_crm(office: RowOffice, agent: Client) -> None:
    for link in ("javascript:alert(1)", "ftp://x.example/", "data:text/html,x"):
        page = agent.post("/contacts/new", fields("Ada", external_link=link)).content.decode()
        assert "Nothing was saved" in page and not Contact.objects.exists()
    agent.post("/contacts/new", fields("Ada", external_link="https://crm.example/7?a=1&b=2"))
    page = agent.get(f"/contacts/{Contact.objects.get().pk}").content.decode()
    assert 'href="https://crm.example/7?a=1&amp;b=2"' in page and 'rel="noopener noreferrer"' in page


# --- adding and editing -----------------------------------------------------------------------------------------------


def test_every_refused_field_says_why_and_keeps_what_was_typed(office: RowOffice, agent: Client) -> None:
    typed = fields(
        "", "call me", "030 23125447", "030 23125447", email="nobody", tags="a, " + "x" * 41, notes="\x01", kind="ghost"
    )
    page = agent.post("/contacts/new", typed).content.decode()
    said = ["This field is required", "call me&#x27; is not a telephone number", "stands in another row already"]
    said += ["valid email", "is longer than 40 characters", "Control characters", "Select a valid choice"]
    assert [words for words in said if words not in page] == []
    assert 'value="call me"' in page and 'value="nobody"' in page and not Contact.objects.exists()


def test_more_rows_come_without_a_script_and_nothing_is_lost_or_saved(office: RowOffice, agent: Client) -> None:
    team = Team.objects.create(name="Mine")
    office.users[0].teams.add(team)
    typed = fields(
        "Ada", "030 23125447", "call me", more="1", tags="VIP, tea", notes="Note", team=team.pk, kind="company"
    )
    page = agent.post("/contacts/new", typed).content.decode()
    assert page.count('-written"') >= 4 and 'value="call me"' in page and 'value="VIP, tea"' in page and "Note" in page
    assert f'<option value="{team.pk}" selected>' in page and '<option value="company" selected>' in page
    assert not Contact.objects.exists() and "is not a telephone number" not in page


def test_tags_are_kept_once_each_whatever_separates_them(office: RowOffice, agent: Client) -> None:
    agent.post("/contacts/new", fields("Ada", tags=" VIP; tea ,vip,, Prefers French"))
    assert Contact.objects.get().tags == ["VIP", "tea", "Prefers French"]


def test_a_new_contact_gets_the_earlier_calls_of_its_number(office: RowOffice, agent: Client) -> None:
    call = add_call(office, number="+442079460148")
    agent.post("/contacts/new", fields("Ada", "+44 20 7946 0148"))
    assert Call.objects.get(pk=call.pk).contact == Contact.objects.get()
    assert AuditEvent.objects.get(action="contact.added").details["calls"] == 1


def test_a_number_that_somebody_has_already_is_said_and_saved(office: RowOffice, agent: Client) -> None:
    office.add_contact("Bea", "+49 30 23125447")
    page = agent.post("/contacts/new", fields("Ada", "030 23125447"), follow=True).content.decode()
    assert "030 23125447 is also a number of Bea." in page and Contact.objects.filter(name="Ada").exists()


def test_two_people_at_once_do_not_overwrite_each_other_silently(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    contact = office.add_contact("Ada", "030 23125447", company="Old")
    address = f"/contacts/{contact.pk}/edit"
    seen = re.search(r'name="seen" value="([^"]+)"', agent.get(address).content.decode())
    assert seen
    administrator.post(address, fields("Ada", "030 23125447", company="Theirs", seen=seen[1]))
    mine = fields("Ada", "030 23125447", company="Mine", seen=seen[1])
    page = agent.post(address, mine).content.decode()
    assert "Changed meanwhile by boss" in page and "Theirs" in page and 'value="Mine"' in page
    assert Contact.objects.get().company == "Theirs"
    again = re.search(r'name="seen" value="([^"]+)"', page)
    assert again and again[1] != seen[1]
    assert agent.post(address, mine | {"seen": again[1]}).status_code == 302
    assert Contact.objects.get().company == "Mine"
    assert "time stamp is damaged" in agent.post(address, mine | {"seen": "yesterday"}).content.decode()


# --- merging ----------------------------------------------------------------------------------------------------------


def merge_fields(page: str, other: Contact, **chosen: str) -> dict[str, object]:
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen
    return {"with": other.pk, "seen": seen[1], **{f"choose_{name}": value for name, value in chosen.items()}}


def test_two_contacts_are_compared_and_merged_with_their_calls(office: RowOffice, agent: Client) -> None:
    keep, gone = (
        office.add_contact("Ada", "030 23125447"),
        office.add_contact("A. Lovelace", "030 23125447", "0171 5550123"),
    )
    call = add_call(office, contact=gone)
    assert "A. Lovelace" in agent.get(f"/contacts/{keep.pk}/merge").content.decode()  # the number in common
    page = agent.get(f"/contacts/{keep.pk}/merge?with={gone.pk}").content.decode()
    assert 'name="choose_name"' in page and "It cannot be undone." in page and "0171 5550123" in page
    sent = merge_fields(page, gone, name="gone")
    assert agent.post(f"/contacts/{keep.pk}/merge", sent)["Location"] == f"/contacts/{keep.pk}"
    one = Contact.objects.get()
    assert (one.pk, one.name, one.numbers.count()) == (keep.pk, "A. Lovelace", 2)
    assert Call.objects.get(pk=call.pk).contact == one
    answer = agent.post(f"/contacts/{keep.pk}/merge", sent, follow=True)
    assert "These two are one contact already." in answer.content.decode()
    assert AuditEvent.objects.filter(action="contact.merged").count() == 1
    assert ContactChange.objects.filter(kind="merged").count() == 1
    assert agent.get(f"/contacts/{gone.pk}")["Location"] == f"/contacts/{keep.pk}"
    assert "Merged: <bdi>A. Lovelace</bdi>" in agent.get(f"/contacts/{keep.pk}").content.decode()


def test_nobody_merges_what_was_changed_after_they_looked(office: RowOffice, agent: Client) -> None:
    keep, gone = office.add_contact("Ada"), office.add_contact("Ada")
    sent = merge_fields(agent.get(f"/contacts/{keep.pk}/merge?with={gone.pk}").content.decode(), gone)
    agent.post(f"/contacts/{gone.pk}/edit", fields("Ada B."))
    page = agent.post(f"/contacts/{keep.pk}/merge", sent).content.decode()
    assert "was changed meanwhile" in page and Contact.objects.count() == 2


@pytest.mark.parametrize("other", ["0", "999999", "x", "", "9" * 30, "\x00", "-1"])
def test_a_merge_with_nobody_changes_nothing(office: RowOffice, agent: Client, other: str) -> None:
    keep = office.add_contact("Ada")
    assert agent.get(f"/contacts/{keep.pk}/merge", {"with": other}).status_code == 200
    page = agent.post(f"/contacts/{keep.pk}/merge", {"with": other}).content.decode()
    assert "Nothing was merged" in page and Contact.objects.get() == keep
    page = agent.post(f"/contacts/{keep.pk}/merge", {"with": keep.pk}).content.decode()
    assert "Nothing was merged" in page and Contact.objects.get() == keep


def test_the_link_to_a_merged_contact_tells_nothing_to_who_may_not_see_it(
    office: RowOffice, secret: Contact, agent: Client, administrator: Client, boss: User
) -> None:
    gone = office.add_contact("Once here")
    page = administrator.get(f"/contacts/{secret.pk}/merge?with={gone.pk}").content.decode()
    administrator.post(f"/contacts/{secret.pk}/merge", merge_fields(page, gone))
    assert agent.get(f"/contacts/{gone.pk}").status_code == 404
    assert administrator.get(f"/contacts/{gone.pk}").status_code == 302

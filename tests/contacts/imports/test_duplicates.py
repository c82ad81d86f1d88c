"""Contacts that are here already, or twice in a file: by each rule; and what an undo gives back."""

import pytest

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports import running
from crmconnector.contacts.models import Contact, ContactChange, ContactImportProblem
from crmconnector.contacts.services import save_contact
from crmconnector.users.models import Role, Team, User
from tests.support.contact_files import brought_in, checked, finish, told, undone
from tests.support.office import RowOffice

HEAD = "Name,Company,E-mail,External id,Phone,Tags\n"


@pytest.fixture
def known(office: RowOffice) -> Contact:
    contact = office.add_contact("Änne Größel", "030 23125447", company="Havel")
    contact.external_id, contact.tags = "K-1", ["old"]
    contact.save()
    return contact


def numbers(contact: Contact) -> list[str]:
    return list(contact.numbers.values_list("e164", flat=True))


def test_by_its_id_a_contact_is_known_again_and_left_as_it_is(known: Contact) -> None:
    one = brought_in(HEAD + "Other,Else,x@example.com,K-1,030 23125448,\n")
    assert (one.counts["created"], one.counts["skipped"]) == (0, 1)
    assert Contact.objects.get(external_id="K-1").name == "Änne Größel" and numbers(known) == ["+493023125447"]


def test_filling_adds_what_is_missing_and_changes_nothing_else(known: Contact) -> None:
    one = brought_in(HEAD + "Other,Else,x@example.com,K-1,030 23125448,new\n", duplicates="fill")
    known.refresh_from_db()
    assert one.counts["updated"] == 1
    assert (known.name, known.company, known.email, known.tags) == (
        "Änne Größel",
        "Havel",
        "x@example.com",
        ["old", "new"],
    )
    assert numbers(known) == ["+493023125447", "+493023125448"]
    assert ContactChange.objects.get(contact=known, kind="imported").details["email"] == ["", "x@example.com"]


def test_overwriting_takes_what_the_file_says_and_empty_cells_change_nothing(known: Contact) -> None:
    brought_in(HEAD + "Other,,x@example.com,K-1,030 23125448,new\n", duplicates="overwrite")
    known.refresh_from_db()
    assert (known.name, known.company, known.email) == ("Other", "Havel", "x@example.com")
    assert numbers(known) == ["+493023125447", "+493023125448"]


def test_adding_anyway_looks_for_nobody(known: Contact) -> None:
    assert brought_in(HEAD + "Änne Größel,Havel,,K-1,,\n" * 1, duplicates="add").counts["created"] == 1
    assert Contact.objects.filter(external_id="K-1").count() == 2


def test_the_same_number_counts_only_when_it_is_chosen(known: Contact) -> None:
    row = HEAD + "Colleague,Havel,,,+49 30 23125447,\n"
    assert checked(row).counts["created"] == 1
    assert checked(row, same=["number"]).counts["skipped"] == 1


@pytest.mark.parametrize("rule", ["skip", "fill", "overwrite", "add"])
def test_the_check_foretells_what_bringing_in_does(known: Contact, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are the same stand in one slice of the file and in different ones."""
    monkeypatch.setattr(running, "SLICE_ROWS", 3)
    rows = [f"P{place % 5},C,,{'K-1' if place == 7 else ''},030 2312{5000 + place},\n" for place in range(20)]
    one = checked(HEAD + "".join(rows), duplicates=rule)
    foretold = dict(one.counts)
    done = finish(one)
    assert done.counts == foretold
    assert Contact.objects.filter(company="C").count() == (20 if rule == "add" else 5 + (rule == "overwrite"))


def test_ten_thousand_rows_of_one_contact_make_one(db: None) -> None:
    one = brought_in(HEAD + "A,B,,,030 23125447,\n" * 10_000)
    assert (one.counts["created"], one.counts["skipped"]) == (1, 9_999) and Contact.objects.count() == 1


def test_undo_gives_back_what_was_changed_and_keeps_what_somebody_changed_since(known: Contact) -> None:
    one = brought_in(
        HEAD + "Other,,x@example.com,K-1,030 23125448,new\nNew,,,K-2,,\nBusy,,,K-3,,\n", duplicates="overwrite"
    )
    busy = Contact.objects.get(name="Busy")
    save_contact(contact=busy, numbers=[("work", "030 23125449")], country="DE")
    undone(one)
    one.refresh_from_db()
    assert [one.counts[name] for name in ("removed", "restored", "kept")] == [1, 1, 1]
    known.refresh_from_db()
    assert (known.name, known.email, known.tags) == ("Änne Größel", "", ["old"]) and numbers(known) == ["+493023125447"]
    assert not Contact.objects.filter(name="New").exists() and Contact.objects.filter(name="Busy").exists()
    assert ContactImportProblem.objects.get(source=one, code="kept").shown == "Busy"


def test_undo_keeps_a_contact_to_which_a_number_was_added_on_the_card(office: RowOffice) -> None:
    one = brought_in("Name\nA\n")
    contact = Contact.objects.get(name="A")
    ContactChange.objects.create(contact=contact, at=utc_now(), kind="attached", details={})
    undone(one)
    assert Contact.objects.filter(name="A").exists()


def test_a_contact_changed_twice_by_one_file_is_put_back_to_its_first_state(
    known: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SLICE_ROWS", 1)
    one = brought_in(
        HEAD + "One,,,K-1,,\nTwo,,,K-1,030 23125448,\nNew,,,K-9,,\nNewer,,,K-9,,\n", duplicates="overwrite"
    )
    assert Contact.objects.get(external_id="K-9").name == "Newer"
    undone(one)
    known.refresh_from_db()
    assert known.name == "Änne Größel" and numbers(known) == ["+493023125447"]
    assert not Contact.objects.filter(external_id="K-9").exists()


def test_contacts_of_other_teams_are_neither_known_again_nor_changed(known: Contact) -> None:
    chief = User.objects.create_user("chief", password="x", role=Role.SUPERVISOR)
    known.team = Team.objects.create(name="Others")
    known.save()
    one = brought_in(HEAD + "Mine,,,K-1,,\n", actor=chief, duplicates="overwrite")
    known.refresh_from_db()
    assert known.name == "Änne Größel" and one.counts["created"] == 1


def test_owner_and_team_of_the_file_are_ours_or_told(office: RowOffice) -> None:
    team = Team.objects.create(name="Support")
    one = brought_in("Name,Owner,Team\nA,user201,support\nB,nobody,\nC,,Unknown\n")
    contact = Contact.objects.get(name="A")
    assert contact.owner == office.users[0] and contact.team == team
    assert told(one) == [(3, "owner"), (4, "team")]
    assert Contact.objects.filter(name="B", owner=None).exists() and not Contact.objects.filter(name="C").exists()


def test_undo_keeps_a_contact_that_a_later_file_changed(office: RowOffice) -> None:
    first = brought_in("Name,External id\nA,K-1\n")
    brought_in("Name,External id,E-mail\nA,K-1,a@example.com\n", duplicates="fill")
    undone(first)
    assert Contact.objects.get(external_id="K-1").email == "a@example.com"

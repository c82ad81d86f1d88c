"""Saving a contact: its history, two people at once, one number more."""

from datetime import timedelta

import pytest

from crmconnector.contacts.models import Contact, ContactChange
from crmconnector.contacts.services import MOST_NUMBERS, ContactProblem, ContactStale, attach_number, save_contact
from crmconnector.users.models import Team
from tests.support.office import RowOffice


def test_a_new_contact_begins_its_history_with_what_it_was_given(office: RowOffice) -> None:
    contact = Contact(name="Ada Lovelace", company="Analytical", tags=["VIP"], owner=office.users[0])
    save_contact(contact=contact, numbers=[("work", "030 23125447")], country="DE", by=office.users[1])
    change = contact.changes.get()
    assert (change.kind, change.by, change.by_name) == ("created", office.users[1], "User 202")
    assert change.details["name"] == ["", "Ada Lovelace"] and change.details["owner"] == ["", "User 201"]
    assert change.details["numbers"] == ["", "030 23125447 (work)"] and change.details["tags"] == ["", "VIP"]
    assert "notes" not in change.details


def test_an_edit_tells_each_field_before_and_after(office: RowOffice) -> None:
    contact = office.add_contact("Ada", "030 23125447")
    contact.name, contact.team = "Ada Lovelace", Team.objects.create(name="Sales")
    save_contact(contact=contact, numbers=[("home", "030 23125448")], country="DE", by=office.users[0])
    change = contact.changes.first()
    assert change is not None and change.kind == ContactChange.Kind.EDITED
    assert change.details == {
        "name": ["Ada", "Ada Lovelace"],
        "team": ["", "Sales"],
        "numbers": ["030 23125447 (work)", "030 23125448 (home)"],
    }


def test_a_save_that_changes_nothing_is_no_history(office: RowOffice) -> None:
    contact = office.add_contact("Ada", "030 23125447")
    save_contact(contact=contact, numbers=[("work", "030 23125447")], country="DE")
    assert contact.changes.count() == 1


def test_a_stale_form_is_told_who_saved_and_both_values_and_writes_nothing(office: RowOffice) -> None:
    contact = office.add_contact("Ada", "030 23125447", company="Old")
    opened = Contact.objects.get(pk=contact.pk)
    seen = opened.updated_at
    contact.company = "Theirs"
    save_contact(contact=contact, numbers=[("work", "030 23125447")], country="DE", by=office.users[1], seen=seen)
    opened.company = "Mine"
    with pytest.raises(ContactStale) as caught:
        save_contact(contact=opened, numbers=[("work", "1")], country="DE", by=office.users[0], seen=seen)
    assert caught.value.by == "User 202" and caught.value.at > seen
    told = {one.field: (one.theirs, one.yours) for one in caught.value.clashes}
    assert told == {"company": ("Theirs", "Mine"), "numbers": ("030 23125447 (work)", "1 (work)")}
    contact.refresh_from_db()
    assert contact.company == "Theirs" and contact.numbers.get().written == "030 23125447"


def test_who_has_seen_the_other_version_may_save_over_it(office: RowOffice) -> None:
    contact = office.add_contact("Ada")
    save_contact(contact=contact, numbers=[], country="DE", seen=Contact.objects.get(pk=contact.pk).updated_at)
    assert Contact.objects.get(pk=contact.pk).updated_at > contact.created_at - timedelta(seconds=1)


def test_a_contact_that_was_erased_meanwhile_does_not_come_back(office: RowOffice) -> None:
    contact = office.add_contact("Ada")
    Contact.objects.all().delete()
    contact.pk = contact.pk or 1
    with pytest.raises(ContactProblem, match="not there any more"):
        save_contact(contact=contact, numbers=[], country="DE")
    assert not Contact.objects.exists()


def test_a_number_is_attached_with_its_history_and_moves_the_stamp(office: RowOffice) -> None:
    contact = office.add_contact("Ada", "030 23125447")
    before = contact.updated_at
    row = attach_number(contact=contact, written="+44 20 7946 0148", label="home", country="DE", by=office.users[0])
    assert (row.e164, row.label, row.contact_id) == ("+442079460148", "home", contact.pk)
    change = contact.changes.first()
    assert change is not None and change.kind == "attached" and change.by == office.users[0]
    assert change.details == {"numbers": ["", "+44 20 7946 0148 (home)"]}
    contact.refresh_from_db()
    assert contact.updated_at > before


def test_a_number_that_the_contact_has_in_another_form_is_not_added_again(office: RowOffice) -> None:
    contact = office.add_contact("Ada", "030 23125447")
    row = attach_number(contact=contact, written="+49 30 23125-447", label="", country="DE")
    assert row == contact.numbers.get() and contact.changes.count() == 1


def test_a_text_that_is_no_number_is_not_attached(office: RowOffice) -> None:
    with pytest.raises(ContactProblem, match="is not a telephone number"):
        attach_number(contact=office.add_contact("Ada"), written="call me", label="", country="DE")


def test_a_contact_takes_no_endless_list_of_numbers(office: RowOffice) -> None:
    numbers = [f"030 231250{place:02}" for place in range(MOST_NUMBERS)]
    contact = office.add_contact("Ada", *numbers)
    with pytest.raises(ContactProblem, match="has room for"):
        attach_number(contact=contact, written="030 23125999", label="", country="DE")
    with pytest.raises(ContactProblem, match="has room for"):
        office.add_contact("Bea", *numbers, "030 23125999")

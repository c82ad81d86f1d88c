"""Two contacts become one."""

import pytest

from crmconnector.common.clock import utc_now
from crmconnector.contacts.merging import AlreadyMerged, merge_contacts
from crmconnector.contacts.models import Contact, NumberChoice
from crmconnector.contacts.selectors import merged_into
from crmconnector.contacts.services import MOST_NUMBERS, ContactProblem, save_contact
from tests.support.office import RowOffice


def two(office: RowOffice) -> tuple[Contact, Contact]:
    keep = office.add_contact("Ada", "030 23125447", company="Analytical")
    gone = office.add_contact("Ada Lovelace", "+49 30 23125447", "+44 20 7946 0148")
    Contact.objects.filter(pk=keep.pk).update(notes="Calls early", tags=["VIP"])
    Contact.objects.filter(pk=gone.pk).update(notes="Prefers tea", tags=["tea", "VIP"], email="ada@example.org")
    return Contact.objects.get(pk=keep.pk), Contact.objects.get(pk=gone.pk)


def test_fields_are_taken_as_chosen_and_both_notes_can_stay(office: RowOffice) -> None:
    keep, gone = two(office)
    chosen = {"name": "gone", "company": "keep", "email": "gone", "notes": "both", "tags": "both"}
    one = merge_contacts(keep=keep, gone=gone, chosen=chosen, by=office.users[0]).contact
    one.refresh_from_db()
    assert (one.name, one.company, one.email) == ("Ada Lovelace", "Analytical", "ada@example.org")
    assert one.notes == "Calls early\n\nPrefers tea" and one.tags == ["VIP", "tea"]
    assert not Contact.objects.filter(pk=gone.pk).exists()


def test_numbers_are_united_and_the_same_number_is_kept_once(office: RowOffice) -> None:
    keep, gone = two(office)
    merged = merge_contacts(keep=keep, gone=gone, chosen={}, by=None)
    assert merged.numbers == 1
    assert [row.e164 for row in merged.contact.numbers.all()] == ["+493023125447", "+442079460148"]


def test_choices_and_history_move_and_the_history_says_what_each_field_was(office: RowOffice) -> None:
    keep, gone = two(office)
    NumberChoice.objects.create(number="+442079460148", contact=gone, user=office.users[0], chosen_at=utc_now())
    before = keep.changes.count() + gone.changes.count()
    one = merge_contacts(keep=keep, gone=gone, chosen={"name": "gone"}, by=office.users[0]).contact
    assert NumberChoice.objects.get().contact == one and one.changes.count() == before + 1
    change = one.changes.first()
    assert change is not None and change.kind == "merged" and change.by_name == "User 201"
    assert change.details["name"] == ["Ada", "Ada Lovelace"]
    assert change.details["gone"]["notes"] == "Prefers tea" and change.details["gone_id"] == gone.pk


def test_a_second_submit_finds_it_done_and_changes_nothing(office: RowOffice) -> None:
    keep, gone = two(office)
    merge_contacts(keep=keep, gone=gone, chosen={}, by=None)
    changes = Contact.objects.get().changes.count()
    with pytest.raises(AlreadyMerged):
        merge_contacts(keep=keep, gone=gone, chosen={}, by=None)
    assert Contact.objects.get().changes.count() == changes


def test_a_contact_that_went_elsewhere_is_no_second_submit(office: RowOffice) -> None:
    keep, gone = two(office)
    third = office.add_contact("Third")
    merge_contacts(keep=third, gone=gone, chosen={}, by=None)
    with pytest.raises(ContactProblem, match="not there any more") as caught:
        merge_contacts(keep=keep, gone=gone, chosen={}, by=None)
    assert not isinstance(caught.value, AlreadyMerged) and merged_into(gone.pk) == third.pk


def test_a_contact_cannot_be_merged_with_itself(office: RowOffice) -> None:
    keep = office.add_contact("Ada")
    with pytest.raises(ContactProblem, match="itself"):
        merge_contacts(keep=keep, gone=keep, chosen={}, by=None)
    assert Contact.objects.exists()


def test_more_numbers_than_a_contact_holds_are_not_merged_away(office: RowOffice) -> None:
    contacts = [
        save_contact(
            contact=Contact(name=f"C{one}"),
            numbers=[("", f"030 23{one}25{place:03}") for place in range(MOST_NUMBERS - 1)],
            country="DE",
        )
        for one in (1, 2)
    ]
    with pytest.raises(ContactProblem, match="Together"):
        merge_contacts(keep=contacts[0], gone=contacts[1], chosen={}, by=None)
    assert Contact.objects.count() == 2

"""Earlier calls of a number get the contact that has it, when nobody else has."""

import pytest
from django.db import connection

from crmconnector.calls import backfill
from crmconnector.calls.backfill import bind_call, bind_earlier_calls
from crmconnector.calls.models import Call
from crmconnector.contacts.models import ContactNumber
from tests.support.web_story import add_call

NUMBER = "+493023125447"


def test_earlier_calls_without_a_contact_are_bound_and_others_are_left(office):
    other = office.add_contact("Other")
    theirs = add_call(office, contact=other)
    for _ in range(3):
        add_call(office)
    elsewhere = add_call(office, number="+442079460148")
    add_call(office, test=True)  # no call that anybody made
    ada = office.add_contact("Ada", NUMBER)
    assert bind_earlier_calls(contact_id=ada.pk) == 3
    assert bind_earlier_calls(contact_id=ada.pk) == 0
    theirs.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (theirs.contact, elsewhere.contact) == (other, None)


def test_a_number_of_two_people_binds_nothing(office):
    add_call(office)
    office.add_contact("Bob", NUMBER)
    ada = office.add_contact("Ada", "030 23125447")
    assert bind_earlier_calls(contact_id=ada.pk) == 0


def test_a_number_that_somebody_has_without_its_country_binds_nothing(office):
    add_call(office)
    bob = office.add_contact("Bob")
    ContactNumber.objects.create(contact=bob, written="30 23125447")
    ada = office.add_contact("Ada", NUMBER)
    ContactNumber.objects.filter(contact=bob).update(match_key=ada.numbers.get().match_key)
    assert bind_earlier_calls(contact_id=ada.pk) == 0


def test_a_contact_without_numbers_binds_nothing_not_even_calls_without_one(office):
    add_call(office, number="anonymous")
    assert bind_earlier_calls(contact_id=office.add_contact("Ada").pk) == 0


def test_it_works_in_slices_and_stops_at_a_bound(office, monkeypatch):
    monkeypatch.setattr(backfill, "SLICE", 2)
    monkeypatch.setattr(backfill, "MOST_SLICES", 2)
    for _ in range(5):
        add_call(office)
    ada = office.add_contact("Ada", NUMBER)
    assert bind_earlier_calls(contact_id=ada.pk) == 4
    assert bind_earlier_calls(contact_id=ada.pk) == 1


def test_the_calls_of_a_number_are_found_by_index(office):
    started = add_call(office).started_at
    Call.objects.bulk_create(
        Call(pbx=office.pbx, linkedid=f"n{place}", direction="inbound", caller_e164=f"+4930{place:07}",
             started_at=started) for place in range(5000)
    )  # fmt: skip
    unbound = Call.objects.filter(caller_e164=NUMBER, contact=None, test=False).exclude(caller_e164="")
    unbound = unbound.order_by("-started_at")
    with connection.cursor() as cursor:
        cursor.execute("analyze calls_call")
        sql, params = unbound.values_list("pk", flat=True)[:10].query.sql_with_params()
        cursor.execute(f"explain {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "call_by_number" in plan


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_one_call_is_bound_rebound_and_unbound_and_says_whether_it_changed(office, again):
    call, ada, bob = add_call(office), office.add_contact("Ada"), office.add_contact("Bob")
    for contact in (ada, bob, None):
        assert bind_call(call_id=call.pk, contact=contact)
        if again:
            assert not bind_call(call_id=call.pk, contact=contact)
        call.refresh_from_db()
        assert call.contact == contact

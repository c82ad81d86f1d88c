"""Who has this number, from the database: one prepared query by two indexes, in the transaction of its caller."""

from dataclasses import asdict

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from crmconnector.common.numbers import read_number
from crmconnector.contacts.lookup import (
    LEAST_ROWS_PER_FORM,
    MOST_PEOPLE_SHOWN,
    SQL,
    arguments_for,
    explain_number,
    people_with_number,
    people_with_numbers,
)
from crmconnector.contacts.matching import MatchRule
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.users.models import Team

PREPARED = "select count(*) from pg_prepared_statements where statement like '%%contacts_contactnumber%%'"


def caller(text, country="DE"):
    return read_number(text, country=country)


def names(people):
    return [person.name for person in people]


def prepared():
    with connection.cursor() as cursor:
        cursor.execute(PREPARED)
        return cursor.fetchone()[0]


def test_people_are_looked_up_in_one_query(office, django_assert_num_queries):
    for place in range(30):
        office.add_contact(f"Person {place:02d}", f"030 23125{place:03d}")
    office.add_contact("Second on one number", "030 23125007")
    with django_assert_num_queries(1):
        people = people_with_number(caller("03023125007"))
    assert names(people) == ["Person 07", "Second on one number"]


def test_a_person_is_told_with_all_that_a_card_shows(office):
    team = Team.objects.create(name="North")
    contact = office.add_contact("Ada", "030 23125447", company="Lovelace")
    Contact.objects.filter(pk=contact.pk).update(
        title="Countess", notes="Likes engines", email="ada@example.com", tags=["vip", "old"], owner=office.users[0],
        team=team, external_id="A-1", external_link="https://crm.example.com/A-1",
    )  # fmt: skip
    [person] = people_with_number(caller("+49 30 23125447"))
    assert asdict(person) == {
        "contact_id": contact.pk, "kind": "person", "name": "Ada", "company": "Lovelace", "title": "Countess",
        "notes": "Likes engines", "email": "ada@example.com", "tags": ("vip", "old"), "owner_id": office.users[0].pk,
        "owner_name": "User 201", "team_id": team.pk, "external_id": "A-1",
        "external_link": "https://crm.example.com/A-1", "number_label": "work", "rule": MatchRule.EXACT,
    }  # fmt: skip


def test_numbers_of_a_batch_do_not_mix(office):
    office.add_contact("Ada", "030 23125447", "0171 2345678")
    office.add_contact("Bob", "030 23125448")
    readings = [caller(text) for text in ("03023125447", "03023125448", "03023125449", "anonymous", "204")]
    found = people_with_numbers(readings)
    assert [names(found.get(reading, [])) for reading in readings] == [["Ada"], ["Bob"], [], [], []]
    assert set(found) == set(readings[:3])


def test_everybody_on_a_number_is_found_although_thousands_end_like_it(office):
    crowd = [Contact(name=f"A crowd {place}") for place in range(LEAST_ROWS_PER_FORM * 30)]
    Contact.objects.bulk_create(crowd)
    rows = [
        ContactNumber(
            contact=one, written=f"+{200 + place} 3023125447", e164=f"+{200 + place}3023125447", match_key="023125447"
        )
        for place, one in enumerate(crowd)
    ]
    ContactNumber.objects.bulk_create(rows)
    for place in range(5):
        office.add_contact(f"Right {place}", "+49 30 23125447")
    office.add_contact("Right, stored without country", "030 23125447")
    ContactNumber.objects.filter(contact__name="Right, stored without country").update(e164="")
    assert names(people_with_number(caller("03023125447"))) == [
        *(f"Right {place}" for place in range(5)),
        "Right, stored without country",
    ]


def test_no_more_people_are_shown_than_a_card_can_hold(office):
    for place in range(MOST_PEOPLE_SHOWN + 5):
        office.add_contact(f"Person {place:02d}", "030 23125447")
    assert len(people_with_number(caller("03023125447"))) == MOST_PEOPLE_SHOWN


@pytest.mark.parametrize(
    ("stored", "rings", "rule"),
    [
        ("01 42 68 53 00", "+33 1 42 68 53 00", MatchRule.SUFFIX),
        ("+33 1 42 68 53 00", "0142685300", MatchRule.SUFFIX),
        ("33142685300", "+33 1 42 68 53 00", MatchRule.NATIONAL),
        ("+33 1 42 68 53 00", "33142685300", MatchRule.NATIONAL),
        ("4532123456", "+45 32 12 34 56", MatchRule.NATIONAL),
        ("+44 7700 900123", "00447700900123", MatchRule.SUFFIX),
        ("+54 11 2345 6789", "+54 9 11 2345 6789", MatchRule.EXACT),
        ("112", "112", MatchRule.SERVICE),
    ],
    ids=ascii,
)
def test_the_database_finds_what_the_rules_would(office, stored, rings, rule):
    office.add_contact("Right", stored)
    office.add_contact("Wrong", "+49 30 42685300", "+45 42 68 53 00", "+351 912 685 300")
    assert [(person.name, person.rule) for person in people_with_number(caller(rings))] == [("Right", rule)]


def test_a_person_with_two_such_numbers_is_told_once_by_the_surest(office):
    contact = office.add_contact("Ada", "33142685300", "+33 1 42 68 53 00")
    ContactNumber.objects.filter(contact=contact, written="33142685300").update(label="bare")
    [person] = people_with_number(caller("+33142685300"))
    assert (person.rule, person.number_label) == (MatchRule.EXACT, "work")


def test_a_number_is_explained_with_the_people_it_finds(office):
    office.add_contact("Ada", "030 23125447")
    told, people = explain_number("0 030 23125447", country="DE", outside_prefixes=("0",))
    assert names(people) == ["Ada"]
    assert [step.rule for step in told.steps if step.outcome == "found"] == [MatchRule.PREFIX]
    told, people = explain_number("anonymous", country="DE")
    assert people == []
    assert {step.outcome for step in told.steps} == {"skipped"}


def test_the_statement_is_prepared_once_and_django_prepares_nothing_else(office):
    office.add_contact("Ada", "030 23125447")
    before = prepared()
    for _ in range(3):
        assert names(people_with_number(caller("03023125447"))) == ["Ada"]
    assert prepared() == max(before, 1)
    assert connection.connection.prepare_threshold is None


def test_rows_of_the_open_transaction_are_seen(office):
    with transaction.atomic():
        office.add_contact("Not yet committed", "030 23125447")
        assert names(people_with_number(caller("03023125447"))) == ["Not yet committed"]


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_an_error_that_django_knows_and_the_next_one_works(office):
    office.add_contact("Ada", "030 23125447")
    assert names(people_with_number(caller("03023125447"))) == ["Ada"]
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError):
        people_with_number(caller("03023125447"))
    connection.close()
    assert names(people_with_number(caller("03023125447"))) == ["Ada"]


@pytest.mark.django_db(transaction=True)
def test_every_session_of_the_pool_prepares_for_itself(office):
    office.add_contact("Ada", "030 23125447")
    for _ in range(4):
        assert names(people_with_number(caller("03023125447"))) == ["Ada"]
        connection.close()  # back to the pool


def test_attack_texts_are_values_and_never_statements(office):
    office.add_contact("Ada", "030 23125447")
    for text in ("' or 1=1 --", "03023125447'; drop table contacts_contact; --", "%", "+49%", "{}", "\\"):
        assert people_with_number(caller(text)) == []
    assert Contact.objects.count() == 1


def test_the_plan_reads_no_table_whole(office):
    contact = office.add_contact("Ada", "030 23125447")
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into contacts_contactnumber (contact_id, label, written, e164, match_key) select %s, '', n::text,"
            " '+' || n, right(n::text, 9) from generate_series(493000000000, 493000020000) as n",
            [contact.pk],
        )
        cursor.execute("analyze contacts_contactnumber")
        cursor.execute(f"explain {SQL}", arguments_for([caller("03023125447")]))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on contacts_contactnumber" not in plan

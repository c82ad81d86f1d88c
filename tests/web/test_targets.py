"""Whom a call can be handed to: colleagues with their state, contacts one may see, numbers; bounded, few questions."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import Team, User
from crmconnector.web.targets import MOST_COLLEAGUES, Target, find_targets
from phones.models import PhoneStatus
from phones.services import assign_phone
from tests.support.call_bar import call_on_desk, colleague_rings
from tests.support.office import RowOffice, add_phone


@pytest.fixture
def pop(office: RowOffice) -> Pop:
    return call_on_desk(office)


def found(office: RowOffice, text: str) -> list[Target]:
    return find_targets(office.users[0], text, pbx=office.pbx, now=utc_now())


def ask(client: Client, pop: Pop, text: str) -> str:
    answer = client.get(f"/desk/pops/{pop.pk}/targets", {"q": text})
    assert answer.status_code == 200
    return answer.content.decode()


def test_colleagues_are_found_by_name_and_by_the_start_of_their_extension(office: RowOffice) -> None:
    assert [one.number for one in found(office, "user 20")] == ["202", "203"]  # not oneself
    assert [one.name for one in found(office, "203")] == ["User 203"]
    assert [one.number for one in found(office, "")] == ["202", "203"]


@pytest.mark.parametrize("state", ["ringing", "talking", "held"])
def test_a_colleague_in_a_call_is_shown_as_busy_and_comes_last(office: RowOffice, state: str) -> None:
    colleague_rings(office, place=1, state=state)
    rows = found(office, "user")
    assert [(row.name, row.warns) for row in rows] == [("User 203", False), ("User 202", True)]
    assert rows[1].lamp == state and rows[0].word == "Free"


def test_a_phone_that_is_away_is_said_and_can_be_chosen_all_the_same(office: RowOffice) -> None:
    PhoneStatus.objects.create(phone=office.phones[1], reachable=False)
    row = next(row for row in found(office, "user") if row.number == "202")
    assert (row.lamp, row.word) == ("off", "Phone unreachable")


def test_the_pbx_knows_better_than_the_phones_web_page_whether_it_rings(office: RowOffice) -> None:
    PhoneStatus.objects.create(phone=office.phones[1], reachable=False)
    office.phones[1].accounts.update(registered_at_pbx=True)
    assert next(row for row in found(office, "user") if row.number == "202").word == "Free"


def test_contacts_are_found_with_their_numbers_unless_they_are_not_ones_to_see(office: RowOffice) -> None:
    office.add_contact("Tomasz Wiśniewski", "030 23125447", "0171 2345678", company="Havel")
    hidden = office.add_contact("Tomasz Tajny", "030 5550000")
    Contact.objects.filter(pk=hidden.pk).update(team=Team.objects.create(name="Others"))
    rows = found(office, "tomasz")
    assert [row.number for row in rows] == ["+493023125447", "+491712345678"]
    assert {row.name for row in rows} == {"Tomasz Wiśniewski"}


def test_a_number_is_offered_as_it_will_be_dialled(office: RowOffice) -> None:
    row = found(office, "030 23125 999")[-1]
    assert row.number == "030 23125 999" and "This will dial 03023125999" in row.word.replace(" 030 ", " 030").replace(
        "030 2", "0302"
    ).replace("23125 999", "23125999")


def test_what_is_neither_a_name_nor_a_number_is_said(office: RowOffice, pop: Pop, agent: Client) -> None:
    assert "Nobody matches" in ask(agent, pop, "zzz") and 'data-text="zzz"' in ask(agent, pop, "zzz")


def test_an_extension_is_named_once(office: RowOffice) -> None:
    assert [row.number for row in found(office, "202")] == ["202"]


def test_the_list_is_bounded_and_asks_no_more_for_many(office: RowOffice, pop: Pop, agent: Client) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as seen:
            ask(agent, pop, "user 2")
        return len(seen)

    office.add_contact("User 2 Somebody", "030 1111111")
    few = questions()
    for number in range(20):
        user = User.objects.create_user(f"many{number}", password="x", full_name=f"User 2{number:03}")
        assign_phone(phone=add_phone(office.pbx, extension=f"9{number:02}", port=9500 + number), user_id=user.pk,
                     from_at=utc_now())  # fmt: skip
        office.add_contact(f"User 2 Contact {number}", f"030 22222{number:02}")
    assert questions() == few
    assert sum(1 for row in found(office, "user 2") if row.lamp) == MOST_COLLEAGUES


def test_a_colleagues_card_lists_nobody(office: RowOffice, agent: Client, administrator: Client) -> None:
    other = call_on_desk(office, place=1)
    for visitor in (agent, administrator):
        assert visitor.get(f"/desk/pops/{other.pk}/targets", {"q": "2"}).status_code == 404

"""Lists of contacts that look through so many rows and no more, and say so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crmconnector.contacts import listing
from crmconnector.contacts.listing import Listed, list_contacts
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.contacts.selectors import SORTS, Wanted, find_contacts
from crmconnector.users.models import Role, Team, User
from tests.support.office import RowOffice


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list looks at five rows, goes on with no more than two found, and sorts ten."""
    for name, value in {
        "ROWS_WALKED": 5, "ROWS_WALKED_FOR_NUMBERLESS": 4, "ENOUGH": 2, "MOST_SORTED": 10, "MOST_LISTED": 7,
    }.items():  # fmt: skip
        monkeypatch.setattr(listing, name, value)


@pytest.fixture
def people(office: RowOffice) -> list[Contact]:
    """Twenty, two of each name and company, each other one tagged; the last is the first one changed."""
    now = timezone.now()
    made = Contact.objects.bulk_create(
        Contact(name=f"P{place // 2:02}", company=f"C{place % 7}", tags=["odd"] if place % 2 else [])
        for place in range(20)
    )
    for place, one in enumerate(made):
        Contact.objects.filter(pk=one.pk).update(updated_at=now - timedelta(minutes=place % 4))
    return made


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create(username="boss", role=Role.ADMINISTRATOR)


def all_the_way(user: User, wanted: Wanted) -> list[int]:
    """Every id there is when one looks further and further."""
    found, after = list[int](), None
    for _step in range(30):
        listed = list_contacts(user, wanted, country="DE", after=after)
        found += listed.ids
        if (after := listed.further) is None:
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize("sort", sorted(SORTS))
@pytest.mark.parametrize("tag", ["", "odd"])
def test_looking_further_and_further_gives_each_contact_once_in_order(
    people: list[Contact], boss: User, sort: str, tag: str
) -> None:
    wanted = Wanted(sort=sort, tag=tag)
    expected = find_contacts(Contact.objects.all(), wanted, country="DE").values_list("pk", flat=True)
    assert all_the_way(boss, wanted) == list(expected)


def test_a_list_of_all_is_told_as_far_as_it_was_read(people: list[Contact], boss: User) -> None:
    ids = [one.pk for one in people]
    assert list_contacts(boss, Wanted(), country="DE") == Listed(ids[:7], more=True, further=ids[6], walked=7)


def test_a_rare_word_is_found_by_the_index_wherever_it_stands(people: list[Contact], boss: User) -> None:
    assert list_contacts(boss, Wanted("p09"), country="DE") == Listed([people[18].pk, people[19].pk])


def test_a_word_of_very_many_late_ones_says_that_these_are_some(people: list[Contact], boss: User) -> None:
    Contact.objects.filter(pk__gte=people[8].pk).update(title="Agent")
    listed = list_contacts(boss, Wanted("agent"), country="DE")
    assert listed.some and listed.more and len(listed.ids) == 7
    assert set(listed.ids) <= {one.pk for one in people[8:]} and listed.ids == sorted(listed.ids)


def test_few_of_the_first_ones_come_before_some_of_very_many(people: list[Contact], boss: User) -> None:
    Contact.objects.filter(pk__gte=people[4].pk).update(title="Agent")
    listed = list_contacts(boss, Wanted("agent"), country="DE")
    assert listed.ids == [people[4].pk] and listed.further == people[4].pk and not listed.some


def test_contacts_without_a_number_are_looked_for_from_the_newest(people: list[Contact], boss: User) -> None:
    ContactNumber.objects.bulk_create(ContactNumber(contact=one, written="1") for one in people if one != people[2])
    wanted = Wanted(without_number=True, sort="newest")
    first = list_contacts(boss, wanted, country="DE")
    assert (first.ids, first.walked, first.further) == ([], 4, people[16].pk)
    assert all_the_way(boss, wanted) == [people[2].pk]


def test_a_list_shows_and_goes_on_behind_none_that_the_visitor_may_not_see(
    people: list[Contact], office: RowOffice
) -> None:
    secret = Team.objects.create(name="Secret")
    Contact.objects.filter(pk__in=[people[0].pk, people[12].pk]).update(team=secret)
    agent, ids = office.users[0], [one.pk for place, one in enumerate(people) if place not in (0, 12)]
    assert all_the_way(agent, Wanted()) == ids
    assert list_contacts(agent, Wanted("p06"), country="DE").ids == [people[13].pk]
    assert list_contacts(agent, Wanted(), country="DE", after=people[12].pk).ids[:1] == ids[:1]

"""Who sees which contacts, what a search finds, and that it reads no whole table."""

import io

import pytest
from django.db import connection

from crmconnector.contacts.listing import list_contacts
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import (
    MOST_LISTED,
    Wanted,
    company_colleagues,
    contacts_seen_by,
    find_contacts,
    for_list,
    who_else_has,
)
from crmconnector.users.models import Role, Team, User
from tests.support.office import RowOffice

MANY = 100_000


def found(text: str = "", **changes: object) -> list[str]:
    wanted = Wanted(text=text, **changes)  # type: ignore[arg-type]
    return [one.name for one in find_contacts(Contact.objects.all(), wanted, country="DE")]


@pytest.fixture
def people(office: RowOffice) -> RowOffice:
    jurgen = office.add_contact("Jürgen Groß", "030 23125447", "0171 5550123", company="Müller & Söhne")
    Contact.objects.filter(pk=jurgen.pk).update(email="j.gross@mueller.example", external_id="C-0081442", tags=["VIP"])
    office.add_contact("Łukasz Żak", "+48 22 123 45 67", company="ACME")
    office.add_contact("100% Sure_Thing", company="acmé")
    office.add_contact("Αλέξανδρος", "+30 21 0123 4567")
    return office


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jurgen", "Jürgen Groß"), ("GROSS jürgen", "Jürgen Groß"), ("muller", "Jürgen Groß"), ("söhne", "Jürgen Groß"),
        ("gross@mueller", "Jürgen Groß"), ("0081442", "Jürgen Groß"), ("vip", "Jürgen Groß"), ("lukasz", "Łukasz Żak"),
        ("zak", "Łukasz Żak"), ("za", "Łukasz Żak"), ("100%", "100% Sure_Thing"), ("e_t", "100% Sure_Thing"),
        ("αλεξ", "Αλέξανδρος"), ("+49 30 23125-447", "Jürgen Groß"), ("(030) 231 25 447", "Jürgen Groß"),
        ("٠٣٠٢٣١٢٥٤٤٧", "Jürgen Groß"), ("0049 30 23125447", "Jürgen Groß"), ("5447", "Jürgen Groß"),
        ("0171 555", "Jürgen Groß"), ("+4822", "Łukasz Żak"), ("22 123 45 67", "Łukasz Żak"),
    ],
)  # fmt: skip
def test_a_search_finds_a_contact_by_anything(people: RowOffice, text: str, name: str) -> None:
    assert found(text) == [name]


@pytest.mark.parametrize(
    "text", ["%", "_", "ak", "urgen groẞe", "jürgen żak", "999999", "\\", "' or 1=1 --", "030 23125448"]
)
def test_what_is_not_there_is_not_found_and_wildcards_mean_themselves(people: RowOffice, text: str) -> None:
    assert found(text) in ([], ["100% Sure_Thing"] if text in "%_" else [])


def test_filters_narrow_and_sorting_ignores_case_and_accents(people: RowOffice) -> None:
    people.add_contact("Zoe")
    team = Team.objects.create(name="Sales")
    Contact.objects.filter(name="Zoe").update(kind="company", owner=people.users[0], team=team, company="Aaa")
    assert found(owner=people.users[0].pk) == found(team=team.pk) == found(kind="company") == ["Zoe"]
    assert found(tag="VIP") == ["Jürgen Groß"] and found(tag="vip") == []
    assert found(without_number=True) == ["100% Sure_Thing", "Zoe"]
    assert found() == ["100% Sure_Thing", "Jürgen Groß", "Łukasz Żak", "Zoe", "Αλέξανδρος"]
    assert found(sort="company")[1:3] == ["Zoe", "Łukasz Żak"] and found(sort="newest")[0] == "Zoe"
    assert found(sort="-password; drop") == found()


def test_contacts_of_a_team_are_seen_by_its_members_and_administrators_only(office: RowOffice) -> None:
    team = Team.objects.create(name="Sales")
    secret = office.add_contact("Secret")
    Contact.objects.filter(pk=secret.pk).update(team=team)
    office.add_contact("Open")
    member, supervisor, other = office.users
    team.members.add(member)
    supervisor.role = Role.SUPERVISOR
    supervisor.save()
    boss = User.objects.create_user("boss", role=Role.ADMINISTRATOR)
    seen = {user.username: {one.name for one in contacts_seen_by(user)} for user in (member, supervisor, other, boss)}
    assert seen == {
        "user201": {"Secret", "Open"}, "user202": {"Open"}, "user203": {"Open"}, "boss": {"Secret", "Open"},
    }  # fmt: skip


def test_who_else_has_a_number_is_told_for_each_number(office: RowOffice) -> None:
    one = office.add_contact("One", "030 23125447", "0171 5550123", "447")
    two = office.add_contact("Two", "+493023125447", "0447")
    office.add_contact("Three", "+44 20 7946 0148")
    told = {one.numbers.get(pk=pk).written: others for pk, others in who_else_has(one).items()}
    assert told["030 23125447"] == [two] and "0171 5550123" not in told


def test_colleagues_are_those_of_the_same_company_however_it_is_written(people: RowOffice) -> None:
    acme = Contact.objects.get(name="Łukasz Żak")
    assert [one.name for one in company_colleagues(Contact.objects.all(), acme, most=5)] == ["100% Sure_Thing"]
    assert company_colleagues(Contact.objects.all(), people.add_contact("No company"), most=5) == []


def test_rows_of_a_list_come_in_the_order_of_their_ids(people: RowOffice) -> None:
    ids = list(Contact.objects.order_by("-pk").values_list("pk", flat=True))
    assert [one.pk for one in for_list([*ids, 0])] == ids


# --- many -------------------------------------------------------------------------------------------------------------

FIRST = ["Anna", "Björn", "Carla", "Dmitri", "Élodie", "Fatma", "Giorgos", "Hanna", "Ivo", "Jana"]
LAST = ["Novák", "Meyer", "Rossi", "Kowalska", "Dubois", "Yılmaz", "Papadakis", "Jensen", "Sørensen", "García", "Adler"]


def copy_many(count: int) -> None:
    """As an import would: by COPY, then ANALYZE, so that the plans are those of a house with many contacts."""
    people, numbers = io.StringIO(), io.StringIO()
    day = "2026-01-01"
    for pk in range(1, count + 1):
        name = f"{FIRST[pk % 10]} {LAST[pk % 11]} {pk:x}"
        tags = "{VIP}" if pk % 500 == 0 else "{}"
        people.write(
            f"{pk}\tperson\t{name}\tCompany {pk % 5000} Ltd\t\tp{pk}@example.org\t\t{tags}\tK{pk}\t\t{day}\t{day}\n"
        )
        for place in (0, 1):
            national = f"30{pk:07}{place}"
            numbers.write(f"{pk}\t\t+49{national}\t+49{national}\t{national[-9:]}\n")
    with connection.cursor() as cursor:
        columns = "id,kind,name,company,title,email,notes,tags,external_id,external_link,created_at,updated_at"
        with cursor.copy(f"copy contacts_contact ({columns}) from stdin") as copy:
            copy.write(people.getvalue())
        with cursor.copy("copy contacts_contactnumber (contact_id,label,written,e164,match_key) from stdin") as copy:
            copy.write(numbers.getvalue())
        cursor.execute("analyze contacts_contact")
        cursor.execute("analyze contacts_contactnumber")


def test_no_search_sort_or_filter_reads_a_whole_table_among_many_contacts(office: RowOffice) -> None:
    copy_many(MANY)
    team = Team.objects.create(name="Sales")
    team.members.add(office.users[0])
    searches = [
        "novak 1d4",
        "p4711@example.org",
        "K4711",
        "company 4711 ltd",
        "garcia",
        "bj",
        "+49300004711",
        "00471",
        "zzz",
    ]
    asked = [Wanted(text=text) for text in searches]
    asked += [Wanted(sort=sort) for sort in ("name", "company", "changed", "newest")]
    asked += [Wanted(tag="VIP"), Wanted(owner=office.users[0].pk), Wanted(team=team.pk), Wanted("anna", tag="VIP")]
    asked += [Wanted(kind="company"), Wanted(without_number=True, sort="newest")]
    boss = User.objects.create(username="boss", role=Role.ADMINISTRATOR)
    for wanted in asked:
        for user in (boss, office.users[0]):
            with connection.execute_wrapper(NoSequentialScan()):
                list_contacts(user, wanted, country="DE")
    assert len(list_contacts(office.users[0], Wanted(), country="DE").ids) == MOST_LISTED


class NoSequentialScan:
    """Looks at the plan of each question that the search asks on its way."""

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if sql.startswith("SELECT"):
            with connection.connection.cursor() as cursor:
                plan = "\n".join(row[0] for row in cursor.execute(f"explain {sql}", params).fetchall())
            assert "Seq Scan on contacts_" not in plan, f"{sql}\n{plan}"
        return execute(sql, params, many, context)

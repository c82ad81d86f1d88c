"""The export: what may be seen and was asked for, safe in a spreadsheet, and the same again after an import."""

import csv
import io

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from crmconnector.audit.models import AuditEvent
from crmconnector.contacts.columns import COLUMNS, export_header, fold_header, guess_column
from crmconnector.contacts.exporting import BATCH
from crmconnector.contacts.models import Contact
from crmconnector.users.models import Team
from tests.support.office import RowOffice
from tests.support.web_story import NASTY


async def _body(client: AsyncClient, address: str) -> bytes:
    answer = await client.get(address)
    assert answer.status_code == 200 and answer["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join([piece async for piece in answer.streaming_content])


def export(office: RowOffice, query: str = "") -> list[list[str]]:
    client = AsyncClient()
    client.force_login(office.users[0])
    body = async_to_sync(_body)(client, f"/contacts/export.csv{query}")
    assert body.startswith(b"\xef\xbb\xbf") and b"\r\n" in body
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))


def test_the_header_names_are_those_that_were_agreed_and_all_are_known_again(office: RowOffice) -> None:
    office.add_contact("Ada", "030 23125447", "0171 5550123")
    header = export(office)[0]
    assert header == [
        "Name", "Kind", "Company", "Title", "E-mail", "Owner", "Team", "Tags", "External id", "External link", "Notes",
        "Phone 1 label", "Phone 1", "Phone 2 label", "Phone 2",
    ]  # fmt: skip
    guesses = [guess_column(name) for name in header]
    assert [one.field for one in guesses[:11] if one] == [column.field for column in COLUMNS]
    assert [(one.field, one.place) for one in guesses[11:] if one] == [
        ("phone_label", 1), ("phone", 1), ("phone_label", 2), ("phone", 2),
    ]  # fmt: skip


def test_each_field_is_written_as_the_import_reads_it(office: RowOffice) -> None:
    contact = office.add_contact('Zoë, "the" boss', "+49 30 23125447", company="A\r\nB")
    team = Team.objects.create(name="Sales")
    office.users[0].teams.add(team)
    Contact.objects.filter(pk=contact.pk).update(
        kind="company", title="CEO", email="z@example.org", owner=office.users[1], team=team, tags=["VIP", "a, b"],
        external_id="C-1", external_link="https://crm.example/1", notes="one\ntwo",
    )  # fmt: skip
    assert export(office)[1] == [
        "Zoë, \"the\" boss", "company", "A\r\nB", "CEO", "z@example.org", "user202", "Sales", "VIP; a, b", "C-1",
        "https://crm.example/1", "one\ntwo", "work", "'+49 30 23125447",
    ]  # fmt: skip


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", "'=1", "''+1"])
def test_no_cell_becomes_a_formula_and_one_apostrophe_taken_off_gives_the_text_again(
    office: RowOffice, start: str
) -> None:
    contact = office.add_contact("Ada")
    Contact.objects.filter(pk=contact.pk).update(notes=start)
    cell = export(office)[1][10]
    assert cell == f"'{start}"


def test_only_what_may_be_seen_and_was_asked_for_is_written(office: RowOffice) -> None:
    secret = office.add_contact("Secret", "030 23125447")
    Contact.objects.filter(pk=secret.pk).update(team=Team.objects.create(name="Board"))
    office.add_contact("Anna")
    office.add_contact("Björn")
    assert [row[0] for row in export(office)[1:]] == ["Anna", "Björn"]
    assert [row[0] for row in export(office, "?q=bjorn")[1:]] == ["Björn"]
    assert export(office)[0][-1] == "Phone 1"  # the secret one's numbers do not widen the file either
    event = AuditEvent.objects.filter(action="contact.exported").order_by("pk")[1]
    assert event.details == {"contacts": 1} and event.actor == office.users[0]


def test_an_export_of_many_comes_whole_in_order_and_in_pieces(office: RowOffice) -> None:
    Contact.objects.bulk_create(Contact(name=f"P{place:05}", notes=NASTY) for place in range(3 * BATCH + 7))
    client = AsyncClient()
    client.force_login(office.users[0])

    async def pieces() -> list[bytes]:
        answer = await client.get("/contacts/export.csv")
        return [piece async for piece in answer.streaming_content]

    read = async_to_sync(pieces)()
    assert len(read) == 5 and max(len(piece) for piece in read) < 200 * BATCH
    rows = list(csv.reader(io.StringIO(b"".join(read).decode("utf-8-sig"), newline="")))[1:]
    assert [row[0] for row in rows] == [f"P{place:05}" for place in range(3 * BATCH + 7)]


def test_the_file_is_not_kept_by_the_browser(agent: Client) -> None:
    answer = agent.head("/contacts/export.csv")
    assert answer["Cache-Control"] == "no-store" and 'filename="contacts.csv"' in answer["Content-Disposition"]


@pytest.mark.parametrize(
    ("header", "field", "place", "label"),
    [
        ("Vollständiger Name", "name", 0, ""), ("NOM COMPLET", "name", 0, ""), ("Imię i nazwisko", "name", 0, ""),
        ("Firma", "company", 0, ""), ("Société", "company", 0, ""), ("Empresa", "company", 0, ""),
        ("Bedrijfsnaam", "company", 0, ""), ("E-Mail-Adresse", "email", 0, ""), ("correo electrónico", "email", 0, ""),
        ("Właściciel", "owner", 0, ""), ("Opmerkingen", "notes", 0, ""), ("Étiquettes", "tags", 0, ""),
        ("Telefon", "phone", 0, ""), ("Handy", "phone", 0, "Mobile"), ("Téléphone portable", "phone", 0, "Mobile"),
        ("Cellulare", "phone", 0, "Mobile"), ("Telefon służbowy", "phone", 0, "Work"),
        ("Business Phone", "phone", 0, "Work"),
        ("Phone 3 label", "phone_label", 3, ""), ("Phone 1 - Value", "phone", 1, ""), ("Telefon 2", "phone", 2, ""),
        ("Phone 1 - Type", "phone_label", 1, ""), ("Business Phone 2", "phone", 2, "Work"),
    ],
)  # fmt: skip
def test_headers_of_other_programs_and_languages_are_recognised(
    header: str, field: str, place: int, label: str
) -> None:
    guess = guess_column(header)
    assert guess is not None and (guess.field, guess.place, guess.label) == (field, place, label)


@pytest.mark.parametrize("header", ["", "Birthday", "Field 7", "Phone colour", "12"])
def test_a_header_that_says_nothing_is_not_guessed(header: str) -> None:
    assert guess_column(header) is None


def test_no_word_means_two_fields() -> None:
    words = [word for column in COLUMNS for word in column.synonyms]
    assert len(words) == len(set(words)) and all(word == fold_header(word) for word in words)
    assert len(export_header(phones=3)) == len(COLUMNS) + 6

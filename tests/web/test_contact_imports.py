"""The pages that bring in contacts: from the file to the undo, and who may."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports import limits
from crmconnector.contacts.imports.running import run_import
from crmconnector.contacts.models import Contact, ContactImport
from crmconnector.users.models import Role, Team, User
from tests.support.contact_files import brought_in, checked, received
from tests.support.office import RowOffice
from tests.support.web_story import NASTY

FILE = "Name;Firma;Telefon\nÄnne Größel;Havel GmbH;030 23125447\nBjörn;;12\n;;030 23125449\n".encode("cp1252")
CHOSEN = {
    "encoding": "cp1252", "separator": "semicolon", "header": "on", "country": "DE", "duplicates": "skip",
    "same": ["external_id", "name"], "c0": "name", "c1": "company", "c2": "phone", "what": "check",
}  # fmt: skip


@pytest.fixture
def team(office: RowOffice) -> Team:
    return Team.objects.create(name="Support")


@pytest.fixture
def chief(team: Team) -> User:
    user = User.objects.create_user("chief", password="correct horse battery", role=Role.SUPERVISOR)
    user.teams.add(team)
    return user


@pytest.fixture
def supervisor(chief: User) -> Client:
    client = Client()
    client.force_login(chief)
    return client


def upload(client: Client, content: bytes = FILE, name: str = "kunden.csv"):  # type: ignore[no-untyped-def]
    return client.post("/contacts/import", {"file": SimpleUploadedFile(name, content)})


def contacts_in(text: str) -> list[str]:
    return [name for name in ("Änne Größel", "Björn") if name in text]


def test_a_file_goes_from_the_upload_to_the_undo(supervisor: Client, chief: User) -> None:
    page = supervisor.get(upload(supervisor).url)
    assert "Windows-1252" in page.text and "That is a guess" in page.text
    assert contacts_in(page.text) == ["Änne Größel", "Björn"] and "+493023125447" in page.text
    one = ContactImport.objects.get()
    address = f"/contacts/import/{one.pk}"
    assert supervisor.post(f"{address}/check", CHOSEN).status_code == 302
    assert 'hx-trigger="every 1s"' in supervisor.get(address).text
    assert supervisor.get(f"{address}/now").status_code == 200
    run_import(one.pk)
    assert supervisor.get(f"{address}/now")["HX-Refresh"] == "true"
    page = supervisor.get(address).text
    assert "Nothing is changed yet" in page and "neither a name nor a company" in page
    assert not Contact.objects.filter(name="Änne Größel").exists()
    supervisor.post(f"{address}/apply")
    run_import(one.pk)
    assert Contact.objects.get(name="Änne Größel").numbers.get().e164 == "+493023125447"
    assert "Undo all of it" in supervisor.get(address).text
    supervisor.post(f"{address}/undo")
    run_import(one.pk)
    assert not Contact.objects.filter(name="Änne Größel").exists()
    assert "2 contacts removed" in supervisor.get(address).text


def test_refused_rows_are_downloaded_without_formulas(supervisor: Client, chief: User) -> None:
    one = checked("Name,E-Mail\nA,=HYPERLINK(1)\n", actor=chief)
    text = supervisor.get(f"/contacts/import/{one.pk}?list=csv").text
    assert "'=HYPERLINK(1)" in text and ",=HYPERLINK" not in text


def test_two_clicks_on_bring_in_are_one_run_and_the_second_is_told(supervisor: Client, chief: User) -> None:
    one = checked("Name\nA\n", actor=chief)
    assert supervisor.post(f"/contacts/import/{one.pk}/apply").status_code == 302
    again = supervisor.post(f"/contacts/import/{one.pk}/apply")
    assert again.status_code == 409 and "once" in again.text


def test_another_separator_shows_the_columns_anew_before_anything_is_checked(supervisor: Client, chief: User) -> None:
    one = received("Name|Telefon\nA|030 23125447\n", actor=chief)
    assert supervisor.post(f"/contacts/import/{one.pk}/check", CHOSEN | {"encoding": "utf-8"}).status_code == 302
    one.refresh_from_db()
    assert one.state == "received" and one.reading["separator"] == ";" and len(one.reading["columns"]) == 1


def test_without_a_column_of_names_the_check_is_not_begun(supervisor: Client, chief: User) -> None:
    one = received("Name;Firma;Telefon\nA;B;030 23125447\n", actor=chief)
    page = supervisor.post(f"/contacts/import/{one.pk}/check", CHOSEN | {"encoding": "utf-8", "c0": "", "c1": ""})
    assert page.status_code == 200 and "Say which column holds the name" in page.text


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"PK\x03\x04" + b"x" * 500, "This is a spreadsheet file"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 500, "This is a spreadsheet file"),
        (b"%PDF-1.7", "This is not a text file"),
        (b"\n\n  \n", "The file is empty"),
        (b"x" * 300_000, "Line 1 is longer than 256 KB"),
        (b"a," * 250, "more than 200 columns"),
    ],
    ids=["xlsx", "xls", "pdf", "blank", "one-line", "columns"],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence_and_not_kept(
    supervisor: Client, content: bytes, sentence: str
) -> None:
    page = upload(supervisor, content)
    assert page.status_code == 200 and sentence in page.text
    assert not ContactImport.objects.exists()


def test_a_file_of_more_than_200_mb_is_refused_before_it_is_read(supervisor: Client) -> None:
    page = supervisor.generic("POST", "/contacts/import", b"", CONTENT_LENGTH=str(limits.MOST_BYTES + 100_000))
    assert page.status_code == 413 and "larger than 200 MB" in page.text


def test_an_agent_brings_in_nothing(agent: Client, chief: User) -> None:
    one = received("Name\nA\n", actor=chief)
    assert agent.get("/contacts/import").status_code == 403
    assert upload(agent).status_code == 403
    for last in ("", "/now"):
        assert agent.get(f"/contacts/import/{one.pk}{last}").status_code == 403
    for last in ("/check", "/apply", "/undo", "/go-on", "/remove"):
        assert agent.post(f"/contacts/import/{one.pk}{last}").status_code == 403


def test_a_supervisor_sees_the_own_files_only_and_an_administrator_all(
    supervisor: Client, administrator: Client, boss: User, chief: User
) -> None:
    theirs, own = received("Name\nA\n", name="theirs.csv", actor=boss), received("Name\nA\n", actor=chief)
    for last in ("", "/now"):
        assert supervisor.get(f"/contacts/import/{theirs.pk}{last}").status_code == 404
        assert administrator.get(f"/contacts/import/{own.pk}{last}").status_code == 200
    for last in ("/check", "/apply", "/undo", "/go-on", "/remove"):
        assert supervisor.post(f"/contacts/import/{theirs.pk}{last}").status_code == 404
    assert "theirs.csv" not in supervisor.get("/contacts/import").text


def test_a_supervisor_gives_contacts_to_own_teams_only(supervisor: Client, chief: User) -> None:
    other = Team.objects.create(name="Sales")
    one = received("Name;Firma;Telefon\nA;;030 23125447\n", actor=chief)
    page = supervisor.post(f"/contacts/import/{one.pk}/check", CHOSEN | {"encoding": "utf-8", "team": other.pk})
    assert page.status_code == 200 and ContactImport.objects.get().state == "received"


def test_names_in_a_file_stay_text_on_every_page(supervisor: Client, chief: User) -> None:
    cells = NASTY.replace('"', '""')
    one = received(f'Name,{NASTY.replace(",", "").replace(chr(34), "")}\n"{cells}",x\n,"{cells}"\n', actor=chief)
    address = f"/contacts/import/{one.pk}"
    for _state in ("received", "checked"):
        page = supervisor.get(address).text
        assert "<img src=x" not in page and "<svg onload" not in page
        checked_one = ContactImport.objects.filter(pk=one.pk)
        checked_one.update(state="checking")
        run_import(one.pk)


def test_an_import_that_nobody_works_on_offers_to_go_on(supervisor: Client, chief: User) -> None:
    one = received("Name\nA\n", actor=chief)
    ContactImport.objects.filter(pk=one.pk).update(state="running", changed_at=utc_now())
    assert "Go on" not in supervisor.get(f"/contacts/import/{one.pk}").text
    long_ago = utc_now().replace(year=2020)
    ContactImport.objects.filter(pk=one.pk).update(state="running", changed_at=long_ago)
    assert "Go on" in supervisor.get(f"/contacts/import/{one.pk}").text
    assert supervisor.post(f"/contacts/import/{one.pk}/go-on").status_code == 302


def test_a_file_is_removed_before_it_is_brought_in_and_not_after(supervisor: Client, chief: User) -> None:
    one = received("Name\nA\n", actor=chief)
    assert supervisor.post(f"/contacts/import/{one.pk}/remove").status_code == 302
    assert not ContactImport.objects.exists()
    done = brought_in("Name\nA\n", actor=chief)
    assert supervisor.post(f"/contacts/import/{done.pk}/remove").status_code == 409


def test_headings_and_cells_that_no_database_and_no_page_can_take_do_no_harm(supervisor: Client) -> None:
    rows = b"".join(f"Ännchen {place}\n".encode() for place in range(9))
    page = supervisor.get(upload(supervisor, b"Na\x00me\xff,\x81x\n" + rows.replace(b"\n", b",\x81\x00\n")).url)
    assert page.status_code == 200 and ContactImport.objects.get().reading["columns"]

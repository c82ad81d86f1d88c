"""A file of contacts in a real browser: read, its columns corrected, checked with progress, brought in, undone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmconnector.contacts.imports.running import run_import
from crmconnector.contacts.models import Contact, ContactImport
from crmconnector.users.models import Role, User
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
ROWS = 300


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", full_name="Marek Rybář", password="x", role=Role.ADMINISTRATOR)


def file_of_contacts(folder: Path) -> Path:
    rows = ["Wer;Firma;Handy;Telefon 2;Telefon 2 Art;E-Mail;Bemerkung;Egal"]
    rows += [
        f"Änne Größel {place};Havelquell Gebäudetechnik GmbH & Co. KG;0171 23{10000 + place};"
        f"030 231{25000 + place};Büro;"
        f"{'kaputt' if place == 5 else f'a{place}@example.com'};ruft nur vormittags an;x"
        for place in range(ROWS)
    ]
    rows += [";;030 23125447;;;;;", "Zu;kurz", "Unlesbar;;keine Nummer;;;;;"]
    path = folder / "Kunden Süd.csv"
    path.write_bytes("\r\n".join(rows).encode("cp1252"))
    return path


def work_on(state: str, page: Page) -> None:
    """What the worker would do, once it is asked for and the page shows that it waits."""
    one = eventually(lambda: ContactImport.objects.filter(state=state).first())
    expect(page.locator("#import-now progress")).to_be_visible()
    shoot(page, state)
    run_import(one.pk)


def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"contact-import-{name}.png", full_page=True)


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_file_from_the_upload_to_the_undo(
    sees: Callable[..., Seen], boss: User, office: RowOffice, tmp_path: Path
) -> None:
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/contacts/import")
    shoot(page, "upload")
    page.locator("input[type=file]").set_input_files(file_of_contacts(tmp_path))
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="How it is read")).to_be_visible()
    page.get_by_label("What Wer holds").select_option("name")
    page.get_by_role("button", name="Show again").click()
    expect(page.get_by_role("rowheader", name="Änne Größel 0")).to_be_visible()
    shoot(page, "read")
    page.set_viewport_size({"width": 360, "height": 800})
    assert fits(page)
    shoot(page, "read-narrow")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Check", exact=True).click()
    work_on("checking", page)
    expect(page.get_by_text("Nothing is changed yet")).to_be_visible()
    expect(page.get_by_text("There is neither a name nor a company in this row.")).to_be_visible()
    shoot(page, "checked")
    page.emulate_media(color_scheme="dark")
    shoot(page, "checked-dark")
    page.set_viewport_size({"width": 360, "height": 800})
    assert fits(page)
    shoot(page, "checked-narrow-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Bring in", exact=True).click()
    work_on("running", page)
    expect(page.get_by_text("Brought in at")).to_be_visible()
    shoot(page, "done-dark")
    assert Contact.objects.filter(name__startswith="Änne Größel").count() == ROWS
    page.get_by_role("button", name="Undo all of it").click()
    work_on("undoing", page)
    expect(page.get_by_text(f"{ROWS + 1} contacts removed")).to_be_visible()
    assert not Contact.objects.filter(name__startswith="Änne Größel").exists()

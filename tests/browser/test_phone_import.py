"""A large file of phones in a real browser: checked, its bad lines shown, the good ones brought in, and taken back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from crmconnector.users.models import Role, User
from phones.models import Assignment, Phone
from tests.support.browser import Seen
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
LINES, BAD = 2000, 50


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", full_name="Marek Rybář", password="x", role=Role.ADMINISTRATOR)


def file_of_assignments(folder: Path) -> Path:
    """2,000 phones with a person each; every fortieth line is bad, in one of five ways."""
    people = [User(username=f"p{place}", full_name=f"Person {place}") for place in range(LINES)]
    User.objects.bulk_create(people)
    faults = ["address", "mac", "user", "extension", "until"]
    rows = ["phone;mac;address;port;passcode;pbx;extension;endpoint;user;until"]
    for place in range(LINES):
        bad = faults[place // 40 % 5] if place % 40 == 7 else ""
        cells = {
            "phone": f"Desk {place}", "mac": f"000B82{place:06X}", "address": f"127.1.{place // 200}.{place % 200 + 1}",
            "port": "80", "passcode": PASSCODE, "pbx": "", "extension": f"{5000 + place}",
            "endpoint": f"PJSIP/{5000 + place}", "user": f"p{place}", "until": "",
        }  # fmt: skip
        cells |= {bad: {"until": "tomorrow", "extension": "five"}.get(bad, "169.254.169.254")} if bad else {}
        rows.append(";".join(cells.values()))
    path = folder / "Büro Süd.csv"
    path.write_text("\n".join(rows), "utf-8-sig")
    return path


def test_two_thousand_assignments_with_fifty_bad_lines(
    sees: Callable[..., Seen], boss: User, office: RowOffice, tmp_path: Path
) -> None:
    path, before = file_of_assignments(tmp_path), Phone.objects.count()
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/phones/import")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text(f"{BAD} bad lines")).to_be_visible(timeout=60_000)
    assert Phone.objects.count() == before
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "import-2000-with-50-bad.png", full_page=True)
    page.get_by_role("button", name=f"Bring in the {LINES - BAD} good lines").click()
    expect(page.get_by_text("Brought in at")).to_be_visible(timeout=60_000)
    assert Phone.objects.count() == before + LINES - BAD
    assert Assignment.objects.filter(phone__name__startswith="Desk ").count() == LINES - BAD
    page.goto(f"{seen.address}/phones")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.screenshot(path=SHOTS / "fleet-of-1953.png", full_page=True)
    page.go_back()
    page.get_by_role("button", name="Undo all of it").click()
    expect(page.get_by_text("Undone at")).to_be_visible(timeout=60_000)
    assert Phone.objects.count() == before
    assert seen.problems == []

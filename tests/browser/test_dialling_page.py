"""The page Dialling in a real browser: examples that follow the form, and the stop as everybody sees it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from crmconnector.users.models import Role, User
from tests.support.browser import Seen
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", password="correct horse battery", role=Role.ADMINISTRATOR)


def test_examples_follow_what_is_typed_and_saving_keeps_it(
    sees: Callable[..., Seen], office: RowOffice, boss: User
) -> None:
    seen = sees(boss)
    page, asked = seen.page, []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{seen.address}/dialling")
    examples = page.locator(f"#pbx{office.pbx.pk}-examples")
    expect(examples).to_contain_text("dials 03023125447")
    page.get_by_label("digits for an outside line").press_sequentially("0")
    expect(examples).to_contain_text("dials 003023125447")
    page.get_by_label("numbers are dialled").select_option("international")
    expect(examples).to_contain_text("dials 000493023125447")
    office.pbx.refresh_from_db()
    assert office.pbx.dial_prefix == ""
    assert not [url for url in asked if "csrf" in url]
    page.get_by_role("button", name="Save Office", exact=True).press("Enter")
    expect(page.locator("main")).to_contain_text("Saved. It counts from the next call on.")
    office.pbx.refresh_from_db()
    assert (office.pbx.dial_prefix, office.pbx.dial_style) == ("0", "international")
    assert seen.problems == []


def test_a_stop_shows_on_a_desk_that_is_open_and_goes_again(
    sees: Callable[..., Seen], office: RowOffice, boss: User
) -> None:
    desk, seen = sees(office.users[0]), sees(boss)
    desk.page.goto(f"{desk.address}/desk")
    expect(desk.page.locator("#dial-stop")).not_to_contain_text("stopped")
    seen.page.goto(f"{seen.address}/dialling")
    seen.page.get_by_label("Reason, shown to everybody").fill("fraud suspected")
    seen.page.get_by_role("button", name="Stop all dialling").press("Enter")
    expect(seen.page.locator("#dial-stop")).to_contain_text("All dialling is stopped since")
    expect(desk.page.locator("#dial-stop")).to_contain_text("fraud suspected")
    seen.page.get_by_role("button", name="Allow dialling again").press("Enter")
    expect(seen.page.locator("#dial-stop")).to_be_empty()
    expect(desk.page.locator("#dial-stop")).to_be_empty()
    assert seen.problems == desk.problems == []

"""The list of phones and the page of one in a real browser: live without losing what one does, by keyboard alone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from phones.models import Assignment, DeviceOrder, Phone, PhoneStatus
from phones.seats import release_phone
from tests.support.browser import Seen
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", full_name="Marek Rybář", password="x", role=Role.ADMINISTRATOR)


@pytest.fixture
def seen(sees: Callable[..., Seen], boss: User) -> Seen:
    return sees(boss)


def opened(seen: Seen, path: str) -> Page:
    seen.page.goto(f"{seen.address}{path}")
    seen.page.wait_for_function("window.htmx !== undefined")
    return seen.page


def look(page: Page) -> None:
    """What the page does by itself every few seconds."""
    with page.expect_response(lambda answer: "/live" in answer.url or "/now" in answer.url):
        page.evaluate("htmx.trigger('#live', 'look')")


def test_a_status_changes_under_a_choice_without_losing_it(seen: Seen, office: RowOffice) -> None:
    page = opened(seen, "/phones")
    box = page.get_by_role("checkbox", name="Choose Phone 202")
    box.check()
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    PhoneStatus.objects.create(phone=office.phones[1], reachable=False, sentence="Gone.", since=utc_now())
    look(page)
    expect(page.locator(f"#status-{office.phones[1].pk}")).to_contain_text("Unreachable")
    expect(page.locator("#count-attention")).to_have_text("1")
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    assert seen.problems == []


def test_acts_for_many_wait_until_something_is_chosen(seen: Seen, office: RowOffice) -> None:
    page = opened(seen, "/phones")
    release = page.get_by_role("button", name="Release")
    expect(release).to_have_attribute("aria-disabled", "true")
    release.click(force=True)
    assert page.url.endswith("/phones")
    page.get_by_role("checkbox", name="Choose all on this page").check()
    expect(page.locator("[data-chosen]")).to_have_text("3 chosen")
    expect(release).to_have_attribute("aria-disabled", "false")
    page.get_by_role("checkbox", name="Choose Phone 203").uncheck()
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")


def test_all_found_are_chosen_beyond_the_page_and_one_taken_out_ends_it(seen: Seen, office: RowOffice) -> None:
    Phone.objects.bulk_create(
        Phone(name=f"Many {n:03}", address="127.0.0.1", port=10000 + n, passcode="x") for n in range(60)
    )
    page = opened(seen, "/phones?q=Many")
    page.get_by_role("button", name="Choose all 60 found").click()
    expect(page.locator("[data-chosen]")).to_have_text("60 chosen")
    expect(page.locator("#bulk input[name=all]")).to_be_enabled()
    page.get_by_role("checkbox", name="Choose Many 001").uncheck()
    expect(page.locator("[data-chosen]")).to_have_text("49 chosen")
    expect(page.locator("#bulk input[name=all]")).to_be_disabled()


def test_a_hidden_tab_asks_nothing_and_a_seen_one_asks_at_once(seen: Seen, office: RowOffice) -> None:
    page = opened(seen, "/phones")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/phones/live" in request.url else None)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); }"
    page.evaluate("window.sent = 0; document.body.addEventListener('htmx:beforeSend', () => { window.sent += 1; })")
    page.evaluate(hide, True)
    asked.clear()  # the page's own look may have come between
    assert page.evaluate("sent = 0, htmx.trigger('#live', 'look'), sent") == 0 and asked == []
    page.evaluate(hide, False)
    with page.expect_response(lambda answer: "/phones/live" in answer.url):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert asked


def test_somebody_is_assigned_by_keyboard_alone(seen: Seen, office: RowOffice) -> None:
    phone, now = office.phones[0], utc_now()
    release_phone(phone=phone, at=now)
    page = opened(seen, "/phones")
    keyboard = page.keyboard

    def tab_to(name: str) -> None:
        for _step in range(60):
            keyboard.press("Tab")
            focused = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()")
            if focused.startswith(name):
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to("Phone 201")
    with page.expect_navigation():
        keyboard.press("Enter")
    tab_to("Person")
    keyboard.type("User 203")
    tab_to("Assign")
    with page.expect_navigation():
        keyboard.press("Enter")
    expect(page.locator(".messages")).to_contain_text("Phone 201 is assigned.")
    assert Assignment.objects.get(phone=phone, during__contains=utc_now()).user == office.users[2]


def test_a_check_shows_its_end_without_a_reload_and_keeps_the_focus(seen: Seen, office: RowOffice) -> None:
    phone = office.phones[0]
    page = opened(seen, f"/phones/{phone.pk}")
    button = page.get_by_role("button", name="Check now")
    page.evaluate("window.stayed = true")
    button.click()
    deeds = page.locator(f"#deeds-{phone.pk}")
    expect(deeds.locator("li.asked")).to_contain_text("Check")
    expect(page.locator("#live")).to_have_attribute("hx-trigger", "every 1s, look")
    DeviceOrder.objects.update(state="confirmed", sentence="It answered in 9 ms.", ended_at=utc_now())
    expect(deeds.locator("li.proven")).to_contain_text("It answered in 9 ms.")
    expect(page.locator(f"#said-{phone.pk}")).to_contain_text("Check: Done.")
    expect(page.locator("#live")).to_have_attribute("hx-trigger", "every 5s, look")
    expect(button).to_be_focused()
    assert page.evaluate("window.stayed") and DeviceOrder.objects.count() == 1
    button.click()  # a fresh button: not the same order again
    expect(deeds.locator("li.asked")).to_have_count(1)
    assert DeviceOrder.objects.count() == 2 and seen.problems == []


def test_a_server_that_is_away_is_said_and_forgotten_when_it_is_back(seen: Seen, office: RowOffice) -> None:
    page = opened(seen, f"/phones/{office.phones[0].pk}")
    page.route("**/now", lambda route: route.abort())
    page.evaluate("htmx.trigger('#live', 'look')")
    expect(page.locator("#stale")).to_be_visible()
    page.unroute("**/now")
    look(page)
    expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360, 1920])
def test_no_page_of_phones_scrolls_sideways(
    sees: Callable[..., Seen], boss: User, office: RowOffice, width: int
) -> None:
    phone = office.phones[0]
    Phone.objects.filter(pk=phone.pk).update(name="Havelquell" * 8)
    seen = sees(boss, viewport={"width": width, "height": 800})
    for path in ("/phones", f"/phones/{phone.pk}", f"/phones/{phone.pk}/edit", "/my-phone"):
        seen.page.goto(f"{seen.address}{path}")
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert seen.problems == []

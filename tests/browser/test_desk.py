"""The desk in a real browser: cards by the stream, one press one order, a lost server, hostile names, every look."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from crmconnector.calls.models import CallCommand
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from tests.support.browser import OtherTab, Seen, drawn_card
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
LISTEN = """
window.said = [];
document.addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("announce");
  if (line) new MutationObserver(() => line.textContent && window.said.push(line.textContent))
    .observe(line, {childList: true, characterData: true, subtree: true});
});
"""
TOO_WIDE = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
  [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => `${one.tagName}.${one.className}`).slice(0, 9)"""
HOSTILE = [
    '"><img src=x onerror=alert(1)>',
    "</script><svg onload=alert(1)>",
    "{{7*7}} ${7*7} javascript:alert(1)",
    "\u202egnp.exe",
    "W" * 80,
]


def opened(page: Page) -> Page:
    """The desk with its stream open."""
    expect(page.locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    return page


def card_in(page: Page, state: str = "ringing"):
    return page.locator(f'#cards > article[data-state="{state}"]')


def test_a_card_arrives_by_the_stream_and_is_said_once(seen: Seen, pbx) -> None:
    seen.page.add_init_script(LISTEN)
    page = opened(seen.desk())
    expect(page.locator("#idle")).to_be_visible()
    pbx.rings()
    expect(card_in(page)).to_contain_text("Rosalind Achterberg-Whitcombe")
    expect(page).to_have_title("(1) Rosalind Achterberg-Whitcombe")
    expect(page.locator("#announce")).to_have_attribute("role", "alert")
    page.keyboard.press("a")  # a change of the card is no second announcement
    expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")
    who = "Rosalind Achterberg-Whitcombe, Havelquell Gebäudetechnik GmbH & Co. KG, Support DE"
    assert page.evaluate("said") == [f"Ringing: {who}. Press A to answer."]
    assert page.evaluate("document.activeElement === document.body") and seen.problems == []


def test_many_presses_in_two_tabs_are_one_order(seen: Seen, pbx) -> None:
    sent: list[str] = []
    seen.context.on("request", lambda request: sent.append(request.url) if request.url.endswith("/answer") else None)
    one, two = opened(seen.desk()), seen.open_tab()
    two.goto(one.url)
    pbx.rings()
    for page in (one, two):
        expect(card_in(page)).to_be_visible()
    for page in (one, two, one, two, one):
        page.keyboard.press("a")
    for page in (one, two):
        expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")
        expect(card_in(page).locator("[data-answer] button")).to_have_attribute("data-asked", "")
    assert CallCommand.objects.count() == 1
    assert len(sent) <= 2 and seen.problems == []  # one for each tab at most
    CallCommand.objects.update(state="sent", sent_at=utc_now())  # as a worker leaves it
    pbx.answered("201")
    for page in (one, two):
        expect(card_in(page, "talking").locator("[data-said]")).to_contain_text("Answered on your desk phone")


WITHOUT_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"  # a page over plain http


@pytest.mark.parametrize("before", ["", WITHOUT_LOCKS], ids=["by a lock", "by a lease"])
def test_two_tabs_share_one_stream_and_the_second_takes_over(seen: Seen, pbx, before: str) -> None:
    seen.context.add_init_script(before)
    streams: list[str] = []
    seen.context.on("request", lambda request: streams.append(request.url) if "/desk/stream" in request.url else None)
    first, second = opened(seen.desk()), seen.open_tab()
    second.goto(first.url)
    opened(second)
    pbx.rings()
    for page in (first, second):
        expect(card_in(page)).to_be_visible()
    assert len(streams) == 1
    first.close()
    pbx.answered("201")
    expect(card_in(second, "talking")).to_be_visible(timeout=15_000)  # a lease that nobody gave back lasts 6 s
    assert len(streams) == 2 and seen.problems == []


def test_a_reload_keeps_the_card_and_says_nothing_again(seen: Seen, pbx) -> None:
    seen.page.add_init_script(LISTEN)
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_be_visible()
    page.reload()
    opened(page)
    expect(card_in(page)).to_have_count(1)
    expect(page).to_have_title("(1) Rosalind Achterberg-Whitcombe")
    pbx.rings("201", number="03040506070", key="2.1")  # the stream lives, and a new call is said
    expect(card_in(page)).to_have_count(2)
    said = page.evaluate("said")
    assert len(said) == 1 and "40506070" in said[0].replace(" ", "")


def test_a_call_taken_by_somebody_else_closes_and_leaves(seen: Seen, pbx) -> None:
    seen.page.clock.install()
    page = opened(seen.desk())
    pbx.rings("201", "202")
    expect(card_in(page)).to_be_visible()
    pbx.answered("202", others=["201"])
    closed = card_in(page, "closed")
    expect(closed).to_contain_text("User 202 took the call from Rosalind Achterberg-Whitcombe")
    expect(page).to_have_title("Desk – crmconnector")
    closed.hover()
    page.clock.fast_forward(21_000)
    expect(closed).to_be_visible()  # somebody points at it
    page.mouse.move(5, 5)
    # A poll's answer sets the page's clock right again, so one jump may come too early.
    eventually(lambda: page.clock.fast_forward(21_000) or closed.count() == 0)
    expect(page.locator("#idle")).to_be_visible()


def test_a_lost_server_is_said_and_the_missed_card_comes_afterwards(seen: Seen, pbx, web) -> None:
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_be_visible()
    expect(page.locator("#desk-lines .line.is-ringing")).to_be_visible()
    asked: list[object] = []
    page.on("request", lambda request: asked.append(request) if "/desk/stream" in request.url else None)
    web.kill()
    try:
        expect(page.locator("#stream-lost")).to_be_visible()
        expect(page.locator("#stream-lost")).to_contain_text("Reconnecting. What you see is from")
        expect(card_in(page).first).to_have_class("card is-ringing arrive is-stale")
        expect(page.locator("#desk-lines .line").first).to_have_class("line is-ringing is-stale")
        expect(page.locator("#desk-side li.is-stale, #rail-foot .row.is-stale")).to_have_count(5)
        expect(page.locator("#desk-side .tel-links.is-stale")).to_have_count(0)  # a matter of this browser alone
        shot(page, "desk-stream-lost")
        pbx.rings("201", number="03040506070", key="2.1")
    finally:
        web.start()
    expect(card_in(page)).to_have_count(2, timeout=20_000)
    expect(page.locator("#stream-lost")).to_be_hidden()
    expect(page.locator(".is-stale")).to_have_count(0)
    first_seen = Pop.objects.order_by("version").first().version
    request = asked[-1]
    assert request.header_value("last-event-id") == str(first_seen) or f"after={first_seen}" in request.url


def test_an_ended_session_ends_at_the_sign_in_page(seen: Seen, office: RowOffice, web) -> None:
    page = opened(seen.desk())
    Session.objects.all().delete()
    page.evaluate("htmx.trigger('#desk-recent', 'look')")
    expect(page).to_have_url(f"{web.address}/sign-in?next=/desk")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_wherever_it_stands(seen: Seen, office: RowOffice, pbx, name: str) -> None:
    contact = office.add_contact(name, "030 40506070", company=name)
    page = opened(seen.desk())
    pbx.rings("201", number="03040506070", name=name)
    expect(card_in(page).locator(".name")).to_have_text(name)
    assert_inert(page)
    for path in ("calls", f"calls/{Pop.objects.get().call_id}", f"contacts/{contact.pk}", "contacts", "desk"):
        page.goto(f"{seen.address}/{path}")
        assert name in page.locator("main").text_content()
        assert_inert(page)
    assert seen.problems == []


def test_a_name_of_ten_thousand_letters_breaks_nothing(seen: Seen, office: RowOffice) -> None:
    other = OtherTab(seen, office.users[0].pk)
    page = opened(seen.desk())
    other.says(drawn_card(1, 1, name="\u202eW" * 5_000))
    expect(card_in(page)).to_be_visible()
    assert len(page.title()) < 100 and "\u202e" not in page.title()
    assert len(page.locator("#announce").inner_text()) <= 400
    assert page.evaluate(TOO_WIDE) == []
    assert_inert(page)
    assert seen.problems == []


def test_the_keyboard_alone_leads_from_sign_in_to_answer(sees: Callable[..., Seen], office: RowOffice, pbx) -> None:
    office.users[0].password = PBKDF2PasswordHasher().encode("correct horse battery", "salt")  # as the product keeps it
    office.users[0].save(update_fields=["password"])
    seen = sees()
    page = seen.desk()
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type("user201")
    page.keyboard.press("Tab")
    expect(page.locator("#id_password")).to_be_focused()
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk")
    opened(page)
    pbx.rings()
    expect(card_in(page)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("a")  # typed into the search field, so it answers nothing
    assert page.locator("#omni").input_value() == "a" and not CallCommand.objects.exists()
    page.keyboard.press("Tab")
    page.keyboard.press("A")
    expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")
    assert CallCommand.objects.count() == 1 and seen.problems == []


LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow-360": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "wide-1920": {"viewport": {"width": 1920, "height": 1080}},
    "rtl": {},
}


@pytest.mark.parametrize("look", LOOKS)
def test_the_ringing_desk_fits_every_screen(sees: Callable[..., Seen], office: RowOffice, pbx, look: str) -> None:
    seen = sees(office.users[0], reduced_motion="reduce", **LOOKS[look])
    page = opened(seen.desk())
    if look == "rtl":
        page.evaluate("document.documentElement.dir = 'rtl'")
    pbx.rings("201", "202")
    expect(card_in(page)).to_be_visible()
    on_the_card_already = look == "narrow-360"
    expect(page.locator("#desk-lines .line.is-ringing")).to_be_visible(visible=not on_the_card_already)
    expect(card_in(page).locator("[data-answer] button")).to_be_in_viewport()
    shot(page, f"desk-ringing-{look}")
    assert_fits(page)
    assert seen.problems == []


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def assert_fits(page: Page) -> None:
    assert page.evaluate(TOO_WIDE) == []


def assert_inert(page: Page) -> None:
    """No element was made of the name, nothing runs off the page."""
    assert page.locator("main img, main script, main [onerror], main [onload]").count() == 0
    assert_fits(page)

"""What a ring says besides its card: one tone and one notification for the whole browser, and only when asked for."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import WITHOUT_LOCKS, card_in, opened
from tests.support.browser import EDGES, Seen, soon
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser
TWO_TONES, ONE_TICK = [[660, 880]], [[440]]
FULL_STORAGE = """
const keep = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  if (key.startsWith("crmconnector-told")) throw new DOMException("full", "QuotaExceededError");
  keep.call(this, key, value);
};
"""
LOOKED_AWAY = "window.look(false)"


@pytest.fixture
def seen(seen: Seen) -> Seen:
    seen.context.add_init_script(EDGES)
    return seen


# What the last message of each other tab said of itself.
OTHERS = """Object.values(Object.fromEntries(
  heard.filter((one) => "visible" in one).map((one) => [one.id, one.focused])))"""


def desks(seen: Seen, count: int = 2) -> list[Page]:
    """So many tabs with the desk, none of them looked at, and each knows it of the others."""
    pages = [seen.page, *(seen.open_tab() for _ in range(count - 1))]
    for page in pages:
        page.goto(f"{seen.address}/desk")
        opened(page)
    for page in pages:
        page.evaluate(LOOKED_AWAY)
    for page in pages:
        knows(page, *[False] * (count - 1))
    return pages


def knows(page: Page, *looked_at: bool) -> None:
    """The page has heard of so many other tabs whether somebody looks at them."""
    soon(page, lambda: sorted(page.evaluate(OTHERS)) == sorted(looked_at))


def in_all(pages: list[Page], what: str) -> list[object]:
    return [one for page in pages for one in page.evaluate(what)]


def notes(pages: list[Page]) -> list[object]:
    return in_all(pages, "notes.map((one) => [one.title, one.closed])")


@pytest.mark.parametrize(
    "before", ["", WITHOUT_LOCKS, FULL_STORAGE], ids=["by a lock", "by a lease", "by a lock alone"]
)
def test_many_hidden_tabs_make_one_sound_and_one_notification(seen: Seen, pbx, before: str) -> None:
    seen.context.add_init_script(before)
    seen.switch("sound", "notify")
    pages = desks(seen, 3)
    pbx.rings()
    for page in pages:
        expect(card_in(page)).to_have_count(1)
    assert in_all(pages, "tones") == TWO_TONES
    assert notes(pages) == [["Rosalind Achterberg-Whitcombe", False]]
    pbx.answered("201")
    for page in pages:
        expect(card_in(page, "talking")).to_have_count(1)
    assert notes(pages) == [["Rosalind Achterberg-Whitcombe", True]] and seen.problems == []


def test_nothing_sounds_or_notifies_before_somebody_asked_for_it(seen: Seen, pbx) -> None:
    pages = desks(seen, 1)
    pbx.rings()
    expect(card_in(pages[0])).to_have_count(1)
    assert pages[0].evaluate("[tones.length, notes.length, Notification.asked]") == [0, 0, 0]


def test_a_desk_that_is_looked_at_is_silent_in_every_tab(seen: Seen, pbx) -> None:
    seen.switch("sound", "notify")
    pages = desks(seen)
    pages[1].evaluate("window.look(true)")
    knows(pages[0], True)
    pbx.rings()
    for page in pages:
        expect(card_in(page)).to_have_count(1)
    assert in_all(pages, "tones") == [] and notes(pages) == []


def test_with_the_headset_on_the_computer_the_tone_sounds_before_the_eyes_too(seen: Seen, pbx) -> None:
    seen.switch("sound", "headset")
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    assert page.evaluate("tones") == TWO_TONES


def test_a_second_call_while_talking_is_one_quiet_tick(seen: Seen, pbx) -> None:
    pbx.rings()
    pbx.answered("201")
    seen.switch("sound")
    pages = desks(seen, 1)
    expect(card_in(pages[0], "talking")).to_have_count(1)
    pbx.rings("201", number="03040506070", key="2.1")
    expect(card_in(pages[0])).to_have_count(1)
    assert pages[0].evaluate("tones") == ONE_TICK


def test_a_reload_in_the_middle_of_a_ring_makes_no_second_sound(seen: Seen, pbx) -> None:
    seen.switch("sound", "notify")
    page = desks(seen, 1)[0]
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    assert page.evaluate("tones") == TWO_TONES
    page.reload()
    opened(page).evaluate(LOOKED_AWAY)
    page.keyboard.press("a")
    expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")  # a newer version came
    assert page.evaluate("[tones.length, notes.length]") == [0, 0]


def test_a_call_answered_in_one_browser_takes_the_notification_of_the_other_away(
    sees: Callable[..., Seen], office: RowOffice, pbx
) -> None:
    pages = []
    for _ in range(2):
        other = sees(office.users[0])
        other.context.add_init_script(EDGES)
        other.switch("notify")
        pages += desks(other, 1)
    pbx.rings("201", "202")
    for page in pages:
        expect(card_in(page)).to_have_count(1)
    assert [closed for _, closed in notes(pages)] == [False, False]
    pbx.answered("202", others=["201"])
    for page in pages:
        expect(card_in(page, "closed")).to_have_count(1)
    assert [closed for _, closed in notes(pages)] == [True, True]


def test_a_press_on_the_notification_leads_to_the_card(seen: Seen, pbx) -> None:
    seen.switch("notify")
    page = desks(seen, 1)[0]
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    page.evaluate("window.focused = 0; window.focus = () => { window.focused += 1; }; notes[0].onclick()")
    expect(card_in(page)).to_be_focused()
    assert page.evaluate("[focused, notes[0].closed]") == [1, True]


def test_a_notification_is_short_plain_text(seen: Seen, office: RowOffice, pbx) -> None:
    office.add_contact("\u202egnp.exe <b>" + "W" * 180, "030 40506070", company="\u2066{{7*7}}")
    seen.switch("notify")
    page = desks(seen, 1)[0]
    pbx.rings("201", number="03040506070")
    expect(card_in(page)).to_have_count(1)
    title, body, silent = page.evaluate("[notes[0].title, notes[0].body, notes[0].silent]")
    assert title.startswith("gnp.exe <b>WWW") and len(title) == 80 and title.endswith("…") and silent is True
    assert body == "{{7*7}}, Support DE"


def test_switching_notifications_on_asks_the_browser_and_explains_a_no(seen: Seen) -> None:
    page = opened(seen.desk())
    page.evaluate("Notification.permission = 'default'")
    box, said = page.locator('[data-switch="notify"]'), page.locator("[data-notify-said]")
    page.locator("details.menu > summary").click()
    page.evaluate("localStorage.setItem('test.answer', 'denied')")
    box.click()
    expect(said).to_contain_text("Your browser refuses notifications")
    expect(box).not_to_be_checked()
    page.evaluate("Notification.permission = 'default'; localStorage.setItem('test.answer', 'granted')")
    box.check()
    expect(said).to_be_hidden()
    assert page.evaluate("[Notification.asked, localStorage.getItem('switch.notify')]") == [2, "true"]

"""A call that one places, on the own desk: its card from dialling to the end, without a sound or an alarm."""

import time

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls import events as ev
from crmconnector.calls.notes import add_usual_outcomes
from tests.support.browser import EDGES, Seen
from tests.support.placed import dials, fails, hangs_up, talks

pytestmark = pytest.mark.browser


@pytest.fixture
def seen(seen: Seen) -> Seen:
    seen.context.add_init_script(EDGES)
    return seen


def opened(page: Page) -> Page:
    expect(page.locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    return page


def state(page: Page, word: str) -> None:
    expect(page.locator(".card .strip .word").first).to_have_text(word)


def test_the_card_of_a_placed_call_goes_from_dialling_to_closed_and_nothing_rings(seen: Seen, pbx) -> None:
    add_usual_outcomes()
    seen.switch("sound", "headset", "notify")
    page = opened(seen.desk())
    title = page.title()
    pbx.says(*dials(at=time.time() - 2))
    expect(page.locator('article[data-state="dialling"] .name')).to_have_text("Rosalind Achterberg-Whitcombe")
    state(page, "Ringing there")
    expect(page.locator("[data-answer]")).to_have_count(0)
    assert page.title() == title and page.locator("#announce").text_content() == ""
    pbx.says(*talks(at=time.time()))
    state(page, "Talking")
    expect(page.locator("#told")).to_contain_text("Talking: Rosalind Achterberg-Whitcombe")
    pbx.says(ev.LegHeld("1.1", time.time(), "1.1", "PJSIP/201"))
    state(page, "On hold")
    pbx.says(*hangs_up(at=time.time()))
    expect(page.locator('article[data-state="closed"] .tells')).to_contain_text("Rosalind Achterberg-Whitcombe")
    expect(page.get_by_label("Note on this call")).to_be_visible()
    assert page.evaluate("[tones.length, notes.length]") == [0, 0]
    assert seen.problems == []


def test_a_call_that_comes_in_rings_beside_an_own_one(seen: Seen, pbx) -> None:
    seen.switch("sound", "headset")
    page = opened(seen.desk())
    pbx.says(*dials(key="1.1", at=time.time()))
    expect(page.locator('article[data-state="dialling"]')).to_be_visible()
    pbx.rings(key="2.1", number="+33199004712")
    expect(page.locator('article[data-state="ringing"]')).to_be_visible()
    assert page.evaluate("tones.length") == 1
    assert seen.problems == []


def test_who_gives_up_an_own_call_is_not_asked_for_a_note(seen: Seen, pbx) -> None:
    page = opened(seen.desk())
    pbx.says(*dials(at=time.time()))
    expect(page.locator('article[data-state="dialling"]')).to_be_visible()
    pbx.says(*fails("cancelled", "cancelled"))
    state(page, "You hung up")
    expect(page.get_by_label("Note on this call")).to_have_count(0)

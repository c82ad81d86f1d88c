"""The lines and the recent calls follow the call at once: here the page never asks by itself, it only listens."""

import time

import pytest
from playwright.sync_api import Page, Route, expect

from crmconnector.calls import events as ev
from tests.browser.test_desk import opened
from tests.support.browser import Seen, soon
from tests.support.placed import dials, talks
from tests.support.story import TRUNK

pytestmark = pytest.mark.browser


def without_poll(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("every 5s, look", "look"))


@pytest.fixture
def page(seen: Seen) -> Page:
    for address in ("**/desk", "**/desk/status?*"):
        seen.context.route(address, without_poll)
    page = opened(seen.desk())
    expect(page.locator("#desk-recent")).to_have_attribute("hx-trigger", "look")
    return page


def line(page: Page, word: str) -> None:
    expect(page.locator("#desk-lines .word").first).to_contain_text(word)


def recent(page: Page, words: str) -> None:
    expect(page.locator("#desk-recent li").first).to_contain_text(words)


def test_the_line_goes_with_the_card_through_the_whole_call(page: Page, pbx) -> None:
    pbx.says(*dials(at=time.time() - 2))
    line(page, "Calling")
    pbx.says(*talks(at=time.time()))
    line(page, "Talking")
    recent(page, "Talking")
    pbx.says(ev.LegHeld("1.1", time.time(), "1.1", "PJSIP/201"))
    line(page, "On hold")
    pbx.says(ev.LegResumed("1.1", time.time(), "1.1", "PJSIP/201"))
    line(page, "Talking")


def test_a_call_that_ends_after_its_card_is_told_as_over(page: Page, pbx) -> None:
    """The own phone hangs up first: the card has nothing more to say, the log has."""
    pbx.says(*dials(at=time.time() - 2), *talks(at=time.time()))
    line(page, "Talking")
    pbx.says(ev.LegEnded("1.1", time.time(), "1.1", "PJSIP/201", "answered", None))
    line(page, "Free")
    recent(page, "Talking")
    over = ev.LegEnded("1.1", time.time(), "1.1-out", TRUNK, "answered", None)
    pbx.says(over, ev.CallEnded("1.1", time.time(), "answered", TRUNK, 9.0))
    recent(page, "Talked")


def test_what_happens_while_an_answer_is_on_its_way_is_looked_at_too(seen: Seen, page: Page, pbx) -> None:
    """The answer takes the place of the very element that asks: what it was told meanwhile must not go with it."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    seen.context.route("**/desk/status?*", hold)
    pbx.says(*dials(at=time.time() - 2))
    soon(page, lambda: held)
    seen.context.unroute("**/desk/status?*", hold)
    old = held[0].fetch()
    pbx.says(*talks(at=time.time()))
    expect(page.locator('article[data-state="talking"]')).to_be_visible()
    drawn_at = time.monotonic()
    soon(page, lambda: time.monotonic() - drawn_at > 1.5)  # by then the page wanted to look, and could not
    held[0].fulfill(response=old, body=old.text().replace("every 5s, look", "look"))
    line(page, "Talking")


def test_many_changes_make_at_most_one_look_a_second(page: Page, pbx) -> None:
    pbx.says(*dials(at=time.time() - 2), *talks(at=time.time()))
    line(page, "Talking")
    times: list[float] = []
    page.on("request", lambda one: times.append(time.monotonic()) if "/desk/status" in one.url else None)
    for kind in (ev.LegHeld, ev.LegResumed) * 6 + (ev.LegHeld,):
        pbx.says(kind("1.1", time.time(), "1.1", "PJSIP/201"))
    began = time.monotonic()
    line(page, "On hold")
    assert len(times) <= 2 + (time.monotonic() - began)

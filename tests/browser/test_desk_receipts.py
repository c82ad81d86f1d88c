"""What the desk tells the server of its cards: once for each browser, seen only when looked at, also on the way out."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from crmconnector.screenpop.models import PopReceipt
from tests.browser.test_desk import card_in, opened
from tests.support.browser import EDGES, Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser


def told(seen: Seen) -> list[str]:
    posts: list[str] = []
    seen.context.on("request", lambda one: posts.append(one.url) if one.url.endswith("/desk/receipts") else None)
    return posts


def test_two_tabs_tell_once_that_the_card_was_delivered_and_seen(seen: Seen, pbx) -> None:
    posts = told(seen)
    pages = [opened(seen.desk()), seen.open_tab()]
    pages[1].goto(pages[0].url)
    opened(pages[1])
    pbx.rings()
    for page in pages:
        expect(card_in(page)).to_have_count(1)
    row = eventually(PopReceipt.objects.exclude(seen_at=None).first)
    assert row.browser == "Chrome on Linux" and PopReceipt.objects.count() == 1
    pages[0].reload()
    opened(pages[0])
    pbx.answered("201")
    for page in pages:
        expect(card_in(page, "talking")).to_have_count(1)
    assert len(posts) == 1 and seen.problems == []


def test_a_card_nobody_looked_at_is_delivered_and_seen_when_somebody_looks(seen: Seen, pbx) -> None:
    seen.context.add_init_script(EDGES)
    page = opened(seen.desk())
    page.evaluate("window.look(false)")
    pbx.rings()
    eventually(PopReceipt.objects.filter(seen_at=None).exists)
    page.evaluate("window.look(true)")
    eventually(PopReceipt.objects.exclude(seen_at=None).exists)
    assert PopReceipt.objects.count() == 1


def test_many_cards_are_told_in_few_requests(seen: Seen, pbx) -> None:
    posts, began = told(seen), time.monotonic()
    page = opened(seen.desk())
    for place in range(12):
        pbx.rings("201", number=f"0304050{place:04}", key=f"{place + 1}.1")
    expect(card_in(page)).to_have_count(12)
    eventually(lambda: PopReceipt.objects.count() == 12)
    assert PopReceipt.objects.filter(seen_at=None).count() == 7  # five are shown, the rest waits behind a button
    assert len(posts) <= time.monotonic() - began + 2 and seen.problems == []  # one a second at most


def test_what_was_not_told_yet_is_told_when_the_page_goes(
    sees: Callable[..., Seen], office: RowOffice, pbx
) -> None:  # fmt: skip
    page = opened(sees(office.users[0]).desk())
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('away')); }")
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    assert not PopReceipt.objects.exists()
    page.goto("about:blank")
    eventually(PopReceipt.objects.exists)

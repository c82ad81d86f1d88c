"""The card of a test in a real browser: seen as a test, and gone by itself when it is over."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from crmconnector.common.clock import utc_now
from crmconnector.listener.pretended_ring import ring_and_end
from crmconnector.screenpop.publisher import wake
from crmconnector.screenpop.trials import RINGS_SECONDS, ask_trial
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser


def look(office: RowOffice, *, after: float = 0.0) -> None:
    wake(ring_and_end(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now() + timedelta(seconds=after)))


def test_it_says_what_it_is_and_leaves_by_itself(seen: Seen, office: RowOffice) -> None:
    seen.page.clock.install()
    page = seen.desk()
    expect(page.locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    ask_trial(user=office.users[0], by=office.users[0], number="", now=utc_now())
    look(office)
    card = page.locator("article.card")
    expect(card).to_contain_text("Test, nobody is calling")
    expect(card.get_by_role("button", name="Create contact")).to_have_count(0)
    look(office, after=RINGS_SECONDS + 1)
    expect(card).to_contain_text("The test is over. Nobody has called.")
    expect(page.locator("#told, #announce").first).not_to_contain_text("gave up")
    # A poll's answer sets the page's clock right again, so one jump may come too early.
    eventually(lambda: page.clock.fast_forward(40_000) or card.count() == 0)
    assert seen.problems == []

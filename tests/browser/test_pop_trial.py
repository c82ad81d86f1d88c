"""A test card from the button to the desk, in a real browser: each step arrives by itself."""

import pytest

from crmconnector.common.clock import utc_now
from crmconnector.listener.pretended_ring import ring_and_end
from crmconnector.screenpop.models import PopTest
from crmconnector.screenpop.publisher import wake
from tests.support.processes import eventually

pytestmark = pytest.mark.browser
SHOWN = "#trial .banner.ok"


def take(office):
    wake(ring_and_end(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now()))


def test_a_test_card_goes_the_whole_way_while_the_desk_is_open(seen, office):
    desk = seen.desk()
    desk.locator("#live, .idle").first.wait_for(state="attached")
    desk.locator("details.menu > summary").click()
    with seen.context.expect_page() as opened:
        desk.locator("details.menu form[action='/pops/tests'] button").click()
    trial = opened.value
    trial.locator("#trial .asked").wait_for()
    take(office)
    trial.locator("#trial li.proven").nth(2).wait_for()
    card = desk.locator("#cards .card")
    card.wait_for()
    assert "Test" in card.inner_text()
    eventually(lambda: PopTest.objects.get().pop.receipts.exists(), seconds=20)
    trial.locator(SHOWN).wait_for()
    assert "ms" in trial.locator("#trial").inner_text()
    assert seen.problems == []

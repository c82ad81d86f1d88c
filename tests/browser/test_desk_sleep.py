"""A desk that slept, lost its stream or hears a server that says nothing: nothing is lost and nothing comes twice."""

import os
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import LISTEN, card_in, opened
from tests.support.browser import EDGES, Seen, soon, stopped
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser
# A minute passes for this tab alone (the clock of Playwright is one for all tabs, and waits for each of them).
A_MINUTE = """() => {
  const real = Date.now;
  let later = 0;
  Date.now = () => real() + later;
  for (; later < 60_000; later += 10_000) document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def seen(seen: Seen) -> Seen:
    seen.context.add_init_script(LISTEN)
    return seen


def streams_of(page: Page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/desk/stream" in request.url else None)
    return asked


def test_a_machine_that_slept_opens_its_stream_anew_and_shows_what_came(seen: Seen, pbx) -> None:
    seen.page.clock.install()
    asked = streams_of(seen.page)
    page = opened(seen.desk())
    assert len(asked) == 1
    with stopped(page):
        pbx.rings()
    page.clock.fast_forward(3_600_000)
    soon(page, lambda: len(asked) == 2)
    expect(card_in(page)).to_have_count(1)
    assert len(page.evaluate("said")) == 1
    pbx.answered("201")
    expect(card_in(page, "talking")).to_have_count(1)
    assert len(page.evaluate("said")) == 1 and seen.problems == []


def test_a_silent_server_is_noticed_and_asked_again(seen: Seen, pbx, web) -> None:
    seen.page.clock.install()
    asked = streams_of(seen.page)
    page = opened(seen.desk())
    os.kill(web.process.popen.pid, signal.SIGSTOP)  # its connections stay open and say nothing
    try:
        pbx.rings()
        page.clock.run_for(30_000)  # real time goes on too
        assert len(asked) == 1
        page.clock.run_for(20_000)
        soon(page, lambda: len(asked) == 2)
    finally:
        os.kill(web.process.popen.pid, signal.SIGCONT)
    expect(card_in(page)).to_have_count(1)
    assert len(page.evaluate("said")) == 1


def test_a_frozen_leader_is_replaced_and_steps_back_when_it_wakes(seen: Seen, pbx) -> None:
    seen.context.add_init_script(EDGES)
    seen.switch("sound", "headset")
    first, second = opened(seen.desk()), seen.open_tab()
    old, new = streams_of(first), streams_of(second)
    second.goto(first.url)
    opened(second)
    with stopped(first):
        second.evaluate(A_MINUTE)
        soon(second, lambda: len(new) == 1)
        pbx.rings()
        expect(card_in(second)).to_have_count(1)
    expect(card_in(first)).to_have_count(1)
    pbx.answered("201")
    for page in (first, second):
        expect(card_in(page, "talking")).to_have_count(1)
    tones = first.evaluate("tones.length") + second.evaluate("tones.length")
    assert tones == 1 and old == [] and len(new) == 1


def test_what_came_while_the_network_was_away_comes_once(seen: Seen, pbx) -> None:
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    seen.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    pbx.rings("201", number="03040506070", key="2.1")
    seen.context.set_offline(False)
    expect(card_in(page)).to_have_count(2, timeout=20_000)
    assert len(page.evaluate("said")) == 2


def test_two_browsers_of_one_person_show_the_same(sees: Callable[..., Seen], office: RowOffice, pbx) -> None:
    pages = [opened(sees(office.users[0]).desk()) for _ in range(2)]
    pbx.rings()
    for page in pages:
        expect(card_in(page)).to_have_count(1)
    pbx.answered("201")
    for page in pages:
        expect(card_in(page, "talking")).to_have_count(1)
        expect(card_in(page)).to_have_count(0)

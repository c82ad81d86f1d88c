"""A card that was put away stays away, and a card that only "all cards anew" brings is told like any other."""

import time

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls import events as ev
from crmconnector.screenpop.models import Pop
from tests.browser.test_desk import LISTEN, card_in, opened
from tests.support.browser import EDGES, OtherTab, Seen, drawn_card, soon
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser
CLOSE = '<button type="button" data-close>Close</button>'
ALL_ANEW = """dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))"""  # as after going back to it
SENT = """() => {
  const ask = window.fetch;
  window.sent = [];
  window.fetch = (...what) => { sent.push(what); return ask(...what); };
}"""
NO_CARDS = "retry: 50\n\nevent: hello\ndata: {}\n\n"


@pytest.fixture
def over(seen: Seen, pbx) -> Page:
    """A desk with the closed card of a call that its user talked in."""
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)  # a card that was over before anybody could see it is not drawn
    pbx.answered("201")
    at = time.time()
    ended = ev.LegEnded("1.1", at, "1.1-201", "PJSIP/201", "answered", None)
    pbx.says(ended, ev.CallEnded("1.1", at, "answered", "PJSIP/201", 30.0))
    expect(card_in(page, "closed")).to_have_count(1)
    return page


def test_a_card_put_away_is_away_after_a_reload_that_was_faster_than_the_server(over: Page) -> None:
    over.route("**/close", lambda route: route.abort())
    over.keyboard.press("Escape")
    expect(card_in(over, "closed")).to_have_count(0)
    over.unroute("**/close")
    over.reload()
    opened(over)
    expect(over.locator("#cards > article")).to_have_count(0)
    assert not Pop.objects.get().payload.get("dismissed")  # the browser alone knows


def test_the_server_hears_of_it_though_the_page_is_left_at_once(over: Page) -> None:
    over.evaluate(SENT)
    over.keyboard.press("Escape")
    assert over.evaluate("sent.map(([url, how]) => [url.endsWith('/close'), how.keepalive])") == [[True, True]]
    over.goto("about:blank")
    eventually(lambda: Pop.objects.get().payload.get("dismissed"))


def test_what_comes_late_does_not_bring_a_card_back_but_the_call_does(seen: Seen, office: RowOffice) -> None:
    other = OtherTab(seen, office.users[0].pk)
    page = opened(seen.desk())
    other.says(drawn_card(1, 1))
    expect(card_in(page)).to_have_count(1)
    other.says(drawn_card(1, 2, "closed", inside=CLOSE))
    expect(card_in(page, "closed")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(card_in(page, "closed")).to_have_count(0)
    other.says(drawn_card(1, 3, "closed", inside=CLOSE), drawn_card(2, 4))
    expect(page.locator("#card-2")).to_be_visible()
    expect(page.locator("#card-1")).to_have_count(0)
    other.says(drawn_card(1, 5, "talking"))
    expect(page.locator("#card-1")).to_be_visible()


def test_another_tab_that_has_drawn_less_puts_it_away_too(seen: Seen, office: RowOffice) -> None:
    other = OtherTab(seen, office.users[0].pk)
    page = opened(seen.desk())
    other.says(drawn_card(1, 1), drawn_card(1, 2, "closed"))
    other.says(drawn_card(2, 3, "closed"), drawn_card(3, 4))
    expect(page.locator("#card-3")).to_be_visible()
    away = "([user, said]) => new BroadcastChannel(`crmconnector-desk-${user}-closed`).postMessage(said)"
    other.page.evaluate(away, [other.user, {"pop": 3, "version": 6, "over": True}])
    expect(page.locator("#card-3")).to_have_count(0)


def test_a_ring_that_no_stream_brought_is_told_once_however_often_all_cards_come(seen: Seen, pbx) -> None:
    seen.context.add_init_script(EDGES)
    seen.context.add_init_script(LISTEN)
    seen.switch("sound", "headset")
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url) if "/desk/cards" in request.url else None)
    seen.page.route("**/desk/stream*", lambda route: route.fulfill(content_type="text/event-stream", body=NO_CARDS))
    page = seen.desk()
    soon(page, lambda: asked)
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    before = len(asked)
    soon(page, lambda: len(asked) > before + 2)
    said = page.evaluate("[said.length, said[0], tones.length]")
    assert said[0] == said[2] == 1 and said[1].startswith("Ringing: Rosalind Achterberg-Whitcombe, Havelquell")


def test_a_ring_that_was_there_when_the_page_opened_is_not_told(seen: Seen, pbx) -> None:
    seen.context.add_init_script(EDGES)
    seen.context.add_init_script(LISTEN)
    seen.switch("sound", "headset")
    pbx.rings()
    page = opened(seen.desk())
    expect(card_in(page)).to_have_count(1)
    page.keyboard.press("a")
    expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")  # a newer version came
    assert page.evaluate("[said.length, tones.length]") == [0, 0]


def test_an_answer_from_before_the_ring_does_not_take_its_card_away(seen: Seen, pbx) -> None:
    page = opened(seen.desk())
    held: list[object] = []
    page.route("**/desk/cards", lambda route: held.append((route, route.fetch())))
    page.evaluate(ALL_ANEW)
    route, answer = soon(page, lambda: held)[0]
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    with page.expect_response("**/desk/cards"):
        route.fulfill(response=answer)
    pbx.rings("201", number="03040506070", key="2.1")
    expect(card_in(page)).to_have_count(2)


def test_a_tab_that_was_drawn_before_the_ring_and_listens_after_it_looks_for_itself(
    seen: Seen, office: RowOffice, pbx
) -> None:
    """The leader's news went out between; its answer to the newcomer says how far it is."""
    OtherTab(seen, office.users[0].pk)
    page = opened(seen.desk())
    pbx.rings()
    version = Pop.objects.get().version
    user = office.users[0].pk
    say = "([user, said]) => new BroadcastChannel(`crmconnector-desk-${user}`).postMessage(said)"
    page.evaluate(say, [user, {"kind": "state", "state": "open", "after": version}])
    expect(card_in(page)).to_have_count(1)

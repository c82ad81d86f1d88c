"""Many calls at once and cards that flutter: few drawings, the newest wins, the first ones shown, typing goes on."""

import time

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls import events as ev
from crmconnector.screenpop.models import Pop
from tests.browser.test_desk import card_in, opened
from tests.support.browser import OtherTab, Seen, drawn_card
from tests.support.call_bar import allow_everything
from tests.support.office import RowOffice
from tests.support.placed import dials, talks

pytestmark = pytest.mark.browser
DRAWINGS = """
window.drawings = [];
const drawn = {childList: true, subtree: true, attributes: true, attributeFilter: ["data-version"]};
new MutationObserver(() => window.drawings.push(performance.now())).observe(document.getElementById("cards"), drawn);
"""
# More drawings than one in 100 ms; the first and the last may be told a little late.
TOO_MANY = "(each) => drawings.length - each * ((drawings.at(-1) - drawings[0]) / 100 + 3)"
FIELD = '<label>Note <textarea data-keep="note-1"></textarea></label>'


@pytest.fixture
def other(seen: Seen, office: RowOffice) -> OtherTab:
    return OtherTab(seen, office.users[0].pk)


def watched(seen: Seen) -> Page:
    page = opened(seen.desk())
    page.evaluate(DRAWINGS)
    return page


def test_twenty_cards_at_once_show_five_and_say_how_many_wait(seen: Seen, pbx) -> None:
    page = watched(seen)
    for place in range(20):
        pbx.rings("201", number=f"0304050{place:04}", key=f"{place + 1}.1")
    more = page.locator("#cards-more")
    expect(card_in(page)).to_have_count(20)
    expect(more).to_have_text("And 15 more ringing. Show them")
    expect(page.locator("#cards > article:visible")).to_have_count(5)
    assert page.title().startswith("(20) ")
    more.click()
    expect(page.locator("#cards > article:visible")).to_have_count(20)
    expect(more).to_have_attribute("aria-expanded", "true")
    more.click()
    expect(page.locator("#cards > article:visible")).to_have_count(5)
    assert page.evaluate(TOO_MANY, 2) <= 0  # a drawing makes two changes at most: the card, and the stack
    assert seen.problems == []


def test_a_card_that_flutters_is_drawn_ten_times_a_second_and_ends_as_it_is(seen: Seen, other: OtherTab) -> None:
    page = watched(seen)
    page.bring_to_front()  # pages behind it draw seldom anyway
    page.evaluate(
        """([user, ringing, talking]) => new Promise((done) => {
          const channel = new BroadcastChannel(`crmconnector-desk-${user}`);
          let version = 1;
          const timer = setInterval(() => {
            const content = { ...(version % 2 ? ringing : talking), version };
            content.html = content.html.replace('data-version="1"', `data-version="${version}"`);
            channel.postMessage({ kind: "event", name: "card", content });
            if (version++ === 101) { clearInterval(timer); done(); }
          }, 20);
        })""",
        [other.user, drawn_card(1, 1, "ringing"), drawn_card(1, 1, "talking")],
    )
    expect(page.locator('#cards > article[data-version="101"]')).to_have_attribute("data-state", "ringing")
    assert page.evaluate(TOO_MANY, 1) <= 0


def test_an_own_call_that_is_held_and_resumed_without_end_ends_with_the_right_verbs(
    seen: Seen, pbx, office: RowOffice
) -> None:
    """The events go the whole way, as fast as they are taken; the bar of the last one stays."""
    allow_everything(office)
    page = watched(seen)
    page.bring_to_front()
    pbx.says(*dials(at=time.time() - 2), *talks(at=time.time() - 1))
    expect(card_in(page, "talking")).to_have_count(1)
    for place in range(101):
        kind = ev.LegResumed if place % 2 else ev.LegHeld
        pbx.says(kind("1.1", time.time(), "1.1", "PJSIP/201"))
    version = Pop.objects.get().version
    expect(page.locator(f'#cards > article[data-version="{version}"]')).to_have_attribute("data-state", "held")
    verbs = page.locator("#cards .verbs")
    expect(verbs).to_have_count(1)
    expect(verbs.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(TOO_MANY, 2) <= 0
    assert seen.problems == []


def test_a_late_older_version_is_not_drawn(seen: Seen, other: OtherTab) -> None:
    page = watched(seen)
    other.says(drawn_card(1, 8, "talking"))
    expect(card_in(page, "talking")).to_have_count(1)
    other.says(drawn_card(1, 7, "ringing"), drawn_card(2, 9, "ringing"))
    expect(page.locator("#card-2")).to_be_visible()
    expect(page.locator("#card-1")).to_have_attribute("data-state", "talking")


def test_a_burst_does_not_disturb_who_types(seen: Seen, other: OtherTab) -> None:
    page = watched(seen)
    other.says(drawn_card(1, 1, "talking", inside=FIELD))
    field = page.locator("#card-1 textarea")
    field.click()
    place = field.bounding_box()
    page.keyboard.type("They ask for the ")
    other.says(*[drawn_card(pop, pop, "ringing") for pop in range(2, 22)])
    page.keyboard.type("cost-centre code")
    expect(card_in(page)).to_have_count(20)
    other.says(drawn_card(1, 30, "talking", inside=FIELD))
    expect(page.locator("#card-1")).to_have_attribute("data-version", "30")
    page.keyboard.type(".")
    expect(field).to_have_value("They ask for the cost-centre code.")
    expect(field).to_be_focused()
    moved = field.bounding_box()
    assert place and moved and abs(place["y"] - moved["y"]) <= 1
    expect(page.locator("#ring-above")).to_contain_text("Caller 2")
    page.locator("#ring-above").click()
    expect(page.locator("#card-2")).to_be_focused()
    expect(page.locator("#card-2")).to_be_in_viewport()
    assert seen.problems == []


def test_twenty_rings_in_a_burst_are_announced_in_one_sentence(seen: Seen, other: OtherTab) -> None:
    page = watched(seen)
    other.says(*[drawn_card(pop, pop, "ringing") for pop in range(1, 21)])
    expect(card_in(page)).to_have_count(20)
    expect(page.locator("#announce")).to_contain_text("Ringing: Caller ")
    other.says(drawn_card(1, 30, "talking"))
    expect(page.locator("#told")).to_have_text("talking: Caller 1.")

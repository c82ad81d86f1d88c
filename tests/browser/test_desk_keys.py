"""The keyboard on the desk: which card a letter means, fields, the list of keys, and the switch that turns them off."""

import time

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls import events as ev
from crmconnector.calls.models import CallCommand, CallNote
from crmconnector.calls.notes import add_usual_outcomes
from crmconnector.common.clock import utc_now
from tests.browser.test_desk import card_in, opened
from tests.support.browser import OtherTab, Seen, drawn_card
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser
PRESSED = """
window.pressed = [];
addEventListener("click", (event) => window.pressed.push(event.target.closest("[data-was]")?.dataset.was));
"""
KEYS = """<button type="button" data-was="answer-{pop}" aria-keyshortcuts="A">Answer <kbd>A</kbd></button>
<button type="button" data-was="open-{pop}" aria-keyshortcuts="O">Open in CRM <kbd>O</kbd></button>
<textarea aria-label="Note" data-keep="note-{pop}" aria-keyshortcuts="N"></textarea>"""
OUTCOMES = (
    '<button type="button" data-was="outcome" aria-keyshortcuts="1">Sold</button><button data-close>Close</button>'
)


@pytest.fixture
def other(seen: Seen, office: RowOffice) -> OtherTab:
    return OtherTab(seen, office.users[0].pk)


@pytest.fixture
def page(seen: Seen, other: OtherTab) -> Page:
    page = opened(seen.desk())
    page.evaluate(PRESSED)
    other.says(*[drawn_card(pop, pop, inside=KEYS.format(pop=pop)) for pop in (1, 2)])
    expect(card_in(page)).to_have_count(2)
    return page


def test_a_letter_means_the_first_card_or_the_one_in_use(page: Page) -> None:
    page.keyboard.press("a")
    page.locator("#card-2").focus()
    page.keyboard.press("a")
    page.keyboard.press("o")
    assert page.evaluate("pressed") == ["answer-1", "answer-2", "open-2"]


def test_letters_do_nothing_in_fields_with_modifiers_or_switched_off(page: Page) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+o")
    page.keyboard.press("n")
    expect(page.locator("#card-1 textarea")).to_be_focused()
    page.keyboard.type("a o n ? /")
    expect(page.locator("#card-1 textarea")).to_have_value("a o n ? /")
    page.keyboard.press("Escape")
    expect(page.locator("#card-1")).to_be_focused()
    page.evaluate("localStorage.setItem('switch.keys', 'false')")
    for key in ("a", "o", "n", "?", "/"):
        page.keyboard.press(key)
    expect(page.locator("#card-1")).to_be_focused()
    expect(page.locator("#keys-help")).to_be_hidden()
    assert page.evaluate("pressed") == []


def test_digits_are_outcomes_on_the_card_that_asks_for_one(page: Page, other: OtherTab) -> None:
    page.keyboard.press("1")
    assert page.evaluate("pressed") == []
    other.says(drawn_card(1, 5, "closed", inside=OUTCOMES))
    expect(card_in(page, "closed")).to_have_count(1)
    page.keyboard.press("1")
    assert page.evaluate("pressed") == ["outcome"]
    page.keyboard.press("Escape")
    expect(card_in(page, "closed")).to_have_count(0)


def test_the_list_of_keys_names_what_works_here_and_is_never_in_the_way(page: Page, other: OtherTab) -> None:
    page.keyboard.press("?")
    help_list = page.locator("#keys-help")
    expect(help_list).to_be_visible()
    expect(help_list).to_be_focused()
    expect(help_list.locator("[data-keys-here] > div")).to_have_text(["AAnswer", "NNote", "OOpen in CRM"])
    other.says(drawn_card(3, 3, inside=KEYS.format(pop=3)))
    expect(card_in(page)).to_have_count(3)
    page.keyboard.press("a")  # a phone rings: the list does not stand between
    assert page.evaluate("pressed") == ["answer-1"]
    page.keyboard.press("Escape")
    expect(help_list).to_be_hidden()
    expect(card_in(page)).to_have_count(3)


def test_a_call_by_keyboard_alone_from_ring_to_its_end(seen: Seen, pbx) -> None:
    page = opened(seen.desk())
    pbx.rings("201", "202")
    expect(card_in(page)).to_have_count(1)
    page.keyboard.press("a")
    expect(card_in(page).locator("[data-said]")).to_contain_text("waiting for the PBX")
    pbx.answered("202", others=["201"])
    expect(page.locator("#told")).to_contain_text("User 202 took the call from Rosalind Achterberg-Whitcombe")
    page.keyboard.press("Escape")
    expect(page.locator("#cards > article")).to_have_count(0)
    assert CallCommand.objects.count() == 1 and seen.problems == []


def test_a_whole_call_by_keyboard_with_its_note_and_outcome(seen: Seen, pbx) -> None:
    add_usual_outcomes()
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    page.keyboard.press("a")
    eventually(CallCommand.objects.exists)
    CallCommand.objects.update(state="sent", sent_at=utc_now())  # as a worker leaves it
    pbx.answered("201")
    expect(card_in(page, "talking")).to_have_count(1)
    page.keyboard.press("n")
    page.keyboard.type("Ask for the cost-centre co")
    at = time.time()
    ended = ev.LegEnded("1.1", at, "1.1-201", "PJSIP/201", "answered", None)
    pbx.says(ended, ev.CallEnded("1.1", at, "answered", "PJSIP/201", 30.0))
    expect(card_in(page, "closed")).to_have_count(1)
    page.keyboard.type("de")
    eventually(CallNote.objects.filter(text="Ask for the cost-centre code").exists)
    page.keyboard.press("Escape")  # leaves the note
    page.keyboard.press("1")
    eventually(CallNote.objects.exclude(outcome=None).exists)
    expect(card_in(page, "closed").locator("[aria-pressed=true]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#cards > article")).to_have_count(0)
    page.reload()
    opened(page)
    expect(page.locator("#cards > article")).to_have_count(0)
    assert CallNote.objects.get().text == "Ask for the cost-centre code" and seen.problems == []

"""A newer version of a card leaves alone what a person does in it: text, caret, focus, lists, what is unfolded."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import card_in, opened
from tests.support.browser import OtherTab, Seen, drawn_card
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser
FORM = """<form><input type="hidden" name="version" value="{version}"><label>Note
<textarea data-keep="note-1" rows="2">{note}</textarea></label>
<label>Name <input type="text" name="name" data-keep="name-1" value="{name}"></label>
<label><input type="checkbox" name="tick" data-keep="tick-1"> Tick</label>
<select name="choice" data-keep="choice-1"><option value="1" selected>1</option><option value="2">2</option></select>
</form><details data-keep="more-1"><summary>More</summary><p>{more}</p></details><div data-keep="found-1"></div>"""
Draw = Callable[..., None]


def form(note: str = "", name: str = "", more: str = "old", version: str = "1") -> str:
    return FORM.format(note=note, name=name, more=more, version=version)


@pytest.fixture
def other(seen: Seen, office: RowOffice) -> OtherTab:
    return OtherTab(seen, office.users[0].pk)


@pytest.fixture
def page(seen: Seen, other: OtherTab) -> Page:
    page = opened(seen.desk())
    other.says(drawn_card(1, 1, "talking", inside=form()))
    expect(page.locator("#card-1")).to_be_visible()
    return page


def drawn(page: Page, other: OtherTab, version: int, state: str = "talking", **more: str) -> None:
    other.says(drawn_card(1, version, state, **more))
    expect(page.locator("#card-1")).to_have_attribute("data-version", str(version))


def test_what_was_typed_ticked_chosen_and_unfolded_survives(page: Page, other: OtherTab) -> None:
    card = page.locator("#card-1")
    card.locator("[type=text]").fill("Lefebvre")
    card.locator("[type=checkbox]").check()
    card.locator("select").select_option("2")
    card.locator("summary").click()
    page.evaluate("document.querySelector('[data-keep=\"found-1\"]').innerHTML = '<button>Found one</button>'")
    drawn(page, other, 2, inside=form(note="from elsewhere", name="Other", more="new", version="2"))
    expect(card.locator("[type=text]")).to_have_value("Lefebvre")
    expect(card.locator("[type=checkbox]")).to_be_checked()
    expect(card.locator("select")).to_have_value("2")
    expect(card.locator("details")).to_have_attribute("open", "")
    expect(card.locator("details p")).to_have_text("new")  # what nobody touched is the newer version's
    expect(card.locator("textarea")).to_have_value("from elsewhere")
    expect(card.get_by_role("button", name="Found one")).to_be_visible()
    # The draft still says on which state of the row it was written, so that the server can tell of another's change.
    expect(card.locator("[name=version]")).to_have_value("1")


def test_caret_selection_scroll_and_undo_survive(page: Page, other: OtherTab) -> None:
    field = page.locator("#card-1 textarea")
    field.fill("\n".join(f"line {n}" for n in range(40)))
    field.evaluate("(field) => { field.setSelectionRange(20, 26, 'backward'); field.scrollTop = 90; }")
    field.press_sequentially("typed ")
    drawn(page, other, 2, inside=form(note="newer"))
    page.keyboard.type("on")
    assert "typed on" in field.input_value()
    page.keyboard.press("Control+z")  # takes back "on", or all that was typed: browsers group keys by the pause between
    assert "typed on" not in field.input_value() and "line 39" in field.input_value()
    assert field.evaluate("(field) => field.scrollTop") > 0


def test_the_end_of_a_call_moves_a_half_written_note_to_its_new_place(page: Page, other: OtherTab) -> None:
    page.locator("#card-1 textarea").click()
    page.keyboard.type("Call bac")
    moved = f'<section><p>Outcome</p><div class="closed">{form()}</div></section>'
    drawn(page, other, 2, "closed", inside=moved)
    page.keyboard.type("k on Monday")
    field = page.locator("#card-1 section textarea")
    expect(field).to_have_value("Call back on Monday")
    expect(field).to_be_focused()
    expect(page.locator("#card-1 textarea")).to_have_count(1)


def test_a_half_written_note_stays_when_the_newer_card_has_no_place_for_it(page: Page, other: OtherTab) -> None:
    page.locator("#card-1 textarea").fill("Half a")
    drawn(page, other, 2, "closed")
    expect(page.locator("#card-1 textarea")).to_have_value("Half a")
    page.locator("#card-1 textarea").fill("")
    drawn(page, other, 3, "closed")
    expect(page.locator("#card-1 textarea")).to_have_count(0)


def test_a_ring_moves_nothing_under_the_fingers_and_takes_no_focus(page: Page, other: OtherTab) -> None:
    field = page.locator("#card-1 textarea")
    field.click()
    before = field.bounding_box()
    other.says(drawn_card(2, 2, "ringing"))
    expect(page.locator("#cards > article").first).to_have_attribute("id", "card-2")  # above the card in hand
    after = field.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) <= 1
    expect(field).to_be_focused()
    other.says(drawn_card(2, 3, "closed"))
    expect(card_in(page, "closed")).to_have_count(1)
    again = field.bounding_box()
    assert again and abs(before["y"] - again["y"]) <= 1


def test_the_search_field_of_the_page_keeps_its_place_too(page: Page, other: OtherTab) -> None:
    page.locator("#omni").click()
    page.keyboard.type("lefe")
    other.says(drawn_card(2, 2, "ringing"))
    expect(card_in(page)).to_have_count(1)
    page.keyboard.type("bvre")
    expect(page.locator("#omni")).to_have_value("lefebvre")


def test_focus_on_a_button_that_is_gone_stays_on_the_card(seen: Seen, other: OtherTab) -> None:
    page = opened(seen.desk())
    answer = '<form><button type="button" aria-keyshortcuts="A">Answer</button></form>'
    other.says(drawn_card(1, 1, "ringing", inside=answer))
    page.locator("#card-1 button").focus()
    drawn(page, other, 2, "ringing", inside=answer)
    expect(page.locator("#card-1 button")).to_be_focused()
    drawn(page, other, 3, "talking")
    expect(page.locator("#card-1")).to_be_focused()


def test_what_was_typed_survives_a_reload(page: Page, other: OtherTab) -> None:
    page.locator("#card-1 textarea").fill("Half a no")
    kept = page.evaluate("new Promise((done) => { dispatchEvent(new Event('pagehide')); done({...sessionStorage}); })")
    assert kept["desk.drafts"] == '[["note-1","Half a no"]]'


def test_a_closed_card_goes_from_the_other_tabs_too_and_esc_leaves_the_field_first(
    page: Page, other: OtherTab, seen: Seen
) -> None:
    second = seen.open_tab()
    second.goto(page.url)
    opened(second)
    other.says(drawn_card(1, 1, "talking"))
    expect(card_in(second, "talking")).to_have_count(1)
    inside = '<textarea data-keep="note-1"></textarea><button data-close>Close</button>'
    other.says(drawn_card(1, 2, "closed", inside=inside))
    for one in (page, second):
        expect(card_in(one, "closed")).to_have_count(1)
    page.locator("#card-1 textarea").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#card-1")).to_be_focused()
    page.keyboard.press("Escape")
    for one in (page, second):
        expect(one.locator("#card-1")).to_have_count(0)

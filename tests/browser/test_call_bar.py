"""The verbs of a call in a real browser: by click and by key, drawers, what is read out, every look. Rows are moved as
a worker and a listener would move them."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from crmconnector.calls import events as ev
from crmconnector.calls.models import CallCommand, Leg
from crmconnector.common.clock import utc_now
from tests.browser.test_desk import TOO_WIDE, card_in, opened
from tests.support.browser import Seen, soon
from tests.support.call_bar import allow_everything, call_on_desk, colleague_rings, move, own_leg_of, redraw, show_state
from tests.support.office import RowOffice

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parents[1] / "vendor/axe-core/axe.min.js").read_text()
SHOTS = os.environ.get("CALL_BAR_SHOTS", "")
NARROW = {"width": 360, "height": 800}


@pytest.fixture
def page(seen: Seen, office: RowOffice) -> Page:
    allow_everything(office)
    office.pop = call_on_desk(office)
    page = opened(seen.desk())
    expect(card_in(page, "talking")).to_have_count(1)
    return page


def said(page: Page) -> Locator:
    return page.locator("#cards [data-said]").first


def button(page: Page, name: str) -> Locator:
    return page.locator("#cards .verbs").get_by_role("button", name=name)


def asked(page: Page, kind: str) -> CallCommand:
    """The command that the press made, once it is there."""
    return soon(page, lambda: CallCommand.objects.filter(kind=kind).order_by("-requested_at").first())


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def listed(page: Page, text: str) -> None:
    """The list for the text as it stands now is there."""
    expect(page.locator(f'[data-targets] [data-text="{text}"]')).to_have_count(1)


def do(page: Page, name: str, key: str, how: str) -> None:
    if how == "click":
        button(page, name).click()
    else:
        page.keyboard.press(key)


# --- each verb -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["click", "key"])
def test_hold_is_dashed_until_it_is_proven_and_then_offers_the_way_back(seen: Seen, page: Page, how: str) -> None:
    do(page, "Hold", "h", how)
    command = asked(page, "hold")
    expect(said(page)).to_contain_text("The caller can still hear you.")
    expect(button(page, "Holding…")).to_have_attribute("data-asked", "")
    expect(button(page, "Holding…")).to_have_attribute("aria-pressed", "false")
    move(command, "sent")
    move(command, "confirmed", leg_state="held")
    expect(said(page)).to_contain_text("On hold. The PBX confirmed it at")
    expect(button(page, "Resume")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#told")).to_contain_text("On hold")
    do(page, "Resume", "h", how)
    move(asked(page, "resume"), "confirmed", leg_state="talking")
    expect(said(page)).to_contain_text("Resumed")
    expect(button(page, "Hold")).to_have_attribute("aria-pressed", "false")
    assert CallCommand.objects.count() == 2 and seen.problems == []


@pytest.mark.parametrize("how", ["click", "key"])
def test_mute_and_hang_up(seen: Seen, page: Page, office: RowOffice, how: str) -> None:
    do(page, "Mute", "m", how)
    move(asked(page, "mute"), "confirmed")
    expect(button(page, "Unmute")).to_have_attribute("aria-pressed", "true")
    do(page, "Unmute", "m", how)
    move(asked(page, "unmute"), "confirmed")
    expect(button(page, "Mute")).to_have_attribute("aria-pressed", "false")
    do(page, "Hang up", "e", how)
    expect(button(page, "Hanging up…")).to_have_attribute("data-asked", "")
    expect(said(page)).to_contain_text("The call still goes on.")
    assert CallCommand.objects.count() == 3 and seen.problems == []


@pytest.mark.parametrize("how", ["click", "key"])
def test_reject_while_it_rings(seen: Seen, office: RowOffice, pbx, how: str) -> None:
    allow_everything(office)
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    if how == "click":
        card_in(page).get_by_role("button", name="Reject").click()
    else:
        page.keyboard.press("r")
    command = asked(page, "reject")
    expect(said(page)).to_contain_text("It still rings.")
    expect(card_in(page).get_by_role("button", name="Answer")).to_be_visible()  # not "Answering…"
    shot(page, "ringing-reject")
    move(command, "sent")
    at = time.time()
    pbx.says(ev.LegEnded("1.1", at, "1.1-201", "PJSIP/201", "rejected", None))
    expect(card_in(page, "closed")).to_contain_text("Rejected")
    assert seen.problems == []


def test_a_refusal_is_said_at_the_card_and_the_verb_can_be_pressed_again(page: Page) -> None:
    page.keyboard.press("h")
    move(asked(page, "hold"), "refused", sentence="Not held: your phone refused, another call is being set up.")
    expect(said(page)).to_contain_text("Not held: your phone refused")
    expect(page.locator("#told")).to_contain_text("Not held: your phone refused")
    page.keyboard.press("h")
    soon(page, lambda: CallCommand.objects.count() == 2)


def test_what_the_server_refuses_is_said_and_nothing_looks_asked(page: Page, office: RowOffice) -> None:
    leg = own_leg_of(office.pop)
    leg.state = "held"  # by hand, a moment ago: this page does not know yet
    leg.save()
    button(page, "Hold").click()
    expect(said(page)).to_contain_text("The caller is on hold.")
    expect(button(page, "Hold")).not_to_have_attribute("data-asked", "")
    assert not CallCommand.objects.exists()


def test_many_presses_in_two_tabs_are_one_command(seen: Seen, page: Page) -> None:
    other = seen.open_tab()
    other.goto(page.url)
    expect(card_in(other, "talking")).to_have_count(1)
    for tab in (page, other, page, other, page):
        tab.keyboard.press("e")
    for tab in (page, other):
        expect(button(tab, "Hanging up…")).to_have_attribute("data-asked", "")
    assert CallCommand.objects.count() == 1


def test_when_nobody_says_how_it_ended_the_page_says_not_sure(page: Page) -> None:
    page.keyboard.press("h")
    asked(page, "hold")
    expect(said(page)).to_contain_text("Not sure yet", timeout=15_000)
    expect(button(page, "Holding…")).to_have_attribute("aria-disabled", "true")


def test_the_sweepers_sentence_takes_the_place_of_asked(page: Page) -> None:
    page.keyboard.press("h")
    command = asked(page, "hold")
    move(command, "unknown")
    expect(said(page)).to_contain_text("do not press again")
    CallCommand.objects.filter(pk=command.pk).update(settled=True, sentence="It was not held. You can press again.")
    redraw(command.leg)
    expect(said(page)).to_contain_text("It was not held. You can press again.")
    expect(button(page, "Hold")).not_to_have_attribute("aria-disabled", "true")


def test_a_verb_that_is_not_possible_keeps_its_place_and_says_why(page: Page, office: RowOffice) -> None:
    office.pbx.link.may_send = ["hangup"]
    office.pbx.link.save()
    redraw(own_leg_of(office.pop))
    transfer = button(page, "Transfer")
    expect(transfer).to_have_attribute("aria-disabled", "true")
    why = "Our user may not do this on the PBX. An administrator can allow it."
    expect(transfer).to_have_accessible_description(why)
    reason = page.locator("#cards .verbs .sr").filter(has_text=why).first
    page.keyboard.press("t")  # a key that does nothing says why
    expect(said(page)).to_contain_text(why)
    expect(page.locator("#told")).to_have_text(why)
    expect(page.locator('[data-drawer="transfer"]')).to_be_hidden()
    places = [each.bounding_box() for each in page.locator("#cards .verbs .verb").all()]
    page.evaluate("document.querySelector('#cards [data-slot=mute], #cards .verbs button').focus()")
    page.keyboard.press("Tab")
    transfer.focus()
    assert (reason.bounding_box() or {"height": 0})["height"] > 10  # to be read by whoever sees it, too
    assert [each.bounding_box() for each in page.locator("#cards .verbs .verb").all()] == places
    transfer.click(force=True)
    expect(page.locator('[data-drawer="transfer"]')).to_be_hidden()
    assert not CallCommand.objects.exists()
    shot(page, "forbidden")


def test_a_held_call_beside_another_is_swapped_by_the_same_button(page: Page, office: RowOffice) -> None:
    """The phone holds whoever is connected when its key takes the other one back."""
    beside = call_on_desk(office, state="held")
    redraw(own_leg_of(beside))
    held = card_in(page, "held")
    expect(held.get_by_role("button", name="Swap")).to_be_visible()
    expect(card_in(page, "talking").get_by_role("button", name="Hold")).to_be_visible()
    held.get_by_role("button", name="Swap").click()
    assert asked(page, "resume").leg == own_leg_of(beside)
    expect(held.get_by_role("button", name="Resuming…")).to_be_visible()
    move(asked(page, "resume"), "refused", sentence="Not resumed.")
    Leg.objects.update(state="held")
    show_state(own_leg_of(office.pop), "held")
    redraw(own_leg_of(office.pop))
    resume = page.locator("#cards").get_by_role("button", name="Resume")
    expect(resume).to_have_count(2)  # nobody is talked with, so nothing is swapped


# --- the transfer drawer ---------------------------------------------------------------------------------------------


def test_a_transfer_by_keyboard_alone(seen: Seen, page: Page, office: RowOffice) -> None:
    colleague_rings(office, place=2, state="talking")
    page.keyboard.press("t")
    field = page.locator("[data-whom]")
    expect(field).to_be_focused()
    page.keyboard.type("user")
    listed(page, "user")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(options.nth(1)).to_contain_text("Talking")
    shot(page, "transfer-drawer")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", options.first.get_attribute("id") or "")
    page.keyboard.press("Enter")
    command = asked(page, "attended_start")
    assert (command.far_number, command.path) == ("202", "pbx")
    expect(page.locator('[data-drawer="transfer"]')).to_be_hidden()
    move(command, "confirmed")
    expect(page.locator(".consult")).to_contain_text("User 202")
    colleague_rings(office, state="talking")
    redraw(command.leg)
    expect(page.locator(".consult")).to_contain_text("talks with you and cannot hear the caller")
    shot(page, "consulting")
    page.keyboard.press("t")
    assert asked(page, "attended_complete").part_of == command
    expect(said(page)).to_contain_text("Both are still with you.")
    assert seen.problems == []


@pytest.mark.parametrize(("name", "key", "kind"), [("Back to caller", "b", "attended_cancel"),
                                                   ("All three", "c", "conference")])  # fmt: skip
@pytest.mark.parametrize("how", ["click", "key"])
def test_back_to_the_caller_or_all_three(page: Page, name: str, key: str, kind: str, how: str) -> None:
    page.keyboard.press("c")
    page.keyboard.type("202")
    listed(page, "202")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    move(asked(page, "attended_start"), "confirmed")
    expect(said(page)).to_contain_text("is being asked")
    if how == "click":
        page.locator("#cards").get_by_role("button", name=name).click()
    else:
        page.keyboard.press(key)
    move(asked(page, kind), "confirmed")
    expect(page.locator(".consult")).to_have_count(0)


def test_send_without_asking_to_the_one_that_was_clicked(page: Page) -> None:
    button(page, "Transfer").click()
    expect(page.get_by_role("option")).to_have_count(2)  # the first colleagues, before anything is typed
    page.get_by_role("option", name="User 203").click()
    page.get_by_role("button", name="Send without asking").click()
    assert asked(page, "blind_transfer").far_number == "203"


def test_a_late_list_never_decides_whom_is_called(page: Page) -> None:
    page.keyboard.press("t")
    page.keyboard.type("202")
    listed(page, "202")
    expect(page.get_by_role("option")).to_have_count(1)
    held: list[object] = []
    page.route("**/targets?*", lambda route: held.append(route))
    page.locator("[data-whom]").fill("203")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Send without asking").click()
    expect(said(page)).to_contain_text("Write a name, an extension or a number.")
    assert not CallCommand.objects.exists()


def test_a_drawer_stays_as_it_is_while_the_card_is_drawn_again(page: Page, office: RowOffice) -> None:
    page.keyboard.press("t")
    page.keyboard.type("user")
    listed(page, "user")
    expect(page.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    before = page.locator("#cards > article").get_attribute("data-version")
    redraw(own_leg_of(office.pop))
    expect(page.locator("#cards > article")).not_to_have_attribute("data-version", before or "")
    expect(page.locator("[data-whom]")).to_be_focused()
    expect(page.locator("[data-whom]")).to_have_value("user")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    expect(button(page, "Transfer")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator('[data-drawer="transfer"]')).to_be_hidden()
    expect(button(page, "Transfer")).to_be_focused()


def test_letters_in_the_field_are_text_and_no_verbs(page: Page) -> None:
    page.keyboard.press("t")
    page.keyboard.type("hem 1")
    expect(page.locator("[data-whom]")).to_have_value("hem 1")
    assert not CallCommand.objects.exists()


# --- the keypad ------------------------------------------------------------------------------------------------------


def test_tones_by_keyboard_and_by_click_go_out_in_batches_one_after_another(seen: Seen, page: Page) -> None:
    page.keyboard.press("k")
    pad = page.locator('[data-drawer="pad"]')
    expect(pad).to_be_visible()
    page.keyboard.type("21#")
    first = asked(page, "dtmf")
    assert first.digits == "21#"
    expect(pad.locator("[data-toned]")).to_contain_text("Asked for: 2 1 #")
    pad.get_by_role("button", name="Star").click()
    expect(pad.locator("[data-toned]")).to_contain_text("Waiting: *")
    shot(page, "keypad")
    assert CallCommand.objects.count() == 1
    move(first, "confirmed")
    soon(page, lambda: CallCommand.objects.count() == 2)
    expect(pad.locator("[data-toned]")).to_contain_text("Asked for: 2 1 # *")
    assert CallCommand.objects.latest("requested_at").digits == "*" and seen.problems == []


def test_tones_that_were_refused_are_said_and_not_sent_behind_ones_back(page: Page, office: RowOffice) -> None:
    page.keyboard.press("k")
    leg = own_leg_of(office.pop)
    leg.state = "held"
    leg.save()
    page.keyboard.type("5")
    expect(said(page)).to_contain_text("The caller is on hold.")
    assert not CallCommand.objects.exists()


# --- every look ------------------------------------------------------------------------------------------------------


def test_the_list_of_keys_names_the_verbs(page: Page) -> None:
    page.keyboard.press("?")
    listed = page.locator("#keys-help [data-keys-here]")
    for key, name in [("H", "Hold"), ("M", "Mute"), ("T", "Transfer"), ("C", "Add person"), ("K", "Keypad"),
                      ("E", "Hang up")]:  # fmt: skip
        expect(listed.locator(f'div:has(kbd:text-is("{key}"))')).to_contain_text(name)


LOOKS = [("light", {"width": 1280, "height": 900}), ("dark", {"width": 1280, "height": 900}), ("light", NARROW),
         ("dark", NARROW)]  # fmt: skip


@pytest.mark.parametrize(("theme", "size"), LOOKS, ids=["light", "dark", "narrow", "narrow dark"])
def test_no_serious_finding_in_the_bar_and_its_drawers(page: Page, office: RowOffice, theme: str, size) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size(size)
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.evaluate(AXE)
    name = f"{theme}-{size['width']}"
    serious = []

    def look(what: str) -> None:
        found = page.evaluate("axe.run('#cards', {resultTypes: ['violations'], preload: false})")["violations"]
        serious.extend(f"{what}: {one['id']} {node['html'][:140]}" for one in found
                       if one["impact"] in ("serious", "critical") for node in one["nodes"][:3])  # fmt: skip
        serious.extend(f"{what}: too wide {one}" for one in page.evaluate(TOO_WIDE))
        shot(page, f"{what}-{name}")

    look("talking")
    button(page, "Keypad").click()
    look("keypad")
    button(page, "Transfer").click()
    page.keyboard.type("user")
    listed(page, "user")
    expect(page.get_by_role("option")).to_have_count(2)
    look("transfer")
    page.keyboard.press("Enter")
    start = asked(page, "attended_start")
    expect(said(page)).to_contain_text("Asking")
    look("asked")
    move(start, "confirmed")
    expect(said(page)).to_contain_text("is being asked")
    look("consulting")
    leg = own_leg_of(office.pop)
    gone = colleague_rings(office)
    gone.state, gone.ended_at = "ended", utc_now()
    gone.save()
    redraw(leg)
    expect(said(page)).to_contain_text("did not answer. The caller is back with you.")
    look("gone")
    assert serious == []

"""What a person does on a card, by keyboard, in a real browser: and nothing typed is lost when the card is redrawn."""

import time

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, CallNote
from crmconnector.calls.notes import add_usual_outcomes
from crmconnector.contacts.models import Contact
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.browser
SHARED, STRANGER = "+442079460148", "+33199004712"


def opened(page: Page) -> Page:
    expect(page.locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    return page


def test_one_of_several_is_chosen_by_key_and_taken_back(seen: Seen, office: RowOffice, pbx) -> None:
    office.add_contact("Margaret Jennings", SHARED, company="Pemberton")
    office.add_contact("Priya Lyle", SHARED)
    page = opened(seen.desk())
    pbx.rings(number=SHARED)
    expect(page.locator(".card .name")).to_have_text("2 people use this number")
    page.keyboard.press("2")
    expect(page.locator(".card .name")).to_have_text("Priya Lyle")
    page.get_by_role("button", name="Not this person?").click()
    expect(page.locator(".card .name")).to_have_text("2 people use this number")
    assert seen.problems == []


def test_what_was_typed_into_a_strangers_card_stays_while_it_is_redrawn_and_makes_the_contact(
    seen: Seen, office: RowOffice, pbx
) -> None:
    page = opened(seen.desk())
    pbx.rings(number=STRANGER, name="LEFEBVRE J")
    page.get_by_label("Name", exact=True).fill("J. Lefebvre")
    pbx.answered("201", number=STRANGER)
    expect(page.locator('article[data-state="talking"]')).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("J. Lefebvre")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.locator(".card .name")).to_have_text("J. Lefebvre")
    assert Contact.objects.get(name="J. Lefebvre").numbers.get().e164 == STRANGER
    assert seen.problems == []


def test_a_refused_contact_is_said_on_the_card_and_keeps_what_was_typed(seen: Seen, pbx) -> None:
    page = opened(seen.desk())
    pbx.rings(number=STRANGER)
    page.get_by_label("Company").fill("Atelier")
    page.get_by_role("button", name="Create contact").click()
    expect(page.locator("[data-said]")).to_contain_text("required")
    expect(page.get_by_label("Company")).to_have_value("Atelier")


def test_the_number_is_added_to_somebody_found_by_typing(seen: Seen, office: RowOffice, pbx) -> None:
    page = opened(seen.desk())
    pbx.rings(number=STRANGER)
    page.get_by_label("Or add the number to someone").press_sequentially("achter")
    page.get_by_role("button", name="Rosalind Achterberg-Whitcombe").press("Enter")
    expect(page.locator(".card .name")).to_have_text("Rosalind Achterberg-Whitcombe")
    assert seen.problems == []


def test_a_note_is_kept_while_talking_and_the_outcome_is_given_by_key_after_the_call(seen: Seen, pbx) -> None:
    add_usual_outcomes()
    page = opened(seen.desk())
    pbx.rings()
    pbx.answered("201")
    page.get_by_label("Note on this call").fill("Wants a credit note, not a refund.")
    expect(page.locator(".note .hint")).to_contain_text("Your note is kept")
    at = time.time()
    pbx.says(
        ev.LegEnded("1.1", at, "1.1-201", "PJSIP/201", "answered", None),
        ev.CallEnded("1.1", at, "answered", "PJSIP/201", 30.0),
    )
    closed = page.locator('article[data-state="closed"]')
    expect(closed.get_by_label("Note on this call")).to_have_value("Wants a credit note, not a refund.")
    page.keyboard.press("Escape")  # leaves the field, so that digits are outcomes
    page.keyboard.press("2")
    expect(closed.locator('[aria-keyshortcuts="2"]')).to_have_attribute("aria-pressed", "true")
    note = CallNote.objects.get()
    assert (note.text, note.outcome and note.outcome.label) == ("Wants a credit note, not a refund.", "Call back")
    page.reload()
    expect(closed).to_be_visible()  # until it is put away
    closed.get_by_role("button", name="Close").click()
    expect(closed).to_have_count(0)
    eventually(lambda: Call.objects.get().pops.get().payload["dismissed"], seconds=10)
    page.reload()
    expect(page.locator("#idle")).to_be_visible()
    assert seen.problems == []

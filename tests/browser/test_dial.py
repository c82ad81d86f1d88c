"""Calling a number in a real browser: every button, the box by keyboard alone, and what is said of it as it goes on."""

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from crmconnector.calls import events as ev
from crmconnector.calls.models import CallCommand, CommandKind
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.publisher import wake
from tests.browser.test_desk import SHOTS, TOO_WIDE, card_in, opened
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.web_story import add_call

pytestmark = pytest.mark.browser
NUMBER = "+493023125447"
REFUSED = "Not dialled: +882 is a satellite network and your rules do not allow it. Ask Marek Rybář to allow it."
HANDLERS = "window.handlers = []; navigator.registerProtocolHandler = (...all) => window.handlers.push(all);"


def asked() -> CallCommand:
    eventually(CallCommand.objects.exists)
    return CallCommand.objects.get()


def becomes(state: str, **changes: object) -> None:
    """As a worker or a listener leaves the row, and wakes the desk."""
    command = asked()
    CallCommand.objects.update(state=state, **changes)
    wake({command.user_id})


def test_a_call_from_a_contact_is_told_on_its_page_as_it_goes_on(seen: Seen, office: RowOffice) -> None:
    contact = office.contacts["Rosalind Achterberg-Whitcombe"]
    page = seen.page
    page.goto(f"{seen.address}/contacts/{contact.pk}")
    page.get_by_role("button", name="Call 030 23125447").dblclick()
    told = page.locator("#dialled")
    expect(told).to_contain_text("Rosalind Achterberg-Whitcombe")
    expect(told).to_contain_text("asked at")
    becomes("sent", sent_at=utc_now())
    expect(told).to_contain_text("Your phone took the number; waiting for the PBX.")
    becomes("confirmed", ended_at=utc_now(), settled=True)
    expect(told).to_contain_text("The PBX confirmed it at")
    told.get_by_role("button", name="Close").click()
    expect(told).to_be_hidden()
    assert CallCommand.objects.count() == 1 and asked().far_number == NUMBER and seen.problems == []


def test_a_refusal_is_said_at_once_where_one_pressed(seen: Seen, office: RowOffice) -> None:
    office.users[0].assignments.all().delete()
    page = seen.page
    page.goto(f"{seen.address}/contacts")
    page.get_by_role("button", name="Call Rosalind").click()
    expect(page.locator("#dialled")).to_contain_text("No desk phone is assigned to you")
    assert not CallCommand.objects.exists()


def test_a_call_back_from_the_log_and_its_strip_on_the_desk(seen: Seen, office: RowOffice) -> None:
    add_call(office, disposition="no_answer", answered_at=None, answered_by=None, talk_seconds=None, number=NUMBER)
    page = seen.page
    page.goto(f"{seen.address}/calls?show=return")
    page.get_by_role("button", name="Call back").click()
    expect(page.locator("#dialled")).to_contain_text("asked at")
    opened(seen.desk())
    strip = page.locator("#desk-dials")
    expect(strip).to_contain_text("asked at")
    becomes("refused", ended_at=utc_now(), settled=True, sentence="Not dialled: your phone refused.")
    expect(strip).to_contain_text("Not dialled: your phone refused.")
    strip.get_by_role("button", name="Call again").click()
    eventually(lambda: CallCommand.objects.count() == 1)
    strip.get_by_role("button", name="Close").click()
    expect(strip.locator("[data-command]")).to_have_count(0)
    assert seen.problems == []


def test_a_call_asked_for_elsewhere_shows_on_the_desk_and_goes_on_there(seen: Seen, office: RowOffice) -> None:
    """Sooner than the desk looks by itself, which is every five seconds."""
    page = opened(seen.desk())
    now = utc_now()
    CallCommand.objects.create(
        kind=CommandKind.MAKE_CALL, user=office.users[0], phone=office.phones[0], idempotency_key="other tab",
        far_number=NUMBER, requested_at=now, not_after=now,
    )  # fmt: skip
    wake({office.users[0].pk})
    strip = page.locator("#desk-dials")
    expect(strip).to_contain_text("asked at", timeout=4000)
    becomes("refused", ended_at=utc_now(), settled=True, sentence="Your phone is carrying out another order.")
    expect(strip).to_contain_text("another order", timeout=4000)


def test_a_missed_card_offers_to_call_back(seen: Seen, office: RowOffice, pbx) -> None:
    page = opened(seen.desk())
    pbx.rings()
    expect(card_in(page)).to_have_count(1)
    at = utc_now().timestamp()
    pbx.says(
        ev.LegEnded("1.1", at, "1.1-201", "PJSIP/201", "no_answer", None),
        ev.CallEnded("1.1", at, "no_answer", None, None),
    )
    closed = card_in(page, "closed")
    closed.get_by_role("button", name="Call back").click()
    expect(page.locator("#desk-dials")).to_contain_text("Rosalind Achterberg-Whitcombe")
    assert asked().far_number == NUMBER and seen.problems == []


def test_the_box_calls_by_keyboard_alone(seen: Seen, office: RowOffice) -> None:
    page = opened(seen.desk())
    page.keyboard.press("/")
    box = page.locator("#omni")
    expect(box).to_be_focused()
    page.keyboard.type("Rosal")
    found = page.get_by_role("listbox")
    expect(found.get_by_role("option")).to_have_count(3)
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(found.locator("[aria-selected=true]")).to_contain_text("Call")
    expect(box).to_have_attribute("aria-activedescendant", "found-2")
    page.keyboard.press("Enter")
    expect(page.locator("#desk-dials")).to_contain_text("Rosalind Achterberg-Whitcombe")
    assert asked().far_number == NUMBER and seen.problems == []


def test_the_box_finds_a_person_to_open_and_a_number_to_call(seen: Seen, office: RowOffice) -> None:
    page = opened(seen.desk())
    page.keyboard.press("/")
    page.keyboard.type("030 99887766")
    option = page.get_by_role("option", name="Call 030 99887766")
    expect(option).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(option).to_be_visible()
    option.click()
    eventually(CallCommand.objects.exists)
    page.locator("#omni").fill("Achterberg")
    expect(page.get_by_role("option").first).to_contain_text("Rosalind")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{seen.address}/contacts/{office.contacts['Rosalind Achterberg-Whitcombe'].pk}")


def test_a_typed_number_and_enter_lead_to_the_page_that_asks(seen: Seen, office: RowOffice) -> None:
    page = opened(seen.desk())
    page.keyboard.press("/")
    page.keyboard.type("030 99887766")
    expect(page.get_by_role("option", name="Call 030 99887766")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("This will dial")
    assert page.url.startswith(f"{seen.address}/dial?number=030") and not CallCommand.objects.exists()
    page.locator("main").get_by_role("button", name="Call", exact=True).click()
    expect(page).to_have_url(f"{seen.address}/desk")
    eventually(CallCommand.objects.exists)
    page.keyboard.press("/")
    page.keyboard.type("Achter")
    expect(page.get_by_role("option").first).to_contain_text("Rosalind")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{seen.address}/contacts?q=Achter")
    assert CallCommand.objects.count() == 1 and seen.problems == []


def test_an_emergency_number_is_asked_about_on_a_page_and_then_dialled(seen: Seen, office: RowOffice) -> None:
    page = opened(seen.desk())
    page.keyboard.press("/")
    page.keyboard.type("112")
    expect(page.get_by_role("option", name="Call 112")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("An emergency number", exact=True)).to_be_visible()
    assert not CallCommand.objects.exists()
    page.locator("main").get_by_role("button", name="Call", exact=True).click()
    expect(page).to_have_url(f"{seen.address}/desk")
    assert asked().dial_string == "112"


def test_the_desk_offers_to_open_tel_links(seen: Seen) -> None:
    seen.context.add_init_script(HANDLERS)
    page = opened(seen.desk())
    page.get_by_role("button", name="Open tel: links here").click()
    assert page.evaluate("handlers") == [["tel", f"{seen.address}/dial?number=%s"]]


def test_without_a_script_the_page_asks_first(sees, office: RowOffice) -> None:
    seen = sees(office.users[0], java_script_enabled=False)
    page = seen.page
    page.goto(f"{seen.address}/contacts")
    page.get_by_role("button", name="Call Rosalind").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rosalind")
    assert not CallCommand.objects.exists()
    page.locator("main").get_by_role("button", name="Call", exact=True).click()
    expect(page).to_have_url(f"{seen.address}/contacts")
    assert asked().far_number == NUMBER


def test_a_server_that_does_not_answer_is_no_dial_that_is_known(seen: Seen, office: RowOffice) -> None:
    page = seen.page
    page.goto(f"{seen.address}/contacts")
    keys: list[str] = []

    page.on("request", lambda request: keys.append(request.post_data) if request.method == "POST" else None)
    page.route("**/dial", lambda route: route.abort(), times=1)
    button = page.get_by_role("button", name="Call Rosalind")
    button.click()
    expect(page.locator("#dialled")).to_contain_text("we do not know whether the call was asked for")
    button.click()
    expect(page.locator("#dialled")).to_contain_text("asked at")
    first, second = (parse_qs(body)["key"] for body in keys)
    assert first == second  # the same press, should the first have arrived after all


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_how_it_looks(sees, office: RowOffice, look: str) -> None:
    size = {"width": 360, "height": 800} if look == "narrow" else {"width": 1280, "height": 900}
    seen = sees(office.users[0], viewport=size, color_scheme="dark" if look == "dark" else "light")
    PbxLink.objects.update(may_send=["originate", "getvar"])
    now = utc_now()
    for place, (state, sentence) in enumerate([("sent", ""), ("refused", REFUSED)]):
        CallCommand.objects.create(
            kind="make_call", user=office.users[0], phone=office.phones[0], idempotency_key=f"k{place}", state=state,
            settled=bool(sentence), sentence=sentence, far_number=f"+49302312544{7 - place}", requested_at=now,
            not_after=now, ended_at=now if sentence else None,
        )  # fmt: skip
    page = opened(seen.desk())
    expect(page.locator("#desk-dials [data-command]")).to_have_count(2)
    SHOTS.mkdir(exist_ok=True)
    assert page.evaluate(TOO_WIDE) == []
    page.screenshot(path=SHOTS / f"dial-desk-{look}.png", full_page=True)
    page.locator("#omni").fill("Rosal")
    expect(page.get_by_role("option").first).to_be_visible()
    page.screenshot(path=SHOTS / f"dial-box-{look}.png")
    add_call(office, number=NUMBER)
    for name, where in [
        ("page", "/dial?number=030+23125447&next=/calls"), ("emergency", "/dial?number=112"), ("contacts", "/contacts"),
        ("calls", "/calls"), ("contact", f"/contacts/{office.contacts['Rosalind Achterberg-Whitcombe'].pk}"),
        ("numbers", "/numbers?number=030+23125447"),
    ]:  # fmt: skip
        page.goto(seen.address + where)
        assert page.evaluate(TOO_WIDE) == [], name
        page.screenshot(path=SHOTS / f"dial-{name}-{look}.png")
    page.goto(f"{seen.address}/contacts")
    page.get_by_role("button", name="Call Rosalind").click()
    expect(page.locator("#dialled")).to_be_visible()
    page.screenshot(path=SHOTS / f"dial-told-{look}.png")
    assert seen.problems == []

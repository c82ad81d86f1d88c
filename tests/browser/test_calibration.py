"""Calibration and ways in a real browser: steps that come by themselves, Stop, every look, and nothing for axe."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmconnector.calls.models import PathPolicy
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.simulator.running import RunningOffice, running_office
from crmconnector.simulator.story_loader import load_story
from crmconnector.users.models import Role, User
from phones.calibrations import begin, finish
from phones.models import Calibration, DeviceOrder, Phone
from phones.orders import grant_order
from tasks.device_control import carry_out_order
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.simulated import small_story

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
AXE = (Path(__file__).parents[1] / "vendor/axe-core/axe.min.js").read_text()
LOOKS = [
    ("light", {"color_scheme": "light"}), ("dark", {"color_scheme": "dark"}),
    ("narrow", {"viewport": {"width": 360, "height": 800}}),
]  # fmt: skip


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", password="correct horse battery", role=Role.ADMINISTRATOR)


@pytest.fixture
def simulated(office: RowOffice, tmp_path: Path) -> Iterator[RunningOffice]:
    """The first phone of the office is there; 202 and 203 pick up by themselves."""
    small_story(tmp_path, phones=3)
    file = tmp_path / "story.json"
    file.write_text(
        file.read_text().replace('"answers_colleagues_after_seconds": null', '"answers_colleagues_after_seconds": 0.3')
    )
    with running_office(load_story(file)) as running:
        Phone.objects.filter(pk=office.phones[0].pk).update(port=running.phone_port("201"))
        yield running


def asked_for(page: Page, phone: Phone) -> DeviceOrder:
    """Fill in what must be typed, and press the button."""
    page.get_by_label("First extension").fill("202")
    page.get_by_label("Second extension").fill("203")
    for name in ("Ask first, then put them together", "Ask first, then back to the caller", "All three"):
        page.get_by_label(name).uncheck()
    page.get_by_label("Type the phone’s name").fill(phone.name)
    page.get_by_role("button", name="Calibrate", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Asked, waiting for a worker")).to_be_visible()
    return DeviceOrder.objects.get()


def grave(page: Page) -> list[str]:
    """Serious findings of axe-core."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations'], preload: false})")["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_the_steps_come_by_themselves_and_then_the_page_is_quiet(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated: RunningOffice
) -> None:
    seen, phone = sees(boss), office.phones[0]
    page = seen.page
    page.goto(f"{seen.address}/phones/{phone.pk}/calibrate")
    order = asked_for(page, phone)
    page.evaluate("window.still = true")
    carry_out_order(order.pk)
    expect(page.get_by_role("heading", name="1 of 1 tried, ended")).to_be_visible()
    expect(page.locator("#calibration-run li.done")).to_have_count(3)
    expect(page.locator("#calibration-run")).to_contain_text("Open the transfer screen")
    expect(page.locator("#calibration-run li.done .side").first).to_contain_text("ms")
    expect(page.locator("#calibration-said")).to_have_text("1 worked, 0 did not, 0 not learnt.")
    assert page.evaluate("window.still") and page.locator("#calibration-run[hx-trigger]").count() == 0
    expect(page.get_by_role("link", name="Run it again")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    page.goto(f"{seen.address}/phones/models")
    expect(page.locator(".badge.good")).to_have_count(1)
    assert seen.problems == []


def test_stop_keeps_its_place_and_focus_while_the_steps_change(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated: RunningOffice
) -> None:
    seen, phone = sees(boss), office.phones[0]
    page = seen.page
    page.goto(f"{seen.address}/phones/{phone.pk}/calibrate")
    order = asked_for(page, phone)
    page.get_by_role("button", name="Stop").focus()
    grant = grant_order(order_id=order.pk, now=utc_now())
    assert grant is not None
    expect(page.get_by_role("heading", name="0 of 0 tried")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Stopping. What is ours on the phone is hung up.")).to_be_visible()
    order.refresh_from_db()
    assert order.reason_code == "stop_asked" and seen.problems == []


def test_without_javascript_a_link_shows_how_far_it_is(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated: RunningOffice
) -> None:
    seen, phone = sees(boss, java_script_enabled=False), office.phones[0]
    page = seen.page
    page.goto(f"{seen.address}/phones/{phone.pk}/calibrate")
    order = asked_for(page, phone)
    carry_out_order(order.pk)
    page.get_by_role("link", name="Reload to see how far it is").click()
    expect(page.get_by_role("heading", name="1 of 1 tried, ended")).to_be_visible()


@pytest.mark.parametrize(("look", "how"), LOOKS, ids=[name for name, _ in LOOKS])
def test_every_look_of_calibration_and_ways(
    sees: Callable[..., Seen], office: RowOffice, boss: User, look: str, how: dict[str, object]
) -> None:
    PbxLink.objects.update(may_send=["originate", "hangup", "blindtransfer", "atxfer", "playdtmf"])
    phone = Phone.objects.get(pk=office.phones[0].pk)
    for sequence, outcome in (("blind_transfer", "worked"), ("conference", "failed")):
        row = begin(phone, sequence, "202, 203", "boss", utc_now())
        finish(
            row.pk, outcome, "The keys were sent, but nothing was seen." if outcome == "failed" else "", [], utc_now()
        )
    DeviceOrder.objects.create(
        phone=phone, kind="calibrate", user=boss, user_name="boss", idempotency_key="k", state="confirmed",
        requested_at=utc_now(), not_after=utc_now(), ended_at=utc_now(), argument="202 203 blind,conference,cancel",
        sentence="1 worked, 1 did not, 1 not learnt.", result={"trials": trials()},
    )  # fmt: skip
    seen = sees(boss, **how)
    page = seen.page
    for name, path in (
        ("ways", "/ways"), ("ways-of-phone", f"/phones/{phone.pk}/ways"), ("calibrated", "/phones/models"),
        ("calibration", f"/phones/{phone.pk}/calibrate"), ("phone-verbs", f"/phones/{phone.pk}"),
    ):  # fmt: skip
        page.goto(f"{seen.address}{path}")
        assert page.evaluate(FITS), name
        assert grave(page) == [], name
        shot(page, f"{name}-{look}")
    assert seen.problems == []


def trials() -> list[dict[str, object]]:
    def step(name: str, state: str, seen: str, milliseconds: int | None) -> dict[str, object]:
        return {"step": name, "state": state, "seen": seen, "milliseconds": milliseconds}

    first = step("Call the first extension", "seen", "1 connected", 812)
    return [
        {"name": "blind", "state": "worked", "sentence": "", "steps": [
            first, step("open the transfer screen", "seen", "1 on hold", 480),
            step("enter the number and send it", "seen", "every line idle", 2210)]},
        {"name": "conference", "state": "failed", "sentence": "The keys were sent, but the lines never showed it.",
         "steps": [first, step("press conference", "missed", "1 on hold, 2 connected", None)]},
        {"name": "cancel", "state": "stopped", "sentence": "Extension 203 did not pick up, so nothing was learnt.",
         "steps": [first]},
    ]  # fmt: skip


def test_deciding_on_a_way_with_the_keyboard(sees: Callable[..., Seen], office: RowOffice, boss: User) -> None:
    Pbx.objects.update(snippet_context="crmconnector")
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/ways")
    page.get_by_label("Way of “Hang up”").select_option("pbx")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("Saved. It counts from the next click on.")).to_be_visible()
    eventually(lambda: PathPolicy.objects.filter(kind="hang_up", path="pbx").exists())
    expect(page.get_by_label("Way of “Hang up”")).to_have_value("pbx")
    assert Calibration.objects.count() == 0 and seen.problems == []

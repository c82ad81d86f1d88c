"""The doctor's page in a real browser: progress by itself, an end to the asking, every look, and without JavaScript."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from crmconnector.common.clock import utc_now
from crmconnector.simulator.running import running_office
from crmconnector.users.models import Role, User
from phones.models import DeviceOrder, OrderState, Phone, SipAccount
from phones.orders import grant_order
from tasks.device_control import carry_out_order
from tasks.doctor import run_doctor
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.simulated import small_story

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", password="correct horse battery", role=Role.ADMINISTRATOR)


@pytest.fixture
def simulated(office: RowOffice, tmp_path: Path):
    """The first phone of the office is there, but its Action URI Support is off."""
    with running_office(small_story(tmp_path, phones=1)) as running:
        running.profile("201", action_uri=False)
        Phone.objects.filter(pk=office.phones[0].pk).update(port=running.phone_port("201"))
        SipAccount.objects.filter(phone=office.phones[0]).update(
            registered_at_pbx=True, user_agent="Grandstream GRP2614 1.0.9.30", contact_address="127.0.0.1",
            contact_seen_at=utc_now(),
        )  # fmt: skip
        yield running


def test_a_run_shows_itself_on_the_open_page_and_then_the_page_is_quiet(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated
) -> None:
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/phones/{office.phones[0].pk}/doctor")
    page.get_by_role("button", name="Run the doctor").press("Enter")
    expect(page.get_by_role("heading", name="Asked, waiting for a worker")).to_be_visible()
    page.evaluate("window.still = true")
    carry_out_order(DeviceOrder.objects.get().pk)
    expect(page.get_by_role("heading", name="12 checks")).to_be_visible()
    expect(page.locator("#doctor-report .banner")).to_contain_text("The passcode is not accepted")
    expect(page.locator("#doctor-said")).to_have_text("Done. 1 check failed.")
    assert page.evaluate("window.still") and page.locator("#doctor-report[hx-trigger]").count() == 0
    assert seen.problems == []


def test_three_faults_are_three_failures_each_with_its_cure(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated
) -> None:
    SipAccount.objects.filter(phone=office.phones[0]).update(
        registered_at_pbx=False, user_agent="Grandstream GRP2614 1.0.5.12"
    )
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/phones/{office.phones[0].pk}/doctor")
    page.get_by_role("button", name="Run the doctor").click()
    eventually(lambda: DeviceOrder.objects.exists())
    carry_out_order(DeviceOrder.objects.get().pk)
    page.reload()
    expect(page.locator("#doctor-report li.fail")).to_have_count(3)
    for failed in page.locator("#doctor-report li.fail").all():
        expect(failed.locator("pre, b").last).not_to_be_empty()
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "doctor-three-failures.png", full_page=True)
    assert seen.problems == []


def test_progress_is_shown_check_by_check(sees: Callable[..., Seen], office: RowOffice, boss: User, simulated) -> None:
    seen = sees(boss)
    page = seen.page
    page.goto(f"{seen.address}/phones/{office.phones[0].pk}/doctor")
    page.get_by_role("button", name="Run the doctor").click()
    eventually(lambda: DeviceOrder.objects.exists())
    grant = grant_order(order_id=DeviceOrder.objects.get().pk, now=utc_now())
    run_doctor(grant)  # the findings are in the row; that it ended is not yet recorded
    expect(page.get_by_role("heading", name="12 of 12 checks")).to_be_visible()
    expect(page.locator("#doctor-report li.fail")).to_have_count(1)
    assert seen.problems == []


@pytest.mark.parametrize(
    ("look", "how"),
    [
        ("light", {"color_scheme": "light"}), ("dark", {"color_scheme": "dark"}),
        ("narrow", {"viewport": {"width": 320, "height": 700}}), ("rtl", {}),
    ],
)  # fmt: skip
def test_every_look_holds_the_longest_report(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated, look: str, how: dict
) -> None:
    seen = sees(boss, **how)
    page = seen.page
    page.goto(f"{seen.address}/phones/{office.phones[0].pk}/doctor")
    page.get_by_role("button", name="Run the doctor").click()
    eventually(lambda: DeviceOrder.objects.exists())
    carry_out_order(DeviceOrder.objects.get().pk)
    page.reload()
    if look == "rtl":
        page.evaluate("document.documentElement.dir = 'rtl'")
    expect(page.locator("#doctor-report li")).to_have_count(12)
    assert page.evaluate(FITS)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"doctor-{look}.png", full_page=True)
    assert seen.problems == []


def test_without_javascript_a_link_shows_how_far_it_is(
    sees: Callable[..., Seen], office: RowOffice, boss: User, simulated
) -> None:
    seen = sees(boss, java_script_enabled=False)
    page = seen.page
    page.goto(f"{seen.address}/phones/{office.phones[0].pk}/doctor")
    page.get_by_role("button", name="Run the doctor").click()
    eventually(lambda: DeviceOrder.objects.exists())
    reload = page.get_by_role("link", name="Reload to see how far it is")
    expect(reload).to_be_visible()
    carry_out_order(DeviceOrder.objects.get().pk)
    assert DeviceOrder.objects.get().state == OrderState.CONFIRMED
    reload.click()
    expect(page.get_by_role("heading", name="12 checks")).to_be_visible()

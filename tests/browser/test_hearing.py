"""How well the PBX is heard, in a real browser: the desk's banners and the gaps of the log, in every look."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.common.clock import utc_now
from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.models import PbxLink
from crmconnector.users.models import Role
from tests.support.browser import Seen
from tests.support.office import RowOffice
from tests.support.web_story import add_call

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
TOO_WIDE = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
  [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => `${one.tagName}.${one.className}`).slice(0, 9)"""
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow-360": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "rtl": {},
}
WARNINGS = (
    "The AMI user may not start calls: add `originate` to `write` in manager.conf.\n"
    "The AMI user is told nothing of callers who wait in queues, so their cards lack the queue: add `agent` to `read` "
    "in manager.conf."
)


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def boss(office: RowOffice) -> object:
    office.users[0].role = Role.ADMINISTRATOR
    office.users[0].save()
    return office.users[0]


def opened(seen: Seen, path: str, look: str) -> Page:
    seen.page.goto(f"{seen.address}/{path}")
    if look == "rtl":
        seen.page.evaluate("document.documentElement.dir = 'rtl'")
    return seen.page


def kept(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert page.evaluate(TOO_WIDE) == []


def test_an_agent_reads_why_nothing_rings_here(sees: Callable[..., Seen], office: RowOffice, look: str) -> None:
    PbxLink.objects.update(
        state="down", reason_code="login_refused", reason=SENTENCES["login_refused"],
        heard_at=utc_now() - timedelta(minutes=2),
    )  # fmt: skip
    seen = sees(office.users[0], reduced_motion="reduce", **LOOKS[look])
    banner = opened(seen, "desk", look).locator("#desk-banners .banner.stop")
    expect(banner).to_contain_text("It refused our login. Desk phones work as always")
    expect(banner).not_to_contain_text("manager.conf")
    kept(seen.page, f"hearing-agent-{look}")
    assert seen.problems == []


def test_an_administrator_reads_what_works_but(
    sees: Callable[..., Seen], office: RowOffice, boss: object, look: str
) -> None:
    PbxLink.objects.update(warning=WARNINGS, unwritten=4321)
    seen = sees(boss, reduced_motion="reduce", **LOOKS[look])
    page = opened(seen, "desk", look)
    expect(page.locator("#desk-banners .banner")).to_have_count(2)
    expect(page.locator("#desk-banners")).to_contain_text("4,321 events wait for the database.")
    expect(page.locator("#desk-banners li")).to_have_count(2)
    kept(page, f"hearing-boss-{look}")
    assert seen.problems == []


def test_the_desk_takes_a_banner_over_while_it_is_open(seen: Seen, office: RowOffice) -> None:
    page = seen.desk()
    expect(page.locator("#desk-banners .banner")).to_have_count(0)
    PbxLink.objects.update(state="down", reason_code="silent", reason=SENTENCES["silent"])
    page.evaluate("htmx.trigger('#desk-recent', 'look')")
    expect(page.locator("#desk-banners")).to_contain_text("It fell silent.")
    PbxLink.objects.update(state="connected", reason_code="", reason="", heard_at=utc_now())
    page.evaluate("htmx.trigger('#desk-recent', 'look')")
    expect(page.locator("#desk-banners .banner")).to_have_count(0)
    assert seen.problems == []


def test_a_gap_is_a_quiet_row_of_the_log(sees: Callable[..., Seen], office: RowOffice, boss: object, look: str) -> None:
    at = utc_now() - timedelta(minutes=30)
    for place in range(3):
        add_call(office, place=place, started_at=at + timedelta(minutes=5 * place))
    add_call(
        office, started_at=at + timedelta(minutes=6), ended_at=at + timedelta(minutes=9), disposition="unseen",
        answered_at=None, answered_by=None,
    )  # fmt: skip
    gaps = office.pbx.gaps
    gaps.create(from_at=at + timedelta(minutes=7), until_at=at + timedelta(minutes=9), reason=SENTENCES["cut"])
    gaps.create(from_at=at + timedelta(minutes=28), reason=SENTENCES["silent"])
    seen = sees(boss, reduced_motion="reduce", **LOOKS[look])
    page = opened(seen, "calls", look)
    row = page.get_by_role("row").filter(has_text="We did not hear the PBX Office")
    if look != "narrow-360":
        expect(row).to_have_count(1)
        wide, table = row.locator("td").bounding_box(), page.locator("main table").bounding_box()
        assert wide and table and abs(wide["width"] - table["width"]) < 2
    expect(page.locator("tr.gap")).to_have_count(2)
    expect(page.locator("tr.gap.lasts")).to_contain_text("We have not heard the PBX Office since")
    kept(page, f"hearing-log-{look}")
    assert seen.problems == []


def test_the_pbx_page_tells_all_of_it(sees: Callable[..., Seen], office: RowOffice, boss: object, look: str) -> None:
    PbxLink.objects.update(warning=WARNINGS, unwritten=4321, dropped_facts=12, dropped_at=utc_now())
    at = utc_now() - timedelta(minutes=30)
    office.pbx.gaps.create(from_at=at, until_at=at + timedelta(minutes=2), reason=SENTENCES["cut"])
    for _each in range(2):
        raw = '{"Event": "Newchannel", "Channel": "' + "W" * 300 + '", "Uniqueid": {}}'
        DeadLetter.objects.create(pbx=office.pbx, at=at, reason="ValueError while interpreting", raw=raw)
    seen = sees(boss, reduced_motion="reduce", **LOOKS[look])
    page = opened(seen, f"pbxes/{office.pbx.pk}", look)
    page.get_by_role("link", name="Time and reason").click()
    expect(page.locator("#unread li")).to_have_count(2)
    if look == "rtl":
        page.evaluate("document.documentElement.dir = 'rtl'")
    kept(page, f"hearing-pbx-{look}")
    opened(seen, "health", look)
    kept(page, f"hearing-health-{look}")
    assert seen.problems == []


def test_a_part_leads_to_its_call_and_back(
    sees: Callable[..., Seen], office: RowOffice, boss: object, look: str
) -> None:
    whole = add_call(office, contact=office.add_contact("Oluwaseun Adeyemi", "030 40506070"))
    joined = whole.answered_at + timedelta(seconds=20)
    part = add_call(
        office, place=1, direction="internal", caller_number="201", dialled="202", merged_into=whole.linkedid,
        started_at=whole.answered_at + timedelta(seconds=9), answered_at=whole.answered_at + timedelta(seconds=12),
        ended_at=joined, disposition="transferred", placed_by=office.users[0], line=None,
    )  # fmt: skip
    part.legs.update(call=whole, ended_at=whole.ended_at)
    seen = sees(boss, reduced_motion="reduce", **LOOKS[look])
    page = opened(seen, f"calls/{part.pk}", look)
    kept(page, f"hearing-part-{look}")
    page.get_by_role("link", name="the call of Oluwaseun Adeyemi").click()
    expect(page.locator("main")).to_contain_text("\u2068User 201\u2069’s call to 202 became part of this one")
    if look == "rtl":
        page.evaluate("document.documentElement.dir = 'rtl'")
    kept(page, f"hearing-whole-{look}")
    page.get_by_role("link", name="User 201", exact=True).click()
    page.wait_for_url(f"**/calls/{part.pk}")
    assert seen.problems == []

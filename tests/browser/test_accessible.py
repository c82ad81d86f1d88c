"""Every page for everybody: no serious finding of axe-core in light, dark and narrow, and no page that breaks when its
texts are a third longer or run from right to left.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from crmconnector.users.models import Role, User
from tests.browser.conftest import Web
from tests.support.office import RowOffice
from tests.support.page_rows import make_world
from tests.support.page_walk import PageWalk
from tests.support.pages import Case, World, catalogue
from tests.support.processes import Process, eventually, product_environment

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

AXE = (Path(__file__).parents[1] / "vendor/axe-core/axe.min.js").read_text()
ALL = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
BAD = ("serious", "critical")
PARTS = 4  # so that several workers share them
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 800}


class PseudoWeb(Web):
    """The product in a language nobody speaks, its texts a third longer."""

    def start(self) -> None:
        self.process = Process(
            sys.executable, "-m", "uvicorn", "tests.support.pseudo_locale:application", "--port", str(self.port),
            "--timeout-graceful-shutdown", "1", "--no-access-log",
            environment=product_environment(), log=self.log,
        )  # fmt: skip
        eventually(self.answers, seconds=40, what=self.process.said)


@pytest.fixture(scope="module")
def pseudo_web(shared: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    started = PseudoWeb(tmp_path_factory.mktemp("pseudo"))
    started.start()
    yield started
    started.kill()


@pytest.fixture
def world(office: RowOffice) -> World:
    boss = User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)
    return make_world(office, boss)


@dataclass
class Tally:
    """What axe-core found in one look: light, dark or narrow."""

    pages: int = 0
    serious: list[str] = field(default_factory=list)
    lesser: int = 0


def look(page: Page, case: Case, tally: Tally, *, only: dict[str, object] = ALL) -> None:
    # Nothing is fetched again for it: the rules that look into style sheets by themselves are not among ours.
    rules = {"resultTypes": ["violations"], "preload": False, "runOnly": only}
    found = page.evaluate("rules => axe.run(document, rules)", rules)["violations"]
    tally.pages += 1
    tally.lesser += sum(one["impact"] not in BAD for one in found)
    tally.serious += [
        f"{case.key}: {one['id']} ({one['impact']}): {node['html'][:160]} {_contrast(node)}"
        for one in found
        if one["impact"] in BAD
        for node in one["nodes"][:5]
    ]


def _contrast(node: dict) -> str:
    told = [check["data"] for check in node["any"] if check["id"] == "color-contrast"]
    return f"{told[0]['contrastRatio']} of {told[0]['fgColor']} on {told[0]['bgColor']}" if told else ""


@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_has_a_serious_finding_in_light_dark_and_narrow(
    browser: Browser, web: Web, world: World, part: int
) -> None:
    """Each page is opened once: the theme is what the server would write on it, and only colours depend on it."""
    walk = PageWalk(browser, web.address, world, theme="light")
    looks = {name: Tally() for name in ("light", "dark", "narrow")}
    try:
        for case, page in walk.pages(catalogue()[part::PARTS]):
            page.evaluate(AXE)
            look(page, case, looks["light"])
            _darken(page)
            look(page, case, looks["dark"], only=COLOURS)
            if case.main:
                page.set_viewport_size(NARROW)
                _darken(page, "light")
                look(page, case, looks["narrow"])
                page.set_viewport_size(WIDE)
        problems = walk.problems()
    finally:
        walk.close()
    for name, tally in looks.items():
        told = f"{tally.pages} pages, {len(tally.serious)} serious, {tally.lesser} lesser findings"
        print(f"axe-core, part {part}, {name}: {told}")
    serious = [f"{name}: {one}" for name, tally in looks.items() for one in tally.serious]
    assert not serious, "\n".join(serious)
    assert problems == []


def _darken(page: Page, theme: str = "dark") -> None:
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)


def test_an_unlabelled_field_and_grey_on_grey_are_found(browser: Browser, web: Web, world: World) -> None:
    """The walk would say so if there were something."""
    walk = PageWalk(browser, web.address, world)
    try:
        page = walk.open(Case("desk", "desk", who="agent"))
        page.evaluate("""() => {
            const main = document.querySelector("main");
            const text = document.createElement("p");
            text.textContent = "Nobody can read this";
            text.style.setProperty("color", "#999");
            text.style.setProperty("background", "#888");
            main.append(document.createElement("input"), text);
        }""")
        page.evaluate(AXE)
        for theme in ("light", "dark"):
            _darken(page, theme)
            tally = Tally()
            look(page, Case("desk", "desk"), tally)
            told = "\n".join(tally.serious)
            assert "label" in told and "color-contrast" in told
    finally:
        walk.close()


SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
WIDEST = """() => [...document.querySelectorAll("body *")]
  .filter(one => one.checkVisibility() && one.getBoundingClientRect().width && !one.closest(".menu, .sr, svg"))
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1 || one.getBoundingClientRect().left < -1)
  .map(one => `${one.tagName.toLowerCase()}.${one.className?.baseVal ?? one.className}`).slice(0, 4).join(", ")"""


def test_no_page_scrolls_sideways_with_longer_texts_in_either_direction(
    browser: Browser, pseudo_web: Web, world: World
) -> None:
    walk = PageWalk(browser, pseudo_web.address, world, width=360)
    wide = []
    try:
        for case, page in walk.pages(catalogue()):
            assert "⟦" in page.content(), case.key
            for direction in ("ltr", "rtl"):
                page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
                if page.evaluate(SIDEWAYS):
                    wide.append(f"{case.key}, {direction}: {page.evaluate(WIDEST)}")
    finally:
        walk.close()
    assert not wide, "\n".join(wide)

"""The catalogue of pages in a real browser: one context for each person, however many pages are looked at."""

from collections.abc import Iterable, Iterator

from playwright.sync_api import Browser, Page

from tests.support.browser import Seen
from tests.support.pages import Case, World

# A form of our own with the token of the page it is put on, as the page's form would be sent.
_SEND = """([address, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  for (const [name, value] of Object.entries({ ...fields, csrfmiddlewaretoken: token })) {
    const input = document.createElement("input");
    [input.type, input.name, input.value] = ["hidden", name, value];
    form.append(input);
  }
  document.body.append(form);
  HTMLFormElement.prototype.submit.call(form);
}"""


class PageWalk:
    """Opens one case after another, each as its person. Close it before the rows go."""

    def __init__(self, browser: Browser, address: str, world: World, *, theme: str = "", width: int = 1280) -> None:
        self._browser, self._address, self._world = browser, address, world
        self._theme, self._width = theme, width
        self._seen: dict[str, Seen] = {}

    def pages(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Page]]:
        for case in cases:
            if not case.part:
                yield case, self.open(case)

    def open(self, case: Case) -> Page:
        page = self._of(case.who).page
        address = case.address(self._world)
        if case.form is None:
            page.goto(f"{self._address}{address}")
            return page
        page.goto(f"{self._address}{'/my-phone' if case.who else address}")
        with page.expect_navigation():
            page.evaluate(_SEND, [address, case.form])
        return page

    def problems(self) -> list[str]:
        """What went wrong in any of the browsers, but for answers that are meant to be refusals."""
        return [one for seen in self._seen.values() for one in seen.problems if "Failed to load resource" not in one]

    def close(self) -> None:
        for seen in self._seen.values():
            seen.context.close()

    def _of(self, who: str) -> Seen:
        if who not in self._seen:
            how = {"viewport": {"width": self._width, "height": 900}, "reduced_motion": "reduce"}
            seen = Seen(self._browser, self._address, self._world.people.get(who), **how)
            if self._theme:
                seen.context.add_cookies([{"name": "theme", "value": self._theme, "url": self._address}])
            self._seen[who] = seen
        return self._seen[who]

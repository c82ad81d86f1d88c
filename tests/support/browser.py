"""A real headless Chromium, signed in as a user of the test's database."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# Without the background flags Chromium keeps asking hosts that a closed network refuses.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip

BROKEN_RULES = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`content policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""
# The browser's edges that nobody can hear or see in a test: what sounds, what is notified, whether somebody looks.
EDGES = """
window.tones = [];
window.notes = [];
window.away = false;
window.AudioContext = class {
  currentTime = 0;
  destination = {};
  constructor() { this.pitches = []; window.tones.push(this.pitches); }
  createOscillator() {
    const pitches = this.pitches;
    return { frequency: { set value(pitch) { pitches.push(pitch); } }, connect: (next) => next, start() {}, stop() {} };
  }
  createGain() {
    const nothing = () => {};
    const gain = { setValueAtTime: nothing, linearRampToValueAtTime: nothing, exponentialRampToValueAtTime: nothing };
    return { gain, connect: (next) => next };
  }
  close() {}
};
window.Notification = class {
  static permission = "granted";
  static asked = 0;
  static async requestPermission() {
    Notification.asked += 1;
    return (Notification.permission = localStorage.getItem("test.answer") || "granted");
  }
  constructor(title, more) { Object.assign(this, { title, ...more, closed: false }); window.notes.push(this); }
  close() { this.closed = true; this.onclose?.(); }
};
const seen = { hidden: () => window.away, visibilityState: () => (window.away ? "hidden" : "visible") };
for (const [name, get] of Object.entries(seen)) Object.defineProperty(Document.prototype, name, { get });
Document.prototype.hasFocus = () => !window.away;
window.look = (here) => {
  window.away = !here;
  document.dispatchEvent(new Event("visibilitychange"));
  window.dispatchEvent(new Event(here ? "focus" : "blur"));
};
// What the tabs have told each other, as this page's code has heard it.
window.heard = [];
const listen = BroadcastChannel.prototype.addEventListener;
BroadcastChannel.prototype.addEventListener = function (kind, take, ...more) {
  listen.call(this, kind, (event) => { take(event); window.heard.push(event.data); }, ...more);
};
"""
# A tab that leads, as another window would: it holds the lock and passes on what the test says.
LEAD = """
(user) => new Promise((leads) => {
  const name = `crmconnector-desk-${user}`;
  window.channel = new BroadcastChannel(name);
  const open = { kind: "state", state: "open" };
  window.channel.onmessage = ({ data }) => data.kind === "who" && window.channel.postMessage(open);
  navigator.locks.request(name, () => new Promise(() => { window.channel.postMessage(open); leads(); }));
})
"""
SAY = """(contents) => {
  for (const content of contents) window.channel.postMessage({ kind: "event", name: "card", content });
}"""


def soon(page: Page, check: Callable[[], Any], *, seconds: float = 15.0) -> Any:
    """The first true value of `check`, while the page's requests and other events come in: they do so only during a
    call of Playwright, so a loop that sleeps would wait for them in vain."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {check}"
        page.wait_for_timeout(20)
    return value


@contextmanager
def stopped(page: Page) -> Iterator[None]:
    """The tab's code stands still, as when the browser froze it: Chromium freezes no tab that is visible, and here all
    are. What comes for it waits."""
    debugger = page.context.new_cdp_session(page)
    stands: list[object] = []
    debugger.on("Debugger.paused", lambda event: stands.append(event))
    debugger.send("Debugger.enable")
    debugger.send("Debugger.pause")
    soon(page, lambda: stands)
    yield
    debugger.send("Debugger.resume")
    debugger.detach()


def chromium_missing() -> str | None:
    if shutil.which("chromium"):
        return None
    return "The browser tests need Chromium at `chromium`: as root on Debian `make test` installs it."


@contextmanager
def started_browser() -> Iterator[Browser]:
    missing = chromium_missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"A build must not pass without the browser. {missing}")
    if missing:
        pytest.skip(missing)
    # Playwright keeps an event loop in this thread, in which Django would refuse its ordinary queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


class Seen:
    """One person's browser: its page, and everything that went wrong in it."""

    def __init__(self, browser: Browser, address: str, user=None, **how) -> None:
        self.address = address
        self.context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})
        self.problems: list[str] = []
        if user is not None:
            self.context.add_cookies([{"name": "sessionid", "value": _session_of(user), "url": address}])
        self.context.add_init_script(BROKEN_RULES)
        self.page = self.open_tab()

    def switch(self, *names: str) -> None:
        """Switches of the account menu that this browser has on, from the next page on."""
        for name in names:
            self.context.add_init_script(f"localStorage.setItem('switch.{name}', 'true')")

    def open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
        return page

    def desk(self) -> Page:
        self.page.goto(f"{self.address}/desk")
        return self.page

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(text)


def _session_of(user) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return store.session_key


class OtherTab:
    """A tab that leads instead of the desk under test, which then shows what this one passes on."""

    def __init__(self, seen: Seen, user: int) -> None:
        self.user, self.page = user, seen.context.new_page()
        self.page.goto(f"{seen.address}/healthz")
        self.page.evaluate(LEAD, user)

    def says(self, *cards: dict[str, object]) -> None:
        self.page.evaluate(SAY, list(cards))


def drawn_card(
    pop: int, version: int, state: str = "ringing", *, inside: str = "", name: str = ""
) -> dict[str, object]:
    """A card as the stream brings it, with `inside` in its body."""
    who = name or f"Caller {pop}"
    look = "quiet" if state == "closed" else f"is-{state}"
    over = f' data-closed="ended" data-closed-at="{time.time()}"' if state == "closed" else ""
    html = (
        f'<article id="card-{pop}" class="card {look}" tabindex="-1" data-pop="{pop}" data-version="{version}" '
        f'data-state="{state}"{over}><div class="strip"><span class="word">{state}</span></div>'
        f'<div class="body"><div class="caller"><h2 class="name" id="card-{pop}-who"><bdi>{who}</bdi></h2></div>'
        f"{inside}</div>"
        f'<div class="bar"><p class="tells">{who} {state}</p><p class="said" data-said hidden><span></span></p></div>'
        "</article>"
    )
    announce = f"Ringing: {who}. Press A to answer." if state == "ringing" else ""
    return {"pop": pop, "version": version, "state": state, "call": pop, "html": html, "announce": announce,
            "title": who, "about": ""}  # fmt: skip

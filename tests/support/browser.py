"""A real headless Chromium, signed in as a user of the test's database."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# Without the background flags Chromium keeps asking hosts that a closed network refuses.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip


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
        self.page = self.open_tab()

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

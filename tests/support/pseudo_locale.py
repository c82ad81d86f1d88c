"""A language that nobody speaks: every text of the product that is marked for translation in brackets, a third longer.

What stands on a page outside of the brackets and is no data was not marked. Served by a process of its own for
browsers: `uvicorn tests.support.pseudo_locale:application`.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html.parser import HTMLParser
from typing import Any

from django.utils.translation import _trans

OPEN, CLOSE = "⟦", "⟧"
NAMES = ("gettext", "ngettext", "pgettext", "npgettext")
asked: set[str] = set()  # every text that was asked for, in the source language


def lengthened(text: str) -> str:
    """In brackets, with words of no meaning after it: as much longer as German is than English."""
    words = "ẋẋẋẋẋ " * (len(text) // 18 + 1)
    return f"{OPEN}{text} {words[: max(2, len(text) // 3)].strip()}{CLOSE}"


def pseudo(text: str) -> str:
    asked.add(text)
    return lengthened(text) if text.strip() else text


@contextmanager
def spoken() -> Iterator[None]:
    """Every text asked for inside comes in brackets; texts that were looked up before came without."""
    before = {name: getattr(_trans, name) for name in NAMES}
    _trans.gettext = pseudo
    _trans.ngettext = lambda one, many, number: pseudo(one if number == 1 else many)
    _trans.pgettext = lambda context, text: pseudo(text)
    _trans.npgettext = lambda context, one, many, number: pseudo(one if number == 1 else many)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(_trans, name, function)


SPOKEN_ATTRIBUTES = ("title", "placeholder", "aria-label", "alt", "aria-description", "aria-roledescription",
                     "aria-valuetext", "data-unknown", "data-failed", "data-unsure", "data-said", "label")  # fmt: skip
DATA_ELEMENTS = {"bdi", "time", "kbd", "pre", "script", "style", "template", "textarea", "svg"}
DATA_CLASSES = {"num", "mono", "timer", "avatar", "tag", "evidence"}
EMPTY_ELEMENTS = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_word = re.compile(r"[A-Za-z]{2,}")


class Unmarked(HTMLParser):
    """Collects the texts of a page that stand outside of every bracket and are no data."""

    def __init__(self, data: Iterable[str] = ()) -> None:
        super().__init__(convert_charrefs=True)
        self.data = sorted({one.strip() for one in data if one.strip()}, key=len, reverse=True)
        self.depth = 0
        self.inside: list[tuple[str, bool]] = []  # open elements, and whether what is in them is data
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in SPOKEN_ATTRIBUTES:
            self._look(values.get(name) or "", f"{tag}[{name}]")
        if tag == "input" and values.get("type") in ("submit", "button", "reset"):
            self._look(values.get("value") or "", "input[value]")
        if tag not in EMPTY_ELEMENTS:
            classes = set((values.get("class") or "").split())
            held = tag in DATA_ELEMENTS or bool(classes & DATA_CLASSES) or "data-country" in values
            self.inside.append((tag, held or (bool(self.inside) and self.inside[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in EMPTY_ELEMENTS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        while any(name == tag for name, _held in self.inside):
            if self.inside.pop()[0] == tag:
                break

    def handle_data(self, text: str) -> None:
        outside, self.depth = outside_brackets(text, self.depth)
        if not (self.inside and self.inside[-1][1]):
            self._note(outside, self.inside[-1][0] if self.inside else "")

    def _look(self, text: str, where: str) -> None:
        outside, _depth = outside_brackets(text, 0)
        self._note(outside, where)

    def _note(self, text: str, where: str) -> None:
        rest = text
        for one in self.data:
            rest = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", rest) if one in rest else rest
        if _word.search(rest):
            self.found.append(f"{where}: {' '.join(text.split())}")


def outside_brackets(text: str, depth: int) -> tuple[str, int]:
    """What stands outside, and how deep the text ends: brackets may open in one piece and close in another."""
    kept = []
    for char in text:
        if char == OPEN:
            depth += 1
        elif char == CLOSE:
            depth -= 1
        elif depth == 0:
            kept.append(char)
    return "".join(kept), depth


def unmarked(html: str, data: Iterable[str] = ()) -> list[str]:
    parser = Unmarked(data)
    parser.feed(html)
    parser.close()
    return parser.found


def __getattr__(name: str) -> Any:
    """`application`, made when a server asks for it: everything it ever says is in this language."""
    if name != "application":
        raise AttributeError(name)
    from crmconnector.asgi import application

    _for_good.append(spoken())  # kept: what is forgotten is undone
    _for_good[-1].__enter__()
    return application


_for_good: list[AbstractContextManager[None]] = []

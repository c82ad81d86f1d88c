"""Reads a page as a browser does: texts of people must be texts, and apart from the words around them.

A name that turns the writing direction, or that is written from right to left, must not reorder the sentence in which
it stands: so it stands in an element that isolates it, or between the two signs that isolate it inside a sentence.
"""

import re
from html.parser import HTMLParser

# A name of somebody who means harm: ends the attribute and the tag, brings a picture, turns the line, rings a bell.
HOSTILE = '"><img src=x onerror=alert(1)>\u202e\x01\x07Zed'
MARK = "Zed"
ISOLATING = {"bdi", "title", "option", "textarea"}  # the last three hold plain text and stand alone
VOID = {"input", "link", "meta", "br", "hr", "img", "source", "wbr"}
_isolated = re.compile("\u2068[^\u2068\u2069]*\u2069")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found = 0
        self.faults: list[str] = []
        self.links: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if tag == "img" or any(name.startswith("on") for name in held):
            self.faults.append(f"markup: <{tag} {held}>")
        self.found += sum(MARK in value for value in held.values())
        if tag == "a":
            self.links.append(held)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, text: str) -> None:
        self.found += MARK in text
        if MARK in _isolated.sub("", text) and not ISOLATING & set(self.open):
            self.faults.append(f"not isolated, in {'/'.join(self.open[-4:])}: {text!r}")


def read_page(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page


def assert_harmless(html: str) -> None:
    """The hostile text is there, as text, and everywhere isolated."""
    page = read_page(html)
    assert page.found and not page.faults, page.faults or "the text is nowhere on this page"
    assert HOSTILE.partition(">")[0] + "><img" not in html


def links_of(html: str) -> list[dict[str, str]]:
    return read_page(html).links

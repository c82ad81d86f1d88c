"""Links of the card to a record elsewhere: an address with names in braces, filled in for one call. Pure.

A template is written by an administrator, the values come from callers. So a value is always escaped as one whole
component, never chooses the host, and never becomes a step of a path; where one is missing there is no link.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

NAMES = (
    "number", "e164", "national", "name", "contact_id", "external_id", "call_id", "extension", "line", "queue",
)  # fmt: skip
LONGEST_VALUE = 200
_braces = re.compile(r"\{([^{}]*)\}")
_start = re.compile(r"\A(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/?#]*)")
_host = re.compile(r"\A([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?\Z")
_never = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>`^|\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class LinkProblem(Exception):
    """What is wrong with a template. `code` names it, `shown` is the part that it is about; the page has the words."""

    def __init__(self, code: str, shown: str = "") -> None:
        super().__init__(code)
        self.code, self.shown = code, shown


@dataclass(frozen=True, slots=True)
class FilledLink:
    label: str
    url: str


def check_template(template: str) -> None:
    """Raises LinkProblem: no_address, scheme, host, braces, unknown_name, host_from_name, character, step."""
    if found := _never.search(template):
        raise LinkProblem("character", f"U+{ord(found.group()):04X}")
    start = _start.match(template)
    if start is None:
        raise LinkProblem("scheme" if ":" in template else "no_address", template[:40])
    if start["scheme"].lower() not in ("https", "http"):
        raise LinkProblem("scheme", start["scheme"])
    if "{" in start["host"] or "}" in start["host"]:
        raise LinkProblem("host_from_name", start["host"])
    if not _host.match(start["host"]):
        raise LinkProblem("host", start["host"])
    for name in _braces.findall(template):
        if name not in NAMES:
            raise LinkProblem("unknown_name", name)
    bare = _braces.sub("", template)
    if "{" in bare or "}" in bare:
        raise LinkProblem("braces")
    if _climbs(_braces.sub("x", template)):
        raise LinkProblem("step")


def fill(template: str, values: Mapping[str, object]) -> str | None:
    """The address for these values; None when one that it needs is missing, or when the template is no good."""
    try:
        check_template(template)
    except LinkProblem:
        return None
    wanted = {name: str(values.get(name) or "") for name in _braces.findall(template)}
    if any(not text or len(text) > LONGEST_VALUE for text in wanted.values()):
        return None
    try:
        url = _braces.sub(lambda found: quote(wanted[found[1]], safe=""), template)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return None if _climbs(url) else url


def web_link(address: str) -> str | None:
    """An address that was stored as it is, such as a contact's link to the CRM; only http and https are followed."""
    start = _start.match(address)
    if start is None or start["scheme"].lower() not in ("https", "http") or _never.search(address):
        return None
    return address if _host.match(start["host"]) else None


def _climbs(url: str) -> bool:
    """Whether a step of the path is . or .., which browsers resolve, escaped or not."""
    path = _start.sub("", url).partition("#")[0].partition("?")[0]
    return any(unquote(step) in (".", "..") for step in path.split("/"))

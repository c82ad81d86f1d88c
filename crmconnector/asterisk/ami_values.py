"""The values of AMI headers, cleaned once and here only.

- `<unknown>` and the empty text become None;
- names are C-escaped on the wire (`O\\'Neil`): they are unescaped once;
- control (but not tab), bidirectional-override and surrogate characters are dropped (PostgreSQL refuses NUL, the rest
  fools screens);
- names and numbers are cut at 80 characters; numbers otherwise stay as Asterisk wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Headers = Mapping[str, str | list[str]]

MAX_TEXT = 80
MAX_ID = 150  # Asterisk's own limit for a Uniqueid


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What one event says about one channel; None where it says nothing."""

    uniqueid: str
    name: str | None = None
    linkedid: str | None = None
    state: int | None = None
    number: str | None = None
    caller_name: str | None = None
    connected_number: str | None = None
    connected_name: str | None = None
    exten: str | None = None
    restricted: bool | None = None


_WITHHELD = frozenset({"anonymous", "private", "restricted", "withheld"})
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def text(headers: Headers, key: str, limit: int = MAX_ID) -> str | None:
    value: object = headers.get(key)
    if isinstance(value, list):  # a repeated header: the first one is the channel's own
        value = value[0] if value else None
    if not isinstance(value, str) or not value or value == "<unknown>":
        return None
    if not value.isprintable():
        value = _printable(value)
    return value.strip()[:limit] or None


def _printable(value: str) -> str:
    return "".join(
        c
        for c in value
        if not ((c < " " and c != "\t") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" or c in _BIDI)
    )


def name(headers: Headers, key: str) -> str | None:
    value: object = headers.get(key)
    if isinstance(value, str) and "\\" in value:
        value = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)
        return text({key: value}, key, MAX_TEXT)
    return text(headers, key, MAX_TEXT)


def whole(headers: Headers, key: str) -> int | None:
    value = text(headers, key, 9)
    return int(value) if value is not None and value.isascii() and value.isdigit() else None


def seconds(headers: Headers, at: float) -> float:
    value = text(headers, "Timestamp", 20)
    if value is None or not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value, re.ASCII):
        return at
    return float(value)


def _restricted(headers: Headers, number: str | None) -> bool | None:
    """True if the caller withheld the number. Only NewCallerid has the presentation; else the word itself tells."""
    if number is not None and number.lower() in _WITHHELD:
        return True
    presentation = text(headers, "CID-CallingPres")
    return None if presentation is None else "prohib" in presentation.lower()


class Keys:
    """The header names of one channel in an event with several: `DestUniqueid`, `DestChannel`, …"""

    __slots__ = (
        "channel",
        "connected_name",
        "connected_number",
        "exten",
        "linkedid",
        "name",
        "number",
        "state",
        "uniqueid",
    )

    def __init__(self, prefix: str) -> None:
        self.uniqueid = prefix + "Uniqueid"
        self.channel = prefix + "Channel"
        self.linkedid = prefix + "Linkedid"
        self.state = prefix + "ChannelState"
        self.number = prefix + "CallerIDNum"
        self.name = prefix + "CallerIDName"
        self.connected_number = prefix + "ConnectedLineNum"
        self.connected_name = prefix + "ConnectedLineName"
        self.exten = prefix + "Exten"


_OWN = Keys("")


def facts(headers: Headers, keys: Keys = _OWN) -> ChannelFacts | None:
    uniqueid = text(headers, keys.uniqueid)
    if uniqueid is None:
        return None
    number = text(headers, keys.number, MAX_TEXT)
    return ChannelFacts(
        uniqueid=uniqueid,
        name=text(headers, keys.channel),
        linkedid=text(headers, keys.linkedid),
        state=whole(headers, keys.state),
        number=number,
        caller_name=name(headers, keys.name),
        connected_number=text(headers, keys.connected_number, MAX_TEXT),
        connected_name=name(headers, keys.connected_name),
        exten=text(headers, keys.exten, MAX_TEXT),
        restricted=_restricted(headers, number),
    )

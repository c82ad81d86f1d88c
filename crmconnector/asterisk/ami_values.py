"""The values of AMI headers, cleaned once and here only.

- `<unknown>` and the empty text become None;
- names are C-escaped on the wire (`O\\'Neil`): they are unescaped once;
- control (but not tab), bidirectional-override and surrogate characters are dropped (PostgreSQL refuses NUL, the rest
  fools screens);
- names and numbers are cut at 80 characters, names of channels at 120; numbers otherwise stay as Asterisk wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

Headers = Mapping[str, str | list[str]]

MAX_TEXT = 80
MAX_ID = 150  # Asterisk's own limit for a Uniqueid
MAX_CHANNEL = 120  # of its name; Asterisk's own limit is 80
_REMEMBERED = 20_000  # values
_REMEMBERED_LENGTH = 200  # characters; a longer one is not worth its room


class ChannelFacts(NamedTuple):
    """What one event says about one channel; None where it says nothing. (A tuple: two of them are made per event.)"""

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


class _Cleaned(dict[object, Any]):
    """Values that were cleaned before: those of one call come with each of its events. Bounded; forgets all at once."""

    def __init__(self, clean: Callable[[Headers, str], Any]) -> None:
        self._clean = clean

    def __missing__(self, value: object) -> Any:
        cleaned = self._clean({"": value}, "")  # type: ignore[dict-item]
        if not isinstance(value, str) or len(value) <= _REMEMBERED_LENGTH:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = cleaned
        return cleaned


def seconds(headers: Headers, at: float) -> float:
    value = text(headers, "Timestamp", 20)
    if value is None or not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value, re.ASCII):
        return at
    return float(value)


def _withheld_by_word(headers: Headers, key: str) -> bool | None:
    number = text(headers, key, MAX_TEXT)
    return True if number is not None and number.lower() in _WITHHELD else None


def _withheld_by_presentation(headers: Headers, key: str) -> bool | None:
    """Only NewCallerid tells it; else the word in place of the number does."""
    presentation = text(headers, key)
    return None if presentation is None else "prohib" in presentation.lower()


class Keys:
    """The header names of one channel in an event with several: `DestUniqueid`, `DestChannel`, …"""

    __slots__ = ("names", "take")

    def __init__(self, prefix: str) -> None:
        self.names = tuple(prefix + name for name in _OF_A_CHANNEL)
        self.take: Callable[[Headers], tuple[Any, ...]] = itemgetter(*self.names)


# In the order of the fields of ChannelFacts.
_OF_A_CHANNEL = (
    "Uniqueid",
    "Channel",
    "Linkedid",
    "ChannelState",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Exten",
)
_OWN = Keys("")


_id = _Cleaned(text)
_channel = _Cleaned(lambda headers, key: text(headers, key, MAX_CHANNEL))
_short = _Cleaned(lambda headers, key: text(headers, key, MAX_TEXT))
_name = _Cleaned(name)
_whole = _Cleaned(whole)
_WITHHELD_BY_WORD = _Cleaned(_withheld_by_word)
_PRESENTATION = _Cleaned(_withheld_by_presentation)


def facts(headers: Headers, keys: Keys = _OWN) -> ChannelFacts | None:
    try:
        values = keys.take(headers)
    except KeyError:  # Asterisk leaves some out
        values = tuple(headers.get(name) for name in keys.names)
    presentation = headers.get("CID-CallingPres")
    try:
        return _facts(values, presentation)
    except TypeError:  # a header came twice and is a list: the first one is the channel's own
        return _facts(tuple(_first(value) for value in values), _first(presentation))


def _first(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def _facts(values: tuple[Any, ...], presentation: object) -> ChannelFacts | None:
    uniqueid, channel, linkedid, state, number, its_name, connected_number, connected_name, exten = values
    uid = _id[uniqueid]
    if uid is None:
        return None
    return ChannelFacts(
        uid,
        _channel[channel],
        _id[linkedid],
        _whole[state],
        _short[number],
        _name[its_name],
        _short[connected_number],
        _name[connected_name],
        _short[exten],
        _WITHHELD_BY_WORD[number] or _PRESENTATION[presentation],
    )

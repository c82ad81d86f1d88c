"""Recordings of an AMI stream: read them in any of their forms, and make them fit to be given away.

Three forms are read, told apart by their beginning: the raw bytes of the socket, a JSON list of events, and one JSON
event a line. An event is a dictionary of headers, or `{"t": seconds, "headers": {…}}`. `Redaction` replaces what
belongs to people (names, numbers, addresses) so that the same file still tells the same calls.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from crmconnector.asterisk.ami_wire import BANNER, Framer, WireFault, parse

Entry = dict[str, Any]
MAX_LIST_BYTES = 256 * 1024 * 1024  # of a JSON list, which must be read whole
_SEGMENT = 64 * 1024


class NotARecording(Exception):
    """The file cannot be read as a recording; the text says why and what would do."""


def read_recording(file: BinaryIO) -> Iterator[Entry]:
    """The events of a recording, in order; responses and broken lines are left out. Raises NotARecording."""
    beginning = file.read(_SEGMENT)
    file.seek(0)
    first = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first == b"[":
        return _of_list(file)
    return _of_lines(file) if first == b"{" else _of_bytes(file, beginning)


def _of_list(file: BinaryIO) -> Iterator[Entry]:
    text = file.read(MAX_LIST_BYTES + 1)
    if len(text) > MAX_LIST_BYTES:
        raise NotARecording("The JSON list is larger than 256 MB. Write one event a line instead.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARecording(f"It begins like a JSON list but is none: {error}") from None
    return (entry for entry in found if isinstance(entry, dict))


def _of_lines(file: BinaryIO) -> Iterator[Entry]:
    for line in file:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry


def _of_bytes(file: BinaryIO, beginning: bytes) -> Iterator[Entry]:
    if b"Event:" not in beginning and b"Response:" not in beginning and not beginning.startswith(BANNER):
        raise NotARecording("It holds neither AMI messages nor JSON. Record one with `manage.py record`.")
    framer, plain_ends = Framer(), b"\r\n" not in beginning
    if not beginning.startswith(BANNER):
        framer.feed(BANNER + b"/0\r\n")
    try:
        while segment := file.read(_SEGMENT):
            yield from _events(framer.feed(segment.replace(b"\n", b"\r\n") if plain_ends else segment))
        yield from _events(framer.feed(b"\r\n\r\n"))  # a last message that was cut off before its empty line
    except WireFault as fault:
        raise NotARecording(f"The stream cannot be followed: {fault.code}.") from None


def _events(messages: Iterable[str]) -> Iterator[Entry]:
    for message in messages:
        headers = parse(message)
        if "Event" in headers:
            yield headers


_KEPT_EVENTS = re.compile(
    r"Newchannel|Newstate|NewCallerid|NewConnectedLine|Dial(Begin|State|End)|Bridge(Enter|Leave)|Hangup|LocalBridge|Rename"
    r"|Hold|Unhold|QueueCaller\w+|QueueEntry|Agent(Called|Connect|Complete|RingNoAnswer)|BlindTransfer|AttendedTransfer"
    r"|Pickup|(Un)?ParkedCall\w*|OriginateResponse|FullyBooted|Shutdown|CoreShowChannel|CoreShowChannelsComplete"
)
_IDS = re.compile(r"(Uniqueid|Linkedid|UniqueID|BridgeId|^Event|^Timestamp|^Privilege|^ActionID)$")
_DROPPED = re.compile(r"AccountCode$|^ChanVariable|^DestChanVariable|Language$|^Variable")
_NAME = re.compile(r"(CallerIDName|ConnectedLineName)$")
_NUMBER = re.compile(r"(CallerIDNum|ConnectedLineNum|Exten|Extension|DNID|ANI)$")
_DIGITS = re.compile(r"(?<![0-9A-Fa-f-])\+?\d(?:[ ()./-]{0,2}\d){5,}(?![0-9A-Fa-f])")
_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_HIDDEN_DIGITS = 6


class Redaction:
    """Replaces people by others, the same by the same, with a key that is thrown away with this object.

    Of a number with six digits or more the last six change (so country, area and length stay, and two ways to write one
    number still end alike); extensions of up to five digits stay, names become `Name 1`, addresses 192.0.2.1.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._names: dict[str, str] = {}

    def redacted(self, headers: Mapping[str, Any]) -> dict[str, Any] | None:
        """The event as it may be given away; None if it tells nothing of calls."""
        if not _KEPT_EVENTS.fullmatch(str(headers.get("Event", ""))):
            return None
        kept = {key: value for key, value in headers.items() if not _DROPPED.search(key)}
        return {key: self._value(key, value) for key, value in kept.items()}

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(key, one) for one in value]
        if not isinstance(value, str) or not value or value == "<unknown>" or _IDS.search(key):
            return value
        if _NAME.search(key):
            return self._names.setdefault(value, f"Name {len(self._names) + 1}")
        if _NUMBER.search(key):
            return self._number(value)
        return _IPV4.sub("192.0.2.1", _DIGITS.sub(lambda found: self._number(found[0]), value))

    def _number(self, text: str) -> str:
        places = [index for index, character in enumerate(text) if character.isdecimal()]
        if len(places) < _HIDDEN_DIGITS:
            return text
        hidden = places[-_HIDDEN_DIGITS:]
        digits = "".join(text[index] for index in hidden)
        number = int.from_bytes(hmac.digest(self._key, digits.encode(), hashlib.sha256)[:8], "big")
        fresh = dict(zip(hidden, f"{number % 10**_HIDDEN_DIGITS:06d}", strict=True))
        return "".join(fresh.get(index, character) for index, character in enumerate(text))

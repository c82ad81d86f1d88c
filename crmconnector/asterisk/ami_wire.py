"""From bytes off the socket to messages, and from a message to its headers. No I/O; the only thing raised on bad input
is `WireFault`, which means: this stream cannot be followed any longer.

Asterisk sends names in whatever bytes the caller's phone sent: UTF-8 as a rule, Latin-1 from old gateways, sometimes
UTF-8 that was cut in the middle of a character. A segment of the socket may end anywhere, also inside a character; a
message ends with an empty line, which is plain ASCII. So only whole messages are decoded.
"""

from __future__ import annotations

from .ami_items import Headers

END = b"\r\n\r\n"
MESSAGE_LIMIT = 256 * 1024  # bytes of one message that are kept; the longest real one seen had 2.3 kB
GIVE_UP_AT = 4 * 1024 * 1024  # bytes without the end of a message
BANNER = b"Asterisk Call Manager"
BANNER_LIMIT = 512


class WireFault(Exception):
    """The stream cannot be followed; `code` is one of ami_reasons."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Framer:
    """Cuts the stream into messages; keeps at most MESSAGE_LIMIT bytes, plus one segment, whatever comes.

    `version` is AMI's version from the banner line, None until that has come.
    """

    def __init__(self) -> None:
        self.version: str | None = None
        self.oversized = 0
        self._buffer = bytearray()
        self._beginning: bytes | None = None  # of a message too long to keep, whose end has not come yet
        self._skipped = 0

    def feed(self, segment: bytes) -> list[str]:
        """The messages that this segment completed, each without its empty line. Raises WireFault."""
        buffer = self._buffer
        # The end of a message may itself be cut: look again at the last three bytes, and never at more than that.
        start = max(0, len(buffer) - len(END) + 1)
        buffer += segment
        if self.version is None:
            self._take_banner()
            start = 0
        if self.version is None:
            return []
        return self._cut(start) if self._beginning is None else self._skip()

    def _cut(self, start: int) -> list[str]:
        buffer = self._buffer
        end = buffer.rfind(END, start)
        if end < 0:
            self._limit()
            return []
        whole = bytes(memoryview(buffer)[:end])
        del buffer[: end + len(END)]
        self._limit()
        return self._messages(whole)

    def _take_banner(self) -> None:
        line, end, _ = self._buffer.partition(b"\r\n")
        if line[: len(BANNER)] != BANNER[: len(line)] or len(line) > BANNER_LIMIT:
            raise WireFault("not_ami")
        if end and line.startswith(BANNER):
            self.version = line.partition(b"/")[2].decode("ascii", "replace").strip()
            del self._buffer[: len(line) + len(end)]
        elif end:
            raise WireFault("not_ami")

    def _limit(self) -> None:
        """Too long without an end: keep the whole lines of the beginning and throw away what follows."""
        if len(self._buffer) < MESSAGE_LIMIT + len(END):  # the last bytes may be the beginning of the end
            return
        self.oversized += 1
        self._beginning = _shorten(bytes(self._buffer[:MESSAGE_LIMIT]))
        self._skipped = 0
        self._forget()

    def _forget(self) -> None:
        kept = len(END) - 1
        self._skipped += len(self._buffer) - kept
        del self._buffer[:-kept]
        if self._skipped > GIVE_UP_AT:
            raise WireFault("oversize")

    def _skip(self) -> list[str]:
        end = self._buffer.find(END)
        if end < 0:
            self._forget()
            return []
        beginning, self._beginning = self._beginning or b"", None
        del self._buffer[: end + len(END)]
        return [_decode(beginning), *self._cut(0)]

    def _messages(self, whole: bytes) -> list[str]:
        if len(whole) > MESSAGE_LIMIT:
            return [_decode(self._fitting(raw)) for raw in whole.split(END)]
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            return [_decode(raw) for raw in whole.split(END)]
        # No database takes a NUL, and no telephone number or name has one.
        return (text.replace("\0", "") if "\0" in text else text).split("\r\n\r\n")

    def _fitting(self, raw: bytes) -> bytes:
        if len(raw) <= MESSAGE_LIMIT:
            return raw
        self.oversized += 1
        return _shorten(raw[:MESSAGE_LIMIT])


def _shorten(raw: bytes) -> bytes:
    """The whole lines of a beginning: half a number would be a wrong number."""
    return raw[: max(0, raw.rfind(b"\r\n"))]


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\r\n".join(_decode_line(line) for line in raw.split(b"\r\n"))
    return text.replace("\0", "")


def _decode_line(line: bytes) -> str:
    """Each line for itself: one Latin-1 name must not garble the UTF-8 name beside it."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        before = line[: error.start]
        if error.reason == "unexpected end of data" and not before.isascii():
            # UTF-8 so far and then half a character: Asterisk cut a long name there.
            return before.decode()
        return line.decode("latin-1")


def parse(message: str) -> Headers:
    """The headers of one message. Lines that are no headers are left out; an empty value is kept as ""."""
    lines = message.split("\r\n")
    headers: Headers = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon:
            return _parse_slowly(lines)
        headers[name] = value
    if len(headers) != len(lines):  # a header came twice
        return _parse_slowly(lines)
    return headers


def _parse_slowly(lines: list[str]) -> Headers:
    headers: Headers = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon:
            name, colon, value = line.partition(":")
        if not colon:
            continue
        earlier = headers.get(name)
        if earlier is None:
            headers[name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            headers[name] = [earlier, value]
    return headers


def header(headers: Headers, name: str) -> str:
    """One header whatever its case: "" if it is absent, the first if it came more than once."""
    value = headers.get(name)
    if value is None:
        folded = name.lower()
        value = next((found for key, found in headers.items() if key.lower() == folded), "")
    return value if isinstance(value, str) else value[0]

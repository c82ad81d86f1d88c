"""The Asterisk Manager Interface as bytes: `Key: value` lines, a blank line ends a message."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[str, str]]
NAME_LIMIT = 80  # Asterisk cuts names here
ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "?": "\\?",
}
MESSAGE_LIMIT = 64 * 1024


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """One message. A line break inside a value would forge a header, so it becomes a space."""
    lines = (f"{key}: {value}".replace("\r", " ").replace("\n", " ") for key, value in headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def escape_name(name: str) -> str:
    """A caller name as Asterisk writes it: C escapes, `<unknown>` for nothing."""
    return "".join(ESCAPES.get(sign, sign) for sign in name[:NAME_LIMIT]) or "<unknown>"


def parse(block: str) -> dict[str, str]:
    """The headers of one action, keys in lower case (Asterisk does not look at case); the first of two wins.

    Only `Variable` may come several times; its values are separated by line ends.
    """
    headers: dict[str, str] = {}
    for line in block.splitlines():
        key, colon, value = line.partition(":")
        name, value = key.strip().lower(), value.strip()
        if colon and name == "variable" and name in headers:
            headers[name] += f"\n{value}"
        elif colon:
            headers.setdefault(name, value)
    return headers


class ActionReader:
    """Collects bytes and gives whole actions, however they were cut on the way."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[dict[str, str]]:
        """Raises ValueError when a client sends without end."""
        self._rest += chunk.replace(b"\r", b"")
        *whole, self._rest = self._rest.split(b"\n\n")
        if len(self._rest) > MESSAGE_LIMIT:
            raise ValueError("an action is too long")
        return [parse(block.decode("utf-8", "replace")) for block in whole if block.strip()]

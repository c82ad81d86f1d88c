"""The one place where an AMI action becomes bytes.

AMI separates headers by CR LF and actions by an empty line, and has no way to quote either. A value with a line break
in it would therefore become a header of its own, or a whole action of its own (`Action: Command`). So every name and
value of everything that is ever sent, our own login and pings too, passes `encode`, which refuses and never repairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .ami_errors import BadHeader

HeaderValue = str | list[str] | tuple[str, ...]
"""A list is sent as the same header several times (`Variable`)."""

MAX_LINE_BYTES = 1000  # Asterisk reads lines into 1,024 bytes and throws longer ones away
MAX_HEADERS = 120  # Asterisk keeps 128 headers of an action and forgets the rest

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# All of C0, DEL and C1 (U+0085 is a line end to many readers), both Unicode line ends, and half surrogates, which no
# UTF-8 can carry.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def check_name(name: str) -> None:
    """Raises BadHeader unless this can be a header's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadHeader(f"AMI header name {str(name)[:40]!a} is not letters, digits, dashes and underscores")


def check_value(name: str, value: str) -> bytes:
    """The whole line without its end. Raises BadHeader, naming the header and never its value."""
    check_name(name)
    if not isinstance(value, str):
        raise BadHeader(f"AMI header {name}: the value is not text")
    forbidden = _FORBIDDEN.search(value)
    if forbidden:
        raise BadHeader(f"AMI header {name}: the character U+{ord(forbidden.group()):04X} is not allowed in a value")
    line = f"{name}: {value}".encode()
    if len(line) > MAX_LINE_BYTES:
        raise BadHeader(f"AMI header {name}: {len(line)} bytes, {MAX_LINE_BYTES} are allowed")
    return line


def encode(headers: Iterable[tuple[str, HeaderValue]]) -> bytes:
    """One action as it goes on the wire, in the order given. Raises BadHeader; then nothing may be sent."""
    lines = [
        check_value(name, item)
        for name, value in headers
        for item in (value if isinstance(value, list | tuple) else (value,))
    ]
    if len(lines) > MAX_HEADERS:
        raise BadHeader(f"AMI action with {len(lines)} headers, {MAX_HEADERS} are allowed")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def build(name: str, headers: Mapping[str, HeaderValue], action_id: str) -> dict[str, HeaderValue]:
    """The headers of one action, `Action` and `ActionID` first.

    The caller may bring its own `ActionID` (an Originate's comes back in OriginateResponse, long after the answer),
    never its own `Action`. Raises BadHeader when a name comes twice: Asterisk would quietly take the first.
    """
    folded = [key.lower() for key in headers]
    if "action" in folded:
        raise BadHeader("AMI action: the header Action is set by name only")
    if len(set(folded)) != len(folded):
        raise BadHeader("AMI action: the same header is given twice, in different case")
    own = {"Action": name} if "actionid" in folded else {"Action": name, "ActionID": action_id}
    return {**own, **headers}

"""What a phone tells of itself by an action URL, read from the raw request. Pure: text in, values out.

The phone fills variables (`$remote`, `$mac` …) into a template that somebody pasted into it and sends a plain GET,
without any proof of who it is. So everything here is a stranger's text:

- a variable that the phone could not fill arrives as it stands, `$remote`;
- a leading `+` of a number is not encoded, and must not become the space that HTML forms make of it;
- per-cent signs may stand for nothing (`%2G`), bytes may be no UTF-8;
- some firmware sends the whole template as a path, without a `?`.

Numbers of the settings (P-values) and their aliases are second-hand: from the vendor's templates for neighbouring
models. No GRP26xx was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

LONGEST_REQUEST: Final = 2048  # characters of path and query together
LONGEST_TEMPLATE: Final = 256  # a phone drops a longer one without a word
MOST_FIELDS: Final = 20
QUERY: Final = "m=$mac&r=$remote&l=$local&c=$call-id&d=$calldirection"


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing a phone can tell. `p_value` and `alias`: how its settings call the place for the address."""

    kind: str  # as in our address
    title: str
    p_value: int | None
    alias: str


SLOTS: Final = (
    Slot("boot", "Started up (setup completed)", 8304, "setupCompleted"),
    Slot("registered", "Registered", 8305, "registered"),
    Slot("unregistered", "Unregistered", 8306, "unregistered"),
    Slot("register-failed", "Register failed", None, "registerFailed"),
    Slot("dnd-on", "Do not disturb on", 8316, "openDnd"),
    Slot("dnd-off", "Do not disturb off", 8317, "closedDnd"),
    Slot("hold", "Hold", 8324, "holdCall"),
    Slot("unhold", "Unhold", 8325, "unholdCall"),
    Slot("incoming", "Incoming call", 8310, "incomingCall"),
    Slot("outgoing", "Outgoing call", 8311, "outgoingCall"),
    Slot("missed", "Missed call", 8312, "missedCall"),
    Slot("established", "Established call", 8313, "establishedCall"),
    Slot("terminated", "Terminated call", 8314, "terminatedCall"),
    Slot("rejected", "Rejected incoming call", 8315, "rejectIncomingCall"),
    Slot("answered", "Answered a new call in a call", 22171, "answerNewInCall"),
    Slot("off-hook", "Off hook", 8308, "offHook"),
    Slot("on-hook", "On hook", 8309, "onHook"),
    Slot("busy", "Idle to busy", 8328, "idleToBusy"),
    Slot("idle", "Busy to idle", 8329, "busyToIdle"),
    Slot("forward-on", "Forwarding on", 8318, "openForward"),
    Slot("forward-off", "Forwarding off", 8319, "closedForward"),
    Slot("blind-transfer", "Blind transfer", 8320, "blindTransfer"),
    Slot("attended-transfer", "Attended transfer", 8321, "attendedTransfer"),
    Slot("transfer-finished", "Transfer finished", None, "transferFinished"),
    Slot("transfer-failed", "Transfer failed", None, "transferFailed"),
    Slot("mute", "Mute", None, "mute"),
    Slot("unmute", "Unmute", None, "unMute"),
    Slot("ip-changed", "IP address changed", None, "IPChanged"),
    Slot("autop-finish", "Provisioning finished", None, "autopFinish"),
    Slot("syslog-on", "Syslog on", 8330, ""),
    Slot("syslog-off", "Syslog off", 8331, ""),
)
KINDS: Final = frozenset(slot.kind for slot in SLOTS)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification, cleaned. `kind` may be one that we do not know; `mac` is "" when there is none."""

    kind: str
    mac: str = ""  # 00:0B:82:A1:4C:07
    remote: str = ""
    local: str = ""
    call_id: str = ""


# Control characters, those that turn the direction of text, and half surrogates, which the database cannot store.
_UNWANTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_END_OF_KIND: Final = re.compile(r"[?&/]")
_UNFILLED: Final = re.compile(r"\$[a-z][a-z_-]*", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9A-F]{12}")


def read_notice(kind: str, query: str) -> Notice | None:
    """`kind`: the rest of the path, already decoded by the server; `query`: the raw query string. None: too long.

    Without a `?` in the template all of it is in `kind`: "incoming&m=000b82a14c07&r=+4930…".
    """
    if len(kind) + len(query) > LONGEST_REQUEST:
        return None
    word, *rest = _END_OF_KIND.split(kind, maxsplit=1)
    told = dict(_pairs(rest[0])) if rest else {}
    told.update((name, unquote(value, errors="replace")) for name, value in _pairs(query))
    remote, local = (_cleaned(told.get(name, ""), 80) for name in "rl")
    return Notice(word, normal_mac(told.get("m", "")), remote, local, _cleaned(told.get("c", ""), 150))


def normal_mac(text: str) -> str:
    """ "000b.82a1.4c07", "00-0B-82-A1-4C-07" … as "00:0B:82:A1:4C:07"; "" when it is none, as in a literal `$mac`."""
    digits = re.sub(r"[:.\- ]", "", text.strip()[:40]).upper()
    if not _HEX.fullmatch(digits):
        return ""
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def template(base: str, token: str, kind: str) -> str:
    """The line to paste into the phone. `base`: "https://desk.example.net", without a slash at the end.

    Never with `$display_…` in it: names bring spaces and letters that make the request line one no server takes.
    """
    return f"{base}/phone-events/{token}/{kind}?{QUERY}"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values as they stand; the first of a name counts."""
    seen: set[str] = set()
    for part in text.split("&", MOST_FIELDS)[:MOST_FIELDS]:
        name, equals, value = part.partition("=")
        if equals and name not in seen:
            seen.add(name)
            yield name, value


def _cleaned(text: str, longest: int) -> str:
    kept = _UNWANTED.sub("", text).strip()
    return "" if _UNFILLED.fullmatch(kept) else kept[:longest]

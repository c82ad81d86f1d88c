"""Takes secrets out of what is about to be logged, shortens phone numbers, and disarms control characters.

Pure, and safe on any input: a log line must never be the reason that a call fails. What is redacted already may be
redacted again.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from crmconnector.common.secrets import MASK

DEEPEST: Final = 8  # levels of nested containers
MOST_ITEMS: Final = 200  # of one container
LONGEST_TEXT: Final = 20_000  # characters; a traceback is longer than a line

# A key with one of these in it holds a secret, whatever its spelling: `ami_secret`, `X-Api-Key`, `passcodeOld`.
_SENSITIVE: Final = (
    "passcode|password|passwd|passphrase|secret|token|authorization|cookie|api[-_ ]?key|private[-_ ]?key|"
    "encryption[-_ ]?keys?|credential|sessionid|csrf"
)
# A key with one of these in it holds a telephone number, unless its end says that it is something else.
_TELEPHONE: Final = (
    r"number|phonenum|remotenum|caller|calling|called|dialled|dialed|msisdn|e164|connectedline|exten|destination|"
    r"\bani\b|\bdid\b"
)
_SENSITIVE_KEY: Final = re.compile(rf"(?:{_SENSITIVE})|\bpin\b", re.IGNORECASE)
_TELEPHONE_KEY: Final = re.compile(rf"(?:{_TELEPHONE})(?!.*_(?:at|on|seconds|ms|id|name|count|url)$)", re.IGNORECASE)

# name=value, "name": "value", ('name', 'value'), name%3Dvalue, <name>value. Every repeat is bounded: no input is slow.
_SECRET_PAIR: Final = re.compile(
    rf"(?P<name>(?:{_SENSITIVE})[A-Za-z0-9_-]{{0,40}}"
    r"""(?:\\?["']\s{0,3}[=:,]|\s{0,3}(?:[=:>]|%3D|%3A))\s{0,3}(?:b(?=["']))?)"""
    r"""(?:(?:bearer|basic|digest|token)\s{1,3}[^\s,;&"']+"""
    r"""|\\?"(?:[^"\\]|\\.){0,500}"|\\?'(?:[^'\\]|\\.){0,500}'|[^\s&"'<>]+|["']\S+)""",
    re.IGNORECASE,
)
_AUTHORIZATION: Final = re.compile(r"\b(bearer|basic|digest)\s{1,3}[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)[^/\s]*@")
# The word by which a phone's own notifications are known stands in the path of their address.
_EVENT_TOKEN: Final = re.compile(r"(phone-events(?:/|%2F){1,3})[^/%\s?&\"'<>]+", re.IGNORECASE)
_NUMBER_PAIR: Final = re.compile(
    rf"(?P<name>(?:{_TELEPHONE})[A-Za-z0-9_-]{{0,40}}[\"']?\s{{0,3}}(?:=|:|%3D)\s{{0,3}}[\"']?)"
    r"(?P<value>(?:\+|%2B)?\d[\d ()./-]{4,})",
    re.IGNORECASE,
)
_LONG_NUMBER: Final = re.compile(r"(?P<plus>\+|%2B)?(?P<digits>\d(?:[ ()./-]{0,3}\d){4,})", re.IGNORECASE)

_KEPT_CONTROLS: Final = "\n\t"
# Control characters, escapes of terminals, and those that turn the direction of text or break a line.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
} | dict.fromkeys(range(0xD800, 0xE000), "\\ud800")
_CONTROLS_OF_A_BLOCK: Final = {code: text for code, text in _CONTROLS.items() if chr(code) not in _KEPT_CONTROLS}


def redact(value: object, key: str = "") -> object:
    """The value as it may be logged under that key: plain str, int, float, bool, None, list and dict only."""
    try:
        return _redacted(value, key, 0)
    except Exception:
        return f"<unreadable {type(value).__name__}>"


def _redacted(value: object, key: str, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if _SENSITIVE_KEY.search(key):
        return MASK
    if isinstance(value, int | float):
        return _number(value, key)
    if isinstance(value, str):
        return _text(value, key)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _container(value, key, depth)
    return _text(_shown(value), key)


def redact_text(text: str, *, block: bool = False) -> str:
    """Free text without secrets. `block`: keep line breaks and tabs, as a traceback needs them."""
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "… (cut)"
    cut = _SECRET_PAIR.sub(rf"\g<name>{MASK}", cut)
    cut = _AUTHORIZATION.sub(rf"\1 {MASK}", cut)
    cut = _USERINFO.sub(f"{MASK}@", cut)
    cut = _EVENT_TOKEN.sub(rf"\g<1>{MASK}", cut)
    cut = _NUMBER_PAIR.sub(lambda match: match["name"] + shorten_numbers(match["value"]), cut)
    return cut.translate(_CONTROLS_OF_A_BLOCK if block else _CONTROLS)


def shorten_numbers(text: str) -> str:
    """Every number of five or more digits in the text as `+49…447`; shorter ones are internal extensions and stay."""
    return _LONG_NUMBER.sub(_shortened, text)


def _shortened(match: "re.Match[str]") -> str:
    digits = [sign for sign in match["digits"] if sign.isdigit()]
    country = "+" + "".join(digits[:2]) if match["plus"] and len(digits) >= 8 else ""
    return f"{country}…{''.join(digits[-3:])}"


def _number(value: float, key: str) -> object:
    if not _TELEPHONE_KEY.search(key) or abs(value) < 10_000:
        return value
    return shorten_numbers(_shown(value))


def _text(text: str, key: str) -> str:
    kept = redact_text(text)
    return shorten_numbers(kept) if _TELEPHONE_KEY.search(key) else kept


def _container(value: Mapping[object, object] | Iterable[object], key: str, depth: int) -> object:
    if depth >= DEEPEST:
        return "… (too deep)"
    if isinstance(value, Mapping):
        named = [(_key(name), item) for name, item in islice(value.items(), MOST_ITEMS)]
        return {name: _redacted(item, name, depth + 1) for name, item in named}
    return _pair_or_list([_redacted(item, key, depth + 1) for item in islice(value, MOST_ITEMS)])


def _pair_or_list(items: list[object]) -> list[object]:
    """[("passcode", "1234")]: a list of headers or parameters holds names in front of their values."""
    if len(items) == 2 and isinstance(items[0], str) and _SENSITIVE_KEY.search(items[0]):
        return [items[0], MASK]
    return items


def _key(name: object) -> str:
    return redact_text(name if isinstance(name, str) else _shown(name))


def _shown(value: object) -> str:
    try:
        if isinstance(value, bytes | bytearray):
            return bytes(value[:LONGEST_TEXT]).decode("utf-8", "backslashreplace")
        return value if isinstance(value, str) else repr(value)
    except Exception:
        return f"<unprintable {type(value).__name__}>"

"""What a Grandstream phone's answer means. Pure: bytes in, values or a PhoneError out.

    {"response": "success" | "error", "body": true | "complete" | "unauthorized" | [lines …] | …, "misc": "0"}

The answer is hostile input: it may come from somebody who took the phone's address. And phones differ: booleans
come as strings, JSON as text/html, "success" with the body "unauthorized". So it counts only when all of it is
believable; a doubtful answer to a command is Unclear, because the command may have been carried out.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from phones.drivers.base import AccountState, LineState, LineWord, PhoneState, PhoneWord
from phones.drivers.errors import CredentialRefused, PhoneError, Reason, Refused, Unclear

Envelope = Mapping[str, object]

MOST_LINES: Final = 64
MOST_ACCOUNTS: Final = 16
LONGEST_TEXT: Final = 64  # characters of a number or a name

# Bodies by which the phone refuses us, with "error" and, on some firmware, with "success".
_DENIED: Final = {
    "unauthorized": Reason.UNAUTHORIZED,
    "session-expired": Reason.UNAUTHORIZED,
    "forbidden": Reason.FORBIDDEN,
    "locked": Reason.LOCKED_OUT,
}
_WRONG_PASSCODE: Final = re.compile(r"wrong([0-9]{1,2})")  # "wrong4": four tries left
_NO: Final = frozenset({"failed", "false", "unknown", "invalid request", "error"})
_YES: Final = frozenset({"true", "complete"})
_REGISTERED: Final = frozenset({"1", "true"})

_LINE_WORDS: Final = {
    "idle": LineWord.IDLE,
    "ringing": LineWord.RINGING,
    "dialing": LineWord.DIALING,
    "calling": LineWord.CALLING,
    "connected": LineWord.CONNECTED,
    "onhold": LineWord.ON_HOLD,
    "failed": LineWord.FAILED,
}
_PHONE_WORDS: Final = {"available": PhoneWord.AVAILABLE, "ringing": PhoneWord.RINGING}
# The guide at hand writes remotenum; its other copies and live phones write remotenumber.
_REMOTE_NUMBER_KEYS: Final = ("remotenumber", "remotenum", "remote_number")
_REMOTE_NAME_KEYS: Final = ("remotename", "remote_name")


def envelope_of(body: bytes, said_no: Reason = Reason.SAID_NO) -> Envelope:
    """The envelope of an answer that says "success" and means it."""
    envelope = _json_object(body)
    response, word = _word(envelope.get("response")), _word(envelope.get("body"))
    if response not in ("success", "error"):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    denial = _denial(word, envelope)
    if denial is not None:
        raise denial
    if response == "error" or word in _NO:
        raise Refused(said_no)
    return envelope


def expect_accepted(envelope: Envelope) -> None:
    """An operation's or a dialled number's answer: body true, "true" or "complete"."""
    _expect(envelope, _YES)


def expect_keys_queued(envelope: Envelope) -> None:
    """The answer to keys. The phone presses them afterwards, one by one."""
    _expect(envelope, {"complete"})


def expect_restart(envelope: Envelope) -> None:
    """The answer to REBOOT."""
    _expect(envelope, {"savereboot"})


def expect_reset(envelope: Envelope) -> None:
    """The answer to RESET."""
    _expect(envelope, {"reset"})


def _expect(envelope: Envelope, words: Collection[str]) -> None:
    """Success with any other body: something answered, and nobody knows what it has done."""
    if _word(envelope.get("body")) not in words:
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)


def lines_of(envelope: Envelope) -> tuple[LineState, ...]:
    """All lines. No line at all is not believed: "every line is idle" would be true of it."""
    items = envelope.get("body")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_LINES:
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    lines = tuple(_line(item) for item in items)
    if len({line.line for line in lines}) != len(lines):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return lines


def accounts_of(envelope: Envelope) -> tuple[AccountState, ...]:
    """All accounts, set up or not: at most as many as there are numbers for them, since none may come twice.

    None at all is believed: a phone fresh from its box.
    """
    items = envelope.get("body")
    if not isinstance(items, list):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    accounts = tuple(_account(item) for item in items)
    if len({account.account for account in accounts}) != len(accounts):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return accounts


def phone_state_of(envelope: Envelope) -> PhoneState:
    """The phone as a whole. A word we do not know means busy."""
    word = _word(envelope.get("body"))
    if word is None:
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return PhoneState(_PHONE_WORDS.get(word, PhoneWord.BUSY), raw=dict(envelope))


def _json_object(body: bytes) -> dict[str, object]:
    try:
        # Names may be in Latin-1 on old firmware; every byte string is some Latin-1, so this never fails.
        text = _decoded(body)
        value = json.loads(text, object_pairs_hook=_without_contradiction, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _without_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a key come twice, and readers differ in which one wins: then neither is believed."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and (type(found[key]), found[key]) != (type(value), value):
            raise ValueError("contradiction")
        found[key] = value
    return found


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _word(value: object) -> str | None:
    """The plain word in a body, in lower case; None if there is no single word."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, dict) and "status" in value:
        return _word(value["status"]) if not isinstance(value["status"], dict) else None
    return None


def _denial(word: str | None, envelope: Envelope) -> PhoneError | None:
    wrong = _WRONG_PASSCODE.fullmatch(word or "")
    if wrong:
        return CredentialRefused(Reason.WRONG_PASSCODE, attempts_left=int(wrong[1]))
    if word not in _DENIED:
        return None
    return CredentialRefused(_DENIED[word], lock_time=_small_number(envelope.get("lockTime")))


def _line(item: object) -> LineState:
    if not isinstance(item, dict):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    number = _small_number(item.get("line"))
    if number is None or not 1 <= number <= MOST_LINES:
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return LineState(
        line=number,
        state=_LINE_WORDS.get(_word(item.get("state")) or "", LineWord.BUSY_UNKNOWN),
        remote_number=_first_text(item, _REMOTE_NUMBER_KEYS),
        remote_name=_first_text(item, _REMOTE_NAME_KEYS),
        raw=item,
    )


def _account(item: object) -> AccountState:
    if not isinstance(item, dict):
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    number = _small_number(item.get("id"))
    if number is None or not 1 <= number <= MOST_ACCOUNTS:
        raise Unclear(Reason.NOT_THE_EXPECTED_JSON)
    return AccountState(
        account=number,
        registered=_says_registered(item.get("reg")),
        sip_id=_first_text(item, ("sip_id",)),
        sip_server=_first_text(item, ("sip_server",)),
        name=_first_text(item, ("name",)),
        raw=item,
    )


def _says_registered(value: object) -> bool:
    """1, "1", true or "true". Whatever else it says is never taken for registered."""
    number = _small_number(value)
    return (str(number) if number is not None else _word(value)) in _REGISTERED


def _small_number(value: object) -> int | None:
    """An integer that may come as a string of at most six ASCII digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 1_000_000 else None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        return int(value)
    return None


def _first_text(item: Mapping[str, object], keys: tuple[str, ...]) -> str:
    """The first of these keys that holds a text or a whole number, without control characters."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value:
            return "".join(sign for sign in value if sign.isprintable())[:LONGEST_TEXT]
    return ""

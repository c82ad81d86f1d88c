"""The CTI functions of the guide: each takes a phone and the request's values, acts, and gives answer and effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmconnector.simulator.phone import Phone

Values = dict[str, str]
Outcome = tuple[dict[str, Any], str]
PLAIN_SUCCESS: dict[str, Any] = {"response": "success", "body": True}
COMPLETE: dict[str, Any] = {"response": "success", "body": "complete"}
PRETENDED: dict[str, dict[str, Any]] = {
    "api-sys_operation": {"response": "success", "body": "savereboot"},
    "api-send_key": COMPLETE,
}
UNKNOWN: dict[str, Any] = {"response": "error", "body": "unknown"}


def line_status(phone: Phone, _values: Values) -> Outcome:
    profile = phone.profile
    rows = []
    for line, shown in phone.told_lines():
        row: dict[str, Any] = {"line": line.number}
        if profile.conf is not None:
            row["conf"] = profile.conf
        row["state"] = shown.state
        row["acct"] = line.account if profile.acct is None else profile.acct
        row["active"] = int(profile.active_follows_focus and line is phone.focus and not line.is_free)
        row["remotename"] = shown.name
        row[profile.number_key] = shown.number
        rows.append(row)
    return {"response": "success", "body": rows}, ""


def phone_status(phone: Phone, _values: Values) -> Outcome:
    return {"response": "success", "body": phone.status, "misc": "0"}, ""


def accounts(phone: Phone, _values: Values) -> Outcome:
    extra = {"auto_cfg": 0} if phone.profile.auto_cfg else {}
    rows = [
        {
            "id": account.number,
            "sip_server": account.sip_server,
            "sip_id": account.sip_id,
            "name": account.name,
            "reg": int(phone.is_registered(account)),
            **extra,
        }
        for account in phone.accounts
    ]
    return {"response": "success", "body": rows}, ""


def make_call(phone: Phone, values: Values) -> Outcome:
    """`account` counts from 0, `hs` is a DECT handset; `dialplan` is taken and changes nothing."""
    account = values.get("account") or "0"
    index = int(account) if account.isascii() and account.isdecimal() else -1
    taken = phone.make_call(values.get("phonenumber", ""), index, values.get("hs", ""))
    return _truth(taken), "dialing" if taken else ""


def phone_operation(phone: Phone, values: Values) -> Outcome:
    command = values.get("cmd", "")
    deed = OPERATIONS.get(command)
    done = deed is not None and deed(phone)
    return _truth(done), command if done else ""


def sys_operation(phone: Phone, values: Values) -> Outcome:
    """The phone does it once the answer is out."""
    request = values.get("request", "")
    if request not in ("REBOOT", "RESET"):
        return UNKNOWN, ""
    phone.pace.later(0, phone.reboot if request == "REBOOT" else phone.reset)
    return {"response": "success", "body": {"REBOOT": "savereboot", "RESET": "reset"}[request]}, request


def send_key(phone: Phone, values: Values) -> Outcome:
    """`complete` means that the keys are known and wait; they are pressed afterwards."""
    keys = values.get("keys", "")
    return (COMPLETE, f"keys {keys}") if phone.keypad.order(keys) else (UNKNOWN, "")


def _truth(done: bool) -> dict[str, Any]:
    return {"response": "success" if done else "error", "body": done}


OPERATIONS: dict[str, Callable[[Phone], bool]] = {
    "endcall": Phone.end,
    "holdcall": Phone.hold,
    "acceptcall": Phone.accept,
    "rejectcall": Phone.reject,
    "cancel": Phone.cancel,
}
FUNCTIONS: dict[str, tuple[Callable[[Phone, Values], Outcome], bool]] = {
    "api-get_line_status": (line_status, False),
    "api-get_phone_status": (phone_status, False),
    "api-get_accounts": (accounts, False),
    "api-make_call": (make_call, True),
    "api-phone_operation": (phone_operation, True),
    "api-sys_operation": (sys_operation, True),
    "api-send_key": (send_key, True),
}

"""The CTI functions of the guide: each takes a phone and the request's values, acts, and gives answer and effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmconnector.simulator.phone import Phone

Values = dict[str, str]
Outcome = tuple[dict[str, Any], str]
PLAIN_SUCCESS: dict[str, Any] = {"response": "success", "body": True}
PRETENDED: dict[str, dict[str, Any]] = {"api-sys_operation": {"response": "success", "body": "savereboot"}}
UNKNOWN: dict[str, Any] = {"response": "error", "body": "unknown"}


def line_status(phone: Phone, _values: Values) -> Outcome:
    profile = phone.profile
    rows = []
    for line in phone.lines:
        row: dict[str, Any] = {"line": line.number}
        if profile.conf is not None:
            row["conf"] = profile.conf
        row["state"] = line.state
        row["acct"] = 1 if profile.acct is None else profile.acct
        row["active"] = int(profile.active_follows_focus and line is phone.focus and not line.is_free)
        row["remotename"] = line.remote_name
        row[profile.number_key] = line.remote_number
        rows.append(row)
    return {"response": "success", "body": rows}, ""


def phone_status(phone: Phone, _values: Values) -> Outcome:
    return {"response": "success", "body": phone.status, "misc": "0"}, ""


def accounts(phone: Phone, _values: Values) -> Outcome:
    own = {"id": 1, "sip_server": "pbx.example", "sip_id": phone.account, "name": phone.story.name}
    empty = {"id": 2, "sip_server": "", "sip_id": "", "name": "", "reg": 0}
    return {"response": "success", "body": [{**own, "reg": int(phone.profile.registered)}, empty]}, ""


def make_call(phone: Phone, values: Values) -> Outcome:
    account = values.get("account", "0")
    taken = phone.make_call(values.get("phonenumber", ""), int(account) if account.isdecimal() else -1)
    return _truth(taken), "dialing" if taken else ""


def phone_operation(phone: Phone, values: Values) -> Outcome:
    command = values.get("cmd", "")
    deed = OPERATIONS.get(command)
    done = deed is not None and deed(phone)
    return _truth(done), command if done else ""


def sys_operation(_phone: Phone, values: Values) -> Outcome:
    """Answers as the guide says; the phone itself goes on, the pipeline trips a wire."""
    request = values.get("request", "")
    if request not in ("REBOOT", "RESET"):
        return UNKNOWN, ""
    return {"response": "success", "body": {"REBOOT": "savereboot", "RESET": "reset"}[request]}, request


def send_key(_phone: Phone, _values: Values) -> Outcome:
    """Keys are not pretended yet: the guide's negative answer, and nothing happens."""
    return UNKNOWN, ""


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

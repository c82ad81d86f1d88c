"""The face of a Grandstream GRP26xx: its HTTP CTI commands, done by real SIP deeds.

Answers have the shapes of the vendor's CTI guide. Where the guide says nothing (state words other than idle, what the
keys do in mid-call) this is a reading of it, not a measured phone.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from typing import Any

from tests.pbx.softphone_http import Answer, Parameters
from tests.pbx.softphone_keys import KeyPad
from tests.pbx.softphone_sip import Refused, SipPhone

NOT_FOUND: Answer = (404, "<html><body><h1>Not Found</h1></body></html>")
FILTERED = re.compile(r"[()\- ]")  # the phone drops these from a number
DIALLABLE = re.compile(r"[+*#0-9A-Za-z_.@]+")


class CtiFace:
    """Answers one CTI request; writes every request into the journal, without its passcode."""

    def __init__(self, phone: SipPhone) -> None:
        self.phone = phone
        self.keys = KeyPad(phone)
        self.journal: list[dict[str, Any]] = []
        self._functions: dict[str, Callable[[Parameters], Any]] = {
            "api-get_line_status": self._line_status,
            "api-get_phone_status": self._phone_status,
            "api-get_accounts": self._accounts,
            "api-make_call": self._make_call,
            "api-phone_operation": self._phone_operation,
            "api-send_key": self._send_key,
        }
        self._operations: dict[str, Callable[[], None]] = {
            "acceptcall": phone.answer,
            "rejectcall": phone.reject,
            "endcall": phone.hang_up,
            "holdcall": self.keys.toggle_hold,
            "cancel": self._cancel,
        }

    def respond(self, path: str, parameters: Parameters) -> Answer:
        answer = self._respond(path, parameters)
        shown = {key: ("***" if key in ("passcode", "password") else value) for key, value in parameters.items()}
        self.journal.append({"at": time.monotonic(), "path": path, "parameters": shown, "answer": answer[1]})
        return answer

    def _respond(self, path: str, parameters: Parameters) -> Answer:
        function = self._functions.get(path.removeprefix("/cgi-bin/")) if path.startswith("/cgi-bin/") else None
        if function is None:
            return NOT_FOUND
        if not hmac.compare_digest(parameters.get("passcode", "").encode(), self.phone.settings.passcode.encode()):
            return 200, {"response": "error", "body": "unauthorized"}
        return 200, function(parameters)

    def _line_status(self, _: Parameters) -> Any:
        def read() -> list[dict[str, Any]]:
            return [
                {
                    "line": line.number,
                    "conf": 1,
                    "state": line.state,
                    "acct": 0,
                    "active": int(line.state == "connected"),
                    "remotename": line.remote_name,
                    "remotenum": line.remote_number,
                }
                for line in self.phone.lines
            ]

        return {"response": "success", "body": self.phone.do(read)}

    def _phone_status(self, _: Parameters) -> Any:
        def read() -> str:
            if self.phone.live_lines("ringing"):
                return "ringing"
            return "busy" if self.phone.live_lines() else "available"

        return {"response": "success", "body": self.phone.do(read), "misc": "0"}

    def _accounts(self, _: Parameters) -> Any:
        settings = self.phone.settings
        account = {
            "id": 1,
            "sip_server": f"127.0.0.1:{settings.pbx_port}",
            "sip_id": settings.extension,
            "name": settings.extension,
            "reg": int(self.phone.registered),
        }
        return {"response": "success", "body": [account]}

    def _make_call(self, parameters: Parameters) -> Any:
        number = FILTERED.sub("", parameters.get("phonenumber", ""))
        if not DIALLABLE.fullmatch(number):
            return {"response": "error", "body": False}
        return self._done(lambda: self.phone.call(number))

    def _phone_operation(self, parameters: Parameters) -> Any:
        operation = self._operations.get(parameters.get("cmd", ""))
        return self._done(operation) if operation else {"response": "error", "body": False}

    def _send_key(self, parameters: Parameters) -> Any:
        try:
            self.phone.do(lambda: self.keys.press(parameters.get("keys", "").split(":")))
        except Refused:
            return {"response": "error", "body": "unknown"}
        return {"response": "success", "body": "complete"}

    def _done(self, deed: Callable[[], Any]) -> Any:
        try:
            self.phone.do(deed)
        except Refused:
            return {"response": "error", "body": False}
        return {"response": "success", "body": True}

    def _cancel(self) -> None:
        """The guide: "Reject or cancel calls"."""
        if self.phone.live_lines("calling"):
            self.phone.hang_up(self.phone.line_in("calling"))
        else:
            self.phone.reject()

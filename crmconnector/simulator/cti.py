"""The CTI of a phone over HTTP: the steps every request goes through, in this order, and the answers of the guide.

fault - path - allowed at all - locked out - passcode - level - pop-up - deed. The first step that objects answers.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from crmconnector.simulator.cti_functions import FUNCTIONS, PLAIN_SUCCESS, PRETENDED, UNKNOWN, Values
from crmconnector.simulator.faults import AFTER, INSTEAD, Fault, Faults
from crmconnector.simulator.httpd import CLOSE, HANG, HttpDoor, Reply, Request
from crmconnector.simulator.journal import Entry, Journal, redact
from crmconnector.simulator.phone import Phone

BIG = 1_000_000
BASE = "/cgi-bin/"


@dataclass(frozen=True)
class Verdict:
    """A reply, the step of the pipeline that gave it, and what it did to the phone ("" = nothing)."""

    reply: Reply
    step: str
    effect: str = ""


@dataclass
class CtiDoor:
    """The HTTP side of one phone. `port` is real once it is open."""

    phone: Phone
    journal: Journal
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    wrong_tries: int = 0
    locked_until: float = 0.0
    in_hand: int = 0
    popups: list[asyncio.Future[bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.door = HttpDoor(self._handle, self.port)

    async def open(self) -> None:
        await self.door.open()
        self.port = self.door.port

    def shut(self) -> None:
        self.door.shut()

    async def _handle(self, request: Request) -> Reply:
        self.in_hand += 1
        if self.in_hand > 1:
            self.journal.trip("two_requests_at_once", self.phone.extension)
        try:
            verdict = await self._decide(request)
            self._note(request, verdict)
            return await self._spoil(request, verdict)
        finally:
            self.in_hand -= 1

    def _note(self, request: Request, verdict: Verdict) -> None:
        self.journal.write(
            Entry(
                time.time(),
                self.phone.extension,
                request.client,
                request.method,
                request.path,
                redact(request.query),
                verdict.step,
                verdict.effect,
                verdict.reply.status,
            )
        )

    async def _decide(self, request: Request) -> Verdict:
        name = request.path.removeprefix(BASE)
        fault = self.faults.take(INSTEAD, name)
        if fault is not None:
            return Verdict(self._instead(fault, request), f"fault {fault.kind}")
        if request.path.startswith("/redirected"):
            self.journal.trip("redirect_followed", self.phone.extension)
        if request.method not in ("GET", "POST"):
            return Verdict(self._html(501, "Not Implemented"), "method")
        if not request.path.startswith(BASE) or name not in FUNCTIONS:
            return Verdict(self._html(404, "Not Found"), "path")
        values = query_values(request.query)
        refusal = self._refuse(request, values)
        return refusal or await self._obey(name, values)

    def _refuse(self, request: Request, values: Values) -> Verdict | None:
        profile = self.phone.profile
        if not profile.action_uri or not ({"any", request.client} & set(profile.allowed_ips)):
            return Verdict(self._deny(profile.deny_mode), "not allowed")
        if self.phone.pace.now() < self.locked_until:
            wait = round(self.locked_until - self.phone.pace.now())
            return Verdict(self._json({"response": "error", "body": "locked", "lockTime": wait}), "locked out")
        level = self._level(values)
        if level is None:
            return self._wrong_passcode()
        self.wrong_tries = 0
        if level == "user" and not profile.user_level:
            return Verdict(self._deny(profile.deny_mode), "level")
        if level == "user" and values.get("request") == "RESET":
            self.journal.trip("RESET", self.phone.extension)
            return Verdict(self._json(UNKNOWN), "level")
        return None

    def _level(self, values: Values) -> str | None:
        """admin, user, or None for a wrong passcode."""
        given = values.get("passcode", "").encode()
        for level, right in (("admin", self.phone.story.admin_passcode), ("user", self.phone.story.user_passcode)):
            if right and hmac.compare_digest(given, right.encode()):
                return level
        return None

    def _wrong_passcode(self) -> Verdict:
        profile = self.phone.profile
        self.wrong_tries += 1
        left = profile.attempt_limit - self.wrong_tries
        if left <= 0:
            self.locked_until = self.phone.pace.now() + profile.lockout_seconds
            self.wrong_tries = 0
            self.journal.trip("locked_out", self.phone.extension)
        if profile.badpass_mode == "error_wrong_count":
            return Verdict(self._json({"response": "error", "body": f"wrong{max(left, 0)}"}), "passcode")
        return Verdict(self._deny(profile.badpass_mode), "passcode")

    async def _obey(self, name: str, values: Values) -> Verdict:
        function, is_deed = FUNCTIONS[name]
        if not is_deed:
            return Verdict(self._json(function(self.phone, values)[0]), "done")
        if self.phone.profile.popup and (held := await self._ask_owner(name, values)) is not None:
            return held
        if self.faults.take({"success_no_effect": ""}, name) is not None:
            return Verdict(self._json(PRETENDED.get(name, PLAIN_SUCCESS)), "fault success_no_effect")
        verdict = self._act(name, values)
        if self.faults.take({"effect_no_answer": ""}, name) is not None:
            return Verdict(HANG, "fault effect_no_answer", verdict.effect)
        return verdict

    def _act(self, name: str, values: Values) -> Verdict:
        answer, effect = FUNCTIONS[name][0](self.phone, values)
        if effect in ("REBOOT", "RESET"):
            self.journal.trip(effect, self.phone.extension)
        return Verdict(self._json(answer), "done", effect)

    async def _ask_owner(self, name: str, values: Values) -> Verdict | None:
        """The pop-up on the phone's screen. None = the owner said yes, go on."""
        profile = self.phone.profile
        if profile.popup_mode == "error":
            return Verdict(self._json({"response": "error", "body": "failed"}), "popup")
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.popups.append(asked)
        self.phone.pace.later(profile.popup_seconds, _settle, asked, False)
        if profile.popup_mode == "answer_at_once":
            asked.add_done_callback(lambda done: self._act(name, values) if done.result() else None)
            return Verdict(self._json(PLAIN_SUCCESS), "popup")
        if await asked:
            return None
        return Verdict(self._json({"response": "error", "body": False}), "popup")

    def decide_popup(self, allow: bool) -> bool:
        """The owner presses OK or Deny on the oldest question."""
        while self.popups:
            asked = self.popups.pop(0)
            if not asked.done():
                asked.set_result(allow)
                return True
        return False

    async def _spoil(self, request: Request, verdict: Verdict) -> Reply:
        """Faults that leave the deed alone and harm the answer."""
        reply = verdict.reply
        if reply.status is None or verdict.step.startswith("fault"):
            return reply
        fault = self.faults.take(AFTER, request.path.removeprefix(BASE))
        if fault is None:
            return reply
        if fault.kind == "slow":
            await self.phone.pace.sleep(fault.seconds)
            return reply
        if fault.kind == "cut_off":
            return replace(reply, cut_at=len(reply.body) // 2)
        if fault.kind == "truncated":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        return replace(reply, body=reply.body + b" " * (BIG - len(reply.body)))

    def _instead(self, fault: Fault, request: Request) -> Reply:
        if fault.kind == "redirect":
            place = f"http://localhost:{self.port}/redirected?{request.query}"
            return Reply(302, headers=(("Location", place),))
        return {
            "silent": HANG,
            "close": CLOSE,
            "html": self._html(200, "Welcome"),
            "error_500": self._html(500, "Internal Server Error"),
        }[fault.kind]

    def _deny(self, mode: str) -> Reply:
        return {
            "unauth_success_body": self._json({"response": "success", "body": "unauthorized"}),
            "unauth_401_html": self._html(401, "Unauthorized"),
            "forbid_403_html": self._html(403, "Forbidden"),
            "error_failed_json": self._json({"response": "error", "body": "failed"}),
            "silent": HANG,
        }[mode]

    def _json(self, answer: dict[str, Any]) -> Reply:
        if self.phone.profile.bool_style == "text" and isinstance(answer.get("body"), bool):
            answer = {**answer, "body": str(answer["body"]).lower()}
        text = json.dumps(answer, ensure_ascii=False)
        if self.phone.profile.pretty:
            text = "{ " + text[1:-1] + " }"
        return Reply(200, text.encode(), self.phone.profile.content_type)

    def _html(self, status: int, title: str) -> Reply:
        return Reply(status, f"<html><body><h1>{title}</h1></body></html>".encode(), "text/html")


def query_values(query: str) -> Values:
    """Decoded as CGI does (a plus is a space); the first of two counts, empty pairs do not."""
    values: Values = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(key, value)
    return values


def _settle(asked: asyncio.Future[bool], answer: bool) -> None:
    if not asked.done():
        asked.set_result(answer)
